"""Raw values into columns: what a time, a text's length and a category are; codes and levels."""

from __future__ import annotations

import math
from datetime import UTC, datetime

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from watchkeeper.cells import parse_category, parse_length, parse_time
from watchkeeper.spec import Kind
from watchkeeper.table import CategoryColumn, NumberColumn, TimeColumn, coded_column, column, concatenate

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC).timestamp()


@pytest.mark.parametrize(
    "value",
    [
        *(
            "2026-11-21T12:00:00Z",
            "2026-11-21T12:00:00",
            "2026-11-21 12:00",
            "2026-11-21T13:00:00+01:00",
            "20261121T120000Z",
        ),
        *("2026-11-21T12:00:00.000Z", " 2026-11-21T12:00:00Z ", f"{NOON:.0f}", f"{NOON:.0f}.0", f"{NOON * 1000:.0f}"),
        *(NOON, int(NOON), NOON * 1000, int(NOON * 1000)),
    ],
)
def test_one_time_is_read_from_every_way_to_write_it(value: object):
    assert parse_time(value) == NOON


@pytest.mark.parametrize(
    ("value", "date"), [("20261121", (2026, 11, 21)), (20261121, (2026, 11, 21)), ("0001-01-01", (1, 1, 1))]
)
def test_dates_are_midnight_in_utc(value: object, date: tuple[int, int, int]):
    assert parse_time(value) == datetime(*date, tzinfo=UTC).timestamp()


@pytest.mark.parametrize("value", [None, "", " NA ", "null", math.nan, "nan"])
def test_a_missing_time_is_not_a_number(value: object):
    assert math.isnan(parse_time(value))


@pytest.mark.parametrize(
    "value",
    ["noon", "2026-13-01", "2026-02-30", "20261399", "12:00", "inf", 1e300, -1e18, 10**400, True, [], {}, "2026-11"],
)
def test_what_is_no_time_is_of_the_wrong_type(value: object):
    with pytest.raises(ValueError, match=r"not a|could not|month|day|hour|out of range|isoformat"):
        parse_time(value)


def test_texts_are_known_by_their_length_alone():
    # given texts, a number, missing ones and a list
    read = column(Kind.TEXT, [" hello ", "é日本", 31, "", None, ["a"]])

    # then the lengths in characters are kept
    assert isinstance(read, NumberColumn)
    np.testing.assert_array_equal(read.values, [5, 3, 2, np.nan, np.nan, np.nan])
    assert read.invalid == 1


def test_times_become_seconds():
    # given times in two forms, a missing one and a word
    read = column(Kind.TIMESTAMP, ["2026-11-21T12:00:00Z", int(NOON), None, "noon"])

    # then
    assert isinstance(read, TimeColumn)
    np.testing.assert_array_equal(read.seconds, [NOON, NOON, np.nan, np.nan])
    assert (len(read), read.invalid) == (4, 1)


def test_an_integer_of_hundreds_of_digits_is_a_category_and_a_length():
    assert parse_category(10**400) == "inf"
    assert parse_length(10**400) == 3


names = st.none() | st.sampled_from(["a", "b", "c", "é"])


@given(st.lists(names))
def test_a_category_column_gives_back_what_it_was_made_of(values: list[str | None]):
    # given categories; when they are coded
    read = CategoryColumn.of(values, invalid=1)

    # then the texts come back, and every level has a row
    assert read.values == values
    assert sorted(read.levels) == sorted({value for value in values if value is not None})
    assert read.codes.dtype == np.int32


@given(st.lists(st.lists(names), min_size=1))
def test_columns_of_categories_are_put_together_whatever_their_levels(parts: list[list[str | None]]):
    # given columns with levels of their own; when they are put together
    whole = concatenate(CategoryColumn.of(part, invalid=1) for part in parts)

    # then it is as if they had been one column from the begin
    assert isinstance(whole, CategoryColumn)
    assert whole.values == [value for part in parts for value in part]
    assert set(whole.levels) == {value for part in parts for value in part if value is not None}
    assert whole.invalid == len(parts)


@given(
    st.sampled_from(Kind), st.lists(st.sampled_from(["1", " 1", "1.5", "NA", "", "a", "2026-11-21", "inf"]), min_size=1)
)
def test_texts_given_by_code_are_read_like_texts_given_one_by_one(kind: Kind, raw: list[str]):
    # given texts, and the same as places among the different ones
    levels = [*dict.fromkeys(raw), "never used"]
    codes = np.array([levels.index(text) for text in raw], np.int32)

    # when both are read
    coded, plain = coded_column(kind, levels, codes), column(kind, raw)

    # then they are the same column
    assert type(coded) is type(plain)
    assert coded.invalid == plain.invalid
    if isinstance(plain, CategoryColumn):
        assert isinstance(coded, CategoryColumn)
        assert coded.values == plain.values
        assert set(coded.levels) == set(plain.levels)
    else:
        values = [read.seconds if isinstance(read, TimeColumn) else read.values for read in (coded, plain)]
        np.testing.assert_array_equal(*values)


def test_columns_of_different_kinds_are_not_put_together():
    with pytest.raises(ValueError, match="one kind"):
        concatenate([NumberColumn(np.zeros(1)), TimeColumn(np.zeros(1))])
    with pytest.raises(ValueError, match="at least one"):
        concatenate([])
