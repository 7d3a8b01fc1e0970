"""Which version serves, which served before it, and what became of each: the records of one model in DynamoDB.

The state machines move these records themselves, in single transactions; functions read them, add one only where a
person registered a version by hand, and keep account of retrainings. Items are `serving`, `lock`, `run` (the retraining
that began last), `version#<version>` and `event#<event>` (what started one), by their key `pk`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from watchkeeper.admission import Run

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

SERVING = "serving"
LOCK = "lock"
RUN = "run"
_VERSION = "version#"
_EVENT = "event#"


class State(StrEnum):
    """What became of a version."""

    CANDIDATE = "candidate"
    SERVING = "serving"
    RETIRED = "retired"
    REJECTED = "rejected"


@dataclass(frozen=True)
class Serving:
    """The version that serves now.

    Attributes
    ----------
    endpoint_config, previous_endpoint_config : SageMaker endpoint configs, now and before
    since : when it took over
    probation_until : until when its own predictions may condemn it
    """

    version: str
    endpoint_config: str
    since: datetime
    probation_until: datetime
    previous_version: str | None = None
    previous_endpoint_config: str | None = None

    def is_new(self, start: datetime) -> bool:
        """Whether it took over within a window: what an alarm said until then, it said of another version."""
        return self.since > start


@dataclass(frozen=True)
class VersionRecord:
    """One version: its package in the model registry, its SageMaker model, and what became of it.

    Attributes
    ----------
    reason : why it was made
    rejected_by : the execution that rejected it
    """

    version: str
    package_arn: str
    model_name: str
    state: State
    created: datetime
    served_since: datetime | None = None
    reason: str | None = None
    rejected_by: str | None = None

    @property
    def number(self) -> int:
        """The version's place in order: `v3` is 3."""
        return int(self.version.removeprefix("v"))


class Registry:
    """The records of one model.

    Parameters
    ----------
    client : a boto3 DynamoDB client
    table : the model's table
    """

    def __init__(self, client: DynamoDBClient, table: str) -> None:
        self._client = client
        self._table = table

    def serving(self) -> Serving | None:
        """The version that serves, or None before the model's onboarding."""
        item = self._get(SERVING)
        return None if item is None else _serving(item)

    def version(self, version: str) -> VersionRecord | None:
        """The record of one version, or None."""
        item = self._get(_VERSION + version)
        return None if item is None else _version(item)

    def versions(self) -> list[VersionRecord]:
        """Every version on record, oldest first."""
        pages = self._client.get_paginator("scan").paginate(
            TableName=self._table,
            ConsistentRead=True,
            FilterExpression="begins_with(pk, :prefix)",
            ExpressionAttributeValues={":prefix": {"S": _VERSION}},
        )
        found = [_version(_plain(item)) for page in pages for item in page["Items"]]
        return sorted(found, key=lambda record: record.number)

    def add(self, record: VersionRecord) -> None:
        """Put a version on record, unless it is there already."""
        values = {
            "pk": _VERSION + record.version,
            "version": record.version,
            "package_arn": record.package_arn,
            "model_name": record.model_name,
            "state": record.state.value,
            "created": record.created.isoformat(),
            "served_since": record.served_since and record.served_since.isoformat(),
            "reason": record.reason,
        }
        try:
            self._client.put_item(
                TableName=self._table,
                Item={name: {"S": value} for name, value in values.items() if value is not None},
                ConditionExpression="attribute_not_exists(pk)",
            )
        except self._client.exceptions.ConditionalCheckFailedException:
            return  # somebody else was faster: the record is the same, or knows more

    def claim(self, event: str, owner: str, until: datetime) -> bool:
        """Take an event, which may be delivered several times, for one execution; False if another one has it."""
        try:
            self._client.put_item(
                TableName=self._table,
                Item={
                    "pk": {"S": _EVENT + event},
                    "owner": {"S": owner},
                    "expires_at": {"N": str(int(until.timestamp()))},
                },
                ConditionExpression="attribute_not_exists(pk) OR #owner = :owner",
                ExpressionAttributeNames={"#owner": "owner"},
                ExpressionAttributeValues={":owner": {"S": owner}},
            )
        except self._client.exceptions.ConditionalCheckFailedException:
            return False
        return True

    def last_run(self) -> Run | None:
        """The retraining that began last, or None."""
        item = self._get(RUN)
        return None if item is None else Run.from_document(item)

    def begin(self, run: Run) -> None:
        """Put a retraining on record as the one that began last."""
        values = {"pk": RUN, **run.to_document()}
        self._client.put_item(TableName=self._table, Item={name: {"S": value} for name, value in values.items()})

    def _get(self, key: str) -> dict[str, str] | None:
        answer = self._client.get_item(TableName=self._table, Key={"pk": {"S": key}}, ConsistentRead=True)
        return _plain(answer["Item"]) if "Item" in answer else None


def _plain(item: dict[str, Any]) -> dict[str, str]:
    """An item's string attributes; no record has others that are read here."""
    return {name: value["S"] for name, value in item.items() if "S" in value}


def _serving(item: dict[str, str]) -> Serving:
    return Serving(
        version=item["version"],
        endpoint_config=item["endpoint_config"],
        since=datetime.fromisoformat(item["since"]),
        probation_until=datetime.fromisoformat(item["probation_until"]),
        previous_version=item.get("previous_version"),
        previous_endpoint_config=item.get("previous_endpoint_config"),
    )


def _version(item: dict[str, str]) -> VersionRecord:
    return VersionRecord(
        version=item["version"],
        package_arn=item["package_arn"],
        model_name=item["model_name"],
        state=State(item["state"]),
        created=datetime.fromisoformat(item["created"]),
        served_since=datetime.fromisoformat(item["served_since"]) if "served_since" in item else None,
        reason=item.get("reason"),
        rejected_by=item.get("rejected_by"),
    )
