"""A holdout's labels as training sets hold them, and a model's answers in a transform job's output."""

from __future__ import annotations

import math
from collections.abc import Sequence

from watchkeeper.capture import payload
from watchkeeper.capture.prediction import Prediction, PredictionReader
from watchkeeper.cells import canonical_label, parse_number
from watchkeeper.errors import DatasetError
from watchkeeper.spec import ModelSpec, Task

TRUE, FALSE = "1", "0"
"""Labels of a binary model in training sets and holdouts, however the data spell them."""


def canonical_truth(spec: ModelSpec, text: str | None) -> str | None:
    """One row's ground truth as training sets hold it, or None when missing or of the wrong type."""
    if text is None:
        return None
    if spec.task is Task.REGRESSION:
        try:
            number = parse_number(text)
        except ValueError:
            return None
        return repr(number) if math.isfinite(number) else None
    label = canonical_label(text)
    if spec.task is Task.MULTICLASS:
        return label
    return TRUE if label == canonical_label(spec.label.positive) else FALSE


def read_answers(spec: ModelSpec, texts: Sequence[str], expected: int) -> list[Prediction]:
    """The predictions in a transform job's output files, in the order of the rows that it was asked.

    Raises
    ------
    DatasetError
        There are more or fewer than `expected`.
    """
    reader = PredictionReader(spec)
    lines = [line for text in texts for line in text.split("\n") if line.strip()]
    if len(lines) == expected:
        answers = [reader.read_all(_rows(line), 1, "transform output")[0] for line in lines]
    else:  # one line answers several rows
        answers = [reader.read(row, "transform output") for line in lines for row in _rows(line)]
    if len(answers) != expected:
        raise DatasetError(
            f"The transform job answered {len(answers)} of {expected} rows: the model must answer every row of a "
            "request, in its order, one a line."
        )
    return answers


def _rows(line: str) -> list[object]:
    if line.lstrip()[:1] in ("{", "["):
        return payload.json_rows(line, "transform output")
    return list(payload.csv_rows(line))
