"""Findings in words: which columns changed, how much, since when, and what most likely did it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from watchkeeper.attribution import Importance
from watchkeeper.findings import Finding, Findings
from watchkeeper.message.account import Account
from watchkeeper.message.attribution import by_weight, which_matter
from watchkeeper.message.layout import listed, moment
from watchkeeper.naming import AlarmKind
from watchkeeper.spec import ModelSpec

KINDS = (AlarmKind.DRIFT, AlarmKind.PREDICTION_DRIFT, AlarmKind.SUSPECT_VERSION)
SHOWN = 10
NAMES_ROOM = 60
SUBJECT_ROOM = 45

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


@dataclass(frozen=True)
class DriftEvidence:
    """The newest findings of the drift monitor, and where they are kept.

    Attributes
    ----------
    importance : what the version goes by on its baseline, if that is known
    """

    findings: Findings
    uri: str
    importance: Importance | None = None

    def account(self, spec: ModelSpec, kind: AlarmKind) -> Account:
        """What they say."""
        return account(spec, kind, self.findings, self.importance)


def account(
    spec: ModelSpec, kind: AlarmKind, findings: Findings | None = None, importance: Importance | None = None
) -> Account:
    """What findings say of an alarm over drift; without any, that there are none."""
    matter = ""
    if kind is AlarmKind.DRIFT:
        drifted = by_weight(findings, importance) if findings else ()
        name = _naming("drift in {}", drifted) or "drift"
        cause = causes(drifted)
        matter = which_matter(findings, importance) if findings else ""
    elif kind is AlarmKind.PREDICTION_DRIFT:
        drifted = findings.changed_predictions if findings else ()
        name = _naming("predictions changed ({})", drifted)
        cause = [_with(findings.changed_features if findings else ())]
    else:
        drifted = findings.changed_predictions if findings else ()
        name = f"new version {findings.version} suspect" if findings else ""
        cause = []
    sized = sizes(drifted)
    return Account(
        name=name,
        lines=[matter, *sized] if sized else [],
        seen=window(findings) if findings else "no findings were kept for this time",
        causes=cause,
        whole="All findings",
    )


def _naming(words: str, drifted: Sequence[Finding]) -> str:
    """The columns that drifted, in a subject; empty without any."""
    return words.format(listed([finding.feature for finding in drifted], SUBJECT_ROOM)) if drifted else ""


def _with(features: Sequence[Finding]) -> str:
    """What predictions changed with."""
    if features:
        return f"The features that drifted with them: {listed([f.feature for f in features], NAMES_ROOM)}."
    return "No feature drifted: the way features go together has changed, or the model itself has."


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
