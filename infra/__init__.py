"""The stacks, defined with CDK: one construct a file, put together in `platform_stack` and `model_stack`."""
