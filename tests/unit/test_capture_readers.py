"""The fast readers give what the general one gives, to the last bit; and they are used where they should be."""

from __future__ import annotations

import base64
import tracemalloc
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from itertools import product
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support import FEATURES, capture_record, model_spec
from tests.unit.captured import ANSWERS, ODD, account, captured_lines, cells, features, specs
from watchkeeper.capture import CaptureReader, fields, lines
from watchkeeper.spec import Feature, Kind, ModelSpec, Output, Task

needs_pyarrow = pytest.mark.skipif(not fields.AVAILABLE, reason="pyarrow is not installed")


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(st.data(), specs, st.sampled_from([None, 7, 100]))
def test_the_fast_readers_give_what_the_general_one_gives(data: st.DataObject, made: tuple[Any, ...], cut: int | None):
    # given a capture of records in odd forms, with odd values, some of them damaged, of any model
    kinds, task, output = made
    spec = model_spec(features=features(kinds), task=task, output=output)
    captured = data.draw(captured_lines(len(kinds)))

    # when it is read by all readers, in chunks cut anywhere, and by the general reader alone
    fast, general = account(spec, captured, fast=True, cut=cut), account(spec, captured, fast=False)

    # then rows, values of the wrong type and unreadable records, with their reasons, are the same
    assert fast == general


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(st.data(), specs, st.sampled_from([None, 7, 100]))
def test_every_record_is_read_or_refused_and_counted_once(data: st.DataObject, made: tuple[Any, ...], cut: int | None):
    # given a capture of records in odd forms, some of them damaged
    kinds, task, output = made
    spec = model_spec(features=features(kinds), task=task, output=output)
    captured = data.draw(captured_lines(len(kinds)))

    # when it is read
    rows, _, times, keys, unreadable = account(spec, captured, fast=True, cut=cut)

    # then every line that is not blank is a record with a time, known or not, or a refused one
    assert times.total() + len(unreadable) == sum(bool(line.strip()) for line in captured.split(b"\n"))
    assert times.total() <= rows.total()
    assert keys.total() <= rows.total()


@pytest.mark.parametrize("kind", Kind)
@pytest.mark.parametrize("value", ODD)
@pytest.mark.parametrize("place", [0, 1, 2])
def test_an_odd_value_among_usual_ones_is_read_alike(kind: Kind, value: str, place: int):
    # given records of one form, one of which holds an odd value at the begin, the middle or the end
    spec = model_spec(features=tuple(Feature(f"f{number}", kind) for number in range(3)))
    rows = [["1", "2", "3"] for _ in range(6)]
    rows[4][place] = value
    captured = b"\n".join(capture_record(",".join(row), "0.25") for row in rows)

    # when they are read by all readers and by the general one; then both give the same
    assert account(spec, captured, fast=True) == account(spec, captured, fast=False)


NAMED = Output(classes=("a", "1", "yes"))


@pytest.mark.parametrize(
    ("task", "output"),
    [
        *product(Task, [Output(), Output(label=0, score=1), Output(score=0), Output(label=1)]),
        *((Task.MULTICLASS, replace(NAMED, **places)) for places in ({}, {"label": 0}, {"score": 1})),
    ],
)
@pytest.mark.parametrize("usual", ["0.25", "1,0.75", "0.25,0.75", "0.25,yes", "0.1,0.7,0.2"])
def test_every_answer_among_usual_ones_is_read_alike(task: Task, output: Output, usual: str):
    # given records answered in one form, but for some with each other answer
    spec = model_spec(task=task, output=output)
    answers = [usual] * 4 + [answer for odd in ANSWERS for answer in (odd, usual)]
    captured = b"\n".join(capture_record("31,5.5,rent", answer) for answer in answers)

    # when they are read by all readers and by the general one; then both give the same
    assert account(spec, captured, fast=True) == account(spec, captured, fast=False)


GOOD = capture_record("31,5.5,own,2", "0.5", event_id="e-1", inference_id="i-1")
IMPOSTORS = {
    "a quote in a value": GOOD.replace(b"own", b'o"n'),
    "a quote in the first value": GOOD.replace(b"31", b'3"'),
    "a quote in the answer": GOOD.replace(b"0.5", b'0"5'),
    "a quote in an id": GOOD.replace(b"e-1", b'e"1'),
    "an id that is a pair": GOOD.replace(b'"e-1"', b'"e":"1"'),
    "an id that is an object": GOOD.replace(b'"e-1"', b'{"e":"1"'),
    "a text in front of an id": GOOD.replace(b'"e-1"', b'1"e-1"'),
    "a text behind the last id": GOOD.replace(b'"i-1"', b'"i-1"1'),
    "another key for an id": GOOD.replace(b'"eventId"', b'"eventIx"'),
    "another part": GOOD.replace(b'"endpointInput"', b'"endpointImput"'),
    "another encoding": GOOD.replace(b'"CSV"', b'"SVC"'),
    "another encoding of the answer": GOOD[::-1].replace(b'"VSC"', b'"CVS"', 1)[::-1],
    "another mode": GOOD.replace(b"INPUT", b"TUPNI"),
    "another version": GOOD.replace(b'"0"', b'"1"'),
    "a tab in a number": GOOD.replace(b"5.5", b"\t5.5"),
    "a null in a category": GOOD.replace(b"own", b"o\x00n"),
    "a control character in an id": GOOD.replace(b"e-1", b"e\x011"),
    "an escape in a value": GOOD.replace(b"own", b"\\u006fwn"),
    "an escape in an id": GOOD.replace(b"e-1", b"\\u00651"),
    "a carriage return between two records": GOOD + b"\r" + GOOD,
    "a carriage return in a value": GOOD.replace(b"own", b"o\rn"),
    "a carriage return at the end": GOOD + b"\r",
    "invalid UTF-8 in a value": GOOD.replace(b"own", b"o\xffn"),
    "invalid UTF-8 in an id": GOOD.replace(b"e-1", b"e\xed\xa0\x80"),
    "a value more": GOOD.replace(b"own", b"own,1"),
    "a value less": GOOD.replace(b"own,", b""),
    "a value moved to the answer": GOOD.replace(b"own,", b"").replace(b"0.5", b"0.5,0.5"),
    "no comma between two keys": GOOD.replace(b'"mode": "INPUT", ', b'"mode": "INPUT" ') + b",",
    "a byte order mark": b"\xef\xbb\xbf" + GOOD,
    "UTF-16": GOOD.decode().encode("utf-16"),
    "a blank in front": b" " + GOOD,
    "a blank line": b"",
    "one quote": b'"',
    "cut short": GOOD[:-9],
    "commas only": b"," * GOOD.count(b","),
}


@pytest.mark.parametrize("impostor", IMPOSTORS.values(), ids=IMPOSTORS)
@pytest.mark.parametrize("kinds", [(Kind.NUMBER, Kind.CATEGORY), (Kind.CATEGORY, Kind.CATEGORY)])
def test_a_line_that_almost_fits_the_template_is_read_alike(impostor: bytes, kinds: tuple[Kind, Kind]):
    # given records of one form, and among them a line that differs from it where a careless reader would not look
    number, category = kinds
    spec = model_spec(features=tuple(Feature(f"f{i}", category if i == 2 else number) for i in range(4)))

    for captured in ([impostor, *[GOOD] * 5], [*[GOOD] * 5, impostor], [GOOD, GOOD, impostor, GOOD, impostor]):
        data = b"\n".join([*captured, b""])
        # when they are read by all readers and by the general one; then both give the same
        assert account(spec, data, fast=True) == account(spec, data, fast=False)
        # also when they come after a piece that fitted
        assert account(spec, data, fast=True, piece=4 * len(GOOD)) == account(spec, data, fast=False)


ENDED = GOOD.replace(b"own,2", b"own,2\\n").replace(b"0.5", b"0.5\\r\\n")
ENDED_IMPOSTORS = {
    "an escaped backslash before an n": ENDED.replace(b"2\\n", b"2\\\\n"),
    "two line ends": ENDED.replace(b"2\\n", b"2\\n\\n"),
    "a line end between values": ENDED.replace(b"own,", b"own\\n,"),
    "a line end in the first value": ENDED.replace(b"31", b"3\\n1"),
    "a line end in the answer": ENDED.replace(b"0.5", b"0\\n.5"),
    "a line end in an id": ENDED.replace(b"e-1", b"e-1\\n"),
    "another escape": ENDED.replace(b"2\\n", b"2\\t"),
    "an escaped letter": ENDED.replace(b"own", b"\\u006fwn"),
    "an escaped quote": ENDED.replace(b"own", b'o\\"wn'),
    "an escaped end": ENDED.replace(b"2\\n", b"2\\"),
    "no line end": GOOD,
    "a line end more": ENDED.replace(b"own,2", b"own,2\\n1,2,own,2"),
    "a quote in a value": ENDED.replace(b"own", b'o"n'),
}


@pytest.mark.parametrize("impostor", ENDED_IMPOSTORS.values(), ids=ENDED_IMPOSTORS)
@pytest.mark.parametrize("kind", [Kind.NUMBER, Kind.CATEGORY])
def test_a_line_that_almost_fits_a_template_with_escapes_is_read_alike(impostor: bytes, kind: Kind):
    # given records whose bodies end a line, and among them one whose escapes are others
    spec = model_spec(features=tuple(Feature(f"f{i}", Kind.CATEGORY if i == 2 else kind) for i in range(4)))

    for captured in ([impostor, *[ENDED] * 5], [*[ENDED] * 5, impostor], [ENDED, impostor, ENDED, impostor]):
        data = b"\n".join([*captured, b""])
        # when they are read by all readers and by the general one; then both give the same
        assert account(spec, data, fast=True) == account(spec, data, fast=False)
        assert account(spec, data, fast=True, piece=4 * len(ENDED)) == account(spec, data, fast=False)


@pytest.mark.parametrize(
    ("request_text", "answer"),
    [
        ("1,2,own\n\n3,4,own", "0.1\n0.2\n0.3"),
        ("1,2,own\n3,4,own", "0.1\n\n0.2"),
        ("\n1,2,own", "0.1\n0.2"),
        ("1,2,own\r\n3,4,own\r\n", "0.1\r\n0.2\r\n"),
        ("1,2,own\r3,4,own", "0.1\n0.2"),
        ("\ufeff1,2,own\n3,4,own", "0.1\n0.2"),
        ("1,2,own\n3,4,own", "\ufeff0.1\n0.2"),
        ("1,2,own\n3,4", "0.1\n0.2"),
        ("1,2\nown,3,4,own", "0.1\n0.2"),
        ("1,2,own\n3,4,own", "0.1,1\n0.2"),
        ("1,2,own\n3,4,own", "0.1\nno"),
        ("1,2,own\n3,4,own", "0.1,0.2"),
        ("1,2,own\n3,4,own", "0.1"),
        ('1,2,"o\nwn"\n3,4,own', "0.1\n0.2"),
        ("1,2,o\x00wn\n3,4,own", "0.1\n0.2"),
    ],
)
@pytest.mark.parametrize("first", [True, False])
def test_requests_of_many_rows_are_read_alike(request_text: str, answer: str, first: bool):
    # given a request of several rows in an odd form, before or after usual ones
    odd, usual = capture_record(request_text, answer), capture_record("5,6,own\n7,8,own", "0.5\n0.6")
    data = b"\n".join([odd, usual, usual] if first else [usual, usual, odd])

    # when they are read by all readers and by the general one; then both give the same
    assert account(model_spec(), data, fast=True) == account(model_spec(), data, fast=False)


def test_probabilities_that_barely_add_up_are_read_alike():
    # given probabilities whose sum is as close to the tolerance as rounding goes
    random = np.random.default_rng(5)
    shares = random.dirichlet((1, 1, 1), 2000) * 1.003 * (1 + random.integers(-3, 4, (2000, 1)) * 2**-53)
    data = b"\n".join(capture_record("1,2,own", ",".join(map(repr, row))) for row in shares.tolist())

    for task in (Task.BINARY, Task.MULTICLASS):
        # when they are read by all readers and by the general one; then both give the same
        spec = model_spec(task=task)
        assert account(spec, data, fast=True) == account(spec, data, fast=False)


@pytest.mark.parametrize("widest", [0, 9, 600, 40_000, 10**9], ids=["one", "seconds", "minutes", "hours", "years"])
@pytest.mark.parametrize("ordered", [True, False])
def test_times_in_any_order_are_read_alike(widest: int, ordered: bool):
    # given records of one form whose times lie so far apart
    seconds = np.random.default_rng(3).integers(0, widest, 300, endpoint=True)
    moments = 1_767_225_600 + (np.sort(seconds) if ordered else seconds)
    times = [f"{datetime.fromtimestamp(moment, UTC):%Y-%m-%dT%H:%M:%SZ}" for moment in moments.tolist()]
    data = b"\n".join(capture_record("1,2,own", "0.5", time=time) for time in times)

    # when they are read by all readers and by the general one; then both give the same, and the right times
    found = account(model_spec(), data, fast=True)
    assert found == account(model_spec(), data, fast=False)
    assert found[2] == Counter(moments.tolist())


@pytest.fixture
def one_by_one(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """The lines that the general reader was asked for."""
    asked: list[bytes] = []
    read = CaptureReader.record

    def record(self: CaptureReader, line: bytes) -> Any:
        asked.append(line)
        return read(self, line)

    monkeypatch.setattr(CaptureReader, "record", record)
    return asked


@needs_pyarrow
def test_records_of_one_form_are_read_at_once(one_by_one: list[bytes]):
    # given records of two clients, of which one names its requests, with values of every usual kind
    captured = [
        capture_record(f"{i},{i}.5,{'own' if i % 2 else ''}", f"0.{i:03}", event_id=f"e{i}", inference_id=name)
        for i in range(200)
        for name in (None, f"n{i}")
    ]

    # when they are read
    (block,) = CaptureReader(model_spec()).blocks([b"\n".join(captured)])

    # then only the lines from which the two forms were learnt were parsed as JSON
    assert block.rows == 400
    assert one_by_one == captured[:2]


@needs_pyarrow
def test_a_line_end_behind_a_body_does_not_make_a_record_slow(one_by_one: list[bytes]):
    # given records as many clients and containers write them
    captured = [capture_record(f"{i},5.5,own\n", f"0.{i:03}\r\n") for i in range(200)]

    # when they are read
    (block,) = CaptureReader(model_spec()).blocks([b"\n".join(captured)])

    # then only the first was parsed as JSON
    assert block.rows == 200
    assert one_by_one == captured[:1]


@needs_pyarrow
def test_a_value_that_is_no_number_costs_neither_its_column_nor_its_block_the_speed(one_by_one: list[bytes]):
    # given records with a word for a number in every tenth
    captured = [capture_record(f"{i},{'much' if i % 10 == 0 else i},own", "0.5") for i in range(200)]

    # when they are read
    (block,) = CaptureReader(model_spec()).blocks([b"\n".join(captured)])

    # then the words are counted, and no record was read by itself but the first
    assert block.features["income"].invalid == 20
    assert len(one_by_one) == 1


@needs_pyarrow
@pytest.mark.parametrize("encoding", ["CSV", "BASE64"])
def test_requests_of_many_rows_are_joined_and_read_at_once(one_by_one: list[bytes], encoding: str):
    # given records of several rows, whose JSON holds escapes or base64
    rows = "\n".join(f"{i},1.5,rent" for i in range(5))
    request = rows if encoding == "CSV" else base64.b64encode(rows.encode()).decode()
    captured = [capture_record(request, "0.1\n0.2\n0.3\n0.4\n0.5", encoding=encoding) for _ in range(50)]

    # when they are read
    (block,) = CaptureReader(model_spec()).blocks([b"\n".join(captured)])

    # then no record was read by itself, but those in which a template was looked for
    assert block.rows == 250
    assert len(one_by_one) <= 6


def test_without_pyarrow_everything_is_read_one_by_one(monkeypatch: pytest.MonkeyPatch, one_by_one: list[bytes]):
    # given a runtime without pyarrow
    monkeypatch.setattr(fields, "AVAILABLE", False)

    # when records are read
    (block,) = CaptureReader(model_spec()).blocks([b"\n".join(capture_record("31,5.5,own", "0.5") for _ in range(9))])

    # then all are there
    assert block.rows == len(one_by_one) == 9


def test_line_numbers_count_every_line_across_pieces(monkeypatch: pytest.MonkeyPatch):
    # given a capture of many pieces with blank and broken lines
    monkeypatch.setattr(lines, "PIECE_BYTES", 2000)
    good = capture_record("31,5.5,own", "0.5")
    captured = [b"{broken" if i % 7 == 0 else b"" if i % 5 == 0 else good for i in range(1, 101)]

    # when it is read in small chunks
    data = b"\n".join(captured)
    chunks = [data[start : start + 300] for start in range(0, len(data), 300)]
    blocks = list(CaptureReader(model_spec()).blocks(chunks))

    # then each unreadable line has its own number
    assert len(blocks) > 5
    assert [item.line for block in blocks for item in block.unreadable] == list(range(7, 101, 7))


def test_a_line_that_is_too_long_is_refused_wherever_it_is_cut(monkeypatch: pytest.MonkeyPatch):
    # given a limit of 3,000 bytes, and lines about that long between good ones
    monkeypatch.setattr(lines, "PIECE_BYTES", 1000)
    monkeypatch.setattr(lines, "LONGEST_RECORD", 3000)
    monkeypatch.setattr(lines, "_STEP", 500)
    good = capture_record("31,5.5,own", "0.5")
    data = b"\n".join([good, b"x" * 3000, good, b"y" * 3001, good, b"z" * 9000])

    for cut in (1, 10, 700, 3001, 100_000):
        # when they are read in chunks cut anywhere
        blocks = list(CaptureReader(model_spec()).blocks(data[at : at + cut] for at in range(0, len(data), cut)))

        # then exactly the longer ones are refused for it, with their first bytes, and the good ones are all read
        found = [(item.line, "longer than" in item.reason, len(item.raw)) for b in blocks for item in b.unreadable]
        assert found == [(2, False, 3000), (4, True, 1000), (6, True, 1000)]
        assert sum(block.rows for block in blocks) == 3


def test_an_endless_line_takes_bounded_memory():
    # given 200 MB without a line end, and a record after it
    def chunks() -> Iterator[bytes]:
        for _ in range(200):
            yield b"x" * (1 << 20)
        yield b"\n" + capture_record("31,5.5,own", "0.5")

    # when it is read
    tracemalloc.start()
    blocks = list(CaptureReader(model_spec()).blocks(chunks()))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    # then it is one unreadable record, the other is read, and little more than the limit was held
    assert [item.line for block in blocks for item in block.unreadable] == [1]
    assert sum(block.rows for block in blocks) == 1
    assert peak < 4 * lines.LONGEST_RECORD


def test_answered_and_unanswered_rows_are_never_in_one_block():
    # given records with and without answers, in every reader's forms
    spec: ModelSpec = model_spec()
    captured = [
        capture_record(request, answer, encoding=encoding)
        for request, encoding in (("31,5.5,own", "CSV"), ('[[31,5.5,"own"]]', "JSON"))
        for answer in ("0.5", None)
        for _ in range(3)
    ]

    # when they are read
    blocks = list(CaptureReader(spec).blocks([b"\n".join(captured)]))

    # then a block's rows have all an answer, or none
    assert [(block.rows, {len(column) for column in block.predictions.values()}) for block in blocks] == [
        (6, {6}),
        (6, {0}),
    ]


def test_confidence_is_the_share_of_the_more_probable_class():
    # given scores on both sides of a half; when they are read
    captured = b"\n".join(capture_record("31,5.5,own", answer) for answer in ("0.1", "0.5", "0.75", ""))
    (block,) = CaptureReader(model_spec(features=FEATURES)).blocks([captured])

    # then the confidence is that of the label, and missing with the score
    assert sorted(cells(block.predictions["confidence"])) == sorted([(0.9).hex(), (0.5).hex(), (0.75).hex(), "nan"])
    assert np.isnan(block.predictions["predicted score"].values).sum() == 1
