"""The algebra: observing and merging give the same profile in any order and any split."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from watchkeeper.capture import Block
from watchkeeper.errors import BaselineError, ProfileError
from watchkeeper.profile import Baseline, Binning, CategoryBinning, NumberBinning, Profile
from watchkeeper.profile.exact_sum import ExactSum
from watchkeeper.table import CategoryColumn, NumberColumn, category_column, number_column

AT = datetime(2026, 11, 21, tzinfo=UTC)
finite = st.floats(allow_nan=False, allow_infinity=False)
numbers = st.lists(st.floats(), max_size=40)
names = st.lists(st.none() | st.sampled_from([f"level {i}" for i in range(150)]) | st.text(max_size=3), max_size=120)


def block(values: list[float], categories: list[str | None], unreadable: int = 0) -> Block:
    return Block(
        rows=len(values),
        features={"x": NumberColumn(np.array(values, float)), "c": CategoryColumn.of(categories)},
        predictions={"y": NumberColumn(np.array(values[:1], float))},
    )


def baseline(values: list[float], categories: list[str | None]) -> Baseline:
    reference = block(values, categories)
    binning = Binning.fit(reference.features, reference.predictions)
    return Baseline.build("credit", "v1", AT, binning, [reference])


@given(st.lists(finite, max_size=60))
def test_exact_sums_are_exact(values: list[float]):
    # given any finite floats; when they are summed
    total = ExactSum.of(np.array(values, float))

    # then the sum is the true one, whatever their order and split
    assert total.fraction == sum(map(Fraction, values), Fraction(0))
    assert ExactSum.of(np.array(values[::-1], float)) == total
    assert ExactSum.of(np.array(values[:7], float)) + ExactSum.of(np.array(values[7:], float)) == total
    assert ExactSum.from_json(json.loads(json.dumps(total.to_json()))) == total


@settings(max_examples=150, deadline=None)
@given(numbers, numbers, numbers, names, names, names)
def test_merging_is_associative_and_commutative_and_equals_observing_together(x, y, z, a, b, c):
    # given a baseline and three parts of rows
    base = baseline([float(i % 97) for i in range(500)], [f"level {i % 90}" for i in range(500)])
    parts = [block(list(v), list(w)) for v, w in ((x, a), (y, b), (z, c))]
    first, second, third = (base.observe(part) for part in parts)

    # when they are merged in different ways
    merged = first.merge(second).merge(third)

    # then every way gives the same bytes, and so does observing all rows at once; no rows is the identity
    assert merged.to_json() == third.merge(first.merge(second)).to_json()
    assert merged.to_json() == second.merge(third).merge(first).to_json()
    assert base.empty().merge(first) == first
    together = block([*x, *y, *z], [*a, *b, *c])
    whole = base.observe(together)
    assert whole.features == merged.features
    assert Profile.from_json(merged.to_json()) == merged


def test_bins_hold_about_equal_counts_and_single_values_when_few():
    # given a continuous column and a discrete one
    random = np.random.default_rng(3)
    continuous = NumberColumn(random.lognormal(0, 2, 10_000))
    discrete = NumberColumn(np.array([0.0, 0.0, 1.0, 5.0, 5.0, 5.0]))

    # when bins are fitted
    many, few = NumberBinning.fit(continuous), NumberBinning.fit(discrete)

    # then 64 bins hold about the same, and each single value has its own
    counts = np.array(many.observe(continuous).counts)
    assert len(counts) == 64
    assert counts.max() - counts.min() <= 2
    assert few.observe(discrete).counts == (2, 1, 3)


def test_a_numeric_profile_counts_what_is_not_a_usual_number():
    # given bins over 0..9, and odd values
    bins = NumberBinning.fit(NumberColumn(np.arange(10.0)))
    column = number_column(["", "x", "inf", "-1", "100", "1e200", "4"])

    # when they are observed
    profile = bins.observe(column)

    # then each is counted as what it is
    assert (profile.missing, profile.invalid, profile.infinite) == (1, 1, 2)
    assert (profile.below, profile.above, profile.present, profile.rows) == (1, 1, 3, 7)
    assert (profile.least, profile.greatest) == (-1.0, 100.0)
    assert profile.mean == pytest.approx(103 / 3)


def test_mean_and_deviation_agree_with_numpy():
    # given many values
    values = np.random.default_rng(1).normal(1e6, 1.0, 5000)

    # when profiled
    profile = NumberBinning.fit(NumberColumn(values)).observe(NumberColumn(values))

    # then the figures are numpy's, also where naive sums of squares lose all digits
    assert profile.mean == pytest.approx(values.mean(), rel=1e-14)
    assert profile.deviation == pytest.approx(values.std(), rel=1e-4)


def test_new_names_are_bounded_and_their_counts_exact():
    # given a column with two known levels, and 500 new names, some of them often
    bins = CategoryBinning.fit(category_column(["a", "b", "a"]))
    rows = [f"new {i}" for i in range(500) for _ in range(1 + i % 3)]

    # when profiled in 10 parts and merged
    parts = [bins.observe(category_column(rows[i::10])) for i in range(10)]
    merged = parts[0]
    for part in parts[1:]:
        merged = merged.merge(part)

    # then 64 names are kept with true counts, and all rows are counted
    assert len(merged.names) == 64
    assert all(rows.count(name) == count for name, count in merged.names.items())
    assert merged.new == len(rows)


def test_rare_and_unlistable_categories_are_not_called_new():
    # given columns of 500 and of 5,000 different categories
    some = category_column([f"n{i}" for i in range(500)])
    many = category_column([f"n{i}" for i in range(5000)])

    # when they are profiled against themselves, and against something unknown
    known, too_many = CategoryBinning.fit(some), CategoryBinning.fit(many)

    # then known ones are rare, and where not all could be listed nothing is new
    assert known.observe(some).rare == 436
    assert known.observe(category_column(["zzz"])).new == 1
    assert not too_many.complete
    assert too_many.observe(category_column(["zzz"])).rare == 1


def test_profiles_of_different_baselines_are_refused():
    # given profiles against two baselines
    first, second = baseline([1.0, 2.0], ["a", "b"]), baseline([1.0, 2.0, 3.0], ["a", "b", "c"])

    # when they are merged; then the error names both
    with pytest.raises(ProfileError, match=f"{second.id}.*{first.id}"):
        first.empty().merge(second.empty())


def test_a_baseline_survives_the_round_trip_and_shows_tampering():
    # given a baseline
    base = baseline([1.0, 2.5, float("nan")], ["a", None, "b"])

    # when written and read again
    text = base.to_json()

    # then it is the same; changed by hand it is refused; another format as well
    assert Baseline.from_json(text) == base
    with pytest.raises(BaselineError, match="changed after it was made"):
        Baseline.from_json(text.replace(b'"rows":3', b'"rows":4'))
    with pytest.raises(BaselineError, match="format 9"):
        Baseline.from_json(text.replace(b'"format":1', b'"format":9'))
    with pytest.raises(BaselineError, match="not a baseline"):
        Baseline.from_json(b"[]")


def test_the_same_baseline_for_another_version_has_another_id():
    # given a baseline; when it is given to another version
    base = baseline([1.0, 2.0], ["a", "b"])
    copy = base.for_version("v2")

    # then it differs in version and id alone
    assert copy.id != base.id
    assert copy.version == "v2"
    assert copy.binning == base.binning
    assert copy.reference.features == base.reference.features
    assert copy.reference.baseline == copy.id


def test_a_hundred_features_fit_into_100_kB():
    # given 100 features of 10,000 rows
    random = np.random.default_rng(0)
    features = {f"feature {i}": NumberColumn(random.normal(50_000, 9_000, 10_000)) for i in range(100)}
    binning = Binning.fit(features, {})

    # when they are profiled
    profile = binning.observe(Block(10_000, features, {}), "id")

    # then the profile is small
    assert len(profile.to_json()) < 100_000


@pytest.mark.parametrize("text", [b"", b"{}", b"[]", b'{"format":2}', b'{"format":1,"baseline":"x"}'])
def test_what_is_no_profile_is_refused(text: bytes):
    # given other text; when read; then a profile error says so
    with pytest.raises(ProfileError):
        Profile.from_json(text)
