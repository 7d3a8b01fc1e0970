"""Ground truth records: the id of a prediction, and what turned out to be true (CONTRACTS §2).

`watchkeeper.feedback` writes records with two more fields, which others may write as well: see there.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from watchkeeper import jsonio, naming
from watchkeeper.capture import payload
from watchkeeper.errors import CaptureError


@dataclass(frozen=True)
class GroundTruth:
    """One record.

    Attributes
    ----------
    id : inference id, or event id where the request had none
    values : the label of each row of that request; None where it is missing
    row : place of the one row that the record is about, the first being 0; None when it is about all of them
    collected : when the label became known; None when only the hour is known under which the record is kept
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
        identity, row, collected = str(metadata["eventId"]), metadata.get("row"), metadata.get("collectedAt")
        time = None if collected is None else _utc(datetime.fromisoformat(collected))
    except (ValueError, OverflowError, KeyError, TypeError, AttributeError) as error:
        raise CaptureError(
            f"The line is no ground truth record ({type(error).__name__}); it needs eventMetadata.eventId and "
            "groundTruthData."
        ) from error
    values = tuple(_label(item) for item in payload.rows(truth, "groundTruthData"))
    if row is not None and not (type(row) is int and row >= 0 and len(values) == 1):
        raise CaptureError(
            "eventMetadata.row of a ground truth record is the place of one row, from 0 on, and the record holds one "
            "value; leave row out where it is about all rows of a request."
        )
    return GroundTruth(identity, values, row, time)


def _utc(time: datetime) -> datetime:
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
