"""`watchkeeper profile`: a profile made elsewhere is the one that captures would have given, and merges with theirs."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from cli.main import main
from cli.project import find_model
from cli.rows import of_model
from watchkeeper.capture import Block, prediction_columns
from watchkeeper.capture.prediction import Prediction
from watchkeeper.profile import Baseline, Binning, Profile
from watchkeeper.table import column, concatenate

MODEL = """\
name: credit
task: binary
endpoint:
  create:
    source: examples/credit
input:
  features: {age: integer, income: number, home: category, note: text, since: timestamp}
label: defaulted
"""


@pytest.fixture
def model(tmp_path: Path) -> Path:
    path = tmp_path / "credit.yaml"
    path.write_text(MODEL)
    return path


def table(seed: int, rows: int = 400) -> pd.DataFrame:
    generator = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "age": generator.integers(18, 80, rows),
            "income": generator.normal(50, 10, rows).round(3),
            "home": generator.choice(["own", "rent", "zuhause 🏠"], rows),
            "note": generator.choice(["", "a word", "some words"], rows),
            "since": [f"2020-01-{day:02d}T10:00:00" for day in generator.integers(1, 29, rows)],
            "score": generator.uniform(size=rows).round(4),
        }
    )


def block(model: Path, rows: pd.DataFrame) -> Block:
    """The rows, read value by value."""
    spec = find_model(str(model)).spec()
    features = {f.name: column(f.kind, [str(value) for value in rows[f.name]]) for f in spec.features}
    answers = [Prediction("positive" if score >= 0.5 else "negative", score) for score in rows["score"]]
    return Block(len(rows), features, prediction_columns(spec.task, answers))


@pytest.fixture
def baseline(model: Path, tmp_path: Path) -> Baseline:
    rows = block(model, table(1, 2000))
    made = Baseline.build(
        "credit", "v1", datetime(2026, 1, 1, tzinfo=UTC), Binning.fit(rows.features, rows.predictions), [rows]
    )
    (tmp_path / "baseline.json").write_bytes(made.to_json())
    return made


def profiled(model: Path, file: Path, *more: str) -> bytes:
    output = file.with_name("profile.json")
    options = ["--model", str(model), "--baseline", str(file.with_name("baseline.json")), "--output", str(output)]
    main(["profile", str(file), *options, *more])
    return output.read_bytes()


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_the_profile_of_a_file_is_that_of_the_same_rows_captured(
    model: Path, baseline: Baseline, tmp_path: Path, suffix: str
) -> None:
    # given
    rows, path = table(2), tmp_path / f"rows.{suffix}"
    rows.to_csv(path, index=False) if suffix == "csv" else rows.to_parquet(path, index=False)
    # when
    profile = baseline.read(profiled(model, path, "--score", "score"))
    # then
    assert profile == baseline.observe(block(model, rows))
    assert profile.merge(profile).rows == 2 * len(rows)


def test_without_predictions_the_features_alone_are_profiled_and_the_key_is_told(
    model: Path, baseline: Baseline, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    # given
    path = tmp_path / "north branch.csv"
    table(2).to_csv(path, index=False)
    # when
    profile = baseline.read(profiled(model, path, "--hour", "2026-11-21T09:40Z"))
    # then
    said = "".join(capsys.readouterr().out.split("\n"))
    assert profile.features["age"].present == 400
    assert profile.predictions["predicted score"].present == 0
    assert f"profiles/credit/{baseline.id}/2026/11/21/09/north-branch.json" in said


def test_noise_changes_counts_leaves_extremes_out_and_says_what_it_guarantees(
    model: Path, baseline: Baseline, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    # given
    path = tmp_path / "rows.csv"
    table(2).to_csv(path, index=False)
    # when
    exact, noised = (
        Profile.from_json(profiled(model, path, *more), baseline.binning) for more in ((), ("--noise", "1"))
    )
    # then
    assert noised != exact
    assert not np.isfinite(noised.extremes).any()
    assert "1-differentially private" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("change", "more", "words"),
    [
        (lambda rows: rows.drop(columns="home"), (), "has no column 'home'"),
        (lambda rows: rows.head(0), (), "holds no rows"),
        (lambda rows: rows, ("--score", "probability"), "has no column 'probability'"),
        (lambda rows: rows, ("--score", "home"), "a score is a number"),
        (lambda rows: rows, ("--hour", "nine"), "--hour 'nine'"),
        (lambda rows: rows, ("--name", "../x"), "--name '../x'"),
        (lambda rows: rows, ("--noise", "0"), "The privacy loss is 0"),
    ],
)
def test_a_mistake_is_named(
    model: Path,
    baseline: Baseline,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    change: object,
    more: tuple[str, ...],
    words: str,
) -> None:
    # given
    assert callable(change)
    path = tmp_path / "rows.csv"
    change(table(2)).to_csv(path, index=False)
    # when
    with pytest.raises(SystemExit) as stopped:
        profiled(model, path, *more)
    # then
    assert stopped.value.code == 2
    assert words in capsys.readouterr().err


def test_a_baseline_of_another_model_is_refused(
    model: Path, baseline: Baseline, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    # given
    model.write_text(MODEL.replace("name: credit", "name: other"))
    path = tmp_path / "rows.csv"
    table(2).to_csv(path, index=False)
    # when
    with pytest.raises(SystemExit):
        profiled(model, path)
    # then
    assert "is a baseline of credit, not of other" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("income", ["1", " 2.5 ", "", "?", "NA", "inf", "-1e308", "1_000", "nan", "text", "+3", "0x10"]),
        ("age", ["1", "2.5", "3.0", "", "inf", "x"]),
        ("home", ["own", " own", "", "None", "3", "3.0", "é"]),
        ("note", ["a", " bb ", "", "?"]),
        ("since", ["2020-01-01", "20200101", "2020-01-01T10:00:00Z", "2020-01-01 10:00", "1600000000", "never", ""]),
    ],
)
def test_odd_values_of_a_file_mean_what_they_mean_one_by_one(
    model: Path, tmp_path: Path, name: str, values: list[str]
) -> None:
    # given a file for every value alone, and one for all: the fast ways must not differ from the slow one
    spec = find_model(str(model)).spec()
    kind = next(f.kind for f in spec.features if f.name == name)
    plain = table(1, 1).astype(object)

    def read(some: list[str]) -> object:
        path = tmp_path / "odd.csv"
        rows = pd.concat([plain] * len(some), ignore_index=True)
        rows[name] = some
        rows.to_csv(path, index=False)
        return concatenate(part.features[name] for part in of_model(path, spec).blocks())

    # when / then
    for some in (values, *([value] for value in values)):
        np.testing.assert_equal(vars(read(some)), vars(column(kind, some)))
