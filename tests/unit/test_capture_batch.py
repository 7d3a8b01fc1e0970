"""What batch transform jobs capture: manifests, pairs of files, and their lines."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.support import model_spec
from tests.unit.captured import cells
from watchkeeper import ids
from watchkeeper.capture import PREDICTED_LABEL, PREDICTED_SCORE, batch, fields
from watchkeeper.capture.batch import BatchReader, FilePair, manifest_uris, paired
from watchkeeper.capture.block import Block
from watchkeeper.errors import CaptureError
from watchkeeper.spec import InputFormat, Output, Task

GENERATED = "1f1d57b1-2e6f-488c-8c30-db4e6d757861", "2026-11-21T10:00:00Z"


def read(requests: bytes, answers: bytes | None, **changes: Any) -> list[Block]:
    return list(BatchReader(model_spec(**changes)).blocks([requests], None if answers is None else [answers]))


def reasons(blocks: list[Block]) -> list[tuple[int, str]]:
    return [(item.line, item.reason) for block in blocks for item in block.unreadable]


@pytest.mark.parametrize(
    "text",
    [
        b'[{"prefix": "s3://bucket/input/"}, "a.csv", "sub/b.csv"]',
        b'[{"prefix": "s3://bucket/input/"},\n "a.csv",\n "sub/b.csv"]\n',
        b'[{"prefix": "s3://bucket/input/"}, "a.csv"]\n[{"prefix": "s3://bucket/input/sub/"}, "b.csv"]\n',
    ],
)
def test_a_manifest_names_files_under_their_prefix(text: bytes):
    assert manifest_uris(text) == ["s3://bucket/input/a.csv", "s3://bucket/input/sub/b.csv"]


@pytest.mark.parametrize(
    "text", [b"", b"1,2,3", b"{}", b"[]", b'["a.csv"]', b'[{"prefix": 1}]', b'[{"prefix": ""}, 1]']
)
def test_what_is_no_manifest_is_refused_with_the_form_that_was_expected(text: bytes):
    with pytest.raises(CaptureError, match=r"no manifest .* expected \[") as caught:
        assert manifest_uris(text)
    assert "capture destination" in str(caught.value)


def test_files_are_paired_by_their_names_and_then_by_their_folders():
    # given two files of one name in two folders, and one without an answer
    requests = ["s3://b/in/1/a.csv", "s3://b/in/2/a.csv", "s3://b/in/c.csv"]
    answers = ["s3://b/out/2/a.csv.out", "s3://b/out/1/a.csv.out"]

    # when they are paired; then each has its own
    assert paired(requests, answers) == [
        FilePair("s3://b/in/1/a.csv", "s3://b/out/1/a.csv.out"),
        FilePair("s3://b/in/2/a.csv", "s3://b/out/2/a.csv.out"),
        FilePair("s3://b/in/c.csv", None),
    ]


@pytest.mark.parametrize("available", [True, False])
@pytest.mark.parametrize(
    "answers",
    [
        b"0.25\n0.75\n",
        b"0.25\r\n0.75\r\n",
        f"0.25,{','.join(GENERATED)}\n0.75, {', '.join(GENERATED)}\n".encode(),
        b"[0.25]\n[0.75]\n",
        b'{"score":0.25}\n{"score":0.75}',
        b"\n".join(
            json.dumps(
                {"SageMakerOutput": score, "SageMakerInferenceId": GENERATED[0], "SageMakerInferenceTime": GENERATED[1]}
            ).encode()
            for score in (0.25, 0.75)
        ),
    ],
)
def test_each_line_is_answered_by_the_same_line(monkeypatch: pytest.MonkeyPatch, answers: bytes, available: bool):
    # given a file of two requests, and the answers in one of the forms, with or without ids that the job made
    monkeypatch.setattr(fields, "AVAILABLE", available and fields.AVAILABLE)

    # when they are read
    (block,) = read(b"31,5.5,rent\n,,own\n", answers)

    # then the rows have their answers
    assert not block.unreadable
    rows = set(zip(cells(block.features["age"]), cells(block.predictions[PREDICTED_SCORE]), strict=True))
    assert rows == {((31.0).hex(), (0.25).hex()), ("nan", (0.75).hex())}


def whose(blocks: list[Block]) -> dict[bytes, tuple[int, int]]:
    """How many rows there are of each id, and when they were answered."""
    found: dict[bytes, tuple[int, int]] = {}
    for block in blocks:
        assert block.identities is not None
        told = zip(block.identities.ids.tolist(), block.identities.sizes, block.times.tolist(), strict=True)
        found |= {identity: (int(size), time) for identity, size, time in told}
    return found


def appended(number: int, second: int) -> tuple[str, str]:
    return f"1f1d57b1-2e6f-488c-8c30-{number:012x}", f"2026-11-21T10:00:{second:02}Z"


def as_csv(answer: str, identity: str, time: str) -> str:
    return f"{answer}, {identity},{time}"


def as_json(answer: str, identity: str, time: str) -> str:
    return json.dumps(
        {"SageMakerOutput": float(answer), "SageMakerInferenceId": identity, "SageMakerInferenceTime": time}
    )


def as_object(answer: str, identity: str, time: str) -> str:
    return json.dumps({"score": float(answer), "SageMakerInferenceId": identity, "SageMakerInferenceTime": time})


@pytest.mark.parametrize("available", [True, False])
@pytest.mark.parametrize("form", [as_csv, as_json, as_object])
def test_the_id_that_the_job_generated_is_the_row_s(
    monkeypatch: pytest.MonkeyPatch, form: Callable[[str, str, str], str], available: bool
):
    # given answers with ids and times, one with neither, and one whose time is none
    monkeypatch.setattr(fields, "AVAILABLE", available and fields.AVAILABLE)
    odd = appended(3, 0)[0], "2026-13-41T10:00:00Z"
    told = [form("0.25", *appended(1, 5)), "0.5", form("0.75", *appended(2, 59)), form("0.5", *odd)]
    hour = datetime(2026, 11, 21, 11, tzinfo=UTC)

    # when they are read
    reader = BatchReader(model_spec(), identified=True, answered=hour)
    blocks = list(reader.blocks([b"31,5.5,rent\n" * 4], ["\n".join(told).encode()]))

    # then each row has its own, and where there is none the hour and no id
    assert not reasons(blocks)
    begin = int(datetime(2026, 11, 21, 10, tzinfo=UTC).timestamp())
    names = [ids.digest(appended(number, 0)[0]).tolist()[0] for number in (1, 2, 3)]
    assert whose(blocks) == {
        names[0]: (1, begin + 5),
        names[1]: (1, begin + 59),
        names[2]: (1, begin + 3600),
        ids.NOTHING: (1, begin + 3600),
    }
    assert sum(block.identities.nameless for block in blocks if block.identities) == 1


@pytest.mark.parametrize(
    "answer",
    [
        "0.1,0.7,0.2, %s,%s",
        '{"SageMakerOutput": [0.1, 0.7, 0.2], "SageMakerInferenceId": "%s", "SageMakerInferenceTime": "%s"}',
        '{"cat": 0.1, "owl": 0.2, "dog": 0.7, "SageMakerInferenceId": "%s", "SageMakerInferenceTime": "%s"}',
    ],
)
def test_probabilities_of_classes_are_read_beside_generated_ids(answer: str):
    # given
    spec = model_spec(task=Task.MULTICLASS, output=Output(classes=("cat", "dog", "owl")))

    # when
    reader = BatchReader(spec, identified=True)
    blocks = list(reader.blocks([b"31,5.5,rent\n"], [(answer % appended(1, 5)).encode()]))

    # then
    assert list(whose(blocks)) == [ids.digest(appended(1, 5)[0]).tolist()[0]]
    assert [share.tolist() for share in blocks[0].shares.values()] == [[0.1], [0.7], [0.2]]
    assert cells(blocks[0].predictions[PREDICTED_LABEL]) == ["dog"]


def test_the_rows_of_a_holdout_are_known_by_their_lines():
    # given answers with ids of which the holdout's labels know nothing
    answers = "\n".join(as_csv("0.5", *appended(number, 0)) for number in range(3)).encode()

    # when
    blocks = list(BatchReader(model_spec(), identified=True, numbered=True).blocks([b"31,5.5,rent\n" * 3], [answers]))

    # then
    assert set(whose(blocks)) == {ids.digest(str(line)).tolist()[0] for line in (1, 2, 3)}


def test_json_requests_are_read_by_the_line():
    # given requests in JSON Lines
    requests = b'{"age":31,"income":5.5,"home":"rent"}\n{"instances":[[32,1,"own"],[33,1,"own"]]}\n'

    # when they are read with answers for one and for two rows
    (block,) = read(requests, b"0.25\n[0.5,0.75]\n", input_format=InputFormat.JSON)

    # then all three rows are there
    assert sorted(cells(block.predictions[PREDICTED_SCORE])) == sorted(x.hex() for x in (0.25, 0.5, 0.75))


def test_requests_whose_answers_are_elsewhere_are_read_without():
    (block,) = read(b"31,5.5,rent\n\n32,5.5,own", None)
    assert (block.rows, len(block.predictions[PREDICTED_SCORE])) == (2, 0)


def test_bad_lines_cost_only_themselves_and_say_why():
    # given a line with a value too few, one that is not text, and one whose answer is of no known form
    requests = b"31,5.5,rent\n31,rent\n\xff,1,own\n\n31,1,own\n31,2,own\n"

    # when they are read
    blocks = read(requests, b"0.5\n0.5\n0.5\na,b,c,d\n0.5\n")

    # then the others are read, and each bad line has its number and reason
    assert sum(block.rows for block in blocks) == 2
    (second, short), (third, binary), (fifth, unknown) = reasons(blocks)
    assert (second, third, fifth) == (2, 3, 5)
    assert "2 values where 3 are expected" in short
    assert "UTF-8" in binary
    assert "no known form" in unknown


@pytest.mark.parametrize(("requests", "answers"), [(3, 2), (2, 3), (0, 1)])
def test_lines_without_their_counterpart_are_told(requests: int, answers: int):
    # given files of different lengths; when they are read
    blocks = read(b"31,5.5,rent\n" * requests, b"0.5\n" * answers)

    # then what has a counterpart is read, and what has none is counted
    assert sum(block.rows for block in blocks) == min(requests, answers)
    assert [("no answer" in reason, line) for line, reason in reasons(blocks)] == [(True, max(requests, answers))]


def test_many_lines_are_read_in_bounded_blocks(monkeypatch: pytest.MonkeyPatch):
    # given a small limit on lines and bytes at once
    monkeypatch.setattr(batch, "PAIRS_AT_ONCE", 10)

    # when more lines are read
    blocks = read(b"31,5.5,rent\n" * 95, b"0.5\n" * 95)

    # then no block holds more
    assert [block.rows for block in blocks] == [10] * 9 + [5]
