"""What profiles know of captures: counted exactly, merged in any order, and bounded; older profiles know nothing."""

from __future__ import annotations

import json
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from watchkeeper.capture import Block, Unreadable
from watchkeeper.capture.keys import LONGEST_KEY, KeyShape
from watchkeeper.cells import UNKNOWN_TIME
from watchkeeper.profile import Baseline, Binning, CategoryProfile, Filing, Profile, merge_all
from watchkeeper.profile.captures import LAG_EDGES, MINUTES
from watchkeeper.profile.names import MOST_NAMES
from watchkeeper.profile.privacy import noised
from watchkeeper.refusal import Reason
from watchkeeper.table import CategoryColumn, NumberColumn

GOLDEN = Path(__file__).parent / "golden"
HOUR = datetime(2026, 11, 21, 10, tzinfo=UTC)
FILING = Filing(HOUR, HOUR + timedelta(minutes=70))
AT = int(HOUR.timestamp())


def block(size: int = 0, **account: Any) -> Block:
    """Rows of three features, and what is known of their captures."""
    values = NumberColumn(np.arange(size, dtype=float))
    return Block(size, {"x": values, "y": values, "z": values}, {}, **account)


def base() -> Baseline:
    reference = block(100)
    binning = Binning.fit(reference.features, {})
    return Baseline.build("credit", "v1", HOUR, binning, [reference])


BASE = base()

keys = st.dictionaries(
    st.builds(
        KeyShape,
        st.lists(st.sampled_from(["x", "y", "personal"]), unique=True).map(tuple),
        st.lists(st.text(max_size=2) | st.integers(0, 300).map(lambda n: f"key {n}"), unique=True).map(tuple),
    ),
    st.integers(1, 5),
    max_size=30,
)
times = st.lists(st.just(UNKNOWN_TIME) | st.integers(AT - 4000, AT + 9000) | st.integers(-(2**40), 2**40))
refused = st.lists(st.tuples(st.sampled_from(Reason), st.none() | st.integers(0, 300)))


@st.composite
def blocks(draw: st.DrawFn) -> Block:
    unreadable = [Unreadable(1, "", b"", kind, values) for kind, values in draw(refused)]
    return block(draw(st.integers(0, 3)), unreadable=unreadable, times=np.array(draw(times), np.int64), keys=draw(keys))


def observed(*parts: Block, filing: Filing | None = FILING) -> Profile:
    observer = BASE.observer(filing)
    for part in parts:
        observer.add(part)
    return observer.profile()


@settings(max_examples=200, deadline=None)
@given(blocks(), blocks(), blocks())
def test_accounts_of_captures_merge_in_any_order_and_survive_json(first: Block, second: Block, third: Block):
    # given profiles of three parts
    a, b, c = map(observed, (first, second, third))

    # when they are merged in different ways, and counted one after the other
    merged = a.merge(b).merge(c)

    # then every way gives the same bytes, no captures change nothing, and what is read is what was written
    assert merged.to_json() == c.merge(a.merge(b)).to_json() == merge_all([b, c, a], BASE.empty()).to_json()
    assert merged.to_json() == observed(third, first, second).to_json()
    assert BASE.empty().merge(a) == a == a.merge(BASE.empty())
    assert BASE.read(merged.to_json()) == merged


@settings(max_examples=200, deadline=None)
@given(blocks())
def test_accounts_of_captures_are_those_of_a_naive_count(part: Block):
    # given captures; when they are profiled
    found = observed(part).captures

    # then reasons and wrong widths are counted
    assert found.reasons == Counter(record.kind for record in part.unreadable)
    assert sum(found.reasons.values()) == observed(part).unreadable
    widths = Counter(str(record.values) for record in part.unreadable if record.values is not None)
    assert found.widths.items() <= widths.items()
    assert len(found.widths) == min(len(widths), MOST_NAMES)
    # and keys, of which those that are kept are counted exactly
    unknown = Counter({k: 0 for shape in part.keys for k in shape.unknown})
    for shape, rows in part.keys.items():
        unknown.update(dict.fromkeys(shape.unknown, rows))
    assert found.objects == sum(part.keys.values())
    assert found.strange == sum(rows for shape, rows in part.keys.items() if shape.unknown)
    assert found.absent("x") == sum(rows for shape, rows in part.keys.items() if "x" in shape.absent)
    assert found.absent("z") == 0
    assert found.keys.items() <= unknown.items()
    assert len(found.keys) == min(len(unknown), MOST_NAMES)
    # and times
    known = [time for time in part.times.tolist() if time != UNKNOWN_TIME]
    assert found.timeless == len(part.times) - len(known)
    assert found.timed == len(known)
    starts = [AT - 1800 + 60 * minute for minute in range(MINUTES)]
    assert found.minutes.tolist() == [sum(start <= time < start + 60 for time in known) for start in starts]
    assert found.placed == (bool(known) and len(known) == len(part.times) == found.minutes.sum())


@settings(max_examples=200, deadline=None)
@given(st.lists(st.integers(-100, LAG_EDGES[-1] * 2), min_size=1), st.sampled_from([0.5, 0.99, 1.0]))
def test_a_lag_is_told_by_the_least_edge_that_holds_the_share(lags: list[int], share: float):
    # given records that came so late; when their lag is asked for
    written = int(FILING.written.timestamp())
    found = observed(block(times=np.array([written - lag for lag in lags], np.int64))).captures.lag(share)

    # then the share came within it, and not within the edge before
    def within(edge: float) -> bool:
        return sum(lag <= edge for lag in lags) >= share * len(lags)

    edges = [*LAG_EDGES, timedelta.max.total_seconds()]
    assert found is not None
    place = edges.index(found.total_seconds())
    assert within(edges[place])
    assert place == 0 or not within(edges[place - 1])


def test_without_a_filing_or_times_no_lag_is_known():
    # given captures of which nobody knows when they were written, and ones without times
    unfiled = observed(block(times=np.array([AT])), filing=None).captures
    timeless = observed(block(times=np.full(3, UNKNOWN_TIME))).captures

    # then there is no lag
    assert unfiled.lag(0.99) is timeless.lag(0.99) is None
    assert (unfiled.timeless, timeless.timeless) == (0, 3)


def test_an_account_stays_small_whatever_clients_send():
    # given requests with a hundred thousand different keys, as long as keys are kept, and as many wrong widths
    shapes = {KeyShape(("x",), (f"{n:0>{LONGEST_KEY}}",)): 10**9 for n in range(100_000)}
    refused = [Unreadable(1, "", b"", Reason.TOO_MANY_VALUES, n) for n in range(100_000)]

    # when they are profiled
    profile = observed(block(keys=shapes, unreadable=refused, times=np.arange(AT - 10**5, AT + 10**5)))

    # then the account takes a few kilobytes, and every row and record is in a count
    assert len(profile.to_json()) < len(BASE.empty().to_json()) + 9000
    assert profile.captures.strange == profile.captures.absent("x") == 10**14
    assert profile.captures.reasons == {Reason.TOO_MANY_VALUES: 100_000}


def test_what_leaves_the_house_tells_nothing_of_captures():
    # given a profile with a telling key; when it is made private
    private = noised(observed(block(50, keys={KeyShape((), ("Jane Doe",)): 50}, times=np.array([AT]))), 1.0)

    # then neither the key nor any count is in it
    assert b"Jane" not in private.to_json()
    assert b"captures" not in private.to_json()


def test_profiles_without_accounts_are_still_read_and_merge():
    # given a baseline and a window that were written before there were accounts
    old = Baseline.from_json((GOLDEN / "baseline-2.json").read_bytes())
    window = old.read((GOLDEN / "profile-2.json").read_bytes())

    # then their figures are as they were
    home = window.features["home"]
    assert isinstance(home, CategoryProfile)
    assert (window.rows, window.unreadable, home.names) == (40, 3, {"boat": 11})
    assert window.captures.reasons == {}

    # and new ones merge with them
    features = {"income": NumberColumn(np.empty(0)), "home": CategoryColumn.of(())}
    observer = old.observer(FILING)
    observer.add(Block(0, features, {}, [Unreadable(1, "", b"", Reason.NO_ROW)], np.array([AT])))
    merged = window.merge(observer.profile())
    assert (merged.unreadable, merged.captures.reasons, merged.captures.timed) == (4, {Reason.NO_ROW: 1}, 1)
    assert old.read(merged.to_json()) == merged


def test_rows_that_are_no_captures_are_written_without_an_account():
    # given rows of a table; when they are profiled; then nothing is said of captures
    document = json.loads(observed(block(5), filing=None).to_json())
    assert document["format"] == 3
    assert "captures" not in document["sections"]


def test_there_is_room_for_every_reason():
    # given a record refused for each reason; when counted; then each is told
    refused = [Unreadable(1, "", b"", reason) for reason in Reason]
    assert observed(block(unreadable=refused)).captures.reasons == dict.fromkeys(Reason, 1)


def test_reasons_keep_the_places_that_written_profiles_gave_them():
    # given the order in which profiles have been written; then it is still the one of the code
    assert [reason.name for reason in Reason][:13] == [
        *("NOT_JSON", "TOO_LONG", "NO_RECORD", "NO_BODY", "ENCODING", "MALFORMED", "NO_ROW", "TOO_FEW_VALUES"),
        *("TOO_MANY_VALUES", "NO_FEATURE", "ROWS_AND_ANSWERS", "ANSWER_FORM", "UNPAIRED"),
    ]
