"""One prediction explained, as JSON and as text for a terminal."""

from __future__ import annotations

import numpy as np
import pytest

from watchkeeper.attribution import (
    Attributions,
    Explanation,
    PlanSettings,
    Scale,
    attributions,
    bars,
    explanation,
    plan,
    text,
)
from watchkeeper.errors import ExplanationError
from watchkeeper.spec import AttributionMethod, Feature, Kind

FEATURES = (
    Feature("income", Kind.NUMBER),
    Feature("purpose", Kind.CATEGORY),
    Feature("note", Kind.TEXT),
    Feature("opened", Kind.TIMESTAMP),
    Feature("name", Kind.CATEGORY, personal=True),
    Feature("children", Kind.INTEGER),
)
ROW = ("1000", "car", "x" * 60, "2026-11-01T00:00:00Z", "Ada Lovelace", "")
BACKGROUND = [("2000", "house", "", "2026-01-01T00:00:00Z", "", "1"), ("3000", "car", "yes", "2026-06-01", "", "2")]
NAMES = [feature.name for feature in FEATURES]


def answer(row) -> float:
    income, purpose, note, opened, name, children = row
    named = 0.02 if name else 0
    few = 0.04 if children == "" else 0
    return 0.9 - float(income) / 5000 + (0.1 if purpose == "car" else 0) + few + named + 0 * len(note + opened)


def explained(row=ROW, background=BACKGROUND, **named) -> Explanation:
    made = plan(NAMES, [row], background, PlanSettings(pairs=4))
    found = attributions(made, np.array([answer(each) for each in made.requests()]))
    return explanation("a-1", FEATURES, row, found, requests=len(made), **named)


def test_a_prediction_is_its_base_and_the_contributions_of_its_values_largest_first():
    told = explained()

    assert told.prediction == pytest.approx(answer(ROW))
    assert told.base == pytest.approx(np.mean([answer(row) for row in BACKGROUND]))
    assert [each.feature for each in told.contributions[:4]] == ["income", "purpose", "children", "name"]
    np.testing.assert_allclose(
        [each.contribution for each in told.contributions], [0.3, 0.05, 0.04, 0.02, 0, 0], atol=1e-9
    )
    assert told.left == pytest.approx(0, abs=1e-12)


def test_personal_values_are_told_nowhere():
    told = explained()

    assert "Ada" not in text(told) + told.to_json().decode()
    assert "(personal)" in text(told)


def test_json_brings_back_the_same_explanation():
    told = explained(answered=0.85)

    assert Explanation.from_json(told.to_json()) == told
    with pytest.raises(ExplanationError, match="explain the prediction anew"):
        Explanation.from_json(b'{"format": 9}')


def test_the_text_has_a_line_and_a_bar_for_each_of_the_largest_and_one_for_the_rest():
    lines = text(explained(), most=3).split("\n")

    assert lines[0].startswith("prediction 0.86 = 0.45 on average")
    assert "income" in lines[1]
    assert "│██████████" in lines[1]
    assert "missing" in lines[3]
    assert "3 others" in lines[4]
    assert len(lines) == 5


def test_bars_of_what_lowers_the_prediction_go_to_the_left():
    low = explained(row=("5000", *ROW[1:]))

    (first, *_) = bars(low)

    assert first[0] == "income"
    assert first[2].startswith("-")
    assert first[4] == "██████████│"


def test_long_and_nested_values_are_shortened():
    made = plan(["a", "b"], [[list(range(50)), True]], [[[], None]], PlanSettings(pairs=2))
    found = attributions(made, np.arange(len(made), dtype=float))

    told = explanation("x", (Feature("a", Kind.TEXT), Feature("b", Kind.CATEGORY)), [list(range(50)), True], found)

    values = {each.feature: each.value for each in told.contributions}
    assert values["b"] == "true"
    assert values["a"] == "[0, 1, 2, 3, 4, 5, 6, 7…"


@pytest.mark.parametrize(("answered", "warned"), [(None, False), (0.86, False), (0.860004, False), (0.8, True)])
def test_an_answer_that_is_not_the_one_served_is_remarked_on(answered, warned):
    assert ("It was answered" in text(explained(answered=answered))) is warned


def test_a_model_that_refuses_the_rows_cannot_be_explained():
    made = plan(NAMES, [ROW], BACKGROUND, PlanSettings(pairs=2))

    with pytest.raises(ExplanationError, match="gave no finite answer to"):
        explanation("a-1", FEATURES, ROW, attributions(made, np.full(len(made), np.nan)))


def test_attributions_of_several_rows_are_no_explanation_of_one():
    made = plan(NAMES, [ROW, ROW], BACKGROUND, PlanSettings(pairs=2))
    found = attributions(made, np.zeros(len(made)))

    with pytest.raises(ExplanationError, match="one prediction at a time"):
        explanation("a-1", FEATURES, ROW, found)


def test_exact_log_odds_are_told_with_the_answer_that_was_served():
    odds = Attributions(
        tuple(NAMES),
        np.array([[1.5, 0.25, 0, 0, 0, 0]]),
        np.zeros((1, 6)),
        np.array([-0.75]),
        np.array([1.0]),
        Scale.LOG_ODDS,
        method=AttributionMethod.EXACT,
    )
    served = 1 / (1 + np.exp(-1))

    told = explanation("a-1", FEATURES, ROW, odds, answered=round(served, 6))

    lines = text(told).split("\n")
    assert lines[0] == (
        "prediction 0.7311, in log odds 1 = -0.75 on average, and what this row adds (log odds, exact):"
    )
    assert "± 0 " in lines[1]
    assert not lines[-1].startswith("It was answered")
    assert Explanation.from_json(told.to_json()) == told
    assert "It was answered 0.5 when served" in text(explanation("a-1", FEATURES, ROW, odds, answered=0.5))


def test_why_a_prediction_was_sampled_though_exact_values_were_wanted_is_told():
    assert text(explained(because="it has neighbours.")).endswith("Sampled, because it has neighbours.")
