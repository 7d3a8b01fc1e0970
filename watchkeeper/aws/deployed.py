"""What a deployed function or job works with: its own clients, and the resources that its environment names.

`infra` sets the variables that are read here. A client is made when it is first asked for, so that a cold start pays
for nothing that its event does not need, and is kept for the events that follow.
"""

from __future__ import annotations

import os
from functools import cache
from typing import Any

import boto3

from watchkeeper.aws.packages import Package, find_package
from watchkeeper.aws.registry import Registry
from watchkeeper.aws.store import Store


@cache
def client(service: str) -> Any:
    """The process's one boto3 client of a service."""
    make: Any = boto3.client  # typed for literal names of services only
    return make(service)


def store(bucket: str | None = None) -> Store:
    """A bucket: the data bucket (`BUCKET`), unless another is named."""
    return Store(client("s3"), bucket or os.environ["BUCKET"])


def registry() -> Registry:
    """The records of the model's versions (`TABLE`)."""
    return Registry(client("dynamodb"), os.environ["TABLE"])


def package(version: str) -> Package | None:
    """The model package of a version (`PACKAGES_ARN`), or None when there is none."""
    return find_package(client("sagemaker"), os.environ["PACKAGES_ARN"], version)
