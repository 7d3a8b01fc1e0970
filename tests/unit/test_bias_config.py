"""What a model's file says of bias: whom it is about, what is derived, what is refused, and how the refusal reads."""

from __future__ import annotations

import pytest

from watchkeeper.bias import (
    BINARY,
    BINARY_REVERSED,
    BiasSettings,
    Positive,
    Sensitive,
    bias_settings,
    favourable,
    group_settings,
)
from watchkeeper.config import parse
from watchkeeper.errors import ConfigError
from watchkeeper.spec import BiasMonitor, ModelSpec

FILE = """\
name: credit-risk
task: {task}
endpoint: {{create: {{source: examples/credit}}}}
input:
  sensitive: {sensitive}
  personal: {personal}
  features: {{age: integer, income: number, gender: category, race: category, note: text}}
label: {{name: defaulted, positive: "1"}}
retraining: {{triggers: []}}
monitors: {{bias: {bias}}}
"""


def file(bias: str = "{}", sensitive: str = "[gender, race]", personal: str = "[]", task: str = "binary") -> str:
    return FILE.format(bias=bias, sensitive=sensitive, personal=personal, task=task)


def model(*parts: str, **more: str) -> ModelSpec:
    return parse(file(*parts, **more), "models/x.yaml").spec()


def monitor(*parts: str, **more: str) -> BiasMonitor:
    found = model(*parts, **more).bias
    assert found is not None
    return found


def problem(*parts: str, **more: str) -> str:
    with pytest.raises(ConfigError) as caught:
        parse(file(*parts, **more), "models/x.yaml")
    return str(caught.value)


def test_sensitive_categories_are_watched_without_a_word_more() -> None:
    # when
    spec = model()
    found = spec.bias
    assert found is not None
    # then
    settings = group_settings(found, spec.task)
    assert settings.sensitive == (Sensitive("gender"), Sensitive("race"))
    assert settings.pairs == (("gender", "race"),)
    assert settings.positive == BINARY
    assert favourable(found, spec.task, spec.label) == "defaulted is 1"
    assert ModelSpec.from_json(spec.to_json()) == spec
    # and the file's defaults are the library's, but for the budget of false alarms, which two questions share
    judged = bias_settings(found)
    assert judged == BiasSettings(alpha=judged.alpha)
    assert judged.alpha == pytest.approx(24 / 730 / 2)


@pytest.mark.parametrize("sensitive", ["[]", "[gender]"])
def test_nobody_is_watched_where_nobody_is_named(sensitive: str) -> None:
    # given
    bias = "{}" if sensitive == "[]" else "{attributes: []}"
    # then
    assert model(bias, sensitive=sensitive).bias is None


def test_everything_can_be_said() -> None:
    # when
    spec = model(
        "{favourable: negative, attributes: [gender, {name: age, cuts: [25, 60], favoured: [25 to under 60]}], "
        "intersections: [], conditioned_on: race, minimum_rows: 50, every: 6 hours, window: 30 days, "
        "tolerated: {ratio: 0.9}, change: {share: 0.02}}",
        sensitive="[age, gender]",
    )
    found = spec.bias
    assert found is not None
    # then
    settings = group_settings(found, spec.task)
    assert settings.sensitive[1] == Sensitive("age", (25.0, 60.0), ("25 to under 60",))
    assert (settings.pairs, settings.stratum, settings.positive) == ((), Sensitive("race"), BINARY_REVERSED)
    assert favourable(found, spec.task, spec.label) == "defaulted is not 1"
    judged = bias_settings(found, dispersion=2.0)
    assert (judged.tolerated.ratio, judged.tolerated.share, judged.change.share) == (0.9, 0.1, 0.02)
    assert (judged.change.ratio, judged.minimum_rows, judged.dispersion) == (0.9, 50, 2.0)
    assert (found.schedule, found.window_hours) == ("rate(6 hours)", 720)


def test_the_favourable_outcome_of_other_tasks_must_be_named() -> None:
    # given
    classes = model("{favourable: [gold, silver]}", task="multiclass")
    values = model("{favourable_from: 700}", task="regression")
    assert classes.bias is not None
    assert values.bias is not None
    # then
    assert group_settings(classes.bias, classes.task).positive == Positive.classes("gold", "silver")
    assert group_settings(values.bias, values.task).positive == Positive.at_least(700)
    assert favourable(classes.bias, classes.task, classes.label) == "defaulted is gold or silver"
    assert favourable(values.bias, values.task, values.label) == "defaulted is 700 or more"


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"sensitive": "[age]"}, "'age' is of the kind integer, and nothing says where one group ends"),
        ({"sensitive": "[age]"}, "write '- {name: age, cuts: [25, 60]}' with cut points of your own under monitors.bi"),
        (
            {"sensitive": "[note]"},
            "'note' is of the kind text, which makes no groups of people: name a category or a number",
        ),
        ({"personal": "[race]"}, "names 'race', of which nothing may be counted, for it is personal: take it from inp"),
        ({"bias": "{attributes: [age]}"}, "names 'age', which input.sensitive does not: add it there"),
        ({"bias": "{attributes: [sex]}"}, "names 'sex', which is not a feature: correct the name, or add it to input"),
        ({"bias": "{attributes: [race, race]}"}, "monitors.bias.attributes names 'race' twice: name it once"),
        (
            {"bias": "{attributes: [{name: race, cuts: [1]}]}"},
            "'race' is of the kind category, and has the cut points [1.0]: l",
        ),
        ({"bias": "{attributes: [{name: race, cut: [1]}]}"}, "is not a known setting. Did you mean 'cuts'?"),
        (
            {"bias": "{attributes: [{name: age, cuts: [60, 25]}]}", "sensitive": "[age]"},
            "with the cut points [60.0, 25.0]: give each once, in ascending order",
        ),
        (
            {"bias": "{attributes: [{name: age, cuts: [60], favoured: [young]}]}", "sensitive": "[age]"},
            "without a group 'young', which is to be favoured: its groups are 'under 60', '60 and over'",
        ),
        ({"bias": "{intersections: [[race, age]]}"}, "has the pair ['race', 'age']: name two of the attributes 'gen"),
        ({"bias": "{intersections: [[race, race]]}"}, "has the pair ['race', 'race']"),
        ({"bias": "{conditioned_on: race}"}, "conditioned_on is 'race', whose groups are compared: choose another"),
        ({"bias": "{conditioned_on: note}"}, "conditioned_on is 'note', a text: name a category or a number"),
        ({"bias": "{conditioned_on: job}"}, "conditioned_on names 'job', which is not a feature"),
        ({"bias": "{favourable: good}"}, "monitors.bias.favourable is 'good': write 'positive' or 'negative'"),
        ({"bias": "{favourable_from: 3}"}, "favourable_from is 3.0, but the task is binary: leave it out"),
        ({"task": "multiclass"}, "favourable is missing: list the labels that people would wish for"),
        ({"task": "regression"}, "favourable_from is None, but the task is regression: give the value from which on"),
        (
            {"task": "regression", "bias": "{favourable: a, favourable_from: 3}"},
            "favourable is 'a', but values have no labels: leave it out",
        ),
        ({"bias": "{tolerated: {share: 0}}"}, "monitors.bias.tolerated.share: 0 is not allowed"),
        ({"bias": "{every: 7 days}"}, "looks are 5 minutes to 1 day apart"),
    ],
)
def test_what_cannot_be_watched_is_refused_with_its_place_value_and_remedy(
    changes: dict[str, str], expected: str
) -> None:
    assert expected in problem(**changes)
