"""Many rows of one known form, read at once: bytes between commas into arrays, by pyarrow's CSV reader.

Each field of a row is a value between a fixed prefix and suffix. A row fits when it has just these fields, with these
prefixes and suffixes and no quotes in a value; only rows that fit are read, and the places of the others are told. The
numbers that pyarrow reads are those that `watchkeeper.cells` reads, except for `nan(…)`, which is looked for; what
pyarrow refuses is read as text, once for each different text.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum, auto
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from watchkeeper import arrow, ids
from watchkeeper.capture import framed, moments
from watchkeeper.cells import MISSING
from watchkeeper.ids import Ids

if TYPE_CHECKING:
    import pyarrow as pa
    from pyarrow import csv
else:
    try:
        import pyarrow as pa
        from pyarrow import csv
    except ImportError:  # left out where it does not fit; the general reader does without
        pa = csv = None

AVAILABLE = csv is not None
"""Whether this runtime has pyarrow."""
BYTE_ORDER_MARK = b"\xef\xbb\xbf"
"""pyarrow skips it at the begin of its input, where it is part of a value."""

_PARSED_AT_ONCE = 1 << 20
"""So much stays in the processor's cache between splitting and converting: a quarter faster than all at once."""
_MANY = 0.1
"""Where more of the rows than this hold different texts, reading each text once is no gain."""
_NOT_A_NUMBER = ("nan", "NAN", "Nan", "-nan", "+nan", "-NaN")
_NULLS = (*sorted(MISSING), *_NOT_A_NUMBER)


class Wanted(Enum):
    """What is made of a field's values."""

    NUMBERS = auto()
    TEXTS = auto()
    TIMES = auto()
    IDS = auto()
    NOTHING = auto()


_UNTYPED = (Wanted.NOTHING, Wanted.TIMES, Wanted.IDS)
"""What is read as plain bytes."""


@dataclass(frozen=True)
class Field:
    """One field: its values stand between `prefix` and `suffix`; a constant one has no values, only a prefix.

    `width` is how many bytes it had when it was learnt: ids and times, mostly, have as many again.
    """

    wanted: Wanted
    prefix: bytes = b""
    suffix: bytes = b""
    constant: bool = False
    width: int | None = None


@dataclass(frozen=True)
class Coded:
    """Texts: each different one once, and for each row its place among them."""

    levels: Sequence[str]
    codes: NDArray[np.int32]

    def __getitem__(self, rows: NDArray[Any]) -> Coded:
        return Coded(self.levels, self.codes[rows])


Values: TypeAlias = NDArray[np.float64] | Coded


@dataclass(frozen=True)
class Rows:
    """What was read.

    Attributes
    ----------
    lines : how many rows there were
    fitting : places of the rows that were read, among them
    values : of each field, or None: those of the rows that were read; numbers are `Coded` where pyarrow refused one
    times : those of the rows that were read, of the field of times; None when there is no such field
    ids : the same of the field of ids
    """

    lines: int
    fitting: NDArray[np.intp]
    values: Sequence[Values | None]
    times: NDArray[np.int64] | None = None
    ids: Ids | None = None


@dataclass(frozen=True)
class _Read:
    """One column: its values, which rows fit (None: all), and whether the strict type would have done."""

    values: Values | None
    fits: NDArray[np.bool_] | None
    strict: bool = True
    times: NDArray[np.int64] | None = None
    ids: Ids | None = None


class FieldReader:
    """Reads rows of one form.

    Every column is read with a strict type at first, which is fast: as many bytes as the field had when it was learnt,
    or a number. When that fails, all columns are read again with types that never fail, and those of them that needed
    it are read so from then on.

    Parameters
    ----------
    signs : what no value may hold; beside quotes, backslashes where they are not excluded already
    """

    def __init__(self, fields: Sequence[Field], signs: str = '"') -> None:
        self._fields = tuple(fields)
        self._signs = signs
        self._everything = frozenset(range(len(fields)))
        self._loose: frozenset[int] = frozenset()
        self._manifold: set[int] = set()
        """Framed numbers most of which are different: not to be read as a few texts, many times over."""

    def read(self, data: bytes) -> Rows | None:
        """Read lines of valid UTF-8 without carriage returns; None when pyarrow cannot read them at all."""
        if data.startswith(BYTE_ORDER_MARK):
            return None
        for loose in (self._loose, self._everything):
            parsed = self._parsed(data, loose)
            if parsed is None:
                continue
            table, misfits = parsed
            columns = [
                self._column(place, arrow.only(table.column(place)), place in loose) for place in self._everything
            ]
            found = [column for column in columns if column is not None]
            if len(found) == len(columns):
                self._loose = loose.difference(place for place, column in enumerate(found) if column.strict)
                return _rows(found, table.num_rows, misfits)
        return None

    def _parsed(self, data: bytes, loose: frozenset[int]) -> tuple[Any, list[int]] | None:
        types = {str(place): self._type(place, place in loose) for place in self._everything}
        for size in (_PARSED_AT_ONCE, len(data) + 1):  # a line may be longer than what is parsed at once
            misfits: list[int] = []
            try:
                table = _read(data, types, size, _NULLS, misfits)
            except pa.ArrowInvalid as error:
                if "straddling" not in str(error):
                    return None
            else:
                return table.unify_dictionaries().combine_chunks(), misfits
        return None

    def _type(self, place: int, loose: bool) -> Any:
        field = self._fields[place]
        coded = pa.dictionary(pa.int32(), pa.string())
        if field.constant or field.wanted is Wanted.TEXTS:
            return coded
        if field.wanted in _UNTYPED:
            return pa.binary(field.width) if field.width and not loose else pa.string()
        if loose:
            return coded
        if not field.prefix and not field.suffix:
            return pa.float64()
        return pa.string() if place in self._manifold else coded

    def _column(self, place: int, array: Any, loose: bool) -> _Read | None:
        """Read one column; None when it holds what its strict type cannot tell."""
        field = self._fields[place]
        if pa.types.is_floating(array.type):
            numbers = _numbers(array)
            return None if numbers is None else _Read(numbers, None)
        if not pa.types.is_dictionary(array.type):
            return _framed(field, framed.Texts.of(array), self._signs)
        codes = arrow.values(array.indices, np.int32)
        inner, good = _unframed(array.dictionary.to_pylist(), field, self._signs)
        fits = None if good is None else good[codes]
        if field.constant:
            return _Read(None, fits)
        if field.wanted is Wanted.NUMBERS and not loose and len(inner) > _MANY * len(codes):
            self._manifold.add(place)
        strict = not loose or field.wanted is Wanted.TEXTS or all(map(_plain_number, inner))
        return _Read(Coded(inner, codes), fits, strict)


def _rows(columns: Sequence[_Read], rows: int, misfits: Sequence[int]) -> Rows:
    lines = rows + len(misfits)
    kept = np.delete(np.arange(lines), misfits) if misfits else np.arange(lines)
    values = [column.values for column in columns]
    times = next((column.times for column in columns if column.times is not None), None)
    found = next((column.ids for column in columns if column.ids is not None), None)
    masks = [column.fits for column in columns if column.fits is not None]
    if masks:
        fits = np.stack(masks).all(axis=0)
        kept, values = kept[fits], [None if found is None else found[fits] for found in values]
        times = None if times is None else times[fits]
        found = None if found is None else found[fits]
    return Rows(lines, kept, values, times, found)


def _read(data: bytes, types: dict[str, Any], size: int, nulls: Sequence[str], misfits: list[int]) -> Any:
    def skip(row: csv.InvalidRow) -> str:
        misfits.append(row.number - 1)
        return "skip"

    return csv.read_csv(
        pa.py_buffer(data),
        csv.ReadOptions(column_names=list(types), use_threads=False, block_size=size),
        csv.ParseOptions(quote_char=False, double_quote=False, ignore_empty_lines=False, invalid_row_handler=skip),
        csv.ConvertOptions(check_utf8=False, column_types=types, null_values=list(nulls)),
    )


def _unframed(texts: Sequence[str], field: Field, signs: str) -> tuple[Sequence[str], NDArray[np.bool_] | None]:
    """The texts without what stands around them, and which of them had just that; None when all had."""
    prefix, suffix = field.prefix.decode(), field.suffix.decode()
    if field.constant:
        inner, good = texts, [text == prefix for text in texts]
    else:
        inner = [text[len(prefix) : len(text) - len(suffix)] for text in texts]
        whole = (prefix + body + suffix == text for body, text in zip(inner, texts, strict=True))
        good = [fits and not any(sign in body for sign in signs) for fits, body in zip(whole, inner, strict=True)]
    return inner, None if all(good) else np.array(good)


def _framed(field: Field, texts: framed.Texts, signs: str) -> _Read | None:
    """Read a column of framed texts at once."""
    fits = texts.framed(field.prefix, field.suffix, signs.encode())
    if field.wanted is Wanted.IDS:
        return _identified(field, texts, fits)
    everywhere = bool(fits.all())
    if field.wanted in _UNTYPED:
        times = moments.of_texts(texts, field.prefix, field.suffix, fits) if field.wanted is Wanted.TIMES else None
        return _Read(None, None if everywhere else fits, texts.step == field.width, times)
    numbers = _single(texts.between(field.prefix, field.suffix)) if everywhere else None
    return None if numbers is None else _Read(numbers, None)


def _identified(field: Field, texts: framed.Texts, fits: NDArray[np.bool_]) -> _Read:
    """Read a column of ids; an empty one fits not, for then another id may count."""
    around = len(field.prefix) + len(field.suffix)
    fits = fits & (texts.lengths > around)
    found = ids.unknown(texts.count)
    found[fits] = ids.digests(texts.bodies(fits, len(field.prefix), len(field.suffix)))
    return _Read(None, None if fits.all() else fits, texts.step == field.width, ids=found)


def _numbers(array: Any) -> NDArray[np.float64] | None:
    """The numbers with NaN where missing; None when pyarrow took a text for NaN that is not."""
    values = arrow.values(array, np.float64)
    if np.isnan(values).any():
        return None
    return np.where(arrow.present(array), values, np.nan) if array.null_count else values


def _single(inner: framed.Inner) -> NDArray[np.float64] | None:
    """One column of numbers, each on a line of its own between the spaces that took its frame's place."""
    if inner.data.startswith(BYTE_ORDER_MARK):
        return None
    nulls = [inner.before + text + inner.after for text in _NULLS]
    try:
        return _numbers(arrow.only(_read(inner.data, {"0": pa.float64()}, len(inner.data) + 1, nulls, []).column(0)))
    except pa.ArrowInvalid:
        return None


def _plain_number(text: str) -> bool:
    """Whether pyarrow reads the text as a number."""
    if text in _NULLS:
        return True
    try:
        float(text)
    except ValueError:
        return False
    return text.isascii() and "_" not in text and text.strip() == text.strip(" \t")
