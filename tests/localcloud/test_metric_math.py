"""Metric math: what expressions compute over series, and how they fail."""

from __future__ import annotations

import pytest

from localcloud.cloudwatch.expressions import Inputs, Value, evaluate
from localcloud.operations import ApiError

TIMES = [0, 60, 120]
SERIES: dict[str, Value] = {"m1": {0: 1.0, 60: 2.0, 120: 3.0}, "m2": {60: 4.0}, "none": {}}


def compute(expression: str) -> Value:
    return evaluate(expression, Inputs(SERIES, TIMES, 60, frozenset(SERIES)))


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("m1 + 1", {0: 2.0, 60: 3.0, 120: 4.0}),
        ("m1 + m2", {60: 6.0}),
        ("2 ^ 3 ^ 2", 512.0),
        ("-2 ^ 2", -4.0),
        ("1 + 2 * 3", 7.0),
        ("(1 + 2) * 3", 9.0),
        ("m1 / (m1 - 2)", {0: -1.0, 120: 3.0}),
        ("m1 > 1 AND m1 < 3", {0: 0.0, 60: 1.0, 120: 0.0}),
        ("m1 == 1 || m1 == 3", {0: 1.0, 60: 0.0, 120: 1.0}),
        ("IF(m1 > 1, m1, 0)", {0: 0.0, 60: 2.0, 120: 3.0}),
        ("IF(m1 > 1, m2)", {60: 4.0}),
        ("FILL(m2, 0)", {0: 0.0, 60: 4.0, 120: 0.0}),
        ("FILL(m2, REPEAT)", {60: 4.0, 120: 4.0}),
        ("FILL(none, 7)", {0: 7.0, 60: 7.0, 120: 7.0}),
        ("FILL(DIFF(m1), LINEAR)", {60: 1.0, 120: 1.0}),
        ("ABS(0 - m1)", {0: 1.0, 60: 2.0, 120: 3.0}),
        ("MAX(m1)", 3.0),
        ("MAX([m1, m2])", {0: 1.0, 60: 4.0, 120: 3.0}),
        ("SUM(METRICS())", {0: 1.0, 60: 6.0, 120: 3.0}),
        ("AVG(METRICS('m'))", {0: 1.0, 60: 3.0, 120: 3.0}),
        ("MIN([m1, m2]) * PERIOD(m1)", {0: 60.0, 60: 120.0, 120: 180.0}),
    ],
)
def test_an_expression_computes_what_aws_documents(expression: str, expected: Value) -> None:
    # given the series above
    # when
    value = compute(expression)
    # then
    assert value == expected


@pytest.mark.parametrize(
    ("expression", "told"),
    [
        ("m1 +", "ends too early"),
        ("m3", "'m3'"),
        ("m1 ! 2", "not understood"),
        ("(m1", "missing"),
        ("RATE(m1)", "not simulated"),
        ("SEARCH('x', 'Sum', 60)", "not simulated"),
        ("m1 m2", "not expected"),
    ],
)
def test_an_expression_that_cannot_be_computed_is_refused_by_name(expression: str, told: str) -> None:
    # given an expression with a mistake
    # when / then
    with pytest.raises(ApiError, match=told):
        compute(expression)
