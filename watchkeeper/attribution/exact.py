"""Exact Shapley values of fitted linear models and trees, through the shap library, for jobs that have the estimator.

Taken are the estimators named below, alone or at the end of a scikit-learn Pipeline, when each column that the
estimator sees depends on one feature only. Columns of a linear model's feature (one-hot, splines) are summed, which is
exact. For trees that would not be: there a feature may have one column only. Everything else is refused with the
reason, and is for `shapley`, which takes any model; both explain the same game, so within standard errors they agree.

Contributions of forests are of the probability of one class, those of linear and boosted classifiers of its log odds,
on which scale these add: the library's contributions to their probabilities are rescaled ones, which are no Shapley
values. Its result must account for the model's own answers, or is refused: it reads thresholds in single precision. So
it is given values in single precision as well, else it would misplace rows that lie on a threshold of histogram-based
boosting; those that lie on one of a forest (decimals of few digits may) it misplaces still.

shap is in no Lambda layer: this module is for training and Glue jobs, and imports it when asked.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from watchkeeper.attribution.attributed import Attributions, Floats, Scale
from watchkeeper.errors import ExplanationError
from watchkeeper.spec import AttributionMethod

if TYPE_CHECKING:
    import pandas as pd

LINEAR_REGRESSIONS = frozenset(
    {"LinearRegression", "Ridge", "RidgeCV", "Lasso", "LassoCV", "ElasticNet", "ElasticNetCV", "BayesianRidge"}
)
LINEAR_CLASSIFIERS = frozenset({"LogisticRegression", "LogisticRegressionCV"})
"""Of two classes: the log odds of more are not linear."""
FORESTS = frozenset(
    f"{family}{task}"
    for family in ("DecisionTree", "ExtraTrees", "RandomForest")
    for task in ("Regressor", "Classifier")
)
"""Trees whose answers are averaged."""
BOOSTED_REGRESSORS = frozenset({"GradientBoostingRegressor", "HistGradientBoostingRegressor", "XGBRegressor"})
BOOSTED_CLASSIFIERS = frozenset({"GradientBoostingClassifier", "HistGradientBoostingClassifier", "XGBClassifier"})
"""Of two classes, whose log odds trees add up to."""
TREES = FORESTS | BOOSTED_REGRESSORS | BOOSTED_CLASSIFIERS
_LIBRARIES = ("sklearn", "xgboost")
_TOLERANCE = 1e-5
"""Of a contribution's sum, relative to the spread of the model's answers: single precision leaves about 1e-7."""
OTHERWISE = "Explain it by sampling instead: that takes any model."


def exact_attributions(model: Any, rows: pd.DataFrame, background: pd.DataFrame, output: int = 1) -> Attributions:
    """Contributions of the columns of `rows`, compared with all of `background`; their errors are zero.

    Parameters
    ----------
    model : a fitted estimator, or a Pipeline that ends with one
    rows, background : the features that the model takes, in its order; 100 to 200 background rows do
    output : place in `classes_` of the class whose probability is explained; a regression has but one output

    Raises
    ------
    ExplanationError
        The model is not one that is taken, or the library does not account for its answers.
    """
    transform, estimator = _parted(model)
    name = type(estimator).__name__
    if type(estimator).__module__.partition(".")[0] not in _LIBRARIES:
        raise ExplanationError(f"{name} is neither of scikit-learn nor of xgboost. {OTHERWISE}")
    if name not in LINEAR_REGRESSIONS | LINEAR_CLASSIFIERS | TREES:
        raise ExplanationError(f"{name} is neither a linear model nor made of trees. {OTHERWISE}")
    scale = Scale.LOG_ODDS if name in LINEAR_CLASSIFIERS | BOOSTED_CLASSIFIERS else Scale.SCORE
    if scale is Scale.LOG_ODDS and len(estimator.classes_) > 2:
        raise ExplanationError(f"{name} adds up no log odds of one of {len(estimator.classes_)} classes. {OTHERWISE}")
    owners = _owners(transform, rows, background)
    if name in TREES:
        _refuse_split_features(name, tuple(map(str, rows.columns)), owners)
    explain = _by_trees if name in TREES else _by_weights
    values = explain(estimator, transform(rows), transform(background), output) @ owners.T.astype(np.float64)
    answer = _margin if scale is Scale.LOG_ODDS else _answer
    predictions, usual = answer(model, rows, output), answer(model, background, output)
    _check(name, values, predictions, usual)
    return Attributions(
        features=tuple(map(str, rows.columns)),
        values=values,
        errors=np.zeros(values.shape),
        base=np.full(len(rows), usual.mean()),
        predictions=predictions,
        scale=scale,
        method=AttributionMethod.EXACT,
    )


def _parted(model: Any) -> tuple[Callable[[pd.DataFrame], Floats], Any]:
    """What comes before the estimator, as a function to the columns that it sees; and the estimator."""
    steps = getattr(model, "steps", None)
    if steps is None:
        return (lambda table: _dense(table)), model
    before = model[:-1]
    return (lambda table: _dense(before.transform(table) if len(steps) > 1 else table)), steps[-1][1]


def _dense(table: Any) -> Floats:
    try:
        return np.asarray(table.toarray() if hasattr(table, "toarray") else table, np.float64)
    except (TypeError, ValueError) as error:
        raise ExplanationError(f"The estimator takes columns that are no numbers. {OTHERWISE}") from error


def _owners(
    transform: Callable[[pd.DataFrame], Floats], rows: pd.DataFrame, background: pd.DataFrame
) -> NDArray[np.bool_]:
    """Which feature each column depends on, of shape (features, columns).

    Found by giving every row the value of the row before it, one feature at a time, and looking which columns change.
    """
    import pandas as pd

    together = pd.concat([rows, background], ignore_index=True)
    columns = transform(together)
    found = np.zeros((together.shape[1], columns.shape[1]), bool)
    for place, feature in enumerate(together.columns):
        moved = together.copy()
        moved[feature] = together[feature].take(np.roll(np.arange(len(together)), 1)).set_axis(together.index)
        changed = transform(moved)
        same = (changed == columns) | (np.isnan(changed) & np.isnan(columns))
        found[place] = ~same.all(axis=0)
    several = np.flatnonzero(found.sum(axis=0) > 1)
    if len(several):
        names = [str(name) for name, owns in zip(rows.columns, found[:, several[0]], strict=True) if owns]
        raise ExplanationError(
            f"Column {several[0]} of what the estimator sees depends on several features ({', '.join(names[:5])}). "
            f"{OTHERWISE}"
        )
    return found


def _refuse_split_features(name: str, features: tuple[str, ...], owners: NDArray[np.bool_]) -> None:
    split = np.flatnonzero(owners.sum(axis=1) > 1)
    if len(split):
        raise ExplanationError(
            f"{name} sees feature {features[split[0]]!r} as {owners[split[0]].sum()} columns, whose exact values do "
            f"not add up to the feature's. {OTHERWISE}"
        )


def _by_trees(estimator: Any, columns: Floats, others: Floats, output: int) -> Floats:
    """Contributions by column, of shape (rows, columns); values are as precise as the library has thresholds."""
    import shap

    columns, others = (table.astype(np.float32).astype(np.float64) for table in (columns, others))
    masker = shap.maskers.Independent(others, max_samples=len(others))
    explainer = shap.TreeExplainer(estimator, data=masker, feature_perturbation="interventional", model_output="raw")
    values = np.asarray(explainer.shap_values(columns, check_additivity=False), np.float64)
    return values[:, :, output] if values.ndim == 3 else _signed(estimator, values, output)


def _by_weights(estimator: Any, columns: Floats, others: Floats, output: int) -> Floats:
    """Contributions by column, of shape (rows, columns)."""
    import shap

    explainer = shap.LinearExplainer(estimator, shap.maskers.Independent(others, max_samples=len(others)))
    values = np.asarray(explainer.shap_values(columns), np.float64).reshape(columns.shape)
    return _signed(estimator, values, output)


def _answer(model: Any, table: pd.DataFrame, output: int) -> Floats:
    if hasattr(model, "predict_proba"):
        return np.asarray(model.predict_proba(table)[:, output], np.float64)
    return np.asarray(model.predict(table), np.float64).reshape(len(table))


def _margin(model: Any, table: pd.DataFrame, output: int) -> Floats:
    """Log odds of one of two classes."""
    if hasattr(model, "decision_function"):
        margin = model.decision_function(table)
    else:  # xgboost
        margin = model.predict(table, output_margin=True)
    return _signed(model, np.asarray(margin, np.float64), output)


def _signed(model: Any, values: Floats, output: int) -> Floats:
    """What is said of the second of two classes, or of a regression, as said of `output`."""
    return -values if hasattr(model, "classes_") and output == 0 else values


def _check(name: str, values: Floats, predictions: Floats, usual: Floats) -> None:
    away = np.abs(values.sum(axis=1) - (predictions - usual.mean())).max()
    spread = max(float(np.ptp(np.concatenate([predictions, usual]))), 1e-6)
    if not away <= _TOLERANCE * spread:
        raise ExplanationError(
            f"What the shap library says of {name} does not account for its answers (off by up to {away:.2g}): the "
            f"library does not read the model as it answers. {OTHERWISE}"
        )
