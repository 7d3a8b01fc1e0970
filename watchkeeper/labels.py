"""Ground truth records: the id of a prediction, and what turned out to be true (CONTRACTS §2)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta

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
    """

    id: str
    values: tuple[str | None, ...]

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
        identity, truth = str(document["eventMetadata"]["eventId"]), document["groundTruthData"]
    except (ValueError, KeyError, TypeError) as error:
        raise CaptureError(
            f"The line is no ground truth record ({type(error).__name__}); it needs eventMetadata.eventId and "
            "groundTruthData."
        ) from error
    return GroundTruth(identity, tuple(_label(row) for row in payload.rows(truth, "groundTruthData")))


def _label(row: object) -> str | None:
    """The label of one row: its first value, unless that is blank."""
    value = next(iter(row), None) if isinstance(row, list) else row
    return None if value is None or not str(value).strip() else str(value)


def day_prefixes(model: str, last: datetime, days: int) -> Iterator[str]:
    """Prefixes of the label files of the UTC days that `days` days before `last` touch, newest first."""
    for back in range(days + 1):
        day: date = last.date() - timedelta(days=back)
        yield f"{naming.labels_prefix(model)}{day:%Y/%m/%d}/"
