"""What the data-quality monitor found in one window, typed: stored as JSON, told in messages, drawn in reports."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from watchkeeper import jsonio
from watchkeeper.errors import ProfileError
from watchkeeper.modelmonitor import Unchecked

FORMAT = 1


class Check(StrEnum):
    """What was looked at."""

    MISSING_COLUMN = "missing column"
    EXTRA_COLUMN = "extra column"
    COLUMN_ORDER = "column order"
    TYPE = "type"
    RANGE = "range"
    DOMAIN = "domain"
    COMPLETENESS = "completeness"
    UNIQUENESS = "uniqueness"
    INFINITE = "infinite values"
    UNREADABLE = "unreadable records"
    CAPTURE_GAP = "capture gap"
    CAPTURE_LAG = "capture lag"
    CONSTRAINT = "constraint"
    SKEW = "train-serve skew"


class Severity(StrEnum):
    """How urgent a fault is: a critical one makes most of the model's answers doubtful."""

    WARNING = "warning"
    CRITICAL = "critical"


class Verdict(StrEnum):
    """What a look came to."""

    GOOD = "good"
    FAULTY = "faulty"
    INSUFFICIENT_DATA = "insufficient data"
    NO_BASELINE = "no baseline"


@dataclass(frozen=True)
class Fault:
    """One broken expectation.

    Attributes
    ----------
    feature : the column; None for what concerns the whole window
    observed, limit : the measured value and what it may be, in the same unit (a share, unless `summary` says otherwise)
    n : rows, or records, that the measurement rests on
    summary : what is wrong, in words
    remedy : what to do about it
    """

    check: Check
    severity: Severity
    feature: str | None
    observed: float
    limit: float
    n: int
    summary: str
    remedy: str


@dataclass(frozen=True)
class Quality:
    """The outcome of one look of the data-quality monitor.

    Attributes
    ----------
    completeness : the least share of rows with a value, over all columns; 1 when there are no rows
    faults : the most urgent first
    skew : columns that differ from the training data when a version is first seen; None at all later looks
    reasons : why records could not be read, and how many
    lag_seconds : within which 99 % of the records were written after their requests; None when that is not known
    gap_seconds : the longest time without captures between others; None when there were none
    unchecked : what a summary of the rows cannot tell, and why: silence about it is no good news
    """

    model: str
    version: str
    baseline: str
    start: datetime
    end: datetime
    rows: int
    unreadable: int
    verdict: Verdict
    completeness: float = 1.0
    faults: tuple[Fault, ...] = ()
    skew: tuple[Fault, ...] | None = None
    reasons: Mapping[str, int] | None = None
    unchecked: tuple[Unchecked, ...] = ()
    lag_seconds: float | None = None
    gap_seconds: float | None = None

    @property
    def critical(self) -> tuple[Fault, ...]:
        """The faults that make most answers doubtful."""
        return tuple(fault for fault in self.faults if fault.severity is Severity.CRITICAL)

    @property
    def by_check(self) -> Mapping[Check, int]:
        """How many faults of each kind."""
        return Counter(fault.check for fault in self.faults)

    def to_json(self) -> bytes:
        """JSON bytes."""
        document = asdict(self)
        document |= {"format": FORMAT, "start": self.start.isoformat(), "end": self.end.isoformat()}
        return jsonio.dumps(document)

    @classmethod
    def from_json(cls, text: bytes) -> Quality:
        """Read what `to_json` wrote.

        Raises
        ------
        ProfileError
            The text is no outcome of this monitor, or one of another format.
        """
        try:
            document = jsonio.loads(text)
            if document.pop("format") != FORMAT:
                raise ValueError(f"its format is not {FORMAT}")
            document["verdict"] = Verdict(document["verdict"])
            for name in ("start", "end"):
                document[name] = datetime.fromisoformat(document[name])
            document["faults"] = _faults(document["faults"])
            document["skew"] = None if document["skew"] is None else _faults(document["skew"])
            document["unchecked"] = tuple(Unchecked(**item) for item in document["unchecked"])
            return cls(**document)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise ProfileError(
                f"The text is no outcome of the data-quality monitor ({error!r}): it is written anew at its next look."
            ) from error


def _faults(documents: list[dict[str, Any]]) -> tuple[Fault, ...]:
    return tuple(
        Fault(**{**item, "check": Check(item["check"]), "severity": Severity(item["severity"])}) for item in documents
    )
