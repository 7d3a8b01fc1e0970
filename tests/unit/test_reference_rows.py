"""The rows of a baseline: requests beside their answers, cut into stretches of equal length, and nothing left out."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from moto import mock_aws

from tests.support import model_spec
from watchkeeper import naming
from watchkeeper.aws import deployed, reference
from watchkeeper.aws.reference import Run
from watchkeeper.aws.reference import Task as Rows
from watchkeeper.capture import PREDICTED_LABEL, PREDICTED_SCORE
from watchkeeper.errors import DatasetError
from watchkeeper.outcomes import Labelled
from watchkeeper.spec import Output, Task

PREFIX = naming.run_prefix("credit", "r1")
RUN = Run("data", "r1", "s3://data/transform/")


@pytest.fixture
def s3(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    deployed.client.cache_clear()
    with mock_aws():
        client = boto3.client("s3")
        client.create_bucket(Bucket="data")
        yield client
    deployed.client.cache_clear()


def put(s3: Any, key: str, lines: list[str]) -> None:
    s3.put_object(Bucket="data", Key=key, Body="".join(f"{line}\n" for line in lines).encode())


def put_holdout(s3: Any, name: str, rows: int, answers: int | None = None) -> None:
    put(s3, f"{PREFIX}holdout/features/{name}", [f"{20 + row},{row}.5,rent" for row in range(rows)])
    told = rows if answers is None else answers
    put(s3, f"transform/{name}.out", [f"{row / 100}" for row in range(told)])


def test_the_holdout_s_files_come_in_order_with_their_answers(s3: Any):
    # given
    for name in ("part-00001.csv", "part-00000.csv"):
        put_holdout(s3, name, 2)
    # when
    tasks = RUN.holdout(model_spec())
    # then
    pairs = [(task.requests.rpartition("/")[2], task.answers) for task in tasks]
    assert pairs == [
        ("part-00000.csv", "s3://data/transform/part-00000.csv.out"),
        ("part-00001.csv", "s3://data/transform/part-00001.csv.out"),
    ]


@pytest.mark.parametrize("at_once", [1, 3, 100])
def test_stretches_go_on_from_file_to_file(s3: Any, monkeypatch: pytest.MonkeyPatch, at_once: int):
    # given a file of ten rows behind one of seven
    monkeypatch.setattr(reference, "LINES_AT_ONCE", at_once)
    put_holdout(s3, "part-00001.csv", 10)
    (task,) = RUN.holdout(model_spec())
    # when it is cut into stretches of four rows
    found: dict[int, int] = {}
    for number, block in reference.stretches(model_spec(), task, 7, 4):
        found[number] = found.get(number, 0) + block.rows
        assert len(block.predictions[PREDICTED_SCORE]) == block.rows
    # then the first holds what the file before left room for
    assert found == {1: 1, 2: 4, 3: 4, 4: 1}


@pytest.mark.parametrize("answers", [4, 6])
def test_a_request_without_an_answer_is_refused_with_its_file(s3: Any, answers: int):
    # given
    put_holdout(s3, "part-00000.csv", 5, answers)
    (task,) = RUN.holdout(model_spec())
    # when / then
    with pytest.raises(DatasetError, match=r"1 lines of s3://data/.*part-00000\.csv with its answers"):
        list(reference.blocks(model_spec(), task))


def test_a_file_that_the_model_did_not_answer_is_named(s3: Any):
    # given
    put(s3, f"{PREFIX}holdout/features/part-00000.csv", ["1,2,rent"])
    # when / then
    with pytest.raises(DatasetError, match=r"part-00000\.csv has no answers"):
        RUN.holdout(model_spec())


def test_training_rows_are_read_behind_their_labels_in_pieces(s3: Any):
    # given
    put(s3, f"{PREFIX}train/part-00000.csv", [f'"no, or yes",{20 + row},{row}.5,rent' for row in range(50)])
    # when
    tasks = RUN.train(model_spec(), largest=300)
    blocks = [block for task in tasks for block in reference.blocks(model_spec(), task)]
    # then
    assert len(tasks) > 1
    assert sum(block.rows for block in blocks) == 50
    assert list(blocks[0].features) == ["age", "income", "home"]
    assert not any(len(block.predictions[PREDICTED_SCORE]) for block in blocks)


def test_the_labelled_holdout_has_the_probability_of_each_class(s3: Any, monkeypatch: pytest.MonkeyPatch):
    # given a holdout of three classes, read two rows at a time, one of whose answers is in another form
    monkeypatch.setattr(reference, "LINES_AT_ONCE", 2)
    spec = model_spec(task=Task.MULTICLASS, output=Output(classes=("cat", "dog", "owl")))
    put(s3, f"{PREFIX}holdout/features/part-00000.csv", [f"{20 + row},{row}.5,rent" for row in range(3)])
    put(s3, f"{PREFIX}holdout/labels/part-00000.csv", ["owl", "cat", "dog"])
    answers = ["0.1,0.2,0.7", '{"cat": 0.6, "dog": 0.3, "owl": 0.1}', "0.2,0.5,0.3"]
    put(s3, "transform/part-00000.csv.out", answers)
    # when
    (task,) = RUN.holdout(spec)
    rows = Labelled.together(list(reference.labelled(spec, task)))
    # then each is beside its own label
    found = zip(*(share.tolist() for share in rows.shares.values()), strict=True)
    assert dict(zip(rows.truth.values, found, strict=True)) == {
        "owl": (0.1, 0.2, 0.7),
        "cat": (0.6, 0.3, 0.1),
        "dog": (0.2, 0.5, 0.3),
    }
    assert rows.predictions[PREDICTED_LABEL].values == rows.truth.values


def test_an_object_that_went_meanwhile_is_named(s3: Any):
    with pytest.raises(DatasetError, match=r"s3://data/gone\.csv has gone"):
        list(reference.blocks(model_spec(), Rows("s3://data/gone.csv", "", 0, 10)))
