"""Predictions as the numbers that are explained.

Of a model of several classes, each row's explanation is of the class that it was predicted: 1 where the answer to a
changed row is that class still, else 0. A score is of no use there, for it is that of whichever class won. The same
holds for a binary model that answers labels alone.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from watchkeeper.attribution.attributed import Attributions, Floats
from watchkeeper.attribution.shapley import Plan, attributions
from watchkeeper.capture.prediction import POSITIVE, Prediction
from watchkeeper.spec import Task


def explained(task: Task, made: Plan, predictions: Sequence[Prediction]) -> Attributions:
    """What the predictions for a plan's requests say of each explained row and feature.

    Raises
    ------
    ExplanationError
        There are more or fewer predictions than requests.
    """
    if task is not Task.MULTICLASS:
        return attributions(made, scores(predictions))
    labels = [prediction.label for prediction in predictions]
    classes = {label: place for place, label in enumerate(sorted({label for label in labels if label is not None}))}
    answered = np.full((len(labels), max(len(classes), 1)), np.nan)
    for place, label in enumerate(labels):
        if label is not None:
            answered[place] = 0.0
            answered[place, classes[label]] = 1.0
    own = [labels[place] if place < len(labels) else None for place in made.paths[:, 0, 0, -1].tolist()]
    return attributions(made, answered, [0 if label is None else classes[label] for label in own])


def scores(predictions: Sequence[Prediction]) -> Floats:
    """Scores; 1 and 0 for labels where no answer has one."""
    found = np.array([prediction.score for prediction in predictions], np.float64)
    if not np.isnan(found).all():
        return found
    labels = [prediction.label for prediction in predictions]
    return np.array([np.nan if label is None else float(label == POSITIVE) for label in labels])
