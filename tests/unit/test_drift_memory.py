"""Between looks the monitor learns from healthy windows, and remembers the slow drift that a short look cannot see."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from watchkeeper.capture import Block
from watchkeeper.drift import Increment, Memory, next_look
from watchkeeper.errors import ProfileError
from watchkeeper.findings import Findings, Verdict
from watchkeeper.profile import Baseline, Binning
from watchkeeper.spec import DriftMonitor
from watchkeeper.table import NumberColumn

HOUR = timedelta(hours=1)
START = datetime(1970, 1, 1, tzinfo=UTC) + 64_000 * HOUR
"""Where merges of all lengths close."""
MONITOR = DriftMonitor("rate(1 hour)", 730.0, 1, 7.3, 300)


def block(rows: int, seed: int, shift: float = 0.0) -> Block:
    random = np.random.default_rng(seed)
    return Block(rows, {name: NumberColumn(random.normal(shift, 1, rows)) for name in "abc"}, {})


@pytest.fixture(scope="module")
def baseline() -> Baseline:
    sample = block(20_000, seed=1)
    return Baseline.build("m", "v1", START, Binning.fit(sample.features, {}), [sample])


def increments(
    baseline: Baseline, hours: int, shift: float = 0.0, *, rows: int = 1000, seed: int = 0
) -> list[Increment]:
    return [
        Increment(START + k * HOUR, START + (k + 1) * HOUR, baseline.observe(block(rows, seed + k + 2, shift)))
        for k in range(hours)
    ]


def looks(baseline: Baseline, stream: Sequence[Increment]) -> tuple[list[Findings], Memory]:
    memory, found = Memory.blank(baseline), []
    for place in range(len(stream)):
        findings, memory = next_look(baseline, stream[: place + 1], MONITOR, memory)
        found.append(findings)
    return found, memory


def test_healthy_windows_teach_how_much_they_vary(baseline: Baseline) -> None:
    found, memory = looks(baseline, increments(baseline, 12))

    assert {findings.verdict for findings in found} == {Verdict.NO_DRIFT}
    assert found[-1].calibrated >= 5
    assert memory.scales[1].history.rows == 12_000
    assert memory.scales[4].history.rows == 12_000
    assert memory.scales[4].learned == START + 12 * HOUR


def test_a_drifted_window_teaches_nothing(baseline: Baseline) -> None:
    found, memory = looks(baseline, increments(baseline, 3, shift=0.6))

    assert {findings.verdict for findings in found} == {Verdict.DRIFT}
    assert memory.scales[1].history.rows == 0


def test_a_slow_drift_that_only_a_long_merge_sees_stands_until_that_merge_closes_again(baseline: Baseline) -> None:
    # given a shift too small for an hour of 300 rows
    stream = increments(baseline, 40, shift=0.07, rows=400)
    # when
    found, _ = looks(baseline, stream)
    # then once a long merge has closed, the drift stands at every look after it
    verdicts = [findings.verdict for findings in found]
    first = verdicts.index(Verdict.DRIFT)
    assert first >= 3
    assert set(verdicts[first:]) == {Verdict.DRIFT}
    drifted = [finding for findings in found[first:] for finding in findings.drifted]
    assert drifted
    assert all(finding.span is not None and finding.span > HOUR for finding in drifted)


def test_it_goes_when_the_merge_closes_without_it(baseline: Baseline) -> None:
    # given a standing drift of merges of two
    memory = Memory.blank(baseline)
    _, memory = next_look(baseline, increments(baseline, 2, shift=0.6), MONITOR, memory)
    assert memory.scales[2].standing is not None
    # when two healthy hours close
    healthy = [
        Increment(item.start + 2 * HOUR, item.end + 2 * HOUR, item.profile) for item in increments(baseline, 2, seed=50)
    ]
    between, memory = next_look(baseline, healthy[:1], MONITOR, memory)
    after, memory = next_look(baseline, healthy, MONITOR, memory)
    # then
    assert (between.verdict, after.verdict) == (Verdict.DRIFT, Verdict.NO_DRIFT)
    assert memory.scales[2].standing is None


def test_a_look_that_comes_again_teaches_nothing_twice(baseline: Baseline) -> None:
    stream = increments(baseline, 6)
    _, memory = looks(baseline, stream)

    _, again = next_look(baseline, stream, MONITOR, memory)

    assert again.to_json() == memory.to_json()


def test_windows_that_overlap_are_learned_from_once(baseline: Baseline) -> None:
    # given looks every quarter of an hour at the last hour
    memory = Memory.blank(baseline)
    for quarter in range(9):
        end = START + HOUR + quarter * HOUR / 4
        window = Increment(end - HOUR, end, baseline.observe(block(1000, quarter)))
        _, memory = next_look(baseline, [window], MONITOR, memory)
    # then
    assert memory.scales[1].history.rows == 3000


def test_too_few_rows_leave_what_stands(baseline: Baseline) -> None:
    _, memory = next_look(baseline, increments(baseline, 2, shift=0.6), MONITOR, Memory.blank(baseline))
    thin = [Increment(START + 3 * HOUR, START + 4 * HOUR, baseline.observe(block(5, 1)))]

    findings, memory = next_look(baseline, thin, MONITOR, memory)

    assert memory.scales[2].standing is not None
    assert findings.verdict is Verdict.DRIFT


def test_it_is_read_as_it_was_written(baseline: Baseline) -> None:
    _, memory = looks(baseline, increments(baseline, 8, shift=0.05))
    _, memory = next_look(baseline, increments(baseline, 10, shift=0.7), MONITOR, memory)

    read = Memory.from_json(memory.to_json(), baseline)

    assert read.to_json() == memory.to_json()
    assert read.until == memory.until


@pytest.mark.parametrize("text", [b"", b"{}", b"[1]", b'{"format": 9}'])
def test_what_is_no_memory_is_refused_with_the_remedy(baseline: Baseline, text: bytes) -> None:
    with pytest.raises(ProfileError, match="delete the object, and it is learned anew"):
        Memory.from_json(text, baseline)


def test_the_memory_of_another_baseline_is_refused(baseline: Baseline) -> None:
    other = baseline.for_version("v2")

    with pytest.raises(ProfileError, match="it is of baseline"):
        Memory.from_json(Memory.blank(other).to_json(), baseline)
    assert replace(Memory.blank(other), until=START).until == START
