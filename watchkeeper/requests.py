"""Rows as requests: a line each, in the model's own input format, as batch transforms take them; and read back.

A value that a CSV row lacks is empty. A line end within a value becomes a space, for one row is one line.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Iterator, Sequence

from watchkeeper.capture import payload
from watchkeeper.capture.record import RecordReader
from watchkeeper.spec import InputFormat, ModelSpec

_PLACE = "request"


def csv_line(row: Iterable[object]) -> str:
    """A row as a line of CSV."""
    text = io.StringIO()
    csv.writer(text, lineterminator="").writerow(["" if value is None else value for value in row])
    return text.getvalue().replace("\r", " ").replace("\n", " ")


def json_line(names: Sequence[str], row: Iterable[object]) -> str:
    """A row as a line of JSON, by the features' names."""
    return json.dumps({"instances": [dict(zip(names, row, strict=True))]})


def request_lines(spec: ModelSpec, rows: Iterable[Sequence[object]]) -> Iterator[str]:
    """Rows of raw values, in the order of the spec's features, as requests."""
    if spec.input_format is InputFormat.CSV:
        return map(csv_line, rows)
    names = [feature.name for feature in spec.features]
    return (json_line(names, row) for row in rows)


def request_body(spec: ModelSpec, rows: Iterable[Sequence[object]]) -> str:
    """The same rows as one request."""
    if spec.input_format is InputFormat.CSV:
        return "\n".join(map(csv_line, rows))
    names = [feature.name for feature in spec.features]
    return json.dumps({"instances": [dict(zip(names, row, strict=True)) for row in rows]})


def read_lines(spec: ModelSpec, lines: Iterable[str]) -> list[Sequence[object]]:
    """The rows of lines that hold one each, as raw values.

    Raises
    ------
    RefusedError
        A line is no request of one row.
    """
    reader, of_csv = RecordReader(spec), spec.input_format is InputFormat.CSV
    bodies = (payload.csv_rows(line) if of_csv else payload.json_rows(line, _PLACE) for line in lines)
    return [row for body in bodies for row in reader.input_rows(body, _PLACE)]
