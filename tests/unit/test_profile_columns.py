"""Categories, their new names, and moments; and how large a profile is."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from watchkeeper.capture import Block
from watchkeeper.profile import (
    Binning,
    CategoryBinning,
    CategoryProfile,
    Profile,
    TimeProfile,
    codec,
    fit_column,
    merge_all,
    names,
    observe,
    observe_column,
)
from watchkeeper.table import CategoryColumn, Column, NumberColumn, TimeColumn


def categories(values: list[str | None]) -> CategoryBinning:
    binning = fit_column(CategoryColumn.of(values))
    assert isinstance(binning, CategoryBinning)
    return binning


def observed(binning: CategoryBinning, values: list[str | None]) -> CategoryProfile:
    profile = observe_column(binning, CategoryColumn.of(values))
    assert isinstance(profile, CategoryProfile)
    return profile


def test_new_names_are_bounded_and_their_counts_exact():
    # given a column with two known levels, and 500 new names, some of them often
    binning = Binning.fit({"c": CategoryColumn.of(["a", "b", "a"])}, {})
    rows: list[str | None] = [f"new {i}" for i in range(500) for _ in range(1 + i % 3)]

    # when profiled in 10 parts and merged
    parts = [
        observe(binning, Block(len(rows[i::10]), {"c": CategoryColumn.of(rows[i::10])}, {}), "") for i in range(10)
    ]
    merged = merge_all(parts, Profile.empty(binning, "")).features["c"]
    assert isinstance(merged, CategoryProfile)

    # then 64 names are kept with true counts, and all rows are counted
    assert len(merged.names) == 64
    assert all(rows.count(name) == count for name, count in merged.names.items())
    assert merged.new == len(rows)


@pytest.mark.parametrize("distinct", [0, 1, 63, 64, 1000, 100_000])
def test_the_number_of_new_names_is_estimated(distinct: int):
    # given so many new names
    profile = observed(categories(["a"]), [f"new {i}" for i in range(distinct)])

    # when they are estimated; then it is exact for few, and within three standard errors for many
    tolerance = 0 if distinct < names.MOST_NAMES else 3 / np.sqrt(names.MOST_NAMES - 2)
    assert profile.new == distinct
    assert profile.new_distinct == pytest.approx(distinct, rel=tolerance)
    assert len(profile.names) == min(distinct, names.MOST_NAMES)


def test_rare_and_unlistable_categories_are_not_called_new():
    # given columns of 500 and of 100,000 different categories
    some: list[str | None] = [f"n{i}" for i in range(500)]
    many: list[str | None] = [f"n{i}" for i in range(100_000)]

    # when they are profiled against themselves, and against something unknown
    known, too_many = categories(some), categories(many)

    # then known ones are rare, and where not all could be listed nothing is new
    assert observed(known, some).rare == 436
    assert observed(known, ["zzz"]).new == 1
    assert not too_many.complete
    assert observed(too_many, ["zzz"]).rare == 1
    assert observed(too_many, many).present == 100_000


def test_levels_are_found_whatever_their_codes():
    # given the same rows under other codes, one level without a row, in any script
    binning = categories(["жёлтый", "青", "青", "🟢", None])
    first = CategoryColumn(np.array([0, 1, 1, 2, -1], np.int32), ("жёлтый", "青", "🟢"))
    second = CategoryColumn(np.array([3, 0, 0, 2, -1], np.int32), ("青", "unused", "🟢", "жёлтый"))

    # when both are observed
    profiles = [observe_column(binning, column) for column in (first, second)]

    # then they are one profile, and the unused level is not new
    assert profiles[0] == profiles[1]
    assert profiles[0].counts.tolist() == [2, 1, 1]  # type: ignore[union-attr]  # a category's
    assert profiles[1].new == 0  # type: ignore[union-attr]


def test_good_turing_counts_are_those_of_the_baseline():
    # given a baseline with one category seen three times, two seen twice, and three seen once
    binning = categories(["a", "a", "a", "b", "b", "c", "c", "d", "e", "f", None])

    # then that is what is kept
    assert (binning.once, binning.twice, binning.sampled) == (3, 2, 10)
    assert binning.levels == ("a", "b", "c", "d", "e", "f")


def test_moments_are_counted_by_hour_and_weekday():
    # given a Thursday at the epoch, the Sunday before 2000, something before the epoch, and no date at all
    column = TimeColumn(np.array([0.0, 946_166_400.5, -1.0, np.nan, 1e18, np.inf]), invalid=0)

    # when observed
    profile = observe_column(fit_column(column), column)
    assert isinstance(profile, TimeProfile)

    # then each is where it belongs
    assert profile.weekdays.tolist() == [0, 0, 1, 1, 0, 0, 1]
    assert (profile.hours[0], profile.hours[23], profile.hours.sum()) == (2, 1, 3)
    assert (profile.missing, profile.invalid, profile.present, profile.rows) == (1, 2, 3, 6)
    assert str(profile.earliest) == "1969-12-31 23:59:59+00:00"
    assert profile.latest is not None
    assert profile.latest.year == 1999


@pytest.mark.parametrize("rows", [1_000, 1_000_000])
def test_a_hundred_features_fit_into_100_kB(rows: int):
    # given 100 features and a score, of which 10,000 rows stand for all
    random = np.random.default_rng(0)
    shapes = [
        lambda n: random.normal(50_000, 9_000, n),
        lambda n: random.lognormal(3, 1, n),
        lambda n: random.poisson(4, n).astype(float),
        lambda n: random.pareto(1, n),
    ]

    def block(n: int) -> Block:
        features: dict[str, Column] = {f"feature {i}": NumberColumn(shapes[i % 4](n)) for i in range(100)}
        return Block(n, features, {"predicted score": NumberColumn(random.random(n))})

    reference = block(10_000)
    binning = Binning.fit(reference.features, reference.predictions)

    # when they are profiled
    part = observe(binning, block(min(rows, 10_000)), "id")
    profile = merge_all([part] * (rows // part.rows), Profile.empty(binning, "id"))

    # then the profile is small, joint part included
    assert profile.rows == rows
    assert profile.joint is not None
    assert len(profile.to_json()) < 100_000
    assert Profile.from_json(profile.to_json(), binning) == profile


@pytest.mark.parametrize("bound", [0, 1, 127, 128, 2**15 - 1, 2**15, 2**23, 2**31, 2**40, 2**62])
def test_integers_are_written_in_as_few_bytes_as_hold_them(bound: int):
    # given integers up to a bound of either sign
    values = np.array([bound, -bound - (bound > 0), 0, 1], np.int64)

    # when written and read
    kind, text = codec.pack(values)

    # then they are the same, in the fewest bytes
    assert codec.unpack([kind, text]).tolist() == values.tolist()
    assert int(kind[1:]) == max(1, (max(bound, 1).bit_length() + 8) // 8)
    assert codec.unpack(codec.pack(np.empty(0, np.int64))).tolist() == []


@pytest.mark.parametrize("packed", [["i9", ""], ["i3", "AAAA" * 2 + "AA=="], ["x", ""], ["i2", "AAA"]])
def test_what_no_codec_wrote_is_refused(packed: list[str]):
    # given other text; when read; then a ValueError says so
    with pytest.raises(ValueError, match=r".+"):
        codec.unpack(packed)


def test_profiles_need_numpy_and_nothing_else_of_size():
    # given a process of its own; when the package is imported; then neither pandas, scipy nor pyarrow is
    code = (
        "import sys, watchkeeper.profile\n"
        "assert not {'pandas', 'scipy', 'pyarrow', 'boto3', 'pydantic'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
