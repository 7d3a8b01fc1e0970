"""From the bytes of captures to what is said of them: columns too many, too few, renamed, or in another's place."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

from tests.support import capture_record
from tests.unit.looking import BASELINE, END, FEATURES, SPEC, raw
from watchkeeper.capture import CaptureReader
from watchkeeper.modelmonitor import suggest
from watchkeeper.profile import Filing
from watchkeeper.quality import Check, Look, Quality, Traffic, examine
from watchkeeper.spec import ModelSpec

HOUR = END - timedelta(hours=1)
NAMES = [feature.name for feature in FEATURES]
N = 500


def examined(captured: Sequence[bytes], spec: ModelSpec = SPEC) -> Quality:
    """The outcome for captures that were written five minutes after the hour of their requests."""
    observer = BASELINE.observer(Filing(HOUR, END + timedelta(minutes=5)))
    for block in CaptureReader(spec).blocks([b"\n".join(captured)]):
        observer.add(block)
    profile = observer.profile()
    return examine(Look(spec, BASELINE, profile, HOUR, END, Traffic.of({HOUR: profile}))).quality


def told(outcome: Quality) -> dict[tuple[Check, str | None], str]:
    return {(fault.check, fault.feature): fault.summary for fault in outcome.faults}


def csv(names: Sequence[str] = NAMES) -> list[bytes]:
    """Healthy rows as CSV, with a time each; a name that is no feature's has a value of its own."""
    rows = raw(N, seed=2)
    columns = [rows.get(name, ["surplus"] * N) for name in names]
    return [
        capture_record(",".join(map(str, row)), "0.5", time=f"{HOUR:%Y-%m-%dT%H}:{place * 60 // N:02}:00Z")
        for place, row in enumerate(zip(*columns, strict=True))
    ]


def keyed(**others: Any) -> list[bytes]:
    """Healthy rows as JSON objects; `others` are put in, or taken out where they are None."""
    rows = raw(N, seed=2)
    made = []
    for place in range(N):
        row = {name: rows[name][place] for name in NAMES} | others
        kept = {name: value for name, value in row.items() if name not in others or value is not None}
        made.append(capture_record(json.dumps([kept]), "0.5", encoding="JSON", time=f"{HOUR:%Y-%m-%dT%H}:30:00Z"))
    return made


def test_healthy_captures_have_no_fault_and_a_known_lag() -> None:
    for captured in (csv(), keyed()):
        outcome = examined(captured)
        assert outcome.faults == ()
        assert outcome.gap_seconds == 0
    assert examined(csv()).lag_seconds == 5400  # of requests all through the hour, the first came 65 minutes late


def test_a_cell_too_many_and_a_cell_too_few_are_faults_of_the_columns() -> None:
    # given: a tenth of the rows with a column more, and a tenth with one less
    captured = [*csv()[:400], *csv([*NAMES, "surplus"])[:50], *csv(NAMES[1:])[:50]]
    # when
    found = told(examined(captured))
    # then
    assert found.keys() == {(Check.EXTRA_COLUMN, None), (Check.MISSING_COLUMN, None), (Check.UNREADABLE, None)}
    assert found[Check.EXTRA_COLUMN, None].startswith("10 % of the records hold rows of 6 values where 5 are expected")
    assert found[Check.MISSING_COLUMN, None].startswith(
        "10 % of the records hold rows of 4 values where 5 are expected"
    )


def test_columns_in_another_order_are_named() -> None:
    # when: a client sends home before age
    found = told(examined(csv(["home", "income", "age", "note", "since"])))
    # then
    assert "age looks like home, home looks like age" in found[Check.COLUMN_ORDER, None]


def test_a_column_that_slid_by_one_is_a_fault_whatever_took_its_place() -> None:
    # when: a client leaves the first column out and sends another at the end
    outcome = examined(csv([*NAMES[1:], "surplus"]))
    # then: most columns hold what is not theirs
    assert outcome.critical
    assert {Check.COLUMN_ORDER, Check.TYPE} <= outcome.by_check.keys()


def test_a_renamed_key_is_missing_under_one_name_and_extra_under_the_other() -> None:
    # when
    found = told(examined(keyed(home=None, Home="rent")))
    # then
    assert found == {
        (Check.MISSING_COLUMN, "home"): "No row has a value of home: its key is absent",
        (Check.EXTRA_COLUMN, None): "100 % of the rows have keys that are no feature's, such as 'Home' (100 %)",
    }


def test_a_teams_constraints_call_an_unknown_key_an_extra_column() -> None:
    # given constraints that the baseline suggests
    text = suggest(BASELINE, SPEC).to_json().decode()
    spec = replace(SPEC, quality=replace(SPEC.quality, constraints=text, unknown_key=1.0))
    # when
    (fault,) = examined(keyed(remark="none"), spec).faults
    # then
    assert fault.check is Check.CONSTRAINT
    assert "extra_column_check: There are extra columns in current dataset." in fault.summary
    assert "Extra: remark." in fault.summary


def test_what_an_unknown_key_holds_is_nowhere() -> None:
    # when
    outcome = examined(keyed(remark="Jane Doe"))
    # then
    assert "'remark'" in told(outcome)[Check.EXTRA_COLUMN, None]
    assert b"Jane" not in outcome.to_json()
