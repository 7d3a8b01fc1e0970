"""The YAML file of a model: read, validated and resolved. Used where stacks are synthesized and by the command line."""

from watchkeeper.config.loader import load, load_models, parse
from watchkeeper.config.schema import ModelConfig, json_schema

__all__ = ["ModelConfig", "json_schema", "load", "load_models", "parse"]
