"""Lines of captures as odd as they come, and what reading them gives, in a form that can be compared."""

from __future__ import annotations

import base64
import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import strategies as st

from watchkeeper.capture import Block, CaptureReader, fields, lines
from watchkeeper.capture.block import Identities
from watchkeeper.capture.keys import KeyShape
from watchkeeper.spec import Feature, Kind, ModelSpec, Output, Task
from watchkeeper.table import CategoryColumn, Column, NumberColumn

USUAL = ("1", "2", "3.5", "31", "0.3", "rent", "own", "", "NA", "2024-01-01")
ODD = (
    *(
        "?",
        "null",
        "None",
        "NaN",
        "nan",
        "-nan",
        "nan(1)",
        " ",
        " 5",
        "5 ",
        "\t5",
        " NA",
        "+1.5",
        "++1",
        "1_000",
        "0x10",
    ),
    *(
        "inf",
        "-inf",
        "Infinity",
        "1e400",
        "-1e400",
        "1e-400",
        "-0",
        ".5",
        "5.",
        "1e",
        "9" * 400,
        "0." + "0" * 110 + "1",
    ),
    *(
        "é",
        "日本",
        "\ufeff1",
        "\u00a05",
        "١٢",
        "😀",
        "\u2028",
        "\ud800",
        "\x1c5",
        "\x00",
        "\x7f",
        "\x85",
        "\r",
        "\x0b7",
    ),
    *('"', 'x"y', "'", "\\", "{", "[", "a b", "x" * 150, "true", "2024-01-01T10:00:00Z", "20240101"),
    "1700000000000",
)
ANSWERS = (
    *(
        "0.1",
        "0.93",
        "1",
        "",
        "yes",
        "nan",
        "1,0.93",
        "0,0.07",
        "a,0.3",
        "0.3,yes",
        "0.1,0.9",
        "0.3,0.698",
        "0.3,0.702",
    ),
    *("0.1,0.7,0.2", "0.333,0.333,0.333", "1,2,3", "0.5,,0.5", "inf,inf", "1e308,1e308", "\ufeff0.5"),
    *("1,0", "0.5,0.5", ",,", "nan,-inf,inf", "-0.1,0.6,0.5", "0.1,x,0.2", "0.4,0.3,0.2,0.1", "a,0.2,0.8"),
)
TIMES = (
    *("2026-01-01T00:00:00Z", "2026-01-01T00:00:01Z", "2026-01-01T23:59:59Z", "2026-01-02T00:00:00Z"),
    *("2026-01-01T00:00:00.999Z", "2026-01-01T00:00:00,5Z", "2026-01-01T00:00:00", "2026-01-01T02:00:00+02:00"),
    *("2026-01-01", "20260101T000000Z", "0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59Z", "2026-13-01T00:00:00Z"),
    *("2026-01-01T24:00:00Z", "", "?", "now, or then", "２０２６-01-01T00:00:00Z", None, 1767225600, ["2026"]),
)
"""What records hold for the time of their inference; the first is usual."""
OUTPUTS = (
    *(
        Output(),
        Output(),
        Output(),
        Output(label=0),
        Output(score=0),
        Output(label=0, score=1),
        Output(label=1, score=0),
    ),
    *(Output(label="label"), Output(label=2)),
    *(Output(classes=("a", "1", "yes")), Output(classes=("a", "1", "yes"), score=1)),
)


@dataclass(frozen=True)
class Form:
    """How one client's records are written."""

    content_type: str | None
    encoding: str
    separators: tuple[str, str]
    ascii: bool
    reversed: bool
    attributes: str | None
    inference_id: bool
    doubled: str | None
    answer_place: str | None
    rows: int
    end: bytes
    times: tuple[Any, ...]
    keys: tuple[str, ...] | None


forms = st.builds(
    Form,
    content_type=st.sampled_from(["text/csv", "text/csv; charset=utf-8", "application/json", None]),
    encoding=st.sampled_from(["CSV"] * 6 + ["JSON", "BASE64"]),
    separators=st.sampled_from([(",", ":"), (",", ":"), (", ", ": ")]),
    ascii=st.booleans(),
    reversed=st.sampled_from([False, False, False, True]),
    attributes=st.sampled_from([None, None, "a=1", "a=1,b=2", ""]),
    inference_id=st.booleans(),
    doubled=st.sampled_from([None] * 8 + ['"data":"9",', '"encoding":"JSON",', '"encoding":"CSV",']),
    answer_place=st.sampled_from(["endpointOutput"] * 4 + ["batchTransformOutput", None]),
    rows=st.sampled_from([1, 1, 1, 2, 3]),
    end=st.sampled_from([b""] * 8 + [b" ", b"\r", b"\t"]),
    times=st.one_of(st.just(TIMES[:1]), st.just(TIMES[:3]), st.lists(st.sampled_from(TIMES), min_size=1).map(tuple)),
    keys=st.none() | st.lists(st.sampled_from(["f0", "f1", "f2", "f3", "f4", "id", "\ud800"]), max_size=4).map(tuple),
)

specs = st.tuples(
    st.lists(st.tuples(st.sampled_from(Kind), st.sampled_from([False] * 5 + [True])), min_size=1, max_size=4),
    st.sampled_from(Task),
    st.sampled_from(OUTPUTS),
).map(lambda made: (made[0], Task.MULTICLASS, made[2]) if made[2].classes else made)


def features(kinds: Iterable[tuple[Kind, bool]]) -> tuple[Feature, ...]:
    return tuple(Feature(f"f{place}", kind, personal=personal) for place, (kind, personal) in enumerate(kinds))


@st.composite
def captured_lines(draw: st.DrawFn, width: int) -> bytes:
    """A capture of some clients' records, some of them damaged."""
    some = draw(st.lists(forms, min_size=1, max_size=2))
    values = st.sampled_from(USUAL * 10 + ODD) if draw(st.booleans()) else st.sampled_from(USUAL)
    answer = st.sampled_from(draw(st.lists(st.sampled_from(ANSWERS), min_size=1, max_size=3)))
    written = []
    for _ in range(draw(st.integers(1, 12))):
        form = draw(st.sampled_from(some))
        rows = [[draw(values) for _ in range(width)] for _ in range(form.rows)]
        time = draw(st.sampled_from(form.times))
        line = record(form, rows, [draw(answer) for _ in rows], f"{draw(st.integers(0, 2**32)):08x}", time)
        if draw(st.integers(0, 7)) == 0:
            line = draw(damaged(line))
        written.append(line)
    return b"\n".join(written) + draw(st.sampled_from([b"", b"\n", b"\n\n"]))


def record(form: Form, rows: list[list[str]], answers: list[str], event_id: str, time: Any) -> bytes:
    """One record in a client's form."""
    text = (
        "\n".join(map(",".join, rows)) if form.encoding != "JSON" else json.dumps({"instances": instances(form, rows)})
    )
    data: dict[str, Any] = {"endpointInput": body(form, text, form.encoding)}
    if form.answer_place:
        data[form.answer_place] = body(form, "\n".join(answers), "BASE64" if form.encoding == "BASE64" else "CSV")
    metadata = {"eventId": event_id}
    if time is not None:
        metadata["inferenceTime"] = time
    if form.inference_id:
        metadata["inferenceId"] = event_id[: int(event_id[0], 16)]
    if form.attributes is not None:
        metadata["customAttributes"] = form.attributes
    document = {"captureData": data, "eventMetadata": metadata, "eventVersion": "0"}
    if form.reversed:
        document = dict(reversed(document.items()))
    text = json.dumps(document, ensure_ascii=form.ascii, separators=form.separators)
    if form.doubled:
        text = text.replace('"mode":', f'{form.doubled}"mode":', 1)
    return text.encode("utf-8", "surrogatepass") + form.end


def instances(form: Form, rows: list[list[str]]) -> list[Any]:
    """Rows as lists, or as objects with the client's keys."""
    return rows if form.keys is None else [dict(zip(form.keys, row, strict=False)) for row in rows]


def body(form: Form, text: str, encoding: str) -> dict[str, Any]:
    data = base64.b64encode(text.encode("utf-8", "surrogatepass")).decode() if encoding == "BASE64" else text
    return {"observedContentType": form.content_type, "mode": "INPUT", "data": data, "encoding": encoding}


def damaged(line: bytes) -> st.SearchStrategy[bytes]:
    """The line with something cut out, put in or changed."""
    put_in = st.sampled_from(
        [b"", b'"', b",", b"\\", b"{", b"\x00", b"\xff", b"\xed\xa0\x80", b"\r", b"\n", b'"data":"']
    )
    place = st.integers(0, len(line))
    cut = st.integers(0, 3)
    return st.builds(lambda at, size, new: line[:at] + new + line[at + size :], place, cut, put_in)


def account(
    spec: ModelSpec, data: bytes, *, fast: bool, cut: int | None = None, piece: int | None = None
) -> tuple[Any, ...]:
    """What reading gives: rows with and without answers and whose they are, wrong types, times, keys, and unreadable
    records.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fields, "AVAILABLE", fast and fields.AVAILABLE)
        if piece is not None:
            patch.setattr(lines, "PIECE_BYTES", piece)
            patch.setattr(lines, "_STEP", piece)
        chunks = [data[start : start + (cut or len(data))] for start in range(0, len(data), cut or max(len(data), 1))]
        blocks = list(CaptureReader(spec, identified=True).blocks(chunks))
    rows = Counter((*row, whose) for block in blocks for row, whose in zip(rows_of(block), owners(block), strict=True))
    invalid: Counter[str] = Counter()
    for block in blocks:
        for name, column in {**block.features, **block.predictions}.items():
            invalid[name] += column.invalid
    times = Counter(time for block in blocks for time in block.times.tolist())
    keys: Counter[KeyShape] = Counter()
    for block in blocks:
        keys.update(block.keys)
    return rows, invalid, times, keys, [item for block in blocks for item in block.unreadable]


def rows_of(block: Block) -> list[tuple[Any, ...]]:
    told = (*block.predictions.values(), *map(NumberColumn, block.shares.values()))
    columns = [cells(column) for column in (*block.features.values(), *told)]
    answered = all(len(column) == block.rows for column in told)
    assert answered or not any(map(len, told))
    kept = columns if answered else columns[: len(block.features)]
    return list(zip(*kept, strict=True)) if kept else [()] * block.rows


def owners(block: Block) -> list[tuple[bytes, int, int, int]]:
    """Of each row its record's id, its place among that record's rows, how many these are, and the record's time."""
    assert block.identities is not None or not block.rows
    whose = block.identities or Identities.none()
    records = zip(whose.ids.tolist(), whose.sizes.tolist(), block.times.tolist(), strict=True)
    return [(identity, place, size, time) for identity, size, time in records for place in range(size)]


def cells(column: Column) -> list[Any]:
    """Values that are equal when they are the same to the last bit."""
    if isinstance(column, CategoryColumn):
        assert len(set(column.levels)) == len(column.levels)
        assert set(column.codes.tolist()) - {-1} == set(range(len(column.levels)))
        return column.values
    values = column.values if isinstance(column, NumberColumn) else column.seconds
    return ["nan" if value != value else float(value).hex() for value in values.tolist()]
