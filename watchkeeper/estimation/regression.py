"""Regressions: the errors to be expected of a window's rows, by the features' and the prediction's cells they are in.

This is direct loss estimation with a model that needs counts alone (see `additive`). Where features tell nothing of the
errors' size, a window is expected to have the baseline's.
"""

from __future__ import annotations

import math

import numpy as np

from watchkeeper.estimation import within
from watchkeeper.estimation.estimator import Estimator
from watchkeeper.estimation.settings import EstimateSettings
from watchkeeper.outcomes import Outcomes
from watchkeeper.performance import metric
from watchkeeper.performance.metric import Metric, Name
from watchkeeper.profile.layout import Floats

_LEAST_SHARE = 0.05
"""Of the baseline's mean loss: an additive model may extrapolate to nothing, or below."""


def metrics(window: Outcomes, estimator: Estimator, settings: EstimateSettings) -> list[Metric]:
    """Mean absolute and root mean squared error; the errors of both hold the labels' luck and the baseline's."""
    n = int(window.sections["usable"][1])
    losses = expected(window, estimator)
    absolute, square = losses[0].tolist()
    (of_absolute, of_square), root = losses[1:].std(axis=0, ddof=1).tolist(), math.sqrt(square)
    mae = math.hypot(of_absolute, math.sqrt(max(square - absolute**2, 0.0) / n))
    mse = math.hypot(of_square, square * math.sqrt(max(estimator.kurtosis - 1, 0.0) / n))
    return [
        metric.loss(Name.MAE, absolute, mae, n, settings.confidence),
        metric.loss(Name.RMSE, root, mse / (2 * root) if root else 0.0, n, settings.confidence),
    ]


def expected(window: Outcomes, estimator: Estimator) -> Floats:
    """Mean absolute and squared errors, shape (1 + replicates, 2); the first is the estimate."""
    learnt = estimator.additive
    found: Floats = np.maximum(
        learnt.means + learnt.shift(within.shares(window, estimator)), _LEAST_SHARE * learnt.means[0]
    )
    found[:, 1] = np.maximum(found[:, 1], np.square(found[:, 0]))  # no mean square is smaller than the squared mean
    return found
