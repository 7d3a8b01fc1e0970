"""A model's YAML file: what is accepted, what is refused, and how the refusal reads."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

import pytest

from watchkeeper.config import ModelConfig, json_schema, load, load_models, parse
from watchkeeper.errors import ConfigError
from watchkeeper.spec import AttributionMethod, Kind, ModelSpec, Strategy

SHORTEST = """\
name: credit-risk
task: binary
endpoint:
  create:
    source: examples/credit
input:
  features:
    age: integer
    home: category
label: defaulted
"""


def problem_of(text: str) -> str:
    with pytest.raises(ConfigError) as caught:
        parse(text, "models/x.yaml")
    return str(caught.value)


def test_the_shortest_valid_file_is_under_twenty_lines_and_gets_every_default() -> None:
    # given
    assert len(SHORTEST.splitlines()) < 20
    # when
    model = parse(SHORTEST, "models/credit.yaml")
    # then
    assert model.monitors.drift.every == timedelta(hours=1)
    assert model.rollout.strategy is Strategy.CANARY
    assert model.gate_metric == "roc_auc"
    assert model.label.positive == "1"


def test_there_is_a_feedback_api_only_where_the_file_asks_for_one() -> None:
    # when
    without, with_one = parse(SHORTEST, "x"), parse(SHORTEST + "labels: {feedback_api: {}}\n", "x")
    # then
    assert without.labels.feedback_api is None
    assert with_one.labels.feedback_api is not None
    assert with_one.labels.feedback_api.auth == "iam"


def test_the_spec_keeps_the_order_of_features_and_survives_json() -> None:
    # given
    spec = parse(SHORTEST, "models/credit.yaml").spec()
    # when
    again = ModelSpec.from_json(spec.to_json())
    # then
    assert again == spec
    assert [(feature.name, feature.kind) for feature in again.features] == [
        ("age", Kind.INTEGER),
        ("home", Kind.CATEGORY),
    ]


def test_a_spec_of_another_version_of_the_library_is_refused_with_the_remedy() -> None:
    # given
    document = json.loads(parse(SHORTEST, "x").spec().to_json()) | {"surprise": 1}
    # when / then
    with pytest.raises(ConfigError, match="Deploy the model's stack again"):
        ModelSpec.from_json(json.dumps(document))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (SHORTEST.replace("credit-risk", "Credit"), "models/x.yaml:1: name: 'Credit' is not lower-case letters"),
        (SHORTEST.replace("binary", "binry"), "models/x.yaml:2: task: 'binry' is not allowed. Use 'binary', 'multi"),
        (SHORTEST.replace("source:", "sorce:"), "models/x.yaml:5: endpoint.create.sorce: is not a known setting. Did"),
        (SHORTEST.replace("source:", "sorce:"), "models/x.yaml:4: endpoint.create.source: is required. Add it."),
        (SHORTEST.replace("age: integer", "age: int"), "models/x.yaml:8: input.features.age: 'int' is not allowed."),
        (SHORTEST.replace("age:", "no:"), "models/x.yaml:8: YAML reads the key 'no' as bool. Put it in quotes."),
        (SHORTEST.replace("label: defaulted", "label: age"), "label 'age' is also a feature: remove it"),
        (SHORTEST + "name: again\n", "models/x.yaml:11: the key 'name' is given twice. Keep one."),
        (
            SHORTEST + "labels: {feedback_api: {auth: jwt}}\n",
            "feedback_api.auth: 'jwt' is not allowed. Use 'iam' or 'key'",
        ),
        (
            SHORTEST + "labels: {feedback_api: {rate: 50000}}\n",
            "feedback_api.rate: 50000 is not allowed: input should be",
        ),
        (
            SHORTEST + "labels: {feedback_api: {burst: 10}}\n",
            "burst (10) is below rate (50): raise burst to at least the",
        ),
        (SHORTEST + "labels: {feedbackapi: {}}\n", "is not a known setting. Did you mean 'feedback_api'?"),
        (SHORTEST + "rollout: {size: 80}\n", "models/x.yaml:11: rollout: size is 80, but a canary takes 1 to 50"),
        (SHORTEST + "rollout: {strategy: linear, size: 5}\n", "a linear step takes 10 to 50 percent"),
        (SHORTEST + "rollout: {wait: 2 hours}\n", "wait is 2 hours, but SageMaker waits at most 1 hour"),
        (SHORTEST + "rollout: {timeout: 5 minutes}\n", "timeout is 5 minutes, but must be 10 minutes to 8 hours"),
        (
            SHORTEST + "rollout: {strategy: linear, size: 10, wait: 30 minutes}\n",
            "timeout is 2 hours, but the waits add up to 305 minutes: raise the timeout",
        ),
        (SHORTEST + "monitors: {drift: {every: 1 minute}}\n", "looks are 5 minutes to 1 day apart"),
        (SHORTEST + "monitors: {performance: {every: 7 days}}\n", "an alarm's period is at most a day"),
        (
            SHORTEST + "monitors: {estimated_performance: {minimum_rows: 20}}\n",
            "monitors.estimated_performance.minimum_rows: 20",
        ),
        (SHORTEST + "labels: {every: 1 minute}\n", "looks are 5 minutes to 1 day apart"),
        (SHORTEST + "labels: {horizon: 36 hours}\n", "give whole days, 1 to 400"),
        (SHORTEST + "monitors: {drift: {every: hourly}}\n", "write a duration as a number and a unit"),
        (SHORTEST + "monitors: {drift: {window: 90 minutes}}\n", "a window is a whole number of hours"),
        (SHORTEST + "alerts: [{email: nobody}]\n", "models/x.yaml:11: alerts.0.email: 'nobody' is not an email"),
        (SHORTEST + "alerts: [{severity: critical}]\n", "name exactly one of email, sqs, https and lambda"),
        (SHORTEST + "retraining: {gate: {metric: rmse}}\n", "'rmse' does not suit a binary model"),
        (SHORTEST.replace("  features:", "  personal: [email]\n  features:"), "personal names 'email', which is not a"),
        ("endpoint: [", "is not valid YAML"),
        ("", "is empty or not a mapping"),
    ],
)
def test_a_mistake_is_reported_with_its_place_value_and_remedy(text: str, expected: str) -> None:
    # when
    problem = problem_of(text)
    # then
    assert expected in problem


def test_all_mistakes_are_reported_at_once() -> None:
    # when
    problem = problem_of(SHORTEST.replace("binary", "binry").replace("integer", "int"))
    # then
    assert len(problem.splitlines()) == 2


def test_retraining_refuses_a_personal_field_which_may_not_leave_the_capture_prefix() -> None:
    # given
    text = SHORTEST.replace("  features:", "  personal: [age]\n  features:")
    # when / then
    assert "retraining cannot use the personal field 'age'" in problem_of(text)
    spec = parse(text + "retraining: {triggers: []}\n", "x").spec()
    assert [feature.name for feature in spec.profiled_features] == ["home"]


def test_an_attached_endpoint_is_monitored_without_code_and_gives_its_capture_prefix() -> None:
    # given
    text = SHORTEST.replace(
        "  create:\n    source: examples/credit",
        "  attach:\n    name: legacy\n    capture: s3://old-bucket/data/capture",
    )
    # when
    model = parse(text + "retraining: {triggers: []}\n", "x")
    # then
    assert model.endpoint_name == "legacy"
    spec = model.spec()
    assert spec.attached is not None
    assert (spec.attached.bucket, spec.attached.prefix) == ("old-bucket", "data/capture/legacy/AllTraffic/")
    assert ModelSpec.from_json(spec.to_json()) == spec
    assert "needs a training script" in problem_of(text)


def test_numbers_are_taken_where_text_is_meant() -> None:
    # when
    model = parse(SHORTEST.replace("label: defaulted", "label: {name: y, positive: 1}"), "x")
    # then
    assert model.label.positive == "1"


CLASSES = SHORTEST.replace("task: binary", "task: multiclass") + "output: {classes: %s}\n"


def test_classes_are_spelled_as_labels_are_in_training_sets() -> None:
    spec = parse(CLASSES % "[ cat , 2, 3.0, dog]", "x").spec()
    assert spec.output.classes == ("cat", "2", "3", "dog")
    assert ModelSpec.from_json(spec.to_json()) == spec


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (CLASSES % "[cat, dog]", "2 classes are named, but 3 to 1000 are possible: leave the list out"),
        (CLASSES % "[cat, dog, cat]", "the class 'cat' is named twice: name every class once"),
        (CLASSES % "[1, 2, 1.0]", "the class '1' is named twice"),
        (CLASSES % "[cat, dog, NA]", "the class 'NA' stands for a missing value"),
        (
            SHORTEST + "output: {classes: [a, b, c]}\n",
            "output.classes are of multiclass models, but this one is binary",
        ),
    ],
)
def test_classes_that_cannot_be_are_refused(text: str, expected: str) -> None:
    assert expected in problem_of(text)


def test_two_models_may_not_share_a_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # given
    monkeypatch.chdir(tmp_path)
    code = tmp_path / "examples" / "credit"
    code.mkdir(parents=True)
    (code / "train.py").touch()
    (code / "inference.py").touch()
    for name in ("a.yaml", "b.yaml"):
        (tmp_path / name).write_text(SHORTEST)
    # when / then
    with pytest.raises(ConfigError, match=r"b\.yaml: name 'credit-risk' is already used in .*a\.yaml"):
        load_models([tmp_path / "a.yaml", tmp_path / "b.yaml"])


def test_a_missing_file_and_a_missing_script_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # given
    monkeypatch.chdir(tmp_path)
    (tmp_path / "m.yaml").write_text(SHORTEST)
    # when / then
    with pytest.raises(ConfigError, match=r"nowhere\.yaml: cannot be read"):
        load("nowhere.yaml")
    with pytest.raises(ConfigError, match=r"m\.yaml: source: 'examples/credit' holds no train\.py"):
        load("m.yaml")


def test_the_shipped_models_are_valid_and_the_schema_for_editors_is_up_to_date() -> None:
    # given
    folder = Path(__file__).parents[2] / "models"
    # when
    models = load_models(sorted(folder.glob("*.yaml")))
    # then
    assert all(isinstance(model, ModelConfig) for model in models)
    assert json.loads((folder / "schema.json").read_text()) == json_schema()


def test_the_documented_example_is_valid_and_shows_the_defaults() -> None:
    # given
    page = (Path(__file__).parents[2] / "docs" / "configuration.md").read_text()
    example = page.split("```yaml\n")[1].split("```")[0]
    # when
    documented = parse(example, "docs/configuration.md")
    plain = parse(SHORTEST, "x")
    # then
    assert documented.monitors == plain.monitors
    assert documented.retraining.gate.maximum_loss == plain.retraining.gate.maximum_loss
    assert documented.rollout == plain.rollout
    assert documented.retention == plain.retention
    assert documented.rollback == plain.rollback
    assert documented.retraining.training == plain.retraining.training


def test_the_readme_model_is_valid() -> None:
    # given
    page = (Path(__file__).parents[2] / "README.md").read_text()
    # when
    model = parse(page.split("```yaml\n")[1].split("```")[0], "README.md")
    # then
    assert model.name == "credit-risk"


def test_a_constraints_file_is_checked_when_it_is_named_and_deployed_with_the_model(tmp_path: Path) -> None:
    # given
    file = tmp_path / "constraints.json"
    section = f"monitors:\n  data_quality:\n    alarm: false\n    missing: 0.2\n    constraints: {file}\n"
    missing = problem_of(SHORTEST + section)
    file.write_text('{"features": [{"name": 3}]}')
    wrong = problem_of(SHORTEST + section)
    file.write_text('{"features": [{"name": "age", "completeness": 1.0}]}')
    # when
    quality = parse(SHORTEST + section, "models/x.yaml").spec().quality
    # then
    assert "constraints.json cannot be read (No such file or directory): name an existing" in missing
    assert "models/x.yaml:15: monitors.data_quality.constraints:" in wrong
    assert "features[0].name is 3, but must be a text" in wrong
    assert (quality.alarms, quality.missing, quality.constraints) == (False, 0.2, file.read_text())


def test_only_a_created_endpoint_with_values_or_two_classes_is_explained_exactly() -> None:
    # given
    exact = SHORTEST + "monitors: {attribution: {method: exact}}\n"
    # then
    assert parse(exact, "x").spec().attribution.method is AttributionMethod.EXACT
    assert parse(SHORTEST, "x").spec().attribution.method is AttributionMethod.SAMPLING
    assert "neither: leave the method out" in problem_of(exact.replace("task: binary", "task: multiclass"))
    attach = "attach:\n    name: theirs\n    capture: s3://theirs/captured"
    assert "the artefact is its owner's" in problem_of(exact.replace("create:", attach))
