"""`watchkeeper constraints`: files in, files out."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest

from cli.main import main
from tests.support import capture_record
from tests.unit.looking import raw
from watchkeeper.modelmonitor import Constraints, Statistics, Violations

MODEL = """\
name: credit
task: binary
endpoint:
  create:
    source: examples/credit
input:
  features: {age: integer, income: number, home: category, note: text, since: timestamp}
label: defaulted
baseline:
  data: %s
"""


@pytest.fixture
def model(tmp_path: Path) -> Path:
    table(tmp_path / "train.csv", 3000, seed=1)
    (tmp_path / "credit.yaml").write_text(MODEL % (tmp_path / "train.csv"))
    return tmp_path / "credit.yaml"


def table(path: Path, rows: int, seed: int, **changes: object) -> Path:
    frame = pd.DataFrame(raw(rows, seed, **changes))
    frame.to_parquet(path) if path.suffix == ".parquet" else frame.to_csv(path, index=False)
    return path


def run(*arguments: object) -> int:
    """Exit status of the command."""
    try:
        main(["constraints", *map(str, arguments)])
    except SystemExit as stop:
        return int(stop.code or 0)
    return 0


def violations(folder: Path) -> list[tuple[str | None, str]]:
    found = Violations.from_json((folder / "constraint_violations.json").read_bytes()).violations
    return [(violation.feature_name, violation.check_type) for violation in found]


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_what_is_suggested_for_a_file_is_satisfied_by_its_like_and_broken_by_faults(
    model: Path, suffix: str, capsys: pytest.CaptureFixture[str]
) -> None:
    # given
    folder = model.parent
    assert run("suggest", model, "--output", folder) == 0
    Statistics.from_json((folder / "statistics.json").read_bytes())
    good = table(folder / f"good{suffix}", 800, seed=2)
    bad = table(folder / f"bad{suffix}", 800, seed=3, income=[None] * 100, home=["hut"] * 5)
    file = folder / "constraints.json"
    # then
    assert run("check", model, "--data", good, "--constraints", file, "--output", folder) == 0
    assert violations(folder) == []
    assert run("check", model, "--data", bad, "--constraints", file, "--output", folder / "out") == 1
    assert violations(folder / "out") == [("income", "completeness_check"), ("home", "categorical_values_check")]
    assert "2 violations" in capsys.readouterr().out


def test_a_statistics_file_takes_the_place_of_the_baselines_data(model: Path) -> None:
    # given
    folder = model.parent
    run("suggest", model, "--output", folder)
    (folder / "train.csv").unlink()
    moved = table(folder / "moved.csv", 800, seed=2, home="own")
    files = ("--constraints", folder / "constraints.json", "--statistics", folder / "statistics.json")
    # then
    assert run("check", model, "--data", moved, *files, "--output", folder / "out") == 1
    assert violations(folder / "out") == [("home", "baseline_drift_check")]


def test_missing_and_extra_columns_of_a_file_are_told(model: Path) -> None:
    # given
    folder = model.parent
    run("suggest", model, "--output", folder)
    frame = pd.read_csv(table(folder / "odd.csv", 800, seed=2)).drop(columns="home").assign(shoe_size=42)
    frame.to_csv(folder / "odd.csv", index=False)
    # when
    run("check", model, "--data", folder / "odd.csv", "--constraints", folder / "constraints.json", "--output", folder)
    # then
    assert violations(folder) == [("Missing columns", "missing_column_check"), ("Extra columns", "extra_column_check")]


def test_captures_are_checked_like_tables(model: Path) -> None:
    # given
    folder = model.parent
    run("suggest", model, "--output", folder)
    rows = zip(*raw(400, seed=2).values(), strict=True)
    lines = [capture_record(",".join(map(str, row)), "0.5") for row in rows]
    (folder / "capture.jsonl").write_bytes(b"\n".join(lines))
    file = folder / "constraints.json"
    # then
    assert run("check", model, "--data", folder / "capture.jsonl", "--constraints", file, "--output", folder) == 0
    assert json.loads((folder / "statistics.json").read_bytes())["dataset"]["item_count"] == 400


def test_unknown_keys_of_captured_json_are_extra_columns(model: Path) -> None:
    # given
    folder = model.parent
    run("suggest", model, "--output", folder)
    made = raw(400, seed=2)
    rows = [dict(zip(made, row, strict=True)) | {"shoe_size": 42} for row in zip(*made.values(), strict=True)]
    lines = [capture_record(json.dumps([row]), "0.5", encoding="JSON") for row in rows]
    (folder / "capture.jsonl").write_bytes(b"\n".join(lines))
    # when
    file = folder / "constraints.json"
    run("check", model, "--data", folder / "capture.jsonl", "--constraints", file, "--output", folder)
    # then
    assert violations(folder) == [("Extra columns", "extra_column_check")]


def test_the_models_own_constraints_are_the_default(model: Path) -> None:
    # given
    folder = model.parent
    run("suggest", model, "--output", folder)
    setting = f"monitors:\n  data_quality:\n    constraints: {folder / 'constraints.json'}\n"
    model.write_text(model.read_text() + setting)
    # then
    assert run("check", model, "--data", folder / "train.csv", "--output", folder) == 0
    assert Constraints.from_json((folder / "constraints.json").read_bytes()).features


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--data", "train.csv"), "has no constraints"),
        (("--data", "nowhere.csv", "--constraints", "constraints.json"), "cannot be read"),
        (("--data", "train.csv", "--constraints", "nowhere.json"), "nowhere.json: cannot be read"),
        (("--data", "other.csv", "--constraints", "constraints.json"), "has none of the model's features"),
        (("--data", "empty.jsonl", "--constraints", "constraints.json"), "holds no row"),
        (("--data", "train.csv", "--constraints", "train.csv"), "train.csv is not JSON"),
    ],
)
def test_mistakes_are_told_with_their_place(
    model: Path, arguments: tuple[str, ...], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    # given
    folder = model.parent
    run("suggest", model, "--output", folder)
    (folder / "empty.jsonl").write_bytes(b"")
    (folder / "other.csv").write_text("a,b\n1,2\n")
    placed = [word if word.startswith("--") else folder / word for word in arguments]
    # then
    assert run("check", model, *placed, "--output", folder) == 2
    assert words in capsys.readouterr().err
