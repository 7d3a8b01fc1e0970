"""One look at bias: every metric of every comparison, held against its neutral value and against the baseline."""

from __future__ import annotations

from watchkeeper.bias import trials
from watchkeeper.bias.counts import GroupCounts
from watchkeeper.bias.notices import notices
from watchkeeper.bias.result import BiasFindings, Measurement, Verdict
from watchkeeper.bias.settings import BiasSettings
from watchkeeper.bias.trials import Trial
from watchkeeper.bias.wording import describe

DEFAULTS = BiasSettings()


def examine(baseline: GroupCounts | None, window: GroupCounts, settings: BiasSettings = DEFAULTS) -> BiasFindings:
    """Measure and judge a window; without a baseline nothing is said of drift.

    Raises
    ------
    ProfileError
        Baseline and window were counted over different groups.
    """
    if baseline is not None:
        window.check(baseline)
    run = trials.run(baseline, window, settings)
    return BiasFindings(
        groups=window.binning.id,
        rows=window.rows,
        baseline_rows=None if baseline is None else baseline.rows,
        alpha=settings.alpha,
        confidence=settings.confidence,
        measurements=tuple(_measured(trial, run.level_reach, run.change_reach, settings) for trial in run.trials),
        notices=tuple(notices(window)),
    )


def _measured(trial: Trial, level_reach: float, change_reach: float, settings: BiasSettings) -> Measurement:
    metric, comparison, limit = trial.metric, trial.comparison, settings.tolerated.on_scale(trial.metric)
    level = trial.level
    low, high = _interval(trial, (level.low, level.high) if level else None)
    sure = level.within(level_reach) if level and trial.judged else None
    sure_low, sure_high = _interval(trial, sure)
    tolerated = metric.from_scale(-limit, limit) if metric.tolerated else (None, None)
    near = max(sure[0], -sure[1]) if sure else 0.0
    drift_score = _drift_score(trial, change_reach, settings.change.on_scale(metric))
    return Measurement(
        facet=comparison.facet,
        group=comparison.group,
        against=comparison.against,
        metric=metric.short,
        stage=metric.stage,
        basis=metric.basis,
        value=trial.value,
        low=low,
        high=high,
        sure_low=sure_low,
        sure_high=sure_high,
        tolerated_low=tolerated[0],
        tolerated_high=tolerated[1],
        verdict=_verdict(trial, near > limit, tolerated),
        score=near / limit if near > limit else 0.0,
        baseline=trial.baseline,
        drifted=drift_score > 0,
        drift_score=drift_score,
        n=trial.n,
        against_n=trial.against_n,
        summary=describe(trial, low, high),
    )


def _interval(trial: Trial, on_scale: tuple[float, float] | None) -> tuple[float | None, float | None]:
    """An interval in values; it holds the value itself, which draws around a count of 0 never reach."""
    if trial.value is None or on_scale is None:
        return None, None
    low, high = trial.metric.from_scale(*on_scale)
    return min(low, trial.value), max(high, trial.value)


def _verdict(trial: Trial, beyond: bool, tolerated: tuple[float | None, float | None]) -> Verdict:
    low, high = tolerated
    if trial.lacking or trial.value is None:
        return Verdict.NOT_MEASURED
    if trial.small:
        return Verdict.TOO_SMALL
    if low is None or high is None:
        return Verdict.TOLD
    if beyond:
        return Verdict.BIASED
    return Verdict.WITHIN if low <= trial.value <= high else Verdict.UNSURE


def _drift_score(trial: Trial, change_reach: float, limit: float) -> float:
    """The change in units of its limit where there is evidence of any, and it is above 1."""
    if trial.change is None:
        return 0.0
    low, high = trial.change.within(change_reach)
    size = abs(trial.change.middle) / limit
    return size if (low > 0 or high < 0) and size > 1 else 0.0
