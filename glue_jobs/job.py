"""What the jobs share: their arguments and their Spark session."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from pyspark.sql import SparkSession


def arguments(required: Sequence[str], optional: Sequence[str] = ()) -> dict[str, str]:
    """The job's `--KEY value` arguments; an optional one that was not given is left out.

    Glue passes more than a job asks for (its own settings), so unknown arguments are no mistake.
    """
    given = [name for name in optional if f"--{name}" in sys.argv]
    try:
        from awsglue.utils import getResolvedOptions
    except ImportError:  # outside Glue
        parser = argparse.ArgumentParser()
        for name in (*required, *given):
            parser.add_argument(f"--{name}", required=True)
        return dict(vars(parser.parse_known_args()[0]))
    resolved = getResolvedOptions(sys.argv, [*required, *given])
    return {name: str(resolved[name]) for name in (*required, *given)}


def session(name: str) -> SparkSession:
    """The Spark session. Times are UTC throughout, and each of the executors' tasks has one thread."""
    settings = {"spark.sql.session.timeZone": "UTC", "spark.executorEnv.OPENBLAS_NUM_THREADS": "1"}
    return SparkSession.builder.appName(name).config(map=settings).getOrCreate()
