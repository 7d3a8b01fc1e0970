"""What the attribution monitor found, and which drifted feature matters, in words."""

from __future__ import annotations

from dataclasses import dataclass

from watchkeeper.attribution import AttributionLook, Importance, Move, sentence, weigh
from watchkeeper.findings import Finding, Findings
from watchkeeper.message.account import Account
from watchkeeper.message.layout import listed, moment
from watchkeeper.naming import AlarmKind
from watchkeeper.spec import AttributionMethod, ModelSpec

SHOWN = 6
HEADLINE_ROOM = 45


@dataclass(frozen=True)
class AttributionEvidence:
    """The attribution monitor's newest look, and where it is kept."""

    look: AttributionLook
    uri: str

    def account(self, spec: ModelSpec, kind: AlarmKind) -> Account:
        """What it says."""
        look = self.look
        return Account(headline(look), lines=lines(look), seen=window(look))


def headline(look: AttributionLook) -> str:
    """The features whose part changed."""
    return listed([move.feature for move in _changed(look)], HEADLINE_ROOM)


def lines(look: AttributionLook) -> list[str]:
    """What changed as a whole, and a line for each feature that this leaves out and whose share or rank did."""
    summary = look.findings.summary
    untold = [move.summary for move in _changed(look) if move.summary not in summary]
    more = [f"and {len(untold) - SHOWN} more features"] if len(untold) > SHOWN else []
    return [summary, *untold[:SHOWN], *more]


def window(look: AttributionLook) -> str:
    """Which rows were explained, and how where that could be otherwise."""
    exactly = " exactly" if look.importance.method is AttributionMethod.EXACT else ""
    because = f"; sampled, because {look.importance.because.removesuffix('.')}" if look.importance.because else ""
    return (
        f"{look.findings.rows} of the rows that {look.version} was asked from {moment(look.start)} to "
        f"{moment(look.end)} were explained{exactly}; compared with {look.findings.baseline_rows} rows of baseline "
        f"{look.baseline}{because}"
    )


def by_weight(findings: Findings, importance: Importance | None) -> tuple[Finding, ...]:
    """The features that drifted, the one that matters most first; as they are, where nobody knows what matters."""
    changed = findings.changed_features
    if importance is None:
        return changed
    order = {each.feature: place for place, each in enumerate(weigh(findings, importance))}
    return tuple(sorted(changed, key=lambda finding: order.get(finding.feature, len(order))))


def which_matter(findings: Findings, importance: Importance | None) -> str:
    """Which of the drifted features the version goes by, in one sentence; empty where nobody knows."""
    return "" if importance is None else sentence(weigh(findings, importance))


def _changed(look: AttributionLook) -> list[Move]:
    """The features whose share moved, then those of which the rank alone did."""
    moved = list(look.findings.moved)
    return moved + [move for move in look.findings.moves if not move.moved and move.rank_before != move.rank_after]
