"""The counts of a window's rows, labelled or not, into an estimate of their performance."""

from __future__ import annotations

from watchkeeper.errors import ProfileError
from watchkeeper.estimation import classification, regression, support
from watchkeeper.estimation.estimator import Estimator
from watchkeeper.estimation.result import Estimate
from watchkeeper.estimation.settings import EstimateSettings
from watchkeeper.outcomes import Outcomes, grid
from watchkeeper.performance import metric
from watchkeeper.performance.metric import Metric, Name
from watchkeeper.spec import Task

DEFAULTS = EstimateSettings()
_ESTIMATED = {
    Task.REGRESSION: (Name.MAE, Name.RMSE),
    Task.MULTICLASS: (Name.ACCURACY,),
    Task.BINARY: (
        Name.ACCURACY,
        Name.BALANCED_ACCURACY,
        Name.PRECISION,
        Name.RECALL,
        Name.SPECIFICITY,
        Name.F_BETA,
        Name.MCC,
        Name.ROC_AUC,
        Name.PR_AUC,
        Name.LOG_LOSS,
        Name.BRIER,
    ),
}


def estimate(estimator: Estimator, window: Outcomes, settings: EstimateSettings = DEFAULTS) -> Estimate:
    """Estimate the performance of all rows of a window; labels that some have already are not looked at.

    Raises
    ------
    ProfileError
        The estimator was learnt over other bins.
    """
    binning = window.binning
    if estimator.binning != binning.id:
        raise ProfileError(
            f"The window's outcomes are over bins {binning.id!r}, the estimator's over {estimator.binning!r}: fit the "
            "estimator to the baseline of the window's version, or count the window's rows over its bins."
        )
    rows = _predicted(window)
    if rows < settings.minimum_rows:
        reason = f"{rows} row(s) with what is needed: at least {settings.minimum_rows} are"
        unknown = tuple(metric.unknown(each, rows, settings.confidence, reason) for each in _ESTIMATED[binning.task])
        return Estimate(binning.task, binning.id, window.rows, unknown)
    beyond = support.unsupported(window, estimator, settings)
    return Estimate(
        task=binning.task,
        binning=binning.id,
        rows=window.rows,
        metrics=tuple(_metrics(window, estimator, settings)),
        corrected=estimator.additive.corrects,
        unsupported=beyond,
        warnings=support.warnings(window, beyond, _misplaced(window, estimator), settings),
    )


def _predicted(window: Outcomes) -> int:
    """Rows with a score, or a predicted value."""
    if window.binning.task is Task.REGRESSION:
        return int(window.sections["usable"][1])
    return int(window.scores.histogram[:, : grid.CELLS].sum())


def _metrics(window: Outcomes, estimator: Estimator, settings: EstimateSettings) -> list[Metric]:
    if window.binning.task is Task.REGRESSION:
        return regression.metrics(window, estimator, settings)
    return classification.metrics(window, estimator, settings)


def _misplaced(window: Outcomes, estimator: Estimator) -> float:
    """Zero where predictions are no decisions at a threshold."""
    if window.binning.task is not Task.BINARY:
        return 0.0
    positive = classification.split(window)[1]
    return support.misplaced(window, float(positive @ estimator.curves[0, : grid.CELLS]))
