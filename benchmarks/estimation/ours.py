"""Tables into our estimates, and the realised metrics by scikit-learn."""

from __future__ import annotations

import time

import numpy as np
import pandas as pd
from sklearn import metrics as sklearn

from benchmarks.estimation.said import Said
from benchmarks.estimation.worlds import ANSWER, LABEL, PREDICTED, World
from watchkeeper.capture.block import predicted
from watchkeeper.config.loader import parse
from watchkeeper.estimation import Estimator, FitSettings, estimate
from watchkeeper.outcomes import Labelled, OutcomeBinning, observe
from watchkeeper.performance.metric import Name
from watchkeeper.spec import ModelSpec, Task
from watchkeeper.table import CategoryColumn, Column, NumberColumn

CLASSIFIER = (Name.ACCURACY, Name.PRECISION, Name.RECALL, Name.F_BETA, Name.ROC_AUC, Name.PR_AUC)
REGRESSION = (Name.MAE, Name.RMSE)


def names(world: World) -> tuple[Name, ...]:
    """The metrics that are compared: those that NannyML estimates too."""
    return REGRESSION if world.regression else CLASSIFIER


def realised(world: World, table: pd.DataFrame) -> dict[Name, float]:
    """What the labels show."""
    truth, answers = table[LABEL], table[ANSWER]
    if world.regression:
        return {
            Name.MAE: float(sklearn.mean_absolute_error(truth, answers)),
            Name.RMSE: float(sklearn.root_mean_squared_error(truth, answers)),
        }
    said = table[PREDICTED]
    return {
        Name.ACCURACY: float(sklearn.accuracy_score(truth, said)),
        Name.PRECISION: float(sklearn.precision_score(truth, said)),
        Name.RECALL: float(sklearn.recall_score(truth, said)),
        Name.F_BETA: float(sklearn.f1_score(truth, said)),
        Name.ROC_AUC: float(sklearn.roc_auc_score(truth, answers)),
        Name.PR_AUC: float(sklearn.average_precision_score(truth, answers)),
    }


def watchkeeper(world: World, most_features: int = FitSettings.most_features) -> Said:
    """Our estimates of every window; with no features, by scores alone."""
    started = time.process_time()
    baseline = rows(world, world.reference)
    binning = OutcomeBinning.fit(_spec(world), baseline)
    estimator = Estimator.fit(binning, baseline, FitSettings(most_features=most_features))
    found: dict[str, list[dict[Name, tuple[float, float, float]]]] = {}
    warned: dict[str, int] = {}
    for scenario, tables in world.windows.items():
        estimates = [estimate(estimator, observe(binning, rows(world, table, labelled=False))) for table in tables]
        warned[scenario] = sum(not each.supported for each in estimates)
        found[scenario] = [{m.name: (m.value, m.low, m.high) for m in each.known} for each in estimates]
    return Said(found, time.process_time() - started, warned)


def rows(world: World, table: pd.DataFrame, labelled: bool = True) -> Labelled:
    """A table's rows, with or without labels."""
    features: dict[str, Column] = {name: NumberColumn(table[name].to_numpy(float)) for name in world.numbers}
    for name in world.categories:
        levels = table[name].astype("category").cat
        features[name] = CategoryColumn.coded(levels.codes.to_numpy(), [str(each) for each in levels.categories])
    answers, n = table[ANSWER].to_numpy(float), len(table)
    if world.regression:
        truth = NumberColumn(table[LABEL].to_numpy(float) if labelled else np.full(n, np.nan))
        return Labelled(n, features, predicted(Task.REGRESSION, CategoryColumn.of([None] * n), answers), truth)
    labels = CategoryColumn(table[PREDICTED].to_numpy(np.int32), ("negative", "positive"))
    codes = table[LABEL].to_numpy(np.int32) if labelled else np.full(n, -1, np.int32)
    return Labelled(n, features, predicted(Task.BINARY, labels, answers), CategoryColumn(codes, ("0", "1")))


def _spec(world: World) -> ModelSpec:
    kinds = "\n".join(
        f"    {name}: {kind}"
        for kind, columns in (("number", world.numbers), ("category", world.categories))
        for name in columns
    )
    text = f"""
name: estimated
task: {"regression" if world.regression else "binary"}
endpoint:
  attach: {{name: estimated, capture: s3://captures/estimated}}
input:
  features:
{kinds}
label: label
retraining: {{triggers: []}}
"""
    return parse(text, "benchmarks/estimation/ours.py").spec()
