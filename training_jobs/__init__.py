"""Jobs that run in a model's own training container, where alone the fitted model can be loaded: a file each."""
