"""A window's profile against its baseline.

Every test of the look has a part of the alpha of one look: the false alarms a month that the user allows, over the
looks a month (see `budget`). A column has drifted when its p-value, corrected over all tests, is below alpha and one of
the aspects that give the evidence is large enough to matter; likewise several columns together.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from watchkeeper.drift import budget, statistics, wording
from watchkeeper.drift.aspects import Aspect
from watchkeeper.drift.calibration import Calibration
from watchkeeper.drift.dispersion import INDEPENDENT, Dispersions
from watchkeeper.drift.look import Look, Pair
from watchkeeper.errors import BaselineError
from watchkeeper.findings import Finding, Findings, Verdict
from watchkeeper.profile import Baseline, Profile
from watchkeeper.spec import DriftMonitor

SUSPECT_RATIO = 0.5
"""Features that drift less than half as much as the predictions do not explain them."""
LARGEST_ALPHA = 0.05
MANY_COLUMNS = "many columns"


def alpha_per_look(monitor: DriftMonitor) -> float:
    """The chance of any false alarm that one look may have; at most 0.05, however generous the budget."""
    return min(LARGEST_ALPHA, monitor.false_alarms_per_month / monitor.looks_per_month)


def compare(
    baseline: Baseline,
    profile: Profile,
    monitor: DriftMonitor,
    *,
    start: datetime,
    end: datetime,
    calibration: Calibration | None = None,
    alpha: float | None = None,
) -> Findings:
    """Compare the rows of a window with the baseline.

    Parameters
    ----------
    calibration : how much healthy windows vary; without it, rows are taken to be independent
    alpha : the chance of any false alarm that this look may have; without it, the monitor's budget over its looks

    Raises
    ------
    BaselineError
        The profile, or the calibration, was made against another baseline.
    """
    for what, made_against in (("profile", profile.baseline), ("calibration", calibration and calibration.baseline)):
        if made_against is not None and made_against != baseline.id:
            raise BaselineError(
                f"The window's {what} was made against baseline {made_against!r}, not {baseline.id!r}: their bins "
                f"differ. Compare a {what} with its own baseline."
            )
    alpha = alpha_per_look(monitor) if alpha is None else alpha
    judged = _Judged((), (), ())
    verdict, learned = Verdict.INSUFFICIENT_DATA, 0
    if profile.rows >= max(monitor.minimum_rows, 1):
        dispersions, learned = (INDEPENDENT, 0) if calibration is None else calibration.at(profile.rows)
        judged = _judge(Look.of(baseline, profile), dispersions, alpha, start, end)
        drifted = any(finding.drifted for finding in judged.all)
        verdict = Verdict.DRIFT if drifted else Verdict.NO_DRIFT
    return Findings(
        model=baseline.model,
        version=baseline.version,
        baseline=baseline.id,
        start=start,
        end=end,
        rows=profile.rows,
        unreadable=profile.unreadable,
        alpha=alpha,
        verdict=verdict,
        features=judged.features,
        predictions=judged.predictions,
        joint=judged.joint,
        calibrated=learned,
    )


def suspect_version(findings: Findings) -> bool:
    """Whether the predictions changed so much more than the features that the version must be at fault.

    A drifting world moves features and predictions; a faulty version moves its predictions alone.
    """
    score = findings.prediction_score
    return score > 0 and findings.feature_score < SUSPECT_RATIO * score


@dataclass(frozen=True)
class _Judged:
    features: tuple[Finding, ...]
    predictions: tuple[Finding, ...]
    joint: tuple[Finding, ...]

    @property
    def all(self) -> tuple[Finding, ...]:
        return (*self.features, *self.predictions, *self.joint)


@dataclass(frozen=True)
class _Evidence:
    """What the tests of some aspects say together.

    Attributes
    ----------
    p_value, corrected_p : on its own, and corrected over the look
    leading : the aspect that the finding speaks of
    """

    p_value: float
    corrected_p: float
    leading: Aspect
    term: float

    @classmethod
    def of(cls, aspects: Sequence[Aspect], alpha: float) -> _Evidence:
        """Weigh aspects: the largest of those that are significant, or else the most nearly so."""
        term, weight = sum(aspect.term for aspect in aspects), sum(aspect.weight for aspect in aspects)
        corrected = budget.p_value(term)
        supported = [aspect for aspect in aspects if corrected < alpha and budget.p_value(aspect.term) < alpha]
        leading = max(supported, key=lambda a: a.score) if supported else max(aspects, key=_own_evidence)
        return cls(budget.p_value(term / weight) if weight else 1.0, corrected, leading, term)

    def drifted(self, alpha: float) -> bool:
        """Evidence and size both."""
        return self.corrected_p < alpha and self.leading.score > 1


def _own_evidence(aspect: Aspect) -> float:
    return aspect.term / aspect.weight if aspect.weight else 0.0


def _judge(look: Look, dispersions: Dispersions, alpha: float, start: datetime, end: datetime) -> _Judged:
    *columns, together = look.aspects(dispersions)
    known = _statistics(look)
    features: list[Finding] = []
    predictions: list[Finding] = []
    weighed: list[tuple[Pair, _Evidence]] = []
    for place, (pair, aspects) in enumerate(zip(look.pairs, columns, strict=True)):
        if not aspects:
            continue
        evidence = _Evidence.of(aspects, alpha)
        weighed.append((pair, evidence))
        finding = _finding(pair, evidence, alpha, known.get(place, {}), start, end)
        (predictions if pair.predicted else features).append(finding)
    joint = _joint(look, together, dispersions, alpha, start, end)
    total = sum(evidence.term for _, evidence in weighed) + sum(aspect.term for aspect in together)
    several = [finding.corrected_p for finding in (*features, *predictions, *joint)]
    if several and min(several) >= alpha > budget.p_value(total):
        of_features = sum(evidence.term for pair, evidence in weighed if not pair.predicted)
        of_features += sum(aspect.term for aspect in look.features_together(dispersions))
        diffuse = _diffuse(weighed, budget.p_value(total), look, start, end)
        joint.append(replace(diffuse, through_predictions=budget.p_value(of_features) >= alpha))
    return _Judged(tuple(features), tuple(predictions), tuple(joint))


def _statistics(look: Look) -> dict[int, dict[str, float]]:
    """The well-known statistics of each column, by its place."""
    numbers = dict(zip(look.number_places, statistics.of_numbers(look.numbers), strict=True))
    return numbers | dict(zip(look.category_places, statistics.of_categories(look.categories), strict=True))


def _finding(
    pair: Pair, evidence: _Evidence, alpha: float, known: dict[str, float], start: datetime, end: datetime
) -> Finding:
    leading, drifted = evidence.leading, evidence.drifted(alpha)
    shares = wording.column_shares(pair.window, pair.reference)
    words = wording.describe(leading, pair.window, pair.reference, shares)
    return Finding(
        feature=pair.name,
        statistic=words.statistic,
        p_value=evidence.p_value,
        corrected_p=evidence.corrected_p,
        effect=leading.effect,
        threshold=leading.threshold,
        measure=leading.measure,
        drifted=drifted,
        direction=words.direction,
        summary=words.summary,
        n=pair.window.rows,
        baseline_n=pair.reference.rows,
        shares=shares,
        statistics=known,
        since=start if drifted else None,
        span=end - start,
    )


def _joint(
    look: Look, aspects: Sequence[Aspect], dispersions: Dispersions, alpha: float, start: datetime, end: datetime
) -> list[Finding]:
    found = []
    for aspect in aspects:
        assert look.joint is not None  # it gave the aspects
        evidence = _Evidence.of([aspect], alpha)
        names, words = wording.describe_joint(aspect, look.joint, dispersions)
        drifted = evidence.drifted(alpha)
        found.append(
            Finding(
                feature=names,
                statistic=words.statistic,
                p_value=evidence.p_value,
                corrected_p=evidence.corrected_p,
                effect=aspect.effect,
                threshold=aspect.threshold,
                measure=aspect.measure,
                drifted=drifted,
                direction=words.direction,
                summary=words.summary,
                n=look.joint.n,
                baseline_n=look.joint.m,
                since=start if drifted else None,
                span=end - start,
                through_predictions=drifted and not _shown_by_features(look, aspect.name, dispersions, alpha),
            )
        )
    return found


def _shown_by_features(look: Look, name: str, dispersions: Dispersions, alpha: float) -> bool:
    """Whether the features together give the evidence by themselves, at the same weight."""
    alone = [aspect for aspect in look.features_together(dispersions) if aspect.name == name]
    return bool(alone) and _Evidence.of(alone, alpha).drifted(alpha)


def _diffuse(
    weighed: Sequence[tuple[Pair, _Evidence]], p_value: float, look: Look, start: datetime, end: datetime
) -> Finding:
    """Many columns that changed a little: none alone is sure, all together are."""
    ranked = sorted(weighed, key=lambda item: -item[1].term)
    pair, evidence = ranked[0]
    names = [one.name for one, _ in ranked[: wording.MOST_MOVERS]]
    drifted = evidence.leading.score > 1
    return Finding(
        feature=MANY_COLUMNS,
        statistic=MANY_COLUMNS,
        p_value=p_value,
        corrected_p=p_value,
        effect=evidence.leading.effect,
        threshold=evidence.leading.threshold,
        measure=evidence.leading.measure,
        drifted=drifted,
        direction="",
        summary=f"no column is sure by itself, all together are; most: {', '.join(names)}",
        n=pair.window.rows,
        baseline_n=pair.reference.rows,
        since=start if drifted else None,
        span=end - start,
    )
