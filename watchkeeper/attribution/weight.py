"""Drift weighted by attribution: which drifted feature matters, for a model that hardly goes by a feature hardly minds.

A drifted feature weighs its share of what moves predictions times how far it drifted, in units of its threshold. What
counts as much or little does not depend on how many features there are: the first features of the ranking that together
make up most of what moves predictions matter, the last ones that together make up next to nothing hardly do.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from watchkeeper.attribution.importance import Importance
from watchkeeper.attribution.wording import listed, percent
from watchkeeper.errors import ConfigError
from watchkeeper.findings import Findings


class Role(StrEnum):
    """How much a model goes by a feature."""

    MUCH = "much"
    LITTLE = "little"
    HARDLY = "hardly"
    UNKNOWN = "unknown"
    """The baseline's attribution does not have the feature."""


@dataclass(frozen=True)
class WeightSettings:
    """What is much and what is next to nothing, as shares of what moves predictions.

    Attributes
    ----------
    much : the first features of the ranking that make up so much together matter
    hardly : the last ones that make up so much together hardly do
    most_named : features of each role that a sentence names
    """

    much: float = 0.8
    hardly: float = 0.05
    most_named: int = 4

    def __post_init__(self) -> None:
        if not (0 < self.much <= 1 - self.hardly < 1):
            raise ConfigError(
                f"What matters ({self.much}) and what hardly does ({self.hardly}) must be shares between 0 and 1 that "
                "leave no feature in both: lower one of them."
            )


@dataclass(frozen=True)
class Weighted:
    """A drifted feature.

    Attributes
    ----------
    share : of what moves predictions, as of the baseline; None where it is unknown
    score : size of its drift in units of its threshold
    weight : share × score; None where the share is unknown
    """

    feature: str
    role: Role
    share: float | None
    score: float
    weight: float | None


def weigh(findings: Findings, importance: Importance, settings: WeightSettings | None = None) -> tuple[Weighted, ...]:
    """The drifted features, the one that matters most first, unknown ones last."""
    settings = settings or WeightSettings()
    shares = dict(zip(importance.features, importance.shares.tolist(), strict=True))
    roles = _roles(importance, settings)
    found = []
    for finding in findings.drifted:
        share = shares.get(finding.feature)
        weight = None if share is None else share * finding.score
        role = roles.get(finding.feature, Role.UNKNOWN)
        found.append(Weighted(finding.feature, role, share, finding.score, weight))
    return tuple(sorted(found, key=lambda each: (each.weight is None, -(each.weight or 0.0), -each.score)))


def sentence(weighted: tuple[Weighted, ...], settings: WeightSettings | None = None) -> str:
    """Which drifted features matter, in one sentence; empty when none drifted.

    "Of 3 drifted features, income (31 % of what moves predictions) matters; age (4 %) matters a little; postcode
    (0.2 %) hardly matters."
    """
    most = (settings or WeightSettings()).most_named
    unit = " of what moves predictions"
    said: list[str] = []
    for role, (one, several) in _WORDS.items():
        named = []
        for each in weighted:
            if each.role is role:
                named.append(each.feature if each.share is None else f"{each.feature} ({percent(each.share)}{unit})")
                unit = "" if each.share is not None else unit
        if named:
            said.append(f"{listed(named, most)} {several if len(named) > 1 else one}")
    counted = f"Of {len(weighted)} drifted features, " if len(weighted) > 1 else ""
    return f"{counted}{'; '.join(said)}." if said else ""


_WORDS = {
    Role.MUCH: ("matters", "matter"),
    Role.LITTLE: ("matters a little", "matter a little"),
    Role.HARDLY: ("hardly matters", "hardly matter"),
    Role.UNKNOWN: ("is not known to the attribution", "are not known to the attribution"),
}


def _roles(importance: Importance, settings: WeightSettings) -> dict[str, Role]:
    """Each feature's role, from its place in the ranking."""
    shares = importance.shares
    order = np.argsort(-shares, kind="stable")
    before = np.concatenate([[0.0], np.cumsum(shares[order])[:-1]])  # what the features ahead of it make up
    roles = {}
    for place, ahead in zip(order.tolist(), before.tolist(), strict=True):
        if shares[place] > 0 and ahead < settings.much:
            role = Role.MUCH
        elif shares[place] > 0 and 1 - ahead > settings.hardly:
            role = Role.LITTLE
        else:
            role = Role.HARDLY
        roles[importance.features[place]] = role
    return roles
