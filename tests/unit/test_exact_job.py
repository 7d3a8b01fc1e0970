"""The job that explains exactly, run as its container runs it: with what is staged for it, and a fitted model."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import tarfile
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import joblib
import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from infra import archives
from tests.support import model_spec
from training_jobs import explain
from watchkeeper.attribution import Importance, Purpose, Question, Scale, attributions
from watchkeeper.attribution.exact import OTHERWISE, exact_attributions
from watchkeeper.attribution.outcome import FILE, ExactOutcome
from watchkeeper.attribution.served import ServedModel, served_attributions
from watchkeeper.config import load
from watchkeeper.errors import ExplanationError
from watchkeeper.spec import AttributionMethod, Feature, InputFormat, Kind, ModelSpec, Task

pytest.importorskip("shap", reason="shap is in the dev group, for Python 3.12 and later")

AT = datetime(2026, 11, 21, 12, tzinfo=UTC)
NAMES = ("a", "b", "c")
SPEC = model_spec(features=tuple(Feature(name, Kind.NUMBER) for name in NAMES))
RANDOM = np.random.default_rng(7)
TABLE = pd.DataFrame(RANDOM.normal(size=(500, 3)).round(6), columns=list(NAMES))
VALUE = TABLE.a - 2 * TABLE.b + 0.5 * TABLE.a * TABLE.b
TRUTH = np.where(VALUE + RANDOM.normal(size=500) > 0, "good", "bad")
SCRIPT = """
import io, json, joblib, pandas as pd

def model_fn(folder):
    return joblib.load(folder + "/model.joblib")

def input_fn(body, kind):
    if "json" in kind:
        return pd.DataFrame(json.loads(body)["instances"])[["a", "b", "c"]].astype(float)
    return pd.read_csv(io.StringIO(body), header=None, names=["a", "b", "c"])

def predict_fn(rows, model):
    if hasattr(model, "predict_proba"):
        return model.predict_proba(rows)[:, list(model.classes_).index("good")]
    return model.predict(rows)

def output_fn(answers, kind):
    if "json" in kind:
        return json.dumps({"predictions": [{"score": answer} for answer in answers.tolist()]}), kind
    return "\\n".join(f"{answer:.6g}" for answer in answers), kind

def explain_fn(rows, model):
    return model, rows
"""


def rows(count: int, start: int = 0) -> tuple[list[str], ...]:
    """Raw values, as CSV requests have them."""
    return tuple([str(value) for value in row] for row in TABLE.iloc[start : start + count].to_numpy().tolist())


def question(count: int = 60, background: int = 120) -> Question:
    return Question(
        Purpose.BASELINE, "v1", "base", AT, AT, rows(count), rows(background, 300), method=AttributionMethod.EXACT
    )


def program(text: str = SCRIPT) -> Any:
    functions: dict[str, Any] = {}
    exec(compile(text, "inference.py", "exec"), functions)
    return SimpleNamespace(**functions)


def served(model: Any, text: str = SCRIPT, spec: ModelSpec = SPEC) -> ServedModel:
    return ServedModel(spec, program(text), model)


def artefact(model: Any, script: str = SCRIPT) -> bytes:
    stream = io.BytesIO()
    joblib.dump(model, stream)
    return archives.packed({Path("model.joblib"): stream.getvalue(), Path("code/inference.py"): script.encode()})


def run(folder: Path, spec: ModelSpec, model: bytes, asked: Question) -> subprocess.CompletedProcess[str]:
    """The job as a container runs it: its source beside it, channels in folders, and nothing else of this project."""
    config = load(archives.ROOT / "models" / "credit-risk.yaml")
    with tarfile.open(archives.stage_explainer(config, folder)) as source:
        source.extractall(folder / "code", filter="data")
    (folder / "code" / "watchkeeper_model" / "model.json").write_text(spec.to_json())
    for name in ("model", "question", "out"):
        (folder / name).mkdir()
    (folder / "model" / "model.tar.gz").write_bytes(model)
    (folder / "question" / "question.json").write_bytes(asked.to_json())
    places = {"SM_CHANNEL_MODEL": "model", "SM_CHANNEL_QUESTION": "question", "SM_MODEL_DIR": "out"}
    outside = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    return subprocess.run(
        [sys.executable, str(folder / "code" / "explain.py")],
        env=outside | {name: str(folder / place) for name, place in places.items()},
        cwd=folder,
        capture_output=True,
        text=True,
    )


def outcome(folder: Path, asked: Question) -> ExactOutcome:
    return ExactOutcome.from_json((folder / "out" / FILE).read_bytes(), NAMES, len(asked.rows))


# --- the whole job ------------------------------------------------------------------------------------------------


def test_the_job_tells_exact_contributions_of_a_linear_model(tmp_path: Path) -> None:
    # given
    model, asked = make_pipeline(StandardScaler(), LogisticRegression()).fit(TABLE, TRUTH), question()
    # when
    done = run(tmp_path, SPEC, artefact(model), asked)
    # then
    assert done.returncode == 0, done.stderr
    found = outcome(tmp_path, asked).found
    assert found is not None
    expected = exact_attributions(model, TABLE.iloc[:60], TABLE.iloc[300:420])
    np.testing.assert_allclose(found.values, expected.values, atol=1e-9)
    np.testing.assert_allclose(found.predictions, expected.predictions, atol=1e-9)
    assert (found.scale, found.method) == (Scale.LOG_ODDS, AttributionMethod.EXACT)
    assert not found.errors.any()


def test_a_refusal_is_an_outcome_too(tmp_path: Path) -> None:
    # given
    asked = question(5)
    # when
    done = run(tmp_path, SPEC, artefact(KNeighborsClassifier().fit(TABLE, TRUTH)), asked)
    # then
    assert done.returncode == 0, done.stderr
    refused = outcome(tmp_path, asked).refused
    assert refused == "KNeighborsClassifier is neither a linear model nor made of trees."
    assert refused in done.stdout


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (('joblib.load(folder + "/model.joblib")', "int('Ada')"), "ValueError in model_fn (inference.py, line 5)"),
        (("return model, rows", "return {}['Ada']"), "KeyError in explain_fn (inference.py, line 23)"),
        (("names=", "nonsense="), "TypeError in input_fn (inference.py, line 10)"),
        (("import io", "import ada"), "ModuleNotFoundError (ada) in <module> (inference.py, line 2)"),
    ],
)
def test_what_the_users_code_raises_ends_the_job_and_is_told_without_what_it_quotes(
    tmp_path: Path, change: tuple[str, str], reason: str
) -> None:
    # given
    assert change[0] in SCRIPT
    model = LogisticRegression().fit(TABLE, TRUTH)
    # when
    done = run(tmp_path, SPEC, artefact(model, SCRIPT.replace(*change)), question(5))
    # then
    assert (done.returncode, done.stderr.strip()) == (1, reason)
    assert "Traceback" in done.stdout
    assert not (tmp_path / "out" / FILE).exists()


def test_the_job_takes_neither_configuration_nor_an_aws_library_along(tmp_path: Path) -> None:
    # given
    config = load(archives.ROOT / "models" / "credit-risk.yaml")
    # when
    with tarfile.open(archives.stage_explainer(config, tmp_path)) as source:
        names = source.getnames()
        requirements = source.extractfile("requirements.txt").read().decode()
    # then
    assert {"explain.py", "watchkeeper/attribution/exact.py", "watchkeeper_model/model.json"} <= set(names)
    assert not [name for name in names if name.startswith(("watchkeeper/aws/", "watchkeeper/config/"))]
    assert f"{requirements.splitlines()[0].partition(';')[0]};" in (archives.ROOT / "pyproject.toml").read_text()


# --- artefacts ----------------------------------------------------------------------------------------------------


def refused(tmp_path: Path, files: Mapping[Path, bytes]) -> str:
    (tmp_path / "model.tar.gz").write_bytes(archives.packed(files))
    return explain.explain(SPEC, question(5), tmp_path / "model.tar.gz", tmp_path / "x").refused


def test_an_artefact_without_code_is_refused(tmp_path: Path) -> None:
    assert "holds no code/inference.py" in refused(tmp_path, {Path("model.joblib"): b""})


def test_an_artefact_that_would_fill_the_disk_is_not_unpacked(tmp_path: Path, monkeypatch: Any) -> None:
    # given
    monkeypatch.setattr(explain, "LARGEST", 1000)
    # then
    assert "holds 1,001 bytes, above 1,000" in refused(tmp_path, {Path("big"): bytes(1001)})
    assert not (tmp_path / "x" / "big").exists()


def test_an_artefact_that_would_leave_its_folder_is_not_unpacked(tmp_path: Path) -> None:
    # then
    with pytest.raises(tarfile.OutsideDestinationError):
        refused(tmp_path, {Path("../escaped"): b"x"})
    assert not (tmp_path / "escaped").exists()


# --- what is explained --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("model", "spec"),
    [
        (RandomForestClassifier(20, max_depth=4, random_state=0).fit(TABLE, TRUTH), SPEC),
        (
            RandomForestRegressor(20, max_depth=4, random_state=0).fit(TABLE, VALUE),
            replace(SPEC, task=Task.REGRESSION),
        ),
        (Ridge().fit(TABLE, VALUE), replace(SPEC, task=Task.REGRESSION)),
    ],
)
def test_exact_and_sampled_contributions_agree_within_standard_errors(model: Any, spec: ModelSpec) -> None:
    # given one prediction, for which many walks are asked
    asked = replace(question(1), purpose=Purpose.EXPLANATION)
    exactly = served_attributions(served(model, spec=spec), asked)
    # when
    made = asked.plan(spec)
    sampled = attributions(made, served(model, spec=spec).answers(list(made.requests())))
    # then
    assert (np.abs(exactly.values - sampled.values) <= 5 * sampled.errors + 1e-5).all()
    assert exactly.scale is sampled.scale
    assert Importance.of(exactly).features == Importance.of(sampled).features


def test_contributions_are_of_the_class_whose_score_is_answered() -> None:
    # given a model that answers the score of its first class
    model = LogisticRegression().fit(TABLE, TRUTH)
    bad = SCRIPT.replace('index("good")', 'index("bad")')
    # when
    good, other = served_attributions(served(model), question(5)), served_attributions(served(model, bad), question(5))
    # then
    np.testing.assert_allclose(good.values, -other.values)


def test_requests_of_json_are_explained_alike() -> None:
    # given
    model = LogisticRegression().fit(TABLE, TRUTH)
    # when
    of_json = served_attributions(served(model, spec=replace(SPEC, input_format=InputFormat.JSON)), question(5))
    # then
    np.testing.assert_allclose(of_json.values, served_attributions(served(model), question(5)).values)


def test_a_feature_that_the_estimator_does_not_see_contributes_nothing() -> None:
    # given
    model = LogisticRegression().fit(TABLE[["a", "b"]], TRUTH)
    script = SCRIPT.replace("predict_proba(rows)", "predict_proba(rows[['a', 'b']])").replace(
        "return model, rows", "return model, rows[['a', 'b']]"
    )
    # when
    found = served_attributions(served(model, script), question(5))
    # then
    assert found.features == NAMES
    assert found.values[:, :2].all()
    assert not found.values[:, 2].any()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("def explain_fn", "def explained_fn"), "defines no explain_fn"),
        (("return model, rows", "return model"), "explain_fn returned LogisticRegression: return the estimator and"),
        (
            ("return model, rows", "return model, rows[1:]"),
            "explain_fn made 4 rows of 5: return every row",
        ),
        (("return model, rows", "return model, rows * 2"), "does not answer as the endpoint does"),
        (("return model, rows", "return model, rows.assign(b=rows.a * rows.b)"), r"several features \(a, b\)"),
        (("{answer:.6g}", "{answer if answer > 0.5 else float('nan')}"), r"no finite number to \d+ of 125 rows"),
    ],
)
def test_what_is_not_what_answers_is_refused(change: tuple[str, str], said: str) -> None:
    # given
    model = LogisticRegression().fit(TABLE, TRUTH)
    assert change[0] in SCRIPT
    # then
    with pytest.raises(ExplanationError, match=said):
        served_attributions(served(model, SCRIPT.replace(*change)), question(5))


def test_personal_fields_are_credited_nothing_and_a_model_that_goes_by_one_is_refused() -> None:
    # given
    spec = replace(SPEC, features=tuple(replace(feature, personal=feature.name == "c") for feature in SPEC.features))
    blind = LogisticRegression().fit(TABLE.assign(c=0.0), TRUTH)
    # then
    assert served_attributions(served(blind, spec=spec), question(5)).features == ("a", "b")
    with pytest.raises(ExplanationError, match="goes by personal fields"):
        served_attributions(served(LogisticRegression().fit(TABLE, TRUTH), spec=spec), question(5))


# --- what is handed over ------------------------------------------------------------------------------------------

TOLD = {"format": 1, "features": NAMES, "scale": "score", "values": [[1, 2, 3]], "base": [0.5], "predictions": [6.5]}


def test_an_outcome_is_read_as_it_was_written() -> None:
    # given
    found = ExactOutcome.from_json(json.dumps(TOLD).encode(), NAMES, 1)
    # then
    again = ExactOutcome.from_json(found.to_json(), NAMES, 1)
    assert again.to_json() == found.to_json()
    assert again.found is not None
    assert again.found.values.tolist() == [[1, 2, 3]]


@pytest.mark.parametrize(
    "change",
    [
        {"format": 2},
        {"features": ["a", "b", "d"]},
        {"scale": "furlongs"},
        {"values": [[1, 2]]},
        {"values": [[1, 2, 3], [1, 2, 3]]},
        {"values": [[1, 2, None]]},
        {"values": [[1, 2, "x"]]},
        {"values": [[1, 2, 1e400]]},
        {"predictions": []},
        {"base": {"a": 1}},
        {"features": None},
    ],
)
def test_what_is_no_outcome_of_these_rows_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(ExplanationError, match="left no outcome that can be read"):
        ExactOutcome.from_json(json.dumps(TOLD | change).encode(), NAMES, 1)


def test_a_reason_of_any_length_is_told_in_few_words() -> None:
    assert len(ExactOutcome.from_json(ExactOutcome(refused="x" * 10_000).to_json(), NAMES, 1).refused) == 600
    assert OTHERWISE.startswith("Explain it by sampling")
