"""Findings in words: which columns changed, how much, since when, and what most likely did it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from watchkeeper.findings import Finding, Findings
from watchkeeper.message.layout import listed, moment

SHOWN = 10
NAMES_ROOM = 60

_CAUSES = {
    ("wrong type", ""): "{}: values of the wrong type. A client or a pipeline writes them in another way than before.",
    ("missing", "up"): "{}: missing more often. The source that fills it fails, or was changed.",
    ("missing", "down"): "{}: missing less often. Its source was mended, or fills in a default now.",
    ("new categories", ""): "{}: categories the model has never seen. Something is new, or is spelled in another way.",
    ("out of range", ""): "{}: outside the range seen before. Another unit or scale, or cases of a new kind.",
    ("correlation", ""): "{}: no longer go together as before. One is computed anew, or rows are joined wrongly.",
    ("together", ""): "{} and others: plausible one by one, not together. A source or the model computes one anew.",
    ("many columns", ""): "{} changed a little at once: the population drifts as a whole.",
}
"""By statistic and, where it matters, direction."""
_POPULATION = (
    "{}: other values than before, all of them plausible. The requests come from another population (a season, a "
    "campaign, a new group of customers), or a source computes the field in another way."
)
"""For every statistic of ordinary values: mean, spread, shape, mix."""


def sizes(findings: Iterable[Finding]) -> list[str]:
    """A line for each drifted column, strongest first, and one for those that are not shown."""
    drifted = list(findings)
    lines = [_size(finding) for finding in drifted[:SHOWN]]
    if len(drifted) > SHOWN:
        lines.append(f"and {len(drifted) - SHOWN} more: {listed([f.feature for f in drifted[SHOWN:]], 200)}")
    return lines


def _size(finding: Finding) -> str:
    direction = f" ({finding.direction})" if finding.direction else ""
    return (
        f"{finding.feature}{direction}: {finding.summary}; {finding.measure} {finding.effect:.2g}, "
        f"limit {finding.threshold:.2g}; {_p(finding.corrected_p)}; {finding.n} rows"
    )


def _p(value: float) -> str:
    return "p < 1e-99" if value < 1e-99 else f"p = {value:.1g}"


def window(findings: Findings) -> str:
    """The rows that were looked at."""
    return (
        f"seen in the {findings.rows} rows of version {findings.version} from {moment(findings.start)} to "
        f"{moment(findings.end)}; compared with baseline {findings.baseline}"
    )


def causes(drifted: Sequence[Finding]) -> list[str]:
    """What each sort of change most likely comes from, with the columns it concerns; the strongest first."""
    grouped: dict[str, list[str]] = {}
    for finding in drifted:
        cause = _CAUSES.get((finding.statistic, finding.direction)) or _CAUSES.get((finding.statistic, ""), _POPULATION)
        grouped.setdefault(cause, []).append(finding.feature)
    return [cause.format(listed(names, NAMES_ROOM)) for cause, names in grouped.items()]
