"""Expectations of a window's data: what is found, what is let pass, and what is said not to be known."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.looking import BASELINE, END, SPEC, baseline, block, look, raw
from watchkeeper.capture import Unreadable
from watchkeeper.errors import ProfileError
from watchkeeper.quality import Capture, Check, Fault, Look, Quality, Severity, Verdict, count_reasons, examine
from watchkeeper.quality.shares import at_least, told
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


def test_rows_with_too_many_or_too_few_values_are_counted_from_their_reasons() -> None:
    # given: every tenth record unreadable
    reasons = {
        "endpointInput: 6 values for 5 features; send the features in the order of the model's file": 60,
        "endpointInput: 3 values for 5 features; send the features in the order of the model's file": 30,
        "The line is not JSON (JSONDecodeError at 3); it may be cut short.": 10,
    }
    profile = BASELINE.observe(replace(block(raw(900, seed=2)), unreadable=[Unreadable(1, "", b"")] * 100))
    # when
    outcome = examine(replace(look(raw(900, seed=2)), profile=profile, capture=Capture({}, reasons))).quality
    # then
    found = faults(outcome)
    assert found[Check.EXTRA_COLUMN, None].observed == 0.06
    assert "the 5 features (6)" in found[Check.EXTRA_COLUMN, None].summary
    assert found[Check.MISSING_COLUMN, None].observed == 0.03
    unreadable = found[Check.UNREADABLE, None]
    assert (unreadable.observed, unreadable.n) == (0.1, 1000)
    assert unreadable.summary.startswith("100 of 1000 records (10 %) cannot be read: 60 × endpointInput: 6 values")
    assert outcome.reasons == reasons


def test_reasons_are_counted_without_their_row_numbers_and_without_bound_on_their_text() -> None:
    # given
    files = [
        b'{"reason": "endpointInput, row 1: 6 values"}\n{"reason": "endpointInput, row 9: 6 values"}',
        b'broken\n{"line": 3}\n' + b"\n".join(b'{"reason": "odd %d"}' % n for n in range(100)),
    ]
    # when
    counts = count_reasons(files)
    # then
    assert counts["endpointInput: 6 values"] == 2
    assert sum(counts.values()) == 104
    assert len(counts) <= 51


def hourly(empty: tuple[int, ...], rows: int = 400) -> Mapping[datetime, int]:
    return {hour: 0 if place in empty else rows for place, hour in enumerate(HOURS)}


@pytest.mark.parametrize(
    ("empty", "rows", "check", "words"),
    [
        (tuple(range(8, 14)), 400, Check.CAPTURE_GAP, "No captures for 6 hours from 2026-11-20 18:00 UTC"),
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
    outcome = examine(look(raw(N, seed=2), capture=Capture(hourly(empty, rows)))).quality
    # then
    assert {fault.check for fault in outcome.faults} == ({check} if check else set())
    assert all(words in fault.summary for fault in outcome.faults)


def test_gaps_and_lag_can_be_switched_off() -> None:
    # given
    patient = replace(SPEC, quality=QualityMonitor(gap_hours=0, lag_hours=0))
    capture = Capture(hourly((*range(8, 16), *range(19, 24))))
    # then
    assert examine(look(raw(N, seed=2), spec=patient, capture=capture)).quality.verdict is Verdict.GOOD


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
    outcome = examine(look(raw(N, seed=2, home=["Rent"] * 100, age=None), first=True)).quality
    # then
    assert Quality.from_json(outcome.to_json()) == outcome
    assert outcome.faults[0].severity is Severity.CRITICAL  # the most urgent first
    for text in (b"{", b"{}", outcome.to_json().replace(b'"format":1', b'"format":9')):
        with pytest.raises(ProfileError, match="written anew"):
            Quality.from_json(text)


def test_what_cannot_be_told_is_said() -> None:
    # when
    checks = {missed.check for missed in examined().unchecked}
    # then
    assert checks == {Check.UNIQUENESS.value, Check.EXTRA_COLUMN.value}


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
