"""What a day of so many rows comes to, computed from slopes that were measured.

The assumptions are the constants here. A function of 1,024 MB has 1,024/1,769 of a virtual CPU, which is taken to be as
fast as a core of the machine that measured the slopes.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from benchmarks.scale import prices
from lambdas.large_windows import MOST_PARTS

CONCURRENCY, TIMEOUT_SECONDS, WORKERS = 20, 120, 2
"""As `infra.capture` and `infra.spark_jobs` have them."""
SECONDS_A_DAY = 86_400
ROWS_A_SECOND = 500
"""Captured rows of one endpoint instance."""
LEAST_INSTANCES = 2
OBJECTS_AN_HOUR = 60
"""Capture objects of one instance: one a minute."""
GIGABYTES, CPUS = 1.0, 1024 / 1769
S3_WAIT = 0.03
"""Seconds until S3 answers one request."""
REQUESTS_OF_OBJECT = 3
"""Its baseline, itself, its profile."""
SQS_REQUESTS = 2.2
"""For each object: to be sent and deleted, and a tenth of a receipt."""
READERS = 16
LISTED_AT_ONCE = 1_000
LOOKS, WINDOW_HOURS, MONITORS = 24, 24, 2
"""Hourly looks of both monitors over a day."""
CPUS_OF_DPU = 4
GLUE_START = 60.0
"""Seconds until a job works, and the least that is paid."""


@dataclass(frozen=True)
class Slopes:
    """CPU seconds, for one number of features.

    Attributes
    ----------
    row, object : of profiling, for each captured row, and for each object whatever it holds
    part, listed : of a look, for each profile that it reads, and for each that it finds compacted
    compare : of a look, for its tests
    bytes_of_row, bytes_of_profile : sizes
    """

    features: int
    row: float
    object: float
    part: float
    listed: float
    compare: float
    bytes_of_row: float
    bytes_of_profile: float


@dataclass(frozen=True)
class Day:
    """What one day of captures costs."""

    rows: float
    objects: int
    object_seconds: float
    concurrency: float
    gigabyte_seconds: float
    parts_of_look: int
    look_seconds: float
    looks_on_glue: int
    glue_hours: float
    reads: float
    writes: float
    dollars: float
    most_rows: float
    """A day at which `CONCURRENCY` functions are always busy with objects like these."""


def forecast(rows: float, slopes: Slopes) -> Day:
    """Compute a day."""
    instances = max(LEAST_INSTANCES, math.ceil(rows / SECONDS_A_DAY / ROWS_A_SECOND))
    objects = int(min(rows, instances * OBJECTS_AN_HOUR * 24))
    cpu = slopes.object + rows / objects * slopes.row
    seconds = cpu / CPUS + REQUESTS_OF_OBJECT * S3_WAIT
    parts, listed = math.ceil(objects / 24), objects * WINDOW_HOURS / 24
    on_glue = LOOKS * MONITORS if parts > MOST_PARTS else 0
    look = _look(slopes, 0 if on_glue else parts, listed)
    looks = LOOKS * MONITORS * (2 if on_glue else 1)
    glue = on_glue * WORKERS * max(GLUE_START, parts * slopes.part / CPUS_OF_DPU / WORKERS) / 3600
    gigabyte_seconds = GIGABYTES * (objects * seconds + looks * look)
    reads = objects * 2 + LOOKS * MONITORS * (parts + WINDOW_HOURS)
    writes = objects + looks * listed / LISTED_AT_ONCE + LOOKS * MONITORS * 4
    dollars = (
        gigabyte_seconds * prices.LAMBDA_GB_SECOND
        + (objects + looks) * prices.LAMBDA_REQUEST
        + objects * SQS_REQUESTS * prices.SQS_REQUEST
        + reads * prices.S3_READ
        + writes * prices.S3_WRITE
        + glue * prices.GLUE_DPU_HOUR
    )
    return Day(
        rows=rows,
        objects=objects,
        object_seconds=seconds,
        concurrency=objects * seconds / SECONDS_A_DAY,
        gigabyte_seconds=gigabyte_seconds,
        parts_of_look=parts,
        look_seconds=look + on_glue * GLUE_START / max(on_glue, 1),
        looks_on_glue=on_glue,
        glue_hours=glue,
        reads=reads,
        writes=writes,
        dollars=dollars,
        most_rows=CONCURRENCY * SECONDS_A_DAY / seconds * rows / objects,
    )


def largest_object(slopes: Slopes) -> float:
    """Rows that one object may have before its function runs out of time."""
    return (TIMEOUT_SECONDS * CPUS - slopes.object) / slopes.row


def spark_hours(rows: float, row: float) -> float:
    """DPU-hours to profile rows that cost `row` CPU seconds each, as a backfill does."""
    return rows * row / CPUS_OF_DPU / 3600


def _look(slopes: Slopes, parts: int, listed: float) -> float:
    cpu = parts * slopes.part + listed * slopes.listed + slopes.compare
    return cpu / CPUS + parts / READERS * S3_WAIT + listed / LISTED_AT_ONCE * S3_WAIT
