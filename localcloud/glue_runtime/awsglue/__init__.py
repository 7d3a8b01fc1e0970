"""The part of Glue's own Python package that scripts need outside AWS, where it cannot be installed."""
