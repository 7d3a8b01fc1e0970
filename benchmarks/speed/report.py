"""Part `speed` as tables: each program beside ours, with ratios; then how ours grows."""

from __future__ import annotations

from collections.abc import Mapping

from benchmarks import machine
from benchmarks.speed import inputs, scale
from benchmarks.speed.contest import FLOOR, OURS, STORED, THOROUGH, TITLES, Entry, contest

PACKAGES = ("numpy", "pyarrow", "orjson", "pandas", "pyspark")
_NOTES = """\
CPU seconds (user and system) and peak memory are of the whole process, imports and reading included. After reading \
comes the drift stage: to learn the reference (100,000 rows) and to judge the window. Each process has one core; \
Spark has two, and its stages are in wall seconds. *Watchkeeper* makes its baseline from the reference within the run, \
as the peers do; with the baseline stored it does what a deployed function does. Ratios are to the first row. Alerts \
are columns beyond the tool's own threshold; two of the twenty features moved by .25 sd. deepchecks looks at a sample \
of 100,000 rows, NannyML's multivariate detector at all columns together."""


def measure(quick: bool, repeats: int, with_peers: bool) -> str:
    """Measure and render."""
    sizes = (100_000,) if quick else (100_000, 1_000_000)
    repeats = 1 if quick else repeats
    inputs.prepare(sizes)
    sections = []
    for rows in sizes:
        for suffix, source in (("parquet", "Parquet"), ("jsonl", "capture JSONL")):
            found = contest(inputs.current(rows, suffix), repeats, with_peers)
            sections += [f"## {rows:,} rows × 20 features from {source}", _table(found), *_targets(found)]
    grown = scale.growth(sizes, times=1 if quick else 3)
    rows_at_scale = "\n".join(
        [*scale.in_spark(max(sizes), repeats, times=1 if quick else 4), *scale.month(repeats), *grown]
    )
    return (
        f"# Measured: speed\n\nWritten by `python -m benchmarks speed{' --quick' if quick else ''}`: medians of "
        f"{repeats}, all in one run.\n\n{machine.described(*PACKAGES)} The peers run on Python 3.11, with the pins in "
        f"`benchmarks/peers/environments.py`.\n\n{_NOTES}\n\n"
        + "\n\n".join(sections)
        + f"\n\n## At scale\n\n| what | measured | target |\n|---|---|---|\n{rows_at_scale}\n"
    )


def _table(found: Mapping[str, Entry]) -> str:
    rows = [
        "| | CPU s | × ours | learn s | judge s | both, × ours | peak MB | × ours | import CPU s | alerts |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    ours = found[OURS]
    for name, entry in found.items():
        if entry.cost is None or ours.cost is None:
            rows.append(f"| {TITLES[name]} | {entry.failure} |" + " |" * 8)
            continue
        cells = [
            f"{entry.cost.cpu:.2f}",
            _ratio(entry.cost.cpu, ours.cost.cpu),
            _number(entry.learn),
            _number(entry.judge),
            _ratio(entry.drift, ours.drift),
            f"{entry.cost.peak_mb:.0f}",
            _ratio(entry.cost.peak_mb, ours.cost.peak_mb),
            _number(entry.imported),
            "" if entry.alerts is None else str(entry.alerts),
        ]
        rows.append(f"| {TITLES[name]} | {' | '.join(cells)} |")
    return "\n".join(rows)


def _targets(found: Mapping[str, Entry]) -> list[str]:
    """The targets that this file can tell of."""
    ours, stored, floor = found[OURS], found[STORED], found.get(FLOOR, Entry()).parse
    assert ours.cost is not None
    assert stored.cost is not None
    told = []
    if floor is not None:
        ratios = f"{stored.cost.cpu / floor:.2f} with the baseline stored, {ours.cost.cpu / floor:.2f} with it made"
        told.append(
            f"The floor's parse without its imports: {floor:.2f} CPU s. Against it: {ratios} (target at 1 million "
            "rows: at most 1.5)."
        )
    peers = [(entry.drift, name) for name in THOROUGH if (entry := found.get(name)) and entry.drift]
    if floor is None and peers and ours.drift and stored.drift:
        seconds, name = min(peers)
        ratios = f"{seconds / ours.drift:.1f} times as fast, {seconds / stored.drift:.1f} with the baseline stored"
        told.append(
            f"Drift stage against the fastest peer that looks at all the rows, {TITLES[name]}: {ratios} (target: at "
            "least 4)."
        )
    return told


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.2f}"


def _ratio(value: float | None, ours: float | None) -> str:
    return "" if value is None or not ours else f"{value / ours:.2f}" if value < ours else f"{value / ours:.1f}"
