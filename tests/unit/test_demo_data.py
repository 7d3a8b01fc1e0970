"""A user's own file as a demo: what is inferred from it, and how its rows become traffic."""

from __future__ import annotations

import argparse
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml

from cli.demo import command, own_data
from cli.demo.stage import Stage
from cli.demo.traffic import Traffic
from cli.demo.world import FileWorld, ReplayWorld
from cli.first_version import read_table
from cli.main import parser
from infra.archives import pack
from watchkeeper.config import load, parse
from watchkeeper.errors import DatasetError

LIKE = {"name": "x", "task": "binary", "endpoint": {"create": {"source": "examples/credit"}}}


def table(rows: int = 200) -> pd.DataFrame:
    generator = np.random.default_rng(3)
    income = generator.normal(3000, 500, rows).round(2)
    return pd.DataFrame(
        {
            "id": [f"row-{number}" for number in range(rows)],
            "age": generator.integers(18, 80, rows),
            "income": income,
            "home": generator.choice(["rent", "own"], rows),
            "country": "NL",
            "late": np.where(income < 2800, "yes", "no"),
        }
    )


def test_a_file_is_described_by_its_columns_without_ids_and_constants() -> None:
    # when
    document = yaml.safe_load(own_data.describe(table(), "late", Path("My loans 2026.csv"), LIKE))
    # then
    assert document["name"] == "my-my-loans-2026"
    assert document["task"] == "binary"
    assert document["label"] == {"name": "late", "positive": "yes"}
    assert document["input"]["features"] == {"age": "integer", "income": "number", "home": "category"}
    assert parse(yaml.safe_dump(document), "x").name == "my-my-loans-2026"


@pytest.mark.parametrize(
    ("labels", "task"),
    [([0, 1] * 100, "binary"), (["a", "b", "c", "d"] * 50, "multiclass"), (np.linspace(0, 1, 200), "regression")],
)
def test_the_task_follows_from_the_label(labels: Any, task: str) -> None:
    # given
    rows = table().assign(late=labels)
    # when
    document = yaml.safe_load(own_data.describe(rows, "late", Path("x.csv"), LIKE))
    # then
    assert document["task"] == task


def test_a_missing_label_column_is_named_with_those_there_are() -> None:
    # when / then
    with pytest.raises(DatasetError, match=r"no column 'target'\. Its columns: id, age"):
        own_data.describe(table(), "target", Path("x.csv"), LIKE)


def test_a_label_of_one_value_is_refused() -> None:
    # when / then
    with pytest.raises(DatasetError, match="nothing to predict"):
        own_data.describe(table().assign(late="no"), "late", Path("x.csv"), LIKE)


def test_spaces_and_question_marks_are_read_as_people_mean_them(tmp_path: Path) -> None:
    # given
    (tmp_path / "adult.csv").write_text("age,work,income\n39, Private, <=50K\n?, ?, >50K\n")
    # when
    rows = own_data.read(tmp_path / "adult.csv")
    # then
    assert rows["work"].tolist()[0] == "Private"
    assert rows.isna().sum().to_dict() == {"age": 1, "work": 1, "income": 0}
    # and it is said, but of cells that are empty anyway
    assert own_data.missing_words(tmp_path / "adult.csv") == ["2 cells hold '?': read as missing"]


def test_shuffled_traffic_is_like_the_baseline_until_the_most_telling_feature_is_moved() -> None:
    # given
    world = FileWorld(table(2000), "late")
    before = world.rows(500)
    # when
    world.drift()
    after = world.rows(500)
    # then
    assert "income moved by one standard deviation" in world.change
    assert abs(before["income"].mean() - world.baseline()["income"].mean()) < 150
    assert after["income"].mean() - before["income"].mean() > 300


def test_traffic_in_order_is_the_rest_of_the_file_as_it_is_and_ends() -> None:
    # given
    world = ReplayWorld.halves(table(100))
    # when
    world.drift()
    rows = world.rows(30)
    # then
    assert rows["id"].tolist() == [f"row-{number}" for number in range(50, 80)]
    assert world.left == 20
    assert len(world.rows(30)) == 20
    assert (world.left, len(world.rows(30))) == (0, 0)
    assert len(world.baseline()) == 50


def options(folder: Path, *words: str) -> argparse.Namespace:
    table().to_csv(folder / "loans.csv", index=False)
    return parser().parse_args(["demo", "--data", str(folder / "loans.csv"), "--label", "late", *words])


def test_rows_in_order_get_windows_in_which_their_labels_come(tmp_path: Path) -> None:
    # when
    told = command._own(options(tmp_path, "--in-order", "--label-delay", "36"), tmp_path)
    # then
    assert isinstance(told.world, ReplayWorld)
    assert told.script.label_delay == timedelta(hours=36)
    spec = load(told.model_file).spec()
    assert spec.performance.window_hours == 48
    assert (spec.quality.gap_hours, spec.quality.lag_hours) == (0, 0)  # a file that ends is no fault


def test_labels_of_another_spelling_are_refused_with_what_to_write(tmp_path: Path) -> None:
    # given
    later = table().assign(late=lambda rows: rows["late"] + ".")
    later.to_csv(tmp_path / "later.csv", index=False)
    # when / then
    with pytest.raises(DatasetError, match=r"holds 'no\.', which the baseline never has; .*write 'no' for 'no\.', and"):
        command._own(options(tmp_path, "--traffic", str(tmp_path / "later.csv")), tmp_path)


def test_options_for_own_data_are_refused_without_it() -> None:
    # given
    given = parser().parse_args(["demo", "--in-order"])
    # when / then
    with pytest.raises(DatasetError, match="--in-order is for data of your own"):
        command._example(given)


class FakeRuntime:
    def __init__(self) -> None:
        self.requests: list[dict[str, Any]] = []

    def invoke_endpoint(self, **request: Any) -> None:
        self.requests.append(request)


class FakeS3:
    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}

    def put_object(self, Bucket: str, Key: str, Body: bytes) -> None:
        self.objects[Key] = Body


def test_requests_hold_ten_rows_and_their_labels_come_under_the_same_id() -> None:
    # given
    model = parse(own_data.describe(table(), "late", Path("x.csv"), LIKE), "x")
    runtime, s3 = FakeRuntime(), FakeS3()
    traffic = Traffic(model, runtime, s3, "bucket")
    rows = table(25)
    rows.loc[0, "income"] = np.nan
    # when
    traffic.send(rows)
    labelled = traffic.hand_in_labels(pd.Timestamp("2026-11-21T09:30Z").to_pydatetime())
    # then
    assert [request["Body"].count(b"\n") + 1 for request in runtime.requests] == [10, 10, 5]
    age, home = rows["age"][0], rows["home"][0]
    assert runtime.requests[0]["Body"].splitlines()[0].decode() == f"{age},,{home}"
    assert labelled == 25
    (key, body), *_ = s3.objects.items()
    assert key.startswith("labels/my-x/2026/11/21/09/")
    first = json.loads(body.splitlines()[0])
    assert first["eventMetadata"]["eventId"] == runtime.requests[0]["InferenceId"]
    assert first["groundTruthData"]["data"].split("\n") == rows["late"][:10].tolist()


class FakeCloud:
    """A clock that is moved, and no more."""

    def __init__(self) -> None:
        self.at = datetime(2026, 11, 21, 8, tzinfo=UTC)

    def now(self) -> datetime:
        return self.at

    def advance(self, length: timedelta) -> None:
        self.at += length


def test_labels_that_come_late_come_hour_by_hour_each_so_long_after_its_request() -> None:
    # given two hours of traffic, of 30 rows each, whose labels come three hours later
    model = parse(own_data.describe(table(), "late", Path("x.csv"), LIKE), "x")
    s3 = FakeS3()
    world, late = ReplayWorld.halves(table(120)), timedelta(hours=3)
    stage = Stage(FakeCloud(), model, world, 30, late)  # type: ignore[arg-type]  # a fake
    stage.traffic = Traffic(model, FakeRuntime(), s3, "bucket")
    # when
    handed_in = []
    for _ in range(6):
        stage.hours(1)
        handed_in.append(stage.traffic.labelled)
    # then those of the very first requests, at 8, are due at 11, and the last, at 9.50, by 13
    assert handed_in == [0, 0, 5, 35, 60, 60]
    assert [key.split("/")[5] for key in s3.objects] == ["11", "12", "13"]
    assert stage.traffic.unlabelled == {}


def test_training_data_that_does_not_fit_the_model_is_refused_with_the_value(tmp_path: Path) -> None:
    # given
    model = parse(own_data.describe(table(), "late", Path("x.csv"), LIKE), "x")
    rows = table().astype({"income": object})
    rows.loc[3, "income"] = "a lot"
    rows.to_csv(tmp_path / "x.csv", index=False)
    # when / then
    with pytest.raises(DatasetError, match="column 'income' holds 'a lot', but the model's file calls it number"):
        read_table(tmp_path / "x.csv", model)


def test_packing_a_folder_twice_gives_the_same_bytes(tmp_path: Path) -> None:
    # given
    (tmp_path / "code").mkdir()
    (tmp_path / "code" / "inference.py").write_text("x = 1\n")
    (tmp_path / "model.joblib").write_bytes(b"model")
    # when
    archives = {pack(tmp_path) for _ in range(2)}
    # then
    assert len(archives) == 1
