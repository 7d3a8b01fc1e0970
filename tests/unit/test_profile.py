"""The algebra: observing and merging give the same profile in any order and any split."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from watchkeeper.capture import Block, Unreadable
from watchkeeper.errors import BaselineError, ProfileError
from watchkeeper.profile import (
    Baseline,
    Binning,
    CategoryProfile,
    NumberProfile,
    Profile,
    TimeProfile,
    merge_all,
    observe,
)
from watchkeeper.profile import profile as profiles
from watchkeeper.refusal import Reason
from watchkeeper.table import CategoryColumn, NumberColumn, TimeColumn

AT = datetime(2026, 11, 21, tzinfo=UTC)
NASTY = [np.nan, np.inf, -np.inf, 0.0, -0.0, 5e-324, -1e-310, 1e150, 1.1e150, -1e308, 1e308, 0.1, 63.5, 97.0, 1e6]
row = st.tuples(
    st.one_of(st.floats(), st.sampled_from(NASTY), st.floats(-5, 105)),
    st.one_of(st.floats(), st.sampled_from(NASTY), st.floats(0, 3)),
    st.none() | st.sampled_from([f"level {i}" for i in range(150)]) | st.text(max_size=3),
    st.one_of(st.just(np.nan), st.floats(0, 2e9)),
    st.one_of(st.just(np.nan), st.floats(0, 1)),
)
rows = st.lists(row, max_size=60)


def block(given_rows: list[tuple], *, predictions: bool = True) -> Block:
    x, y, c, t, score = zip(*given_rows, strict=True) if given_rows else ((),) * 5
    features = {
        "x": NumberColumn(np.array(x, float)),
        "skewed": NumberColumn(np.array(y, float)),
        "c": CategoryColumn.of(c),
        "t": TimeColumn(np.array(t, float)),
    }
    answers = {"predicted score": NumberColumn(np.array(score, float))} if predictions else {}
    return Block(len(given_rows), features, answers)


def reference_block(n: int = 500) -> Block:
    random = np.random.default_rng(0)
    x, skewed = random.normal(50, 20, n), random.pareto(0.7, n)
    levels = [f"level {i % 90}" for i in range(n)]
    times, scores = random.uniform(0, 2e9, n), random.random(n)
    return block(list(zip(x.tolist(), skewed.tolist(), levels, times.tolist(), scores.tolist(), strict=True)))


def baseline_of(reference: Block, version: str = "v1") -> Baseline:
    binning = Binning.fit(reference.features, reference.predictions)
    return Baseline.build("credit", version, AT, binning, [reference])


BASE = baseline_of(reference_block())


@settings(max_examples=150, deadline=None)
@given(rows, rows, rows)
def test_merging_is_associative_and_commutative_and_has_an_identity(first, second, third):
    # given profiles of three parts
    a, b, c = (BASE.observe(block(part)) for part in (first, second, third))

    # when they are merged in different ways
    merged = a.merge(b).merge(c)

    # then every way gives the same bytes, and no rows change nothing
    assert merged.to_json() == c.merge(a.merge(b)).to_json()
    assert merged.to_json() == merge_all([b, a, c], BASE.empty()).to_json()
    assert BASE.empty().merge(a) == a == a.merge(BASE.empty())


@settings(max_examples=150, deadline=None)
@given(rows, st.randoms(use_true_random=False), st.integers(1, 7))
def test_observing_rows_in_any_split_and_order_gives_the_same_bytes(given_rows, random, parts):
    # given rows, and the same rows shuffled and split
    shuffled = random.sample(given_rows, len(given_rows))
    split = [shuffled[place::parts] for place in range(parts)]

    # when both are observed, for a window and for a reference
    for reference in (False, True):
        whole = observe(BASE.binning, block(given_rows), "b", reference=reference)
        pieces = [observe(BASE.binning, block(part), "b", reference=reference) for part in split]

        # then the bytes are the same
        merged = merge_all(pieces, Profile.empty(BASE.binning, "b", reference=reference))
        assert merged.to_json() == whole.to_json()
        assert Profile.from_json(whole.to_json(), BASE.binning) == whole


@settings(max_examples=150, deadline=None)
@given(rows)
def test_counts_are_those_of_a_naive_count(given_rows):
    # given rows
    profile = BASE.observe(block(given_rows))
    x, _, c, t, _ = zip(*given_rows, strict=True) if given_rows else ((),) * 5

    # when they are counted one by one
    values = np.array(x, float)
    finite = values[np.abs(values) <= 1e150]
    number, category, time = (profile.features[name] for name in ("x", "c", "t"))
    assert isinstance(number, NumberProfile)
    assert isinstance(category, CategoryProfile)
    assert isinstance(time, TimeProfile)

    # then the numbers agree, up to values within half a unit of an edge
    edges, unit = number.binning.cuts, number.binning.units.max()
    if np.all(np.abs(finite[:, None] - edges).min(axis=1, initial=np.inf) > unit):
        naive = np.bincount(np.searchsorted(edges, finite, side="right"), minlength=number.binning.bins)
        assert number.counts.tolist() == naive.tolist()
    assert number.missing == int(np.isnan(values).sum())
    assert number.infinite == len(values) - number.missing - len(finite)
    assert number.present == len(finite)
    assert number.least == (min(finite) if len(finite) else None)
    assert number.greatest == (max(finite) if len(finite) else None)
    # and the categories
    found = Counter(value for value in c if value is not None)
    assert category.counts.tolist() == [found[level] for level in category.binning.levels]
    assert category.rare == sum(found[level] for level in category.binning.rare)
    new = {name: n for name, n in found.items() if not name.startswith("level") or int(name.split()[1]) >= 90}
    assert category.new == sum(new.values())
    assert category.names == new
    assert category.missing == c.count(None)
    # and the moments
    moments = [datetime.fromtimestamp(seconds, UTC) for seconds in t if not np.isnan(seconds)]
    assert time.hours.tolist() == [sum(moment.hour == hour for moment in moments) for hour in range(24)]
    assert time.weekdays.tolist() == [sum(moment.weekday() == day for moment in moments) for day in range(7)]
    assert (time.earliest, time.latest) == ((min(moments), max(moments)) if moments else (None, None))
    assert time.missing == len(t) - len(moments)


@settings(max_examples=60, deadline=None)
@given(st.lists(rows, max_size=4))
def test_blocks_counted_one_after_the_other_are_their_merge(parts):
    # given blocks, of which every second has no predictions
    blocks = [block(part, predictions=place % 2 == 0) for place, part in enumerate(parts)]

    # when one observer counts them all
    observer = BASE.observer()
    for part in blocks:
        observer.add(part)

    # then it has what merging has
    assert observer.profile().to_json() == merge_all(map(BASE.observe, blocks), BASE.empty()).to_json()


def test_rows_beyond_one_pass_are_counted_alike():
    # given more rows than are counted at once
    random = np.random.default_rng(1)
    many = np.concatenate([random.normal(50, 20, 70_000), [np.nan, np.inf]])
    features = block([]).features
    whole = Block(
        len(many),
        {
            "x": NumberColumn(many),
            "skewed": NumberColumn(many),
            "c": CategoryColumn.of(["level 1"] * len(many)),
            "t": TimeColumn(np.abs(many)),
        },
        {},
    )

    # when observed at once
    profile = BASE.observe(whole)

    # then all are there
    assert profile.features.keys() == features.keys()
    assert profile.rows == 70_002
    assert all(view.rows == 70_002 for view in profile.features.values())
    assert profile.joint is not None
    assert profile.joint.rows == 70_002


def test_a_block_without_predictions_counts_its_features_alone():
    # given rows whose answers were not captured
    part = block([(1.0, 2.0, "level 1", 0.0, 0.5)], predictions=False)

    # when observed
    profile = BASE.observe(part)

    # then there is no prediction, and the joint part takes it as missing
    assert profile.predictions["predicted score"].rows == 0
    assert profile.joint is not None
    assert profile.joint.sums[-1] == 0
    assert profile.joint.rows == 1


def test_wrong_types_and_unreadable_records_are_counted():
    # given a block with both
    part = block([(np.nan, np.nan, None, np.nan, np.nan)] * 3)
    features = {name: replace(column, invalid=2) for name, column in part.features.items()}

    # when observed
    profile = BASE.observe(Block(3, features, {}, unreadable=[Unreadable(1, "", b"", Reason.NOT_JSON)] * 2))

    # then each column has its own, and the profile the records
    assert [(view.invalid, view.missing) for view in profile.features.values()] == [(2, 1)] * 4
    assert profile.unreadable == 2


def test_profiles_of_different_baselines_are_refused():
    # given profiles against two baselines, one of another model with other bins
    second = baseline_of(reference_block(400))
    profile = second.observe(reference_block(3))

    # when they are merged or read; then the error names both
    with pytest.raises(ProfileError, match=rf"{second.id}.*{BASE.id}"):
        BASE.empty().merge(profile)
    with pytest.raises(ProfileError, match=rf"another baseline|not '{BASE.id}'"):
        BASE.read(profile.to_json())
    with pytest.raises(ProfileError, match=rf"{second.id}"):
        BASE.read(replace(second, binning=BASE.binning).observe(reference_block(3)).to_json())


def test_a_reference_is_not_merged_with_a_window():
    # given a reference profile and a window's; when they are merged; then that is refused
    with pytest.raises(ProfileError, match="a baseline's own reference"):
        BASE.empty().merge(BASE.reference)


@pytest.mark.parametrize("text", [b"", b"{}", b"[]", b"3", b'{"format":9}', b'{"format":2,"baseline":"x"}', b"\xff"])
def test_what_is_no_profile_is_refused(text: bytes):
    # given other text; when read; then a profile error says so
    with pytest.raises(ProfileError):
        BASE.read(text)


def test_rows_of_other_columns_or_kinds_are_refused():
    # given a block that lacks a feature, and one whose number has become a category
    part = block([(1.0, 2.0, "a", 0.0, 0.5)])
    fewer = replace(part, features={"x": part.features["x"]})
    other = replace(part, features={**part.features, "x": CategoryColumn.of(["1"])})

    # when observed; then the error names the column
    with pytest.raises(ProfileError, match="c, skewed, t"):
        BASE.observe(fewer)
    with pytest.raises(ProfileError, match="Column 'x'"):
        BASE.observe(other)


def test_more_rows_than_an_integer_holds_are_refused_and_not_wrapped(monkeypatch: pytest.MonkeyPatch):
    # given a profile with sums near the limit of 64 bits
    profile = BASE.observe(reference_block(10))
    vector = profile.vector.copy()
    vector[0], vector[5] = profiles.SAFE_ROWS, 2**61 + 1
    huge = replace(profile, vector=vector)

    # when merged with itself, and with little; then the first is refused and the second is not
    with pytest.raises(ProfileError, match="shorter window"):
        huge.merge(huge)
    assert huge.merge(profile).rows == profiles.SAFE_ROWS + 10


def test_merging_changes_no_part_and_a_profile_cannot_be_written():
    # given two profiles
    first, second = BASE.observe(reference_block(30)), BASE.observe(reference_block(40))
    before = first.to_json(), second.to_json()

    # when merged
    merged = first.merge(second)

    # then both are as they were, and none can be changed
    assert (first.to_json(), second.to_json()) == before
    with pytest.raises(ValueError, match="read-only"):
        merged.vector[0] = 1


def test_a_baseline_that_is_too_small_is_refused_with_its_size():
    # given 49 rows; when a baseline is built of them; then the error names value, place and remedy
    with pytest.raises(BaselineError, match=r"credit v1 would have 49 rows; at least 50 .* more training or holdout"):
        baseline_of(reference_block(49))
