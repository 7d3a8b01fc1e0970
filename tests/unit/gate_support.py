"""Contests for the gates out of plain numbers."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np

from tests.support import model_spec
from watchkeeper.capture.block import predicted
from watchkeeper.capture.prediction import NEGATIVE, POSITIVE
from watchkeeper.gates import Contest
from watchkeeper.holdout import FALSE, TRUE
from watchkeeper.outcomes import Labelled
from watchkeeper.spec import (
    BiasLimits,
    BiasMonitor,
    FairnessOf,
    Feature,
    Gate,
    Kind,
    ModelSpec,
    SensitiveAttribute,
    Task,
)
from watchkeeper.table import CategoryColumn, Column, NumberColumn

GATE = Gate("roc_auc", 0.0, 0.01, 0.95, 0.05, 100, 0.02, FairnessOf.ERRORS)
MONITOR = BiasMonitor(
    attributes=(SensitiveAttribute("sex", favoured=("m",)),),
    tolerated=BiasLimits(0.1, 0.8, 0.25),
    change=BiasLimits(0.05, 0.9, 0.125),
    favourable=("negative",),
)


def spec_with(gate: Gate, task: Task = Task.BINARY) -> ModelSpec:
    return model_spec(task=task, retraining=dataclasses.replace(model_spec().retraining, gate=gate))


def sensitive() -> ModelSpec:
    return model_spec(features=(Feature("sex", Kind.CATEGORY, sensitive=True),), bias=MONITOR)


def contest(
    labels: Sequence[float] | Sequence[str],
    champion: Sequence[float] | Sequence[str],
    challenger: Sequence[float] | Sequence[str],
    task: Task = Task.BINARY,
    **features: Column,
) -> Contest:
    """Of labels 0 and 1 and scores, which decide at 0.5; of several classes, of their names."""
    if task is Task.MULTICLASS:
        both = [_classes([str(name) for name in answers]) for answers in (champion, challenger)]
        truth = CategoryColumn.of([str(label) for label in labels])
    else:
        both = [_scores(np.array(answers, float)) for answers in (champion, challenger)]
        truth = CategoryColumn.of([TRUE if label else FALSE for label in labels])
    return Contest(task, *(Labelled(len(scores), features, answers, truth) for answers, scores in both))


def numbers_contest(values: np.ndarray, champion: np.ndarray, challenger: np.ndarray, **features: Column) -> Contest:
    """Of a regression's values."""
    rows = [
        Labelled(
            len(values), features, predicted(Task.REGRESSION, CategoryColumn.of(()), answers), NumberColumn(values)
        )
        for answers in (champion, challenger)
    ]
    return Contest(Task.REGRESSION, *rows)


def _scores(scores: np.ndarray) -> tuple[dict[str, Column], np.ndarray]:
    names = [None if np.isnan(score) else POSITIVE if score >= 0.5 else NEGATIVE for score in scores.tolist()]
    return predicted(Task.BINARY, CategoryColumn.of(names), scores), scores


def _classes(names: list[str]) -> tuple[dict[str, Column], list[str]]:
    return predicted(Task.MULTICLASS, CategoryColumn.of(names), np.full(len(names), np.nan)), names
