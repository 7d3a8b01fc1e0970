"""Send rows to an endpoint as its clients would, and hand in the true labels later."""

from __future__ import annotations

import csv
import io
import json
import uuid
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import pandas as pd
from botocore.exceptions import ClientError

from watchkeeper import naming
from watchkeeper.config import ModelConfig
from watchkeeper.spec import InputFormat

ROWS_A_REQUEST = 10


@dataclass
class Traffic:
    """The clients of one endpoint.

    Attributes
    ----------
    sent, failed : requests so far, and those that the model answered with an error
    unlabelled : labels that are true but not handed in yet, by the request's inference id
    labelled : rows whose labels were handed in
    """

    model: ModelConfig
    runtime: Any
    s3: Any
    bucket: str
    sent: int = 0
    failed: int = 0
    unlabelled: dict[str, list[str]] = field(default_factory=dict)
    labelled: int = 0

    def send(self, rows: pd.DataFrame) -> list[str]:
        """Send the rows, ten a request; remember their labels. Returns the ids of the requests that were answered."""
        answered: list[str] = []
        features = list(self.model.input.features)
        for start in range(0, len(rows), ROWS_A_REQUEST):
            chunk = rows.iloc[start : start + ROWS_A_REQUEST]
            inference_id = str(uuid.uuid4())
            content_type, body = self._request(chunk[features])
            self.sent += 1
            try:
                self.runtime.invoke_endpoint(
                    EndpointName=self.model.endpoint_name,
                    ContentType=content_type,
                    Body=body,
                    InferenceId=inference_id,
                )
            except ClientError as error:
                if error.response["Error"]["Code"] != "ModelError":
                    raise
                self.failed += 1
                continue
            self.unlabelled[inference_id] = [_text(value) for value in chunk[self.model.label.name]]
            answered.append(inference_id)
        return answered

    def hand_in_labels(self, now: datetime, requests: Iterable[str] | None = None) -> int:
        """Write the labels of these requests, or of all, as ground truth; returns how many rows that were."""
        due = {name: self.unlabelled.pop(name) for name in list(self.unlabelled if requests is None else requests)}
        lines = [
            json.dumps(
                {
                    "groundTruthData": {"data": "\n".join(labels), "encoding": "CSV"},
                    "eventMetadata": {"eventId": inference_id},
                    "eventVersion": "0",
                }
            )
            for inference_id, labels in due.items()
        ]
        count = sum(map(len, due.values()))
        if lines:
            key = f"{naming.labels_prefix(self.model.name)}{now:%Y/%m/%d/%H}/{uuid.uuid4()}.jsonl"
            self.s3.put_object(Bucket=self.bucket, Key=key, Body="\n".join(lines).encode() + b"\n")
        self.labelled += count
        return count

    def _request(self, rows: pd.DataFrame) -> tuple[str, bytes]:
        records = list(_records(rows))
        if self.model.input.format is InputFormat.JSON:
            instances = [dict(zip(rows.columns, record, strict=True)) for record in records]
            return "application/json", json.dumps({"instances": instances}).encode()
        buffer = io.StringIO()
        csv.writer(buffer, lineterminator="\n").writerows([_text(value) for value in record] for record in records)
        return "text/csv", buffer.getvalue().rstrip("\n").encode()


def _records(rows: pd.DataFrame) -> Iterator[list[Any]]:
    """Rows as plain Python values, missing as None."""
    for record in rows.astype(object).where(rows.notna(), None).itertuples(index=False):
        yield [value.item() if hasattr(value, "item") else value for value in record]


def _text(value: Any) -> str:
    """A value as CSV has it: missing is empty, a whole float is an integer."""
    if value is None:
        return ""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)
