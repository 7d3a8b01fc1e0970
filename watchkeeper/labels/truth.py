"""Ground truth records: the id of a prediction, and what turned out to be true (CONTRACTS §2).

A record labels all rows of a request, in their order, or with `eventMetadata.row` one of them, counted from 0. With
`eventMetadata.collectedAt` it says when that became known; else the hour under which its file lies does, about.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

from watchkeeper import jsonio, naming
from watchkeeper.capture import payload
from watchkeeper.errors import CaptureError


@dataclass(frozen=True)
class GroundTruth:
    """One record.

    Attributes
    ----------
    id : inference id, or event id where the request had none
    values : the label of each row that is spoken of; None where it is missing, which withdraws an earlier one
    row : the one row that is spoken of; None for all of the request
    collected : when it became known, if the record says so
    """

    id: str
    values: tuple[str | None, ...]
    row: int | None = None
    collected: datetime | None = None

    @property
    def labelled(self) -> int:
        """Rows with a label."""
        return sum(value is not None for value in self.values)


def read_ground_truth(line: bytes) -> GroundTruth:
    """Read one line of a label file.

    Raises
    ------
    CaptureError
        The line is no ground truth record. The reason quotes no value.
    """
    try:
        document = jsonio.loads(line)
        metadata, truth = document["eventMetadata"], document["groundTruthData"]
        identity, row, collected = str(metadata["eventId"]), _row(metadata), _collected(metadata)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise CaptureError(
            f"The line is no ground truth record ({type(error).__name__}); it needs eventMetadata.eventId and "
            "groundTruthData; eventMetadata.row is a number from 0, eventMetadata.collectedAt an ISO 8601 time."
        ) from error
    values = tuple(_label(row) for row in payload.rows(truth, "groundTruthData"))
    if row is not None and len(values) != 1:
        raise CaptureError(
            f"The record labels one row of its request, but holds {len(values)} labels: write a record for each row, "
            "or leave eventMetadata.row out."
        )
    return GroundTruth(identity, values, row, collected)


def _row(metadata: Mapping[str, Any]) -> int | None:
    row = metadata.get("row")
    if row is not None and (not isinstance(row, int) or isinstance(row, bool) or row < 0):
        raise ValueError("a row is a number from 0")
    return row


def _collected(metadata: Mapping[str, Any]) -> datetime | None:
    text = metadata.get("collectedAt")
    if text is None:
        return None
    time = datetime.fromisoformat(text)
    return time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)


def _label(row: object) -> str | None:
    """The label of one row: its first value, unless that is blank."""
    value = next(iter(row), None) if isinstance(row, list) else row
    return None if value is None or not str(value).strip() else str(value)


def day_prefixes(model: str, last: datetime, days: int) -> Iterator[str]:
    """Prefixes of the label files of the UTC days that `days` days before `last` touch, newest first."""
    for back in range(days + 1):
        day: date = last.date() - timedelta(days=back)
        yield f"{naming.labels_prefix(model)}{day:%Y/%m/%d}/"
