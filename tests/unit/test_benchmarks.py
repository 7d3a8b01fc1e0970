"""What the measurements stand on: drifts do what they say, files hold the same rows, thresholds move rightly."""

from __future__ import annotations

import importlib
import inspect
import sys
from pathlib import Path

import boto3
import numpy as np
import pandas as pd
import pytest
from moto import mock_aws

from benchmarks import __main__ as command
from benchmarks import data, files, model, process
from benchmarks.scale import wide
from benchmarks.scenarios import NONE, SCENARIOS
from benchmarks.speed import ours
from benchmarks.verdicts.judges import Said
from benchmarks.verdicts.rates import any_alert, as_shipped, moved
from watchkeeper import naming
from watchkeeper.aws.store import Store
from watchkeeper.table import CategoryColumn, concatenate

ROWS = 20_000
PARTS = {
    "stack": "benchmarks.stack",
    "speed": "benchmarks.speed.report",
    "scale": "benchmarks.scale.report",
    "verdicts": "benchmarks.verdicts.report",
}


@pytest.fixture(scope="module")
def healthy() -> pd.DataFrame:
    return data.make(ROWS, seed=7)


def test_the_same_seed_makes_the_same_table_and_another_seed_another(healthy):
    assert data.make(ROWS, seed=7).equals(healthy)
    assert not data.make(ROWS, seed=8)["income"].equals(healthy["income"])


@pytest.mark.parametrize(
    ("drift", "size", "changed"),
    [
        ("mean", 0.25, {"credit_score", "income", "score", "label"}),
        ("scale", 0.2, {"credit_score", "income", "score", "label"}),
        ("mix", 0.1, {"purpose", "home", "score", "label"}),
        ("missing", 0.1, {"credit_score", "income", "score"}),
        ("new_category", 0.05, {"purpose", "home"}),
        ("prediction_shift", 0.3, {"score"}),
        ("concept", 1.0, {"label"}),
    ],
)
def test_a_drift_changes_nothing_but_what_it_says(healthy, drift, size, changed):
    drifted = data.make(ROWS, 7, drift, size)

    differing = {name for name in healthy if not drifted[name].astype(object).equals(healthy[name].astype(object))}

    assert differing == changed


def test_a_correlation_drift_leaves_every_feature_as_it_was_and_changes_how_they_go_together(healthy):
    drifted = data.make(ROWS, 7, "correlation", 1.0)

    for name in data.NUMBERS:
        assert np.nanquantile(drifted[name], 0.5) == pytest.approx(np.nanquantile(healthy[name], 0.5), rel=0.1, abs=0.1)
    pair = ["credit_score", "interest_rate"]
    assert healthy[pair].corr().iloc[0, 1] == pytest.approx(-0.6, abs=0.02)
    assert drifted[pair].corr().iloc[0, 1] == pytest.approx(0.1, abs=0.02)


def test_a_label_shift_changes_the_share_of_labels_and_not_what_each_label_looks_like(healthy):
    drifted = data.make(ROWS, 7, "label_shift", 0.3)

    assert len(drifted) == ROWS
    assert drifted["label"].mean() == pytest.approx(1.3 * healthy["label"].mean(), abs=0.015)
    for label in (0, 1):
        means = [table.loc[table["label"] == label, "credit_score"].mean() for table in (healthy, drifted)]
        assert means[0] == pytest.approx(means[1], abs=4)


def test_scenarios_have_names_and_windows_of_their_own():
    assert len({scenario.name for scenario in SCENARIOS}) == len(SCENARIOS)
    firsts = [NONE.window(10, seed=1, number=number)["income"].sum() for number in range(3)]
    firsts += [NONE.window(10, seed=2, number=0)["income"].sum()]
    assert len(set(firsts)) == len(firsts)


def test_captures_and_parquet_hold_the_same_rows(tmp_path: Path):
    table, spec = data.make(3_000, 3, "missing", 0.2), model.spec()
    files.write_parquet(table, tmp_path / "rows.parquet")
    files.write_capture(table, tmp_path / "rows.jsonl", seed=1)

    read = {name: list(ours.read(tmp_path / f"rows.{name}", spec)) for name in ("parquet", "jsonl")}

    assert not [line for block in read["jsonl"] for line in block.unreadable]
    for group in ("features", "predictions"):
        for name in getattr(read["parquet"][0], group):
            first, second = (concatenate([getattr(block, group)[name] for block in read[kind]]) for kind in read)
            if isinstance(first, CategoryColumn):
                assert first.values == second.values
            else:
                assert np.array_equal(first.values, second.values, equal_nan=True)


def test_moved_thresholds_raise_alerts_on_the_share_they_were_moved_to_even_beside_a_column_that_always_alerts():
    rng = np.random.default_rng(0)

    def said(shift: float) -> Said:
        distances = pd.DataFrame({"quiet": rng.normal(shift, 1, 2_000), "loud": rng.normal(1_000, 1, 2_000)})
        return Said(distances, distances > 100)

    rule = moved(said(0), alpha=0.01)

    assert any_alert([said(0)], [as_shipped]) == 1
    assert any_alert([said(0)], [rule]) == pytest.approx(0.01, abs=0.007)
    assert any_alert([said(6)], [rule], ignored=frozenset({"loud"})) > 0.95


def test_a_child_costs_what_it_used_and_not_what_others_did():
    heavy = "data = bytearray(200 << 20); total = sum(range(3_000_000))"

    idle, busy = (process.run([sys.executable, "-S", "-c", code]).cost for code in ("pass", heavy))

    assert busy.peak_mb > idle.peak_mb + 190


def test_a_child_that_fails_is_told_with_its_last_words():
    with pytest.raises(process.ChildFailed, match="no such thing"):
        process.run([sys.executable, "-c", "raise SystemExit('no such thing')"])


@pytest.mark.parametrize(("part", "module"), PARTS.items())
def test_each_part_is_measured_by_its_command_and_written(
    part: str, module: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # given a measurement that takes what the part's own does
    own = inspect.signature(importlib.import_module(module).measure)
    monkeypatch.setattr(f"{module}.measure", lambda *args, **named: f"{part}: {len(own.bind(*args, **named).args)}\n")
    monkeypatch.setattr(command, "HERE", tmp_path)
    monkeypatch.setattr("sys.argv", ["benchmarks", part])

    # when the command is run
    command.main()

    # then its text is where the documentation expects it
    assert (tmp_path / f"results-{part}.md").read_text() == f"{part}: {len(own.parameters)}\n"


@mock_aws
def test_the_slopes_are_measured_on_what_functions_do(monkeypatch: pytest.MonkeyPatch) -> None:
    # given few rows of a model twice as wide, and a bucket
    for name, value in {"REFERENCE_ROWS": 400, "PARTS": 3, "SMALL_OBJECTS": 2}.items():
        monkeypatch.setattr(wide, name, value)
    client = boto3.client("s3", region_name="us-east-1")
    client.create_bucket(Bucket=wide.BUCKET)
    spec = wide.wide_spec(2)
    baseline = wide._baseline(spec, 2)

    # when measured; then all captured rows are in the profile, and each object's was stored
    profile = wide._profiled(spec, baseline, wide.capture(50, 2, seed=3))
    assert (profile.rows, profile.unreadable) == (50, 0)
    store = Store(client, wide.BUCKET)
    assert wide._through_s3(store, spec, baseline, profile.to_json()).keys() == {"object", "part", "hour"}
    assert len(list(store.keys(naming.profiles_prefix(spec.name)))) == 3 + 3
