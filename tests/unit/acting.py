"""The AWS that acting functions find: one bucket, one table, one endpoint, one group of model packages, in moto."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from types import ModuleType
from typing import Any

import boto3
import numpy as np
import pytest
from moto import mock_aws

from tests.support import model_spec
from watchkeeper import naming
from watchkeeper.aws import deployed
from watchkeeper.capture import Block
from watchkeeper.findings import Finding, Findings, Verdict
from watchkeeper.profile import Baseline, Binning
from watchkeeper.rollout import BASE_ENVIRONMENT, ServingSettings, endpoint_config_parameters
from watchkeeper.table import NumberColumn

SPEC = model_spec()
BUCKET, TABLE, REGION = "data-bucket", "state", "eu-west-1"
KEY, ROLE = "arn:aws:kms:eu-west-1:123456789012:key/k", "arn:aws:iam::123456789012:role/endpoint-role"
SETTINGS = ServingSettings("ml.m5.large", 1, 100)
NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
V1_CONFIG = naming.first_version_resource(SPEC.name)
V1_MODEL = f"{SPEC.name}--v1-made"


@dataclass(frozen=True)
class World:
    """Handles on it, and what tests arrange."""

    s3: Any
    dynamodb: Any
    sagemaker: Any
    ssm: Any

    def put(self, key: str, body: bytes) -> None:
        self.s3.put_object(Bucket=BUCKET, Key=key, Body=body)

    def get(self, key: str) -> bytes:
        return bytes(self.s3.get_object(Bucket=BUCKET, Key=key)["Body"].read())

    def keys(self, prefix: str) -> list[str]:
        return [item["Key"] for item in self.s3.list_objects_v2(Bucket=BUCKET, Prefix=prefix).get("Contents", [])]

    def item(self, key: str, **values: str | datetime | None) -> None:
        """Put a record as the state machines do."""
        texts = {name: v.isoformat() if isinstance(v, datetime) else v for name, v in values.items() if v is not None}
        item = {"pk": {"S": key}} | {name: {"S": str(value)} for name, value in texts.items()}
        self.dynamodb.put_item(TableName=TABLE, Item=item)

    def version(self, version: str, state: str, served_since: datetime | None = None, **more: str) -> None:
        values = {"package_arn": f"arn:package/{version}", "model_name": f"{SPEC.name}--{version}-made"} | more
        if values["model_name"] != V1_MODEL:
            self.model(values["model_name"])
        created = NOW - timedelta(days=9)
        self.item(
            f"version#{version}", version=version, state=state, created=created, served_since=served_since, **values
        )

    def model(self, name: str) -> None:
        """Make a SageMaker model as the template and retraining do."""
        container = {"Image": "image", "ModelDataUrl": "s3://b/m.tar.gz", "Environment": dict(BASE_ENVIRONMENT)}
        self.sagemaker.create_model(ModelName=name, ExecutionRoleArn=ROLE, PrimaryContainer=container)

    def serving(
        self, version: str, since: datetime, probation_until: datetime | None = None, previous: str | None = None
    ) -> None:
        self.item(
            "serving",
            version=version,
            endpoint_config=V1_CONFIG,
            since=since,
            probation_until=probation_until or since,
            previous_version=previous,
        )

    def package(self, approval: str = "Approved") -> str:
        """Register the next version by hand; returns its ARN."""
        answer = self.sagemaker.create_model_package(
            ModelPackageGroupName=SPEC.name,
            ModelApprovalStatus=approval,
            InferenceSpecification={
                "Containers": [{"Image": "image", "ModelDataUrl": "s3://b/model.tar.gz"}],
                "SupportedContentTypes": ["text/csv"],
                "SupportedResponseMIMETypes": ["text/csv"],
            },
        )
        return str(answer["ModelPackageArn"])

    def deployed_settings(self, settings: ServingSettings) -> None:
        self.ssm.put_parameter(
            Name=naming.serving_parameter(SPEC.name), Value=settings.to_json(), Type="String", Overwrite=True
        )


@contextmanager
def world(monkeypatch: pytest.MonkeyPatch, modules: Sequence[ModuleType]) -> Iterator[World]:
    """Version v1 serves on an endpoint that the template made; the functions' clients are made anew."""
    environment = {
        "AWS_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
        "BUCKET": BUCKET,
        "TABLE": TABLE,
        "KMS_KEY_ARN": KEY,
        "EXECUTION_ROLE_ARN": ROLE,
        "PACKAGES_ARN": f"arn:aws:sagemaker:{REGION}:123456789012:model-package/{SPEC.name}",
    }
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    for module in modules:
        monkeypatch.setattr(module, "deployed_spec", lambda: SPEC)
    deployed.client.cache_clear()
    with mock_aws():
        made = World(*(boto3.client(name, region_name=REGION) for name in ("s3", "dynamodb", "sagemaker", "ssm")))
        _create(made)
        yield made


def _create(made: World) -> None:
    made.s3.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": REGION})
    made.dynamodb.create_table(
        TableName=TABLE,
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    made.sagemaker.create_model_package_group(ModelPackageGroupName=SPEC.name, ModelPackageGroupDescription="credit")
    made.package()
    made.model(V1_MODEL)
    parameters = endpoint_config_parameters(V1_CONFIG, V1_MODEL, SETTINGS, f"s3://{BUCKET}/capture/credit/v1", KEY)
    made.sagemaker.create_endpoint_config(**parameters)
    made.sagemaker.create_endpoint(EndpointName=SPEC.endpoint, EndpointConfigName=V1_CONFIG)
    made.deployed_settings(SETTINGS)


def baseline(version: str) -> Baseline:
    """A small baseline of one feature."""
    income = {"income": NumberColumn(np.arange(100.0))}
    binning = Binning.fit(income, {})
    return Baseline.build(SPEC.name, version, NOW, binning, [Block(100, income, {})])


def findings(end: datetime, version: str = "v1", predictions: Sequence[str] = ()) -> Findings:
    """A look that ended at `end`; income drifted, and `predictions`."""
    return Findings(
        model=SPEC.name,
        version=version,
        baseline="b",
        start=end - timedelta(hours=24),
        end=end,
        rows=1000,
        unreadable=0,
        alpha=0.001,
        verdict=Verdict.DRIFT,
        features=(_finding("income"),),
        predictions=tuple(_finding(name) for name in predictions),
    )


def _finding(name: str) -> Finding:
    found = Finding(
        name, "mean", 1e-9, 1e-9, 0.2, 0.02, "Jensen-Shannon distance", True, "up", "mean 1 → 2", 1000, 1000, ()
    )
    return replace(found, since=NOW - timedelta(hours=3), span=timedelta(hours=1))


def labels(count: int, first: int = 0) -> bytes:
    """A label file of records for the predictions `first`, `first + 1`, …"""
    records = (
        {"groundTruthData": {"data": "1", "encoding": "CSV"}, "eventMetadata": {"eventId": f"e{number}"}}
        for number in range(first, first + count)
    )
    return b"\n".join(json.dumps(record).encode() for record in records) + b"\n"
