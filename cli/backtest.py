"""`watchkeeper backtest`: a file's history through the drift monitor, told on the console and as an HTML page."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rich.table import Table

from cli import rows
from cli.console import console, note, step
from cli.project import find_model
from watchkeeper import backtest
from watchkeeper.backtest import Record, Replay
from watchkeeper.cells import parse_time
from watchkeeper.config.durations import parse_duration, render_duration
from watchkeeper.drift import Calibration, Increment
from watchkeeper.errors import ConfigError, DatasetError
from watchkeeper.profile import Baseline, Binning, Profile
from watchkeeper.profile.baseline import LEAST_ROWS
from watchkeeper.report.backtest import Page, render_backtest
from watchkeeper.spec import DriftMonitor, ModelSpec
from watchkeeper.table import concatenate
from watchkeeper.timeline import Timeline

DAY = timedelta(days=1)
MINIMUM_ROWS = 300
SAMPLE_CELLS = 2_000_000
"""Bins are fitted on about so many values of the baseline, evenly taken; its profile counts all rows."""
_MOST_TOLD = 3


@dataclass(frozen=True)
class Request:
    """What the user asked for; texts as given."""

    data: Path
    time: str | None = None
    interval: str | None = None
    begin: str | None = None
    model: str | None = None
    window: str | None = None
    baseline_share: float = 0.3
    baseline_until: str | None = None
    budget: float | None = None
    minimum_rows: int | None = None
    changed_at: str | None = None
    exclude: tuple[str, ...] = ()
    report: Path | None = None


@dataclass(frozen=True)
class History:
    """A file's rows as profiles of windows."""

    timeline: Timeline
    baseline: Baseline
    calibration: Calibration
    increments: tuple[Increment, ...]


@dataclass(frozen=True)
class Outcome:
    """A replay, its clock, and the alpha that would have kept the budget."""

    replay: Replay
    timeline: Timeline
    alpha: float | None


def run(request: Request) -> Outcome:
    """Replay, print, and write the page."""
    spec = find_model(request.model).spec() if request.model else None
    timeline = _timeline(request, spec, _times(request))
    file = _file(request, spec)
    monitor = _monitor(request, spec, timeline)
    changed_at = None if request.changed_at is None else timeline.clocked(_time("--changed-at", request.changed_at))
    with step(f"Profiling {len(timeline.numbers):,} rows in {len(timeline.span):,} windows"):
        history = _history(request, spec, file, timeline)
    with step(
        f"Replaying {len(history.increments):,} windows after a baseline of {history.baseline.reference.rows:,} rows"
    ):
        replay = backtest.replay(history.baseline, history.increments, monitor, history.calibration, changed_at)
        healthy = [look.increment for look in replay.healthy_looks]
        alpha = backtest.alpha_within_budget(history.baseline, healthy, monitor, history.calibration)
    outcome = Outcome(replay, timeline, alpha)
    _print(outcome)
    if request.report is not None:
        request.report.parent.mkdir(parents=True, exist_ok=True)
        title = spec.name if spec else request.data.stem
        page = Page(title, replay, timeline.shown, summary(outcome))
        request.report.write_text(render_backtest(page), encoding="utf-8")
        console.print(f"Report: [bold]{request.report}[/]", soft_wrap=True)
    return outcome


# --- reading ---------------------------------------------------------------------------------------------------------


def _times(request: Request) -> NDArray[np.float64]:
    """Each row's time."""
    if (request.time is None) == (request.interval is None):
        raise ConfigError(
            "Give exactly one of --time COLUMN and --interval DURATION (of a file in order of time that has no such "
            "column)."
        )
    if request.time is None:
        assert request.interval is not None
        begin = _time("--begin", request.begin) if request.begin else datetime(2000, 1, 1, tzinfo=UTC)
        steps = np.arange(rows.count(request.data)) * _duration("--interval", request.interval).total_seconds()
        return np.asarray((begin - backtest.EPOCH).total_seconds() + steps, np.float64)
    rows.require(request.data, [request.time])
    seconds = rows.times(request.data, request.time)
    backwards = int(np.count_nonzero(np.diff(seconds) < 0))
    if backwards:
        note(
            f"the rows are not in order of time ({backwards:,} are earlier than the one before): sorted by "
            f"{request.time}"
        )
    return seconds


def _timeline(request: Request, spec: ModelSpec | None, seconds: NDArray[np.float64]) -> Timeline:
    if request.window is not None and request.window.strip().isdigit():
        size = int(request.window)
        if size < 1:
            raise ConfigError("--window 0: a window has rows. Write a number of rows, or a duration such as '1 day'.")
        timeline = Timeline.by_rows(seconds, size)
        if timeline.dropped:
            note(f"the last {timeline.dropped:,} rows do not fill a window: left out")
        return timeline
    own = timedelta(hours=spec.drift.window_hours) if spec else DAY
    return Timeline.by_time(seconds, _duration("--window", request.window) if request.window else own)


def _file(request: Request, spec: ModelSpec | None) -> rows.RowFile:
    rows.require(request.data, request.exclude)
    if spec is not None:
        file = rows.of_model(request.data, spec)
        kept = {name: kind for name, kind in file.kinds.items() if name not in request.exclude}
        if not kept:
            raise DatasetError(f"--exclude names every feature of {spec.name}: leave one at least.")
        return rows.RowFile(file.path, kept)
    unwanted = [*request.exclude, *([request.time] if request.time else [])]
    file, left_out = rows.inferred(request.data, unwanted)
    if left_out:
        note(f"left out: {', '.join(f'{name} ({why})' for name, why in left_out.items())}")
    return file


def _monitor(request: Request, spec: ModelSpec | None, timeline: Timeline) -> DriftMonitor:
    budget = request.budget or (spec.drift.false_alarms_per_month if spec else 1.0)
    return backtest.monitor_of(timeline.length, budget, _minimum_rows(request, spec))


def _minimum_rows(request: Request, spec: ModelSpec | None) -> int:
    return request.minimum_rows or (spec.drift.minimum_rows if spec else MINIMUM_ROWS)


def _history(request: Request, spec: ModelSpec | None, file: rows.RowFile, timeline: Timeline) -> History:
    cut = _cut(request, timeline)
    baseline = _baseline(spec.name if spec else request.data.stem, file, timeline, cut)
    profiles: dict[int, Profile] = {}
    for number, block in file.groups(timeline.numbers):
        profile = baseline.observe(block)
        profiles[number] = profiles[number].merge(profile) if number in profiles else profile
    before = [profiles[number] for number in sorted(profiles) if number < cut]
    increments = tuple(
        Increment(timeline.start(number), timeline.start(number + 1), profiles.get(number, baseline.empty()))
        for number in range(cut, timeline.span.stop)
    )
    minimum = _minimum_rows(request, spec)
    return History(timeline, baseline, backtest.calibrated(baseline, before, minimum), increments)


def _cut(request: Request, timeline: Timeline) -> int:
    """The first window after the baseline."""
    if request.baseline_until is not None:
        return timeline.containing(_time("--baseline-until", request.baseline_until))
    if not 0 < request.baseline_share < 1:
        raise ConfigError(f"--baseline-share {request.baseline_share}: give a share between 0 and 1, such as 0.3.")
    return timeline.first_after(request.baseline_share)


def _baseline(name: str, file: rows.RowFile, timeline: Timeline, cut: int) -> Baseline:
    """The baseline of the rows before a window; bins fitted on an even sample of them."""
    inside = (timeline.numbers >= 0) & (timeline.numbers < cut)
    count = int(np.count_nonzero(inside))
    if count < LEAST_ROWS:
        raise DatasetError(
            f"{file.path}: the baseline would have {count} rows; at least {LEAST_ROWS} are needed. Give more rows, a "
            "larger --baseline-share or a later --baseline-until."
        )
    every = math.ceil(count * len(file.kinds) / SAMPLE_CELLS)
    sampled = np.full(len(inside), -1, np.int8)
    sampled[np.flatnonzero(inside)[::every]] = 0
    parts = [block.features for _, block in file.groups(sampled)]
    binning = Binning.fit({column: concatenate(part[column] for part in parts) for column in file.kinds}, {})
    blocks = (block for _, block in file.groups(inside.astype(np.int8) - 1))
    return Baseline.build(name, "v1", timeline.shown(timeline.start(cut)), binning, blocks)


def _duration(option: str, text: str) -> timedelta:
    try:
        found = parse_duration(text)
    except ValueError as error:
        raise ConfigError(f"{option} {text!r}: {error}.") from error
    if not found:
        raise ConfigError(f"{option} {text!r}: must be longer than nothing, such as '1 day'.")
    return found


def _time(option: str, text: str) -> datetime:
    try:
        return backtest.EPOCH + timedelta(seconds=parse_time(text))
    except ValueError as error:
        raise ConfigError(f"{option} {text!r}: is no time. Write ISO 8601, such as 2026-11-21T09:30:00Z.") from error


# --- telling ---------------------------------------------------------------------------------------------------------


def summary(outcome: Outcome) -> list[str]:
    """The verdict in a few lines."""
    replay = outcome.replay
    length = replay.looks[0].increment.end - replay.looks[0].increment.start
    lines = [
        f"{len(replay.looks):,} looks, one every {_length(length)}, after a baseline of "
        f"{replay.baseline.reference.rows:,} rows; {replay.judged:,} had rows enough for a verdict."
    ]
    lines += [
        _record("The monitor", outcome, replay.together),
        _record("Single windows alone", outcome, replay.alone),
    ]
    return [*lines, _threshold(outcome)]


def _record(who: str, outcome: Outcome, record: Record) -> str:
    replay = outcome.replay
    budget = replay.monitor.false_alarms_per_month
    rate = f"{record.false_alarms_a_month:.2f} a month (budget {budget:g}), in alarm at {record.in_alarm:.0%} of looks"
    if replay.changed_at is None:
        return f"{who}: {_count(len(record.episodes), 'alarm')}; if all of it was healthy, {rate}."
    said = f"{who}: "
    if record.healthy:
        span = _length(record.healthy)
        said += f"{_count(record.false_alarms, 'false alarm')} in {span} before the change, {rate}; "
    else:
        said += "nothing was looked at before the change; "
    if record.standing:
        return said + "it was in alarm already when the change came, so its delay cannot be told."
    if record.delay is None:
        return said + "the change was not found."
    shown = outcome.timeline.shown
    return (
        said
        + f"the change was found after {_length(shown(replay.changed_at + record.delay) - shown(replay.changed_at))}."
    )


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def _threshold(outcome: Outcome) -> str:
    used = backtest.alpha_used(outcome.replay.monitor)
    if not outcome.replay.healthy_looks:
        return f"Alpha of a look: {used:.2g}. No healthy look, so no other can be named."
    if outcome.alpha is None:
        return (
            f"Alpha of a look: {used:.2g}. None down to {backtest.LEAST_ALPHA:g} would have kept the budget: what it "
            "alarmed about has really changed, or the baseline is too short to know the usual course."
        )
    return f"Alpha of a look: {used:.2g}. The largest that would have kept the budget: {outcome.alpha:.2g}."


def _print(outcome: Outcome) -> None:
    replay, shown = outcome.replay, outcome.timeline.shown
    if replay.together.episodes:
        table = Table("from", "until", "since", "column", "statistic", "what changed", header_style="bold")
        table.title, table.title_justify = "What would have fired", "left"
        for episode in replay.together.episodes:
            found = backtest.drifted(replay.looks[episode.first].findings)
            last = replay.looks[episode.last].end
            for place, finding in enumerate(found[:_MOST_TOLD]):
                ends = [_when(shown(replay.looks[episode.first].end)), _when(shown(last))] if not place else ["", ""]
                since = _when(shown(finding.since)) if finding.since else ""
                table.add_row(*ends, since, finding.feature, finding.statistic, finding.summary)
            if len(found) > _MOST_TOLD:
                table.add_row("", "", "", f"and {len(found) - _MOST_TOLD} more", "", "")
        console.print(table)
    for line in summary(outcome):
        console.print(line, soft_wrap=True)
    if not replay.judged:
        note(
            f"no look had {replay.monitor.minimum_rows} rows: choose a longer --window, or lower --minimum-rows "
            "(at the price of power)"
        )


def _when(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M}"


def _length(value: timedelta) -> str:
    """As people say it; of odd lengths the two largest units."""
    seconds = round(value.total_seconds())
    if seconds >= 86400 and seconds % 86400:
        return f"{value / DAY:.1f} days"
    return render_duration(timedelta(seconds=max(seconds, 1)))
