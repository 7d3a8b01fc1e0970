"""Forecasts of cost and time are made for what is deployed."""

from __future__ import annotations

from benchmarks.scale import forecast
from infra import capture, spark_jobs


def test_forecasts_know_the_limits_that_are_deployed() -> None:
    assert forecast.CONCURRENCY == capture.CONCURRENCY
    assert capture.TIMEOUT.to_seconds() == forecast.TIMEOUT_SECONDS
    assert forecast.WORKERS == spark_jobs.WORKERS
    assert 1024 * forecast.GIGABYTES == capture.MEMORY_MB
