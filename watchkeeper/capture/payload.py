"""The body of a request or an answer, as data capture kept it, into rows of raw values.

SageMaker keeps a body as text (`CSV`, `JSON`) or, for content types that the endpoint does not list, as `BASE64`. A
body may hold several rows, in any of the usual forms (CONTRACTS §1). No reason given here quotes a row's values, for
reasons reach logs and messages, and values may be personal.
"""

from __future__ import annotations

import base64
import binascii
import csv
from collections.abc import Mapping
from enum import Enum, auto
from typing import Any

from watchkeeper import jsonio
from watchkeeper.refusal import Reason, RefusedError

ENCODINGS = ("CSV", "JSON", "BASE64")
WRAPPERS = ("instances", "predictions", "outputs", "inputs")
"""Names under which a JSON object holds its rows."""


def rows(part: object, place: str) -> list[Any]:
    """The rows of one captured body.

    Parameters
    ----------
    part : the value of `endpointInput`, `endpointOutput` or `batchTransformOutput`
    place : its name, for reasons

    Returns
    -------
    One item a row: a list of texts (CSV), or whatever JSON held: a list, an object or a single value.

    Raises
    ------
    RefusedError
        The body cannot be read; the reason names the place and the remedy.
    """
    form, content = _content(part, place)
    if form is _Form.CSV:
        return csv_rows(content)
    return json_rows(content, place) if form is _Form.JSON else _json_rows(content)


def csv_text(part: object, place: str) -> str | None:
    """The text of a captured body that is CSV, None for one that is JSON; errors as for `rows`."""
    form, content = _content(part, place)
    return content if form is _Form.CSV else None


class _Form(Enum):
    CSV = auto()
    JSON = auto()
    DOCUMENT = auto()
    """JSON that was captured as it is, and not as text."""


def _content(part: object, place: str) -> tuple[_Form, Any]:
    if not isinstance(part, Mapping):
        raise RefusedError(Reason.NO_BODY, f"{place} is not an object; capture both Input and Output of the endpoint.")
    encoding, data = part.get("encoding"), part.get("data")
    if encoding not in ENCODINGS:
        raise RefusedError(
            Reason.ENCODING, f"{place}.encoding is {_short(encoding)}; expected one of {', '.join(ENCODINGS)}."
        )
    if encoding == "JSON" and isinstance(data, list | dict):
        return _Form.DOCUMENT, data
    if not isinstance(data, str):
        raise RefusedError(Reason.MALFORMED, f"{place}.data is {type(data).__name__}; expected text.")
    if encoding != "BASE64":
        return _Form[encoding], data
    text = _decoded(data, place)
    content_type = str(part.get("observedContentType") or "").lower()
    if "json" in content_type or ("csv" not in content_type and text.lstrip()[:1] in ("{", "[")):
        return _Form.JSON, text
    return _Form.CSV, text


def csv_rows(text: str) -> list[list[str]]:
    """Rows of CSV text without a header; blank lines at the end are not rows."""
    text = text.rstrip("\r\n")
    if not text:
        return [[""]]
    if '"' not in text:
        return [line.split(",") for line in text.replace("\r\n", "\n").split("\n")]
    try:
        return [row or [""] for row in csv.reader(text.splitlines(keepends=True), strict=True)]
    except csv.Error as error:
        raise RefusedError(
            Reason.MALFORMED, f"The CSV text is malformed ({error}); quote texts that hold quotes or commas."
        ) from error


def json_rows(text: str, place: str) -> list[Any]:
    """Rows of JSON text: one document, or one a line (JSON Lines)."""
    try:
        return _json_rows(jsonio.loads(text))
    except ValueError as error:
        lines = [line for line in text.splitlines() if line.strip()]
        if len(lines) < 2:
            raise RefusedError(
                Reason.MALFORMED, f"{place}.data is not JSON ({_where(error)}); send valid JSON or CSV."
            ) from error
    found: list[Any] = []
    for number, line in enumerate(lines, 1):
        try:
            found.extend(_json_rows(jsonio.loads(line)))
        except ValueError as error:
            raise RefusedError(
                Reason.MALFORMED,
                f"{place}.data is neither JSON nor JSON Lines (line {number}: {_where(error)}); send valid JSON, or "
                "CSV.",
            ) from error
    return found


def _json_rows(document: Any) -> list[Any]:
    if isinstance(document, Mapping):
        for name in WRAPPERS:
            if isinstance(document.get(name), list):
                return list(document[name])
        return [document]
    return document if isinstance(document, list) else [document]


def _decoded(data: str, place: str) -> str:
    try:
        return base64.b64decode(data, validate=True).decode("utf-8")
    except (binascii.Error, ValueError) as error:
        raise RefusedError(
            Reason.ENCODING,
            f"{place}.data is not text in base64 ({type(error).__name__}); list its content type in the endpoint's "
            "CaptureContentTypeHeader, and send CSV or JSON.",
        ) from error


def _where(error: ValueError) -> str:
    """What a parser said, without the text that it quotes."""
    return f"{error.__class__.__name__} at {getattr(error, 'pos', '?')}"


def _short(value: object) -> str:
    return repr(value) if isinstance(value, str) and len(value) <= 20 else type(value).__name__
