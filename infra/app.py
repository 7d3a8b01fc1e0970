"""Put the stacks together, as the context says."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import aws_cdk as cdk

from infra.archives import ROOT
from infra.model_stack import ModelStack
from infra.platform_stack import KEPT_PREFIXES, PlatformStack
from watchkeeper.config import ModelConfig, load_models
from watchkeeper.config.schema import Retention
from watchkeeper.errors import ConfigError

FEATURE_FLAGS = {
    "@aws-cdk/aws-iam:minimizePolicies": True,
    "@aws-cdk/aws-s3:createDefaultLoggingPolicy": True,
    "@aws-cdk/aws-s3:serverAccessLogsUseBucketPolicy": True,
    "@aws-cdk/core:enablePartitionLiterals": True,
}
"""Behaviour of CDK that is chosen here, so that templates do not depend on how the app is run."""


def build(context: dict[str, str] | None = None, outdir: str | None = None) -> cdk.App:
    """The app with all its stacks, not yet synthesized.

    Raises
    ------
    ConfigError
        A model's file is wrong, or a layer is not built.
    """
    app = cdk.App(context=FEATURE_FLAGS | (context or {}), outdir=outdir, analytics_reporting=False)

    def setting(name: str, default: str) -> Path:
        chosen: Any = app.node.try_get_context(name)
        return ROOT / (chosen or default)

    models = read_models(setting("models", "models/*.yaml"))
    PlatformStack(app, layers=setting("layers", "build/layers/arm64"), retention=longest(models))
    for model in models:
        ModelStack(app, model, staging=setting("staging", "build/archives"))
    if app.node.try_get_context("nag") == "true":
        from cdk_nag import AwsSolutionsChecks

        cdk.Validations.of(app).add_plugins(AwsSolutionsChecks(app))
    return app


def read_models(pattern: Path) -> list[ModelConfig]:
    """All models whose files match a pattern."""
    files = sorted(path for path in pattern.parent.glob(pattern.name))
    if not files:
        raise ConfigError(f"No file matches {pattern}. Write a model's YAML file: see docs/configuration.md.")
    return load_models(files)


def longest(models: list[ModelConfig]) -> dict[str, timedelta]:
    """How long the shared bucket keeps each kind of data: the default, or longer where a model asks for it."""
    return {
        kind: max(getattr(retention, kind) for retention in (Retention(), *(model.retention for model in models)))
        for kind in KEPT_PREFIXES
    }
