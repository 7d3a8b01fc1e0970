"""JSON in one place: orjson where it is installed (Lambda), the standard library where it is not (Glue).

Both must read the same text alike, or a profile made in Lambda would differ from the same profile made in Spark. What
orjson refuses (`NaN`, lone surrogates) is therefore read by the standard library, which is the reference.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any

try:
    import orjson
except ImportError:  # Glue ships no orjson
    orjson = None  # type: ignore[assignment]


def loads(text: str | bytes) -> Any:
    """Parse JSON text.

    Raises
    ------
    ValueError
        The text is not JSON, not UTF-8, or nested beyond reason.
    """
    if orjson is not None:
        try:
            return orjson.loads(text)
        except orjson.JSONDecodeError:
            pass  # the reference decides
    try:
        return json.loads(text)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error


def dumps(value: Any) -> bytes:
    """Compact UTF-8 JSON with sorted keys; NaN and infinities are refused, for JSON has none.

    Written by the standard library everywhere, so that equal values give equal bytes, and ids made from them agree.

    Raises
    ------
    ValueError
        A number is NaN or infinite.
    """
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False, ensure_ascii=False).encode()


def lines_of(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """The lines of a stream, without their ends; only `\\n` ends a line, as JSON Lines has it."""
    rest: list[bytes] = []
    for chunk in chunks:
        first, *others = chunk.split(b"\n")
        rest.append(first)
        for piece in others:
            yield b"".join(rest)
            rest = [piece]
    last = b"".join(rest)
    if last:
        yield last
