"""Expectations of a window's data: what is found, what is let pass, and what is said not to be known."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.looking import BASELINE, END, SPEC, baseline, block, look, raw, refused
from watchkeeper.capture.keys import KeyShape
from watchkeeper.cells import UNKNOWN_TIME
from watchkeeper.errors import ProfileError
from watchkeeper.profile import Filing, Profile
from watchkeeper.quality import Check, Fault, Look, Quality, Severity, Traffic, Verdict, examine
from watchkeeper.quality.shares import at_least, told
from watchkeeper.refusal import Reason
from watchkeeper.spec import Feature, Kind, QualityMonitor

N = 1000
HOURS = [END - timedelta(hours=back) for back in range(24, 0, -1)]


def faults(outcome: Quality) -> dict[tuple[Check, str | None], Fault]:
    return {(fault.check, fault.feature): fault for fault in outcome.faults}


def examined(**changes: Any) -> Quality:
    """The outcome for `N` rows, healthy but for the changes."""
    return examine(look(raw(N, seed=2, **changes))).quality


@pytest.mark.parametrize("seed", range(2, 8))
@pytest.mark.parametrize("n", [300, 5000])
def test_healthy_rows_have_no_fault_and_no_skew(n: int, seed: int) -> None:
    # when
    outcome = examine(look(raw(n, seed), first=True)).quality
    # then
    assert (outcome.verdict, outcome.faults, outcome.skew) == (Verdict.GOOD, (), ())
    assert outcome.completeness == 1.0


@pytest.mark.parametrize(
    ("changes", "check", "feature", "severity", "words"),
    [
        (
            {"age": ["1,5"] * 30},
            Check.TYPE,
            "age",
            Severity.WARNING,
            "3 % of the values of age are not of type integer",
        ),
        ({"age": [1.5] * N}, Check.TYPE, "age", Severity.CRITICAL, "100 % of the values of age"),
        ({"home": [["rent"]] * 40}, Check.TYPE, "home", Severity.WARNING, "not of type category"),
        ({"since": ["yesterday"] * 40}, Check.TYPE, "since", Severity.WARNING, "not of type timestamp"),
        ({"age": [400] * 50}, Check.RANGE, "age", Severity.WARNING, "18 to 79 → 18 to 400"),
        ({"income": [-1.0] * 600}, Check.RANGE, "income", Severity.CRITICAL, "→ -1 to"),
        ({"note": ["y" * 200] * 50}, Check.RANGE, "note", Severity.WARNING, "lengths (in characters) of note"),
        ({"home": ["Rent"] * 50}, Check.DOMAIN, "home", Severity.WARNING, "such as 'Rent'"),
        ({"income": [None] * 120}, Check.COMPLETENESS, "income", Severity.WARNING, "12 % of the rows lack a value"),
        ({"home": ["?"] * 700}, Check.COMPLETENESS, "home", Severity.CRITICAL, "in the baseline 0 % lack one"),
        ({"income": [float("inf")] * 20}, Check.INFINITE, "income", Severity.WARNING, "2 % of the values of income"),
        ({"age": 40}, Check.UNIQUENESS, "age", Severity.CRITICAL, "age is 40 in every row"),
        ({"home": "rent"}, Check.UNIQUENESS, "home", Severity.CRITICAL, "home is 'rent' in every row"),
        ({"income": None}, Check.MISSING_COLUMN, "income", Severity.CRITICAL, "No row has a value of income"),
        ({"since": None}, Check.MISSING_COLUMN, "since", Severity.CRITICAL, "No row has a value of since"),
    ],
)
def test_a_fault_is_found_alone_with_its_size_its_words_and_a_remedy(
    changes: dict[str, Any], check: Check, feature: str, severity: Severity, words: str
) -> None:
    # when
    outcome = examined(**changes)
    # then
    assert outcome.verdict is Verdict.FAULTY
    fault = faults(outcome)[check, feature]
    assert fault.severity is severity
    assert words in fault.summary
    assert fault.remedy.endswith(".")
    assert fault.observed > fault.limit or fault.limit == 1.0
    assert {found.feature for found in outcome.faults} == {feature}


@pytest.mark.parametrize(
    "changes",
    [
        {"home": ["new"] * 3},
        {"age": [400] * 5},
        {"income": [None] * 40},
    ],
)
def test_a_few_bad_rows_pass(changes: dict[str, Any]) -> None:
    assert examined(**changes).verdict is Verdict.GOOD


def test_what_the_baseline_has_of_a_fault_itself_is_no_fault() -> None:
    # given: a baseline in which a third of the incomes are missing
    base = baseline(raw(3000, seed=1, income=[None] * 1000))
    same = base.observe(block(raw(N, seed=3, income=[None] * 333)))
    more = base.observe(block(raw(N, seed=3, income=[None] * 480)))
    # when
    outcomes = [examine(Look(SPEC, base, profile, HOURS[0], END)).quality for profile in (same, more)]
    # then
    assert outcomes[0].verdict is Verdict.GOOD
    (fault,) = outcomes[1].faults
    assert fault.check is Check.COMPLETENESS
    assert fault.limit == pytest.approx(1 / 3 + 0.05)


def test_limits_are_the_models_own() -> None:
    # given
    lax = replace(SPEC, quality=QualityMonitor(missing=0.5, out_of_range=0.2))
    rows = raw(N, seed=2, income=[None] * 120, age=[400] * 50)
    # then
    assert len(examine(look(rows)).quality.faults) == 2
    assert examine(look(rows, spec=lax)).quality.verdict is Verdict.GOOD


def test_columns_that_changed_places_are_named() -> None:
    # given: ages where incomes belong is hard to see, but homes and ages have changed places
    rows = raw(N, seed=2)
    rows["age"], rows["home"] = rows["home"], rows["age"]
    # when
    found = faults(examine(look(rows)).quality)
    # then
    fault = found[Check.COLUMN_ORDER, None]
    assert "age looks like home, home looks like age" in fault.summary
    assert fault.severity is Severity.CRITICAL


def test_neighbours_that_were_turned_round_are_named() -> None:
    # given: three columns of which each holds its neighbour's values
    features = tuple(Feature(name, Kind.NUMBER) for name in ("temperature", "pressure", "humidity"))
    spec = replace(SPEC, features=features)
    random = np.random.default_rng(1)
    values = [random.normal(middle, 5, 4000).tolist() for middle in (20, 1000, 300)]
    base = baseline(dict(zip((f.name for f in features), (column[:3000] for column in values), strict=True)), spec)
    turned = dict(zip((f.name for f in features), (column[3000:] for column in (*values[1:], values[0])), strict=True))
    # when
    outcome = examine(Look(spec, base, base.observe(block(turned, spec)), HOURS[0], END)).quality
    # then
    fault = faults(outcome)[Check.COLUMN_ORDER, None]
    assert (
        "humidity looks like temperature, pressure looks like humidity, temperature looks like pressure"
        in fault.summary
    )


def captured(rows: int = 900, **account: Any) -> Profile:
    """Healthy rows, and what is known of their captures, written ten minutes after the hour in which they came."""
    observer = BASELINE.observer(Filing(END - timedelta(hours=1), END + timedelta(minutes=10)))
    observer.add(replace(block(raw(rows, seed=2)), **account))
    return observer.profile()


def test_rows_with_too_many_or_too_few_values_are_counted_by_their_widths() -> None:
    # given: every tenth record unreadable
    bad = [
        *refused(Reason.TOO_MANY_VALUES, 50, 6),
        *refused(Reason.TOO_MANY_VALUES, 10, 7),
        *refused(Reason.TOO_FEW_VALUES, 30, 3),
        *refused(Reason.NOT_JSON, 10),
    ]
    # when
    outcome = examine(replace(look(raw(9, seed=2)), profile=captured(unreadable=bad))).quality
    # then
    found = faults(outcome)
    extra, missing = found[Check.EXTRA_COLUMN, None], found[Check.MISSING_COLUMN, None]
    assert (extra.observed, missing.observed) == (0.06, 0.03)
    assert "6 % of the records hold rows of 6 or 7 values where 5 are expected" in extra.summary
    assert "rows of 3 values where 5 are expected" in missing.summary
    unreadable = found[Check.UNREADABLE, None]
    assert (unreadable.observed, unreadable.n) == (0.1, 1000)
    assert unreadable.summary == (
        "100 of 1000 records (10 %) cannot be read: 60 × a row has too many values; 30 × a row has too few values; "
        "10 × the line is not JSON"
    )
    assert outcome.reasons == {
        "a row has too many values": 60,
        "a row has too few values": 30,
        "the line is not JSON": 10,
    }


def test_unknown_keys_of_json_requests_are_named_with_their_shares() -> None:
    # given: a tenth of the rows with another name for a feature, all but a few with an id
    keys = {
        KeyShape((), ("id",)): 800,
        KeyShape(("age",), ("AGE", "id")): 90,
        KeyShape(): 10,
    }
    # when
    found = faults(examine(replace(look(raw(9, seed=2)), profile=captured(keys=keys))).quality)
    # then: they are extra, and the feature's own key is absent
    extra = found[Check.EXTRA_COLUMN, None]
    assert extra.summary == "99 % of the rows have keys that are no feature's, such as 'id' (99 %), 'AGE' (10 %)"
    assert "raise unknown_key" in extra.remedy
    missing = found[Check.MISSING_COLUMN, "age"]
    assert missing.summary.startswith("10 % of the rows lack the key age, rather than hold null")
    assert (missing.observed, missing.severity) == (0.1, Severity.WARNING)


@pytest.mark.parametrize("keys", [{KeyShape(): 900}, {KeyShape(): 897, KeyShape(("age",), ("id",)): 3}, {}])
def test_a_few_odd_keys_pass(keys: Mapping[KeyShape, int]) -> None:
    assert examine(replace(look(raw(9, seed=2)), profile=captured(keys=keys))).quality.verdict is Verdict.GOOD


def test_keys_that_are_meant_to_be_there_can_be_let_pass() -> None:
    # given
    lax = replace(SPEC, quality=QualityMonitor(unknown_key=1.0))
    profile = captured(keys={KeyShape((), ("id",)): 900})
    # then
    assert examine(replace(look(raw(9, seed=2), spec=lax), profile=profile)).quality.verdict is Verdict.GOOD


def test_an_absent_key_and_a_null_are_told_apart() -> None:
    # given: the same missing values, once as absent keys and once as nulls
    rows = raw(N, seed=2, income=[None] * 200)
    absent, null = (replace(block(rows), keys=keys) for keys in ({KeyShape(("income",)): 200, KeyShape(): 800}, {}))
    # when
    outcomes = [examine(replace(look(rows), profile=BASELINE.observe(made))).quality for made in (absent, null)]
    # then: each is told once
    assert [[fault.check for fault in outcome.faults] for outcome in outcomes] == [
        [Check.MISSING_COLUMN],
        [Check.COMPLETENESS],
    ]


def test_a_key_that_every_row_lacks_is_said_to_be_absent() -> None:
    # given
    rows = raw(N, seed=2, income=None)
    profile = BASELINE.observe(replace(block(rows), keys={KeyShape(("income",)): N}))
    # when
    (fault,) = examine(replace(look(rows), profile=profile)).quality.faults
    # then
    assert fault.summary == "No row has a value of income: its key is absent"


def hourly(empty: tuple[int, ...], rows: int = 400) -> Traffic:
    """Traffic in every minute of the hours that are not empty, as older profiles tell it."""
    made = BASELINE.observe(block(raw(rows, seed=2))) if rows else BASELINE.empty()
    return Traffic.of({hour: made for place, hour in enumerate(HOURS) if place not in empty})


@pytest.mark.parametrize(
    ("empty", "rows", "check", "words"),
    [
        (tuple(range(8, 14)), 400, Check.CAPTURE_GAP, "No captures for 6 hours from 2026-11-20 18:00 to"),
        (tuple(range(20, 24)), 400, Check.CAPTURE_LAG, "4 hours ago"),
        ((5, 6, 22, 23), 400, None, ""),  # short stretches
        (tuple(range(8)), 400, None, ""),  # before the first capture
        (tuple(range(8, 14)), 20, None, ""),  # an endpoint that is seldom called
        (tuple(range(24)), 0, None, ""),
    ],
)
def test_gaps_and_lag_of_captures_are_told_where_there_usually_are_many(
    empty: tuple[int, ...], rows: int, check: Check | None, words: str
) -> None:
    # when
    outcome = examine(look(raw(N, seed=2), traffic=hourly(empty, rows))).quality
    # then
    assert {fault.check for fault in outcome.faults} == ({check} if check else set())
    assert all(words in fault.summary for fault in outcome.faults)


def test_gaps_and_lag_can_be_switched_off() -> None:
    # given
    patient = replace(SPEC, quality=QualityMonitor(gap_hours=0, lag_hours=0))
    traffic = hourly((*range(8, 16), *range(19, 24)))
    # then
    assert examine(look(raw(N, seed=2), spec=patient, traffic=traffic)).quality.verdict is Verdict.GOOD


def filed(hour: datetime, moments: list[datetime], written: datetime) -> Profile:
    """Captures answered at these moments, a hundred at each."""
    times = np.repeat([int(moment.timestamp()) for moment in moments], 100)
    observer = BASELINE.observer(Filing(hour, written))
    observer.add(replace(block(raw(len(times), seed=2)), times=times))
    return observer.profile()


def test_a_gap_is_known_to_the_minute_across_hours() -> None:
    # given: captures that end early in one hour and begin late in another, one of them filed under the hour before
    first, last = HOURS[4], HOURS[11]
    profiles = {
        first: filed(first, [first, first + timedelta(minutes=3, seconds=59)], first + timedelta(minutes=5)),
        last: filed(last, [last - timedelta(minutes=2), last + timedelta(minutes=30)], last + timedelta(hours=1)),
    }
    # when
    (fault,) = examine(look(raw(N, seed=2), end=HOURS[12], traffic=Traffic.of(profiles))).quality.faults
    # then
    assert fault.summary.startswith("No captures for 6 hours 54 minutes from 2026-11-20 14:04 to 2026-11-20 20:58 UTC")
    assert fault.observed == pytest.approx(6.9)


def test_what_has_no_time_makes_no_gap() -> None:
    # given: two hours of which one has a record without a time
    profiles = {hour: filed(hour, [hour], END) for hour in HOURS[-2:]}
    timeless = BASELINE.observer(Filing(HOURS[-2], END))
    timeless.add(replace(block(raw(1, seed=2)), times=np.array([UNKNOWN_TIME])))
    profiles[HOURS[-2]] = profiles[HOURS[-2]].merge(timeless.profile())
    # then: its minutes are not known, and none of them is called silent
    assert Traffic.of(profiles).longest_silence is None


@pytest.mark.parametrize(
    ("minutes", "words"),
    [
        ([5, 20], None),
        ([5] * 999 + [900], None),  # one in a thousand
        (
            [5] * 90 + [900] * 10,
            "10 % of the records were written more than 3 hours after their requests: half of",
        ),
        ([50_000] * 60, "half of all after more than 30 days, 99 % after more than 30 days"),
    ],
)
def test_late_captures_are_told_with_what_is_usual(minutes: list[int], words: str | None) -> None:
    # given: captures that were written so many minutes after their requests
    written = END + timedelta(minutes=10)
    times = np.array([int((written - timedelta(minutes=late)).timestamp()) for late in minutes])
    # when
    outcome = examine(replace(look(raw(9, seed=2)), profile=captured(times=times))).quality
    # then
    assert [fault.check for fault in outcome.faults] == ([Check.CAPTURE_LAG] if words else [])
    assert all(words in fault.summary for fault in outcome.faults if words)


def test_a_window_with_few_rows_gets_no_verdict_on_its_columns() -> None:
    # given
    few = look(raw(SPEC.drift.minimum_rows - 1, seed=2, income=None), first=True)
    # when
    outcome = examine(few).quality
    # then
    assert (outcome.verdict, outcome.faults, outcome.skew) == (Verdict.INSUFFICIENT_DATA, (), None)


def test_an_empty_window_has_a_defined_outcome() -> None:
    # given
    empty = replace(look(raw(1, seed=2)), profile=BASELINE.empty())
    # when
    outcome = examine(empty).quality
    # then
    assert (outcome.verdict, outcome.completeness, outcome.rows) == (Verdict.INSUFFICIENT_DATA, 1.0, 0)


def test_skew_is_looked_for_at_the_first_look_alone() -> None:
    # given: incomes in another unit, other homes, and a source that fails
    rows = raw(N, seed=2, home=["own"] * 600, age=[None] * 200)
    rows["income"] = [value * 12 for value in rows["income"]]
    # when
    first, later = examine(look(rows, first=True)).quality, examine(look(rows)).quality
    # then
    assert later.skew is None
    skewed = {fault.feature: fault for fault in first.skew or ()}
    assert skewed.keys() == {"age", "income", "home"}
    assert "mean" in skewed["income"].summary
    assert skewed["income"].severity is Severity.CRITICAL
    assert "share of 'own' 42 % → 75 %" in skewed["home"].summary
    assert "missing 0 % → 20 %" in skewed["age"].summary


def test_personal_fields_are_in_no_outcome() -> None:
    # given
    features = (*SPEC.features, Feature("name", Kind.CATEGORY, personal=True))
    spec = replace(SPEC, features=features)
    # when
    outcome = examine(look(raw(N, seed=2, home=["Rent"] * 100), spec=spec)).quality
    # then
    assert b'"name"' not in outcome.to_json()


def test_an_outcome_survives_json_and_another_text_is_refused() -> None:
    # given
    found = look(raw(N, seed=2, home=["Rent"] * 100, age=None), first=True, traffic=hourly((3,)))
    outcome = examine(found).quality
    # then
    assert outcome.gap_seconds == 3600
    assert Quality.from_json(outcome.to_json()) == outcome
    assert outcome.faults[0].severity is Severity.CRITICAL  # the most urgent first
    for text in (b"{", b"{}", outcome.to_json().replace(b'"format":1', b'"format":9')):
        with pytest.raises(ProfileError, match="written anew"):
            Quality.from_json(text)


def test_what_cannot_be_told_is_said() -> None:
    # when
    checks = {missed.check for missed in examined().unchecked}
    # then
    assert checks == {Check.UNIQUENESS.value}


@given(st.integers(0, 10_000), st.integers(0, 10_000))
def test_the_certain_share_is_never_above_the_observed_one(hits: int, more: int) -> None:
    # given
    n = hits + more
    # then
    bound = at_least(hits, n)
    assert 0.0 <= bound <= (hits / n if n else 0.0) + 1e-12
    assert at_least(hits + 1, n + 1) >= bound - 1e-12


@pytest.mark.parametrize(("share", "text"), [(0, "0 %"), (1, "100 %"), (0.25, "25 %"), (0.0123, "1.2 %")])
def test_shares_read_as_people_say_them(share: float, text: str) -> None:
    assert told(share) == text
