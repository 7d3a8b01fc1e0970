"""Send rows to an endpoint as its clients would, and hand in the true labels later."""

from __future__ import annotations

import csv
import io
import json
import uuid
from collections.abc import Iterator
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
    """

    model: ModelConfig
    runtime: Any
    s3: Any
    bucket: str
    sent: int = 0
    failed: int = 0
    unlabelled: dict[str, list[str]] = field(default_factory=dict)

    def send(self, rows: pd.DataFrame) -> None:
        """Send the rows, ten a request; remember their labels."""
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

    def hand_in_labels(self, now: datetime) -> int:
        """Write every label that is due as ground truth; returns how many rows that were."""
        lines = [
            json.dumps(
                {
                    "groundTruthData": {"data": "\n".join(labels), "encoding": "CSV"},
                    "eventMetadata": {"eventId": inference_id},
                    "eventVersion": "0",
                }
            )
            for inference_id, labels in self.unlabelled.items()
        ]
        count = sum(map(len, self.unlabelled.values()))
        if lines:
            key = f"{naming.labels_prefix(self.model.name)}{now:%Y/%m/%d/%H}/{uuid.uuid4()}.jsonl"
            self.s3.put_object(Bucket=self.bucket, Key=key, Body="\n".join(lines).encode() + b"\n")
        self.unlabelled.clear()
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
