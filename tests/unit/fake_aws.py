"""A bucket and a state table such as a deployed function finds: for tests that call its handler."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any

import boto3
import pytest
from moto import mock_aws

from watchkeeper.aws import deployed

BUCKET, TABLE, REGION = "data", "credit", "eu-west-1"


@contextmanager
def fake_aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A client of S3, with the environment that functions read."""
    for name, value in {
        "AWS_DEFAULT_REGION": REGION,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "BUCKET": BUCKET,
        "TABLE": TABLE,
        "POWERTOOLS_METRICS_NAMESPACE": "Watchkeeper",
    }.items():
        monkeypatch.setenv(name, value)
    deployed.client.cache_clear()
    with mock_aws():
        client = boto3.client("s3")
        client.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": REGION})
        boto3.client("dynamodb").create_table(
            TableName=TABLE,
            KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}],
            BillingMode="PAY_PER_REQUEST",
        )
        yield client
    deployed.client.cache_clear()


def put_serving(version: str, since: datetime) -> None:
    """Let a version serve, whose probation is over."""
    times = {"since": since.isoformat(), "probation_until": since.isoformat()}
    item = {"pk": "serving", "version": version, "endpoint_config": f"credit--{version}", **times}
    boto3.client("dynamodb").put_item(TableName=TABLE, Item={name: {"S": value} for name, value in item.items()})


def emitted(text: str) -> dict[str, float]:
    """The metrics in a function's output."""
    found: dict[str, float] = {}
    for line in text.splitlines():
        document = json.loads(line) if line.startswith("{") else {}
        for group in document.get("_aws", {}).get("CloudWatchMetrics", ()):
            found |= {metric["Name"]: document[metric["Name"]][0] for metric in group["Metrics"]}
    return found
