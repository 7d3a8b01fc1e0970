"""Judging an alarm: AWS's published tables of missing data, composite rules, statistics."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from localcloud.cloudwatch.evaluation import Settings, evaluation_window, judge
from localcloud.cloudwatch.rules import parse_rule
from localcloud.cloudwatch.store import Aggregate, MetricId, MetricStore, single
from localcloud.operations import ApiError

NOW = 600
WAYS = ("missing", "ignore", "breaching", "notBreaching")
KEEP = "kept"

# "Configuring how CloudWatch alarms treat missing data", tables for 3 of 3 and 2 of 3; the newest datapoint is last.
DOCUMENTED = [
    (3, "0-X-X", ("OK", "OK", "OK", "OK")),
    (3, "----0", ("OK", "OK", "OK", "OK")),
    (3, "-----", ("INSUFFICIENT_DATA", KEEP, "ALARM", "OK")),
    (3, "0XX-X", ("ALARM", "ALARM", "ALARM", "ALARM")),
    (3, "--X--", ("ALARM", KEEP, "ALARM", "OK")),
    (3, "----X", (KEEP, KEEP, "ALARM", "OK")),
    (2, "0-X-X", ("ALARM", "ALARM", "ALARM", "ALARM")),
    (2, "00X0X", ("ALARM", "ALARM", "ALARM", "ALARM")),
    (2, "0-X--", ("OK", "OK", "ALARM", "OK")),
    (2, "----0", ("OK", "OK", "ALARM", "OK")),
    (2, "---X-", ("ALARM", KEEP, "ALARM", "OK")),
]


@pytest.mark.parametrize(
    ("needed", "pattern", "missing", "expected"),
    [(m, pattern, way, state) for m, pattern, states in DOCUMENTED for way, state in zip(WAYS, states, strict=True)],
)
@pytest.mark.parametrize("current", ["OK", "ALARM"])
def test_missing_data_are_treated_as_in_the_published_tables(
    needed: int, pattern: str, missing: str, expected: str, current: str
) -> None:
    # given
    settings = Settings(60, needed, 3, 0.5, "GreaterThanThreshold", missing)
    window = evaluation_window(settings, NOW)
    values = {"0": 0.0, "X": 1.0}
    found = {time: values[c] for time, c in zip(window.times, pattern, strict=True) if c in values}
    # when
    verdict = judge(settings, found, window, current)  # type: ignore[arg-type]
    # then
    assert verdict.state == (current if expected == KEEP else expected)


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ('ALARM("a")', True),
        ("ALARM(b)", False),
        ("ALARM(a) AND NOT OK(b)", False),
        ("ALARM(b) OR ALARM(a) AND OK(b)", True),
        ("NOT (ALARM(a) OR FALSE)", False),
        ("INSUFFICIENT_DATA(c) AND TRUE", True),
        ("ALARM(arn:aws:cloudwatch:us-east-1:1:alarm:a)", True),
        ('ALARM("with space (and brackets)")', False),
    ],
)
def test_a_composite_rule_holds_when_its_alarms_are_so(rule: str, expected: bool) -> None:
    # given
    states = {"a": "ALARM", "b": "OK", "c": "INSUFFICIENT_DATA"}
    # when
    holds = parse_rule(rule).holds(states.get)
    # then
    assert holds is expected


@pytest.mark.parametrize("rule", ["ALARM(a", "ALARM(a) ALARM(b)", "a", "NOT", "(ALARM(a)", "ALARM(a) XOR OK(b)", ""])
def test_a_broken_composite_rule_is_refused(rule: str) -> None:
    # given a broken rule
    # when / then
    with pytest.raises(ApiError, match="not valid"):
        parse_rule(rule)


def test_periods_merge_minutes_and_percentiles_weigh_repeated_values() -> None:
    # given
    store, metric = MetricStore(), MetricId.of("N", "m", {"b": "2", "a": "1"})
    for second, values in ((0, single(1.0, 98)), (61, single(10.0)), (119, single(20.0)), (300, single(5.0))):
        store.put(metric, datetime.fromtimestamp(second, UTC), values)
    # when
    merged = {name: store.datapoints(metric, 300, 0, 600, name) for name in ("Sum", "SampleCount", "p99", "Maximum")}
    # then
    assert merged["Sum"] == {0: 128.0, 300: 5.0}
    assert merged["SampleCount"] == {0: 100.0, 300: 1.0}
    assert merged["p99"][0] == pytest.approx(10.1)
    assert merged["Maximum"] == {0: 20.0, 300: 5.0}


def test_a_percentile_of_a_statistic_set_is_unknown() -> None:
    # given
    values = Aggregate(count=3, total=6.0, minimum=1.0, maximum=3.0, weights=None)
    # when
    percentile = values.statistic("p50")
    # then
    assert percentile is None
