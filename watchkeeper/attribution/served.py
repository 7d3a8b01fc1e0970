"""Exact contributions to what a served model answers, by the functions of the user's own `inference.py`.

Beside SageMaker's functions the script has `explain_fn(rows, model)`: what `input_fn` made of a request, and what
`model_fn` loaded. It returns the fitted estimator (or Pipeline), and the rows as this takes them. So requests lead to
columns by a known way, and the whole way is explained: from the values in a request to the answer, as sampling does.
What `explain_fn` gives must answer as the endpoint does, or it is refused.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from watchkeeper.attribution.answers import scores
from watchkeeper.attribution.attributed import Attributions, Floats, Scale, probabilities
from watchkeeper.attribution.exact import OTHERWISE, exact_attributions
from watchkeeper.attribution.question import Question
from watchkeeper.attribution.shapley import Row
from watchkeeper.errors import ExplanationError
from watchkeeper.holdout import read_answers
from watchkeeper.requests import request_body
from watchkeeper.spec import InputFormat, ModelSpec, Task

if TYPE_CHECKING:
    import pandas as pd

FUNCTIONS = ("input_fn", "predict_fn", "output_fn", "explain_fn")
_CONTENT = {InputFormat.CSV: "text/csv", InputFormat.JSON: "application/json"}
_DIGITS, _SPREAD = 1e-5, 1e-3
"""How far an answer may be off, of its size and of the spread of all: answers are written with few digits."""


@dataclass(frozen=True)
class ServedModel:
    """A loaded model, and the functions that serve it.

    Attributes
    ----------
    program : the user's script, as a module
    model : what its `model_fn` loaded
    """

    spec: ModelSpec
    program: Any
    model: Any

    def __post_init__(self) -> None:
        missing = [name for name in FUNCTIONS if not callable(getattr(self.program, name, None))]
        if missing:
            raise ExplanationError(
                f"inference.py defines no {', '.join(missing)}: exact values need explain_fn(rows, model), which "
                "returns the fitted estimator and the rows as it takes them, and SageMaker's functions around it."
            )

    def answers(self, rows: Sequence[Row]) -> Floats:
        """What the endpoint would answer, as numbers."""
        kind = _CONTENT[self.spec.input_format]
        answer = self.program.output_fn(self.program.predict_fn(self._read(rows), self.model), kind)
        body = answer[0] if isinstance(answer, tuple) else answer
        text = body if isinstance(body, str) else bytes(body).decode()
        found = scores(read_answers(self.spec, [text], len(rows)))
        if silent := np.count_nonzero(~np.isfinite(found)):
            raise ExplanationError(f"inference.py answers no finite number to {silent} of {len(rows)} rows.")
        return found

    def estimator(self, rows: Sequence[Row]) -> Any:
        """A Pipeline that takes tables of raw values, and ends with the model's own estimator."""
        from sklearn.pipeline import Pipeline
        from sklearn.preprocessing import FunctionTransformer

        found, _ = self._explained(rows)
        before = ("request", FunctionTransformer(self._table))
        return Pipeline([before, *getattr(found, "steps", [("estimator", found)])])

    def _table(self, values: pd.DataFrame) -> Any:
        return self._explained(values.to_numpy(object).tolist())[1]

    def _explained(self, rows: Sequence[Row]) -> tuple[Any, Any]:
        given = self.program.explain_fn(self._read(rows), self.model)
        if not (isinstance(given, tuple) and len(given) == 2):
            raise ExplanationError(
                f"explain_fn returned {type(given).__name__}: return the estimator and the rows as it takes them, as a "
                "tuple of two."
            )
        estimator, table = given
        found = table.shape[0] if hasattr(table, "shape") else len(table)
        if found != len(rows):
            raise ExplanationError(f"explain_fn made {found} rows of {len(rows)}: return every row, in its order.")
        return estimator, table

    def _read(self, rows: Sequence[Row]) -> Any:
        return self.program.input_fn(request_body(self.spec, rows), _CONTENT[self.spec.input_format])


def served_attributions(served: ServedModel, question: Question) -> Attributions:
    """Exact contributions of the profiled features to the answers to a question's rows.

    Raises
    ------
    ExplanationError
        The model cannot be explained exactly, or the estimator is not what answers.
    """
    import pandas as pd

    names = [feature.name for feature in served.spec.features]
    rows, background = (
        pd.DataFrame(list(table), columns=names, dtype=object) for table in (question.rows, question.background)
    )
    answers = served.answers([*question.rows, *question.background])
    estimator = served.estimator(question.rows)
    places = (1,) if served.spec.task is Task.REGRESSION else (1, 0)  # which class is the positive one, its answers say
    for place in places:
        found = exact_attributions(estimator, rows, background, place)
        if (away := _away(found, answers)) <= 1:
            return _without_personal(served.spec, found)
    raise ExplanationError(
        f"What explain_fn returns does not answer as the endpoint does (off by {away:.3g} times what rounding may be): "
        "return the very estimator that predict_fn asks, and the rows as it asks it."
    )


def _away(found: Attributions, answers: Floats) -> float:
    """How far what was explained is from the answers, in units of what rounding may do; those of rows come first."""
    own = probabilities(found.predictions) if found.scale is Scale.LOG_ODDS else found.predictions
    allowed = _DIGITS * np.abs(answers).max() + _SPREAD * max(float(np.ptp(answers)), _DIGITS)
    return float(np.abs(own - answers[: len(own)]).max() / allowed)


def _without_personal(spec: ModelSpec, found: Attributions) -> Attributions:
    """Personal fields are part of no comparison: a model that goes by them is not explained by comparing all fields."""
    personal = np.array([feature.personal for feature in spec.features])
    if np.any(found.values[:, personal]):
        raise ExplanationError(f"The model goes by personal fields, which are never compared. {OTHERWISE}")
    features = tuple(feature.name for feature in spec.profiled_features)
    return replace(found, features=features, values=found.values[:, ~personal], errors=found.errors[:, ~personal])
