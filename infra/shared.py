"""How a model's stack sees the platform: by exported names and SSM parameters, not by CDK references."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import aws_cdk as cdk
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_ssm as ssm

from infra import archives
from watchkeeper import naming
from watchkeeper.config import ModelConfig
from watchkeeper.spec import ModelSpec

RUNTIME = lambda_.Runtime.PYTHON_3_13
LAYERS = ("core", "analysis", "parser", "page")
GLUE_DATABASE = "watchkeeper"
GLUE_SECURITY = "watchkeeper"
EXPORTS = {name: f"Watchkeeper-{name}" for name in ("DataBucketName", "KeyArn", "WarningTopicArn", "CriticalTopicArn")}
"""Export names of the platform's outputs. Renaming one breaks every deployed model stack."""


@dataclass(frozen=True)
class Platform:
    """The platform's resources, imported into one model's stack."""

    bucket: s3.IBucket
    key: kms.IKey
    topics: Mapping[str, str]
    layers: Mapping[str, lambda_.ILayerVersion]

    @classmethod
    def imported(cls, stack: cdk.Stack) -> Platform:
        """Import everything into `stack`."""
        bucket_name = cdk.Fn.import_value(EXPORTS["DataBucketName"])
        arns = {
            layer: ssm.StringParameter.value_for_string_parameter(stack, naming.layer_parameter(layer))
            for layer in LAYERS
        }
        return cls(
            bucket=s3.Bucket.from_bucket_name(stack, "DataBucket", bucket_name),
            key=kms.Key.from_key_arn(stack, "Key", cdk.Fn.import_value(EXPORTS["KeyArn"])),
            topics={
                "warning": cdk.Fn.import_value(EXPORTS["WarningTopicArn"]),
                "critical": cdk.Fn.import_value(EXPORTS["CriticalTopicArn"]),
            },
            layers={
                layer: lambda_.LayerVersion.from_layer_version_arn(stack, f"{layer.title()}Layer", arn)
                for layer, arn in arns.items()
            },
        )


@dataclass(frozen=True)
class ModelContext:
    """What every construct of one model's stack needs.

    Attributes
    ----------
    archive : folder with the code of all functions and jobs
    staging : folder for whatever else is uploaded at deployment
    """

    config: ModelConfig
    spec: ModelSpec
    platform: Platform
    archive: Path
    staging: Path

    @classmethod
    def of(cls, stack: cdk.Stack, config: ModelConfig, staging: Path) -> ModelContext:
        """Stage the model's archive and import the platform."""
        archive = archives.stage_archive(config, staging)
        return cls(config, config.spec(), Platform.imported(stack), archive, staging)

    @property
    def name(self) -> str:
        """The model's name."""
        return self.spec.name

    @property
    def attached(self) -> bool:
        """Whether the endpoint is not ours."""
        return self.config.endpoint.attach is not None

    def data_uri(self, key: str) -> str:
        """`s3://` URI of a key or prefix of the data bucket."""
        return f"s3://{self.platform.bucket.bucket_name}/{key}"
