"""Part `scale`: slopes with rows, features and hours, and what they come to at a million to ten billion rows a day."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

from benchmarks import machine, process
from benchmarks.process import one_thread
from benchmarks.scale import prices
from benchmarks.scale.forecast import Slopes, forecast, largest_object, spark_hours
from benchmarks.scale.wide import PARTS
from benchmarks.speed import inputs

COPIES = (1, 5, 15)
A_DAY = (1e6, 1e8, 1e10)
FORECAST = (20, 100)
"""Features that are forecast."""
PACKAGES = ("numpy", "pyarrow", "orjson", "boto3", "pyspark")


def measure(quick: bool) -> str:
    """Measure and render."""
    sizes = (100_000,) if quick else (100_000, 1_000_000)
    inputs.prepare(sizes)
    wide = [_wide(copies) for copies in (COPIES[:2] if quick else COPIES)]
    spark = _spark(sizes[-1])
    sections = [
        "# Measured and computed: scale",
        f"Written by `python -m benchmarks scale{' --quick' if quick else ''}`; what it means is in "
        "[docs/scale.md](../docs/scale.md).",
        machine.described(*PACKAGES),
        "## Measured",
        "CPU seconds of one core.",
        _of_rows(sizes),
        _of_features(wide),
        f"Spark, local[2], {sizes[-1]:,} rows of 20 features: {spark['rows'] / spark['seconds']:,.0f} rows a second, "
        f"{1e6 * spark['cpu'] / spark['rows']:.2f} CPU seconds of executors a million rows.",
        "## Computed",
        f"{prices.described()} The other assumptions are the constants of `benchmarks/scale/forecast.py`.",
        *(_of_days(_slopes(each)) for each in wide if each["features"] in FORECAST),
        _backfill(spark),
    ]
    return "\n\n".join(sections) + "\n"


def _wide(copies: int) -> dict[str, Any]:
    process.progress(20 * copies, "features")
    return process.run([sys.executable, "-m", "benchmarks.scale.wide", copies], one_thread(), 1).result


def _spark(rows: int) -> dict[str, Any]:
    process.progress("captures in Spark")
    inputs.prepare_parts(rows)
    command = [sys.executable, "-m", "benchmarks.speed.spark_partials", "ours", inputs.FOLDER, *inputs.parts(rows)]
    return process.run(command, one_thread(), 2).result


def _of_rows(sizes: Sequence[int]) -> str:
    rows = ["| captured rows of 20 features, one object | CPU s | peak MB |", "|---|---|---|"]
    for size in sizes:
        process.progress(size, "rows")
        command = [
            sys.executable,
            "-m",
            "benchmarks.speed.ours",
            inputs.FOLDER,
            inputs.current(size, "jsonl"),
            "--stored",
        ]
        cost = process.run(command, one_thread(), 1).cost
        rows.append(f"| {size:,} | {cost.cpu:.2f} | {cost.peak_mb:.0f} |")
    return "\n".join(rows)


def _of_features(wide: Sequence[dict[str, Any]]) -> str:
    titles = {
        "row": ("a million rows into a profile", 1e6, "s"),
        "object": ("an object, whatever it holds", 1e3, "ms"),
        "part": ("a profile read by a look, from S3", 1e3, "ms"),
        "read": ("of that, its text", 1e3, "ms"),
        "merge": ("of that, its merge", 1e3, "ms"),
        "hour": (f"an hour of {PARTS} profiles that is compacted", 1e3, "ms"),
        "compare": ("the tests of one window", 1e3, "ms"),
        "bytes_of_row": ("bytes of a captured row", 1, ""),
        "bytes_of_profile": ("bytes of an object's profile", 1, ""),
    }
    head = "| features | " + " | ".join(f"{each['features']}" for each in wide) + " |"
    lines = [head, "|---|" + "---|" * len(wide)]
    for name, (title, factor, unit) in titles.items():
        cells = [f"{each[name] * factor:,.3g}" if unit else f"{each[name]:,.0f}" for each in wide]
        lines.append(f"| {title}{f', {unit}' if unit else ''} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _slopes(found: dict[str, Any]) -> Slopes:
    return Slopes(
        features=found["features"],
        row=found["row"],
        object=found["object"],
        part=found["part"],
        listed=found["hour"] / PARTS,
        compare=found["compare"],
        bytes_of_row=found["bytes_of_row"],
        bytes_of_profile=found["bytes_of_profile"],
    )


def _of_days(slopes: Slopes) -> str:
    days = [forecast(rows, slopes) for rows in A_DAY]
    lines = [f"| {slopes.features} features, rows a day | " + " | ".join(f"{day.rows:,.0f}" for day in days) + " |"]
    lines.append("|---|" + "---|" * len(days))
    for title, shown in _SHOWN.items():
        lines.append(f"| {title} | " + " | ".join(shown(day) for day in days) + " |")
    most = largest_object(slopes)
    return "\n".join(lines) + (
        f"\n\nOne function has time for {most / 1e6:,.1f} million rows of {slopes.features} features "
        f"({most * slopes.bytes_of_row / 2**30:.1f} GiB)."
    )


_SHOWN = {
    "captured objects = invocations of `profile_capture`, at most": lambda day: f"{day.objects:,}",
    "rows of an object": lambda day: f"{day.rows / day.objects:,.0f}",
    "seconds for an object": lambda day: f"{day.object_seconds:.2f}",
    "functions busy at a time, on average": lambda day: f"{day.concurrency:.2f}",
    "rows a day at which the 20 that may be are": lambda day: f"{day.most_rows:.1e}",
    "profiles that a look reads": lambda day: f"{day.parts_of_look:,}",
    "seconds for a look": lambda day: f"{day.look_seconds:.1f}",
    "looks that go to Glue": lambda day: f"{day.looks_on_glue}",
    "Lambda GB-seconds": lambda day: f"{day.gigabyte_seconds:,.0f}",
    "S3 GET; PUT and LIST": lambda day: f"{day.reads:,.0f}; {day.writes:,.0f}",
    "Glue DPU-hours": lambda day: f"{day.glue_hours:.1f}",
    "dollars a day": lambda day: f"{day.dollars:.2f}",
    "dollars a billion rows": lambda day: f"{1e9 * day.dollars / day.rows:,.2f}",
}
"""What is shown of a day."""


def _backfill(spark: dict[str, Any]) -> str:
    hours = spark_hours(1e9, spark["cpu"] / spark["rows"])
    return (
        f"A backfill in Spark takes {hours:.2f} DPU-hours (${hours * prices.GLUE_DPU_HOUR:.2f}) of work a billion rows "
        "of 20 features, beside the minutes in which a job starts."
    )
