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
    firsts = (row[0] if isinstance(row, list) and row else row for row in payload.rows(truth, "groundTruthData"))
    return GroundTruth(identity, tuple(None if value in (None, "", []) else str(value) for value in firsts))


def day_prefixes(model: str, last: datetime, days: int) -> Iterator[str]:
    """Prefixes of the label files of the UTC days that `days` days before `last` touch, newest first."""
    for back in range(days + 1):
        day: date = last.date() - timedelta(days=back)
        yield f"{naming.labels_prefix(model)}{day:%Y/%m/%d}/"
