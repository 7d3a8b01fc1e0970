"""What a run of curation tells people, in so few words that an event can carry them: Spark has a function tell it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from itertools import islice
from typing import Any

from watchkeeper.aws.curation import Outcome

FIRST = 20
"""So many files or folders of a kind are named, however many there are."""


@dataclass(frozen=True)
class Report:
    """What came of a run; see `curation.Outcome`.

    Attributes
    ----------
    files : files of labels that were read
    problems : why files cannot be read, by key
    misfits : how many labels speak of rows that their requests have not, by file
    faults, places : how many labels cannot be used, by reason, and the places of the first few
    """

    filed: int = 0
    joined: int = 0
    counted: int = 0
    labels: int = 0
    waiting: int = 0
    unusable: int = 0
    lag: float | None = None
    files: int = 0
    problems: Mapping[str, str] = field(default_factory=dict)
    misfits: Mapping[str, int] = field(default_factory=dict)
    faults: Mapping[str, int] = field(default_factory=dict)
    places: Mapping[str, list[str]] = field(default_factory=dict)
    misplaced: list[str] = field(default_factory=list)

    @classmethod
    def of(cls, outcome: Outcome) -> Report:
        """Of what was done."""
        accounts = outcome.accounts.items()
        return cls(
            filed=len(outcome.filed),
            joined=len(outcome.joined),
            counted=len(outcome.counted),
            labels=outcome.labels,
            waiting=outcome.waiting,
            unusable=outcome.unusable,
            lag=outcome.median_lag,
            files=len(outcome.accounts),
            problems=dict(islice(((key, account.problem) for key, account in accounts if account.problem), FIRST)),
            misfits=dict(islice(((key, account.misfits) for key, account in accounts if account.misfits), FIRST)),
            faults={fault.value: count for fault, count in outcome.faults.counts.items()},
            places={fault.value: places for fault, places in outcome.faults.places.items()},
            misplaced=outcome.misplaced[:FIRST],
        )

    def to_event(self) -> dict[str, Any]:
        """As a part of an event."""
        return asdict(self)
