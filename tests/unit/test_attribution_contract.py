"""The worked example's model, explained through nothing but its requests and answers, as captured."""

from __future__ import annotations

import csv
import io
import json
from typing import Any

import numpy as np
import pytest
from test_credit_example import answer, train

from examples.credit import traffic
from watchkeeper.attribution import Importance, Plan, PlanSettings, attributions, explanation, plan, text
from watchkeeper.spec import Feature, Kind

NAMES = list(traffic.FEATURES)


@pytest.fixture(scope="module")
def credit(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    table = traffic.generate(4000, seed=1)[[traffic.LABEL, *NAMES]]
    return train(tmp_path_factory.mktemp("credit"), table, traffic.FEATURES)


def captured(rows: int, seed: int) -> list[list[str]]:
    """Requests as captures hold them: text."""
    bodies = (request.body for request in traffic.requests(traffic.generate(rows, seed=seed), "r"))
    return list(csv.reader(bodies))


def ask(model: dict[str, Any], made: Plan) -> np.ndarray:
    body = io.StringIO()
    csv.writer(body).writerows(made.requests())
    return np.array(answer(model, body.getvalue()).split(), float)


def test_a_captured_prediction_is_explained_from_the_text_that_was_sent(credit):
    (row,) = captured(1, seed=5)
    made = plan(NAMES, [row], captured(100, seed=6), PlanSettings(pairs=64))

    told = explanation(
        "r-000000",
        [Feature(name, Kind(kind)) for name, kind in traffic.FEATURES.items()],
        row,
        attributions(made, ask(credit, made)),
        answered=float(answer(credit, ",".join(row))),
    )

    assert told.prediction == told.answered
    assert told.left == pytest.approx(0, abs=1e-9)
    assert {each.feature for each in told.contributions} == set(NAMES)
    assert told.contributions[0].feature in text(told)
    assert "It was answered" not in text(told)


def test_csv_and_json_requests_are_explained_alike(credit):
    made = plan(NAMES, captured(2, seed=7), captured(10, seed=8), PlanSettings(pairs=3))
    body = json.dumps({"instances": [dict(zip(NAMES, row, strict=True)) for row in made.requests()]})

    reply = json.loads(answer(credit, body, "application/json", "application/json"))

    scores = np.array([each["score"] for each in reply["predictions"]])
    np.testing.assert_allclose(
        attributions(made, scores).values, attributions(made, ask(credit, made)).values, atol=1e-5
    )


def test_what_the_model_goes_by_is_what_makes_the_example_s_world(credit):
    made = plan(NAMES, captured(80, seed=9), captured(100, seed=10), PlanSettings(pairs=4))

    ranking = Importance.of(attributions(made, ask(credit, made))).ranking()

    assert ranking[0].feature == "debt_to_income"
    assert ranking[0].share_low > 2 * ranking[-1].share_high
