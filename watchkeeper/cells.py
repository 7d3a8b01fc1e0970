"""One raw value into a number, a category, a length or a time: what counts as missing, and what as the wrong type.

A raw value is what a request held: text from CSV; text, a number, a boolean, null or something nested from JSON. The
rules are the same for training files, captures and requests, so that a baseline and live traffic are read alike. Each
reader raises ValueError for a value of the wrong type.
"""

from __future__ import annotations

import math
import re
from datetime import UTC, datetime

MISSING = frozenset({"", "?", "NA", "null", "None", "NaN"})
"""Text that stands for a missing value, after stripping spaces."""

LONGEST_CATEGORY = 100
"""Longer category values are cut: they are free text, and would make profiles grow without bound."""

MILLISECONDS_FROM = 1e11
"""Epoch times from here on are in milliseconds: as seconds they would lie beyond the year 5138."""
FIRST_SECOND, LAST_SECOND = -62_135_596_800.0, 253_402_300_799.0
"""Begin of the year 1 and end of 9999: numbers beyond are no times."""

_ISO = re.compile(
    r"\d{4}(-\d\d-\d\d|\d{4})"
    r"([T ]([01]\d|2[0-3])(:[0-5]\d(:[0-5]\d([.,]\d+)?)?|[0-5]\d([0-5]\d([.,]\d+)?)?)?(Z|[+-]\d\d(:?[0-5]\d)?)?)?",
    re.ASCII,
)
UNKNOWN_TIME = -(1 << 63)
"""In place of the whole seconds of a time that is not known."""


def parse_number(value: object) -> float:
    """One number: NaN when missing; JSON booleans count as 0 and 1.

    Raises
    ------
    ValueError
        The value is not a number.
    """
    if isinstance(value, str):
        text = value.strip()
        if text in MISSING:
            return math.nan
        if "_" in text:
            raise ValueError("not a number")  # Python alone reads 1_000 as a number
        return float(text)
    if value is None:
        return math.nan
    if isinstance(value, int | float):
        try:
            return float(value)
        except OverflowError:
            return math.inf if value > 0 else -math.inf
    raise ValueError("not a number")


def parse_integer(value: object) -> float:
    """One whole number; a fraction is a value of the wrong type, infinities are not.

    Raises
    ------
    ValueError
        The value is not a number, or has a fraction.
    """
    number = parse_number(value)
    if math.isfinite(number) and not number.is_integer():
        raise ValueError("not a whole number")
    return number


def parse_text(value: object) -> str | None:
    """One text without the spaces around it, or None when missing; numbers and booleans become text.

    Raises
    ------
    ValueError
        The value is a list or an object.
    """
    if isinstance(value, str):
        text = value.strip()
        return None if text in MISSING else text
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    if isinstance(value, int) and abs(value) < 10**18:
        return str(value)
    if isinstance(value, int | float):
        return repr(parse_number(value))
    raise ValueError("neither text nor a number")


def parse_category(value: object) -> str | None:
    """One category's text, or None when missing. `3` and `3.0` are one category.

    Raises
    ------
    ValueError
        The value is a list or an object.
    """
    text = parse_text(value)
    if text is not None and not text.isascii():
        text = text.encode("utf-8", "replace").decode("utf-8")  # a lone surrogate cannot be written
    return None if text is None else text[:LONGEST_CATEGORY]


def canonical_label(text: str) -> str:
    """One spelling of a class or label: spaces stripped, and `1`, `1.0` and `true` alike."""
    text = text.strip()
    if text.lower() in ("true", "false"):
        return "1" if text.lower() == "true" else "0"
    try:
        number = float(text)
    except ValueError:
        return text
    return str(int(number)) if number.is_integer() and abs(number) < 1e15 else text


def parse_length(value: object) -> float:
    """The length in characters of a text without the spaces around it; NaN when missing.

    Raises
    ------
    ValueError
        The value is a list or an object.
    """
    text = parse_text(value)
    return math.nan if text is None else float(len(text))


def parse_time(value: object) -> float:
    """Seconds since 1970 (UTC) of one time; NaN when missing.

    A time is ISO 8601 text (a calendar date, with or without a time of day; UTC unless it names an offset), or a number
    of seconds or milliseconds since 1970. Eight digits are a date.

    Raises
    ------
    ValueError
        The value is no time, or lies outside the years 1 to 9999.
    """
    if isinstance(value, bool):
        raise ValueError("not a time")
    text = str(value) if isinstance(value, int) else value
    if isinstance(text, str):
        text = text.strip()
        if _ISO.fullmatch(text):
            time = datetime.fromisoformat(text)
            return (time.replace(tzinfo=UTC) if time.tzinfo is None else time).timestamp()
    number = parse_number(text)
    seconds = number / 1000 if abs(number) >= MILLISECONDS_FROM else number
    if not math.isnan(seconds) and not FIRST_SECOND <= seconds <= LAST_SECOND:
        raise ValueError("not a time of the years 1 to 9999")
    return seconds
