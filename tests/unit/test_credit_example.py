"""The worked example: a world that drifts, a script that trains on any table, and faults that hide offline."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from examples.credit import inference, traffic

FOLDER = Path(traffic.__file__).parent


def train(
    folder: Path, table: pd.DataFrame, features: dict[str, str], task: str = "binary", **hyperparameters: str
) -> dict[str, Any]:
    """Run the script as a training container does, and load what it made."""
    (folder / "train").mkdir(parents=True)
    (folder / "schema").mkdir()
    schema = {"task": task, "features": [{"name": name, "kind": kind} for name, kind in features.items()]}
    (folder / "schema" / "schema.json").write_text(json.dumps(schema))
    table.to_csv(folder / "train" / "part-00000.csv", header=False, index=False)
    given = [text for name, value in hyperparameters.items() for text in (f"--{name}", value)]
    environment = os.environ | {
        "SM_CHANNEL_TRAIN": str(folder / "train"),
        "SM_CHANNEL_SCHEMA": str(folder / "schema"),
        "SM_MODEL_DIR": str(folder / "model"),
    }
    command = [sys.executable, str(FOLDER / "train.py"), *given]
    subprocess.run(command, env=environment, check=True, capture_output=True)
    return inference.model_fn(str(folder / "model"))


def answer(model: dict[str, Any], body: str, content_type: str = "text/csv", accept: str = "text/csv") -> str:
    return inference.output_fn(inference.predict_fn(inference.input_fn(body, content_type), model), accept)[0]


def scores(model: dict[str, Any], table: pd.DataFrame, rows_a_request: int) -> np.ndarray:
    lines = [request.body for request in traffic.requests(table, "r")]
    found: list[float] = []
    for start in range(0, len(lines), rows_a_request):
        found += map(float, answer(model, "\n".join(lines[start : start + rows_a_request])).split())
    return np.array(found)


@pytest.fixture(scope="module")
def credit(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    table = traffic.generate(8000, seed=1)[[traffic.LABEL, *traffic.FEATURES]]
    return train(tmp_path_factory.mktemp("credit"), table, traffic.FEATURES)


def test_the_world_is_seeded_and_drifts_in_features_and_in_meaning(credit):
    # given the world as it was, again, and after the shock
    before, again, after = traffic.generate(6000, 2), traffic.generate(6000, 2), traffic.generate(6000, 2, drift=1.0)

    # when compared, and scored by a model of the old world
    old, new = scores(credit, before, 6000), scores(credit, after, 6000)

    # then the same seed gives the same rows; incomes fell, gig work spread, and more default than the model thinks
    pd.testing.assert_frame_equal(before, again)
    assert after["income"].mean() < 0.85 * before["income"].mean()
    assert (after["employment"] == "gig").mean() > 1.5 * (before["employment"] == "gig").mean()
    assert abs(old.mean() - before[traffic.LABEL].mean()) < 0.02
    assert after[traffic.LABEL].mean() > new.mean() + 0.02
    assert 0.015 < before["income"].isna().mean() < 0.025
    with pytest.raises(ValueError, match="drift is 2"):
        traffic.generate(1, 1, drift=2)


def test_requests_hold_the_features_in_order_with_missing_values_empty():
    # given rows; when made into requests
    table = traffic.generate(200, seed=3)
    table.loc[0, "income"] = None
    first = next(traffic.requests(table, "day-1"))

    # then id, body and label are what the row says
    assert first.id == "day-1-000000"
    assert first.body.split(",")[1] == ""
    assert first.body.split(",")[0] == str(table["age"][0])
    assert len(first.body.split(",")) == len(traffic.FEATURES)
    assert first.label == str(table[traffic.LABEL][0])


def test_the_model_ranks_unseen_rows_and_answers_alike_in_csv_and_json(credit):
    # given unseen rows
    table = traffic.generate(4000, seed=5)

    # when scored one by one, in batches, and as JSON objects
    batch, single = scores(credit, table, 4000), scores(credit, table[:20], 1)
    objects = json.loads(table[list(traffic.FEATURES)][:20].to_json(orient="records"))
    body = json.dumps({"instances": objects})
    as_json = json.loads(answer(credit, body, "application/json", "application/json"))["predictions"]

    # then the ranking is useful, and every way gives the same answers
    assert roc_auc_score(table[traffic.LABEL], batch) > 0.7
    np.testing.assert_array_equal(single, batch[:20])
    np.testing.assert_allclose([row["score"] for row in as_json], batch[:20], rtol=1e-5)


def test_the_linear_model_ranks_as_well_and_gives_its_pipeline_with_the_rows_as_it_takes_them(tmp_path, credit):
    # given
    table = traffic.generate(8000, seed=1)[[traffic.LABEL, *traffic.FEATURES]]
    linear = train(tmp_path, table, traffic.FEATURES, model="linear")
    fresh = traffic.generate(2000, seed=5)

    # when
    rows = inference.input_fn("\n".join(request.body for request in traffic.requests(fresh, "r")), "text/csv")
    estimator, prepared = inference.explain_fn(rows, linear)

    # then
    assert roc_auc_score(fresh[traffic.LABEL], scores(linear, fresh, 500)) > 0.7
    np.testing.assert_allclose(estimator.predict_proba(prepared)[:, 1], scores(linear, fresh, 500), atol=1e-6)


def test_a_row_of_the_wrong_length_or_an_unknown_type_is_refused(credit):
    # given such requests; when answered; then the error says what was expected
    with pytest.raises(ValueError, match="2 values, but the model takes 8: age"):
        answer(credit, "1,2")
    with pytest.raises(ValueError, match="image/png"):
        answer(credit, "x", "image/png")


def test_the_artefact_carries_the_code_that_serves_it(tmp_path):
    # given a small table; when trained
    table = traffic.generate(500, seed=1)[[traffic.LABEL, *traffic.FEATURES]]
    train(tmp_path, table, traffic.FEATURES)

    # then model and code lie where the container looks
    assert (tmp_path / "model" / "model.joblib").is_file()
    assert (tmp_path / "model" / "code" / "inference.py").is_file()


@pytest.mark.parametrize("kind", ["trees", "linear"])
@pytest.mark.parametrize("task", ["multiclass", "regression"])
def test_the_same_script_trains_on_other_tables(tmp_path, task, kind):
    # given a table with odd values and a label of another kind
    random = np.random.default_rng(1)
    x, words = random.normal(0, 1, 1500), random.choice(["a", "b", "?"], 1500)
    label = np.where(x > 0.5, "high", np.where(x < -0.5, "low", "mid")) if task == "multiclass" else np.round(3 * x, 3)
    table = pd.DataFrame(
        {"y": label, "x": np.where(random.random(1500) < 0.05, "NA", np.round(x, 4).astype(str)), "kind": words}
    )

    # when trained and asked
    model = train(tmp_path, table, {"x": "number", "kind": "category"}, task=task, model=kind)
    answers = answer(model, "2.0,a\n-2.0,zzz\n,").splitlines()

    # then the answers are of the task's form, and right
    assert len(answers) == 3
    if task == "multiclass":
        assert [line.split(",")[0] for line in answers[:2]] == ["high", "low"]
        assert all(0 < float(line.split(",")[1]) <= 1 for line in answers)
    else:
        assert float(answers[0]) > 3 > -3 > float(answers[1])


@pytest.mark.parametrize(("fault", "rows_a_request", "rows"), [("adaptive", 10, 1500), ("request", 1, 200)])
def test_planted_faults_hide_in_large_batches_and_show_in_production(tmp_path, credit, fault, rows_a_request, rows):
    # given a model trained with a planted fault, and unseen rows
    table = traffic.generate(8000, seed=1)[[traffic.LABEL, *traffic.FEATURES]]
    faulty, unseen = train(tmp_path, table, traffic.FEATURES, standardise=fault), traffic.generate(2000, seed=6)

    # when scored in two large batches, as a transform job does, and then in small requests, as clients do
    good = scores(credit, unseen, 1000)
    offline, live = scores(faulty, unseen, 1000), scores(faulty, unseen[:rows], rows_a_request)

    # then the batches hide the fault, and the requests show it
    late = slice(rows // 2, rows)
    assert np.abs(offline - good).mean() < 0.02
    assert np.abs(live[late] - good[late]).mean() > 0.04
    assert roc_auc_score(unseen[traffic.LABEL], offline) > roc_auc_score(unseen[traffic.LABEL], good) - 0.01
