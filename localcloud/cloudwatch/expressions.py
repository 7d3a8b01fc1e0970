"""Metric math: the expressions that alarms and GetMetricData compute over metrics.

A value is a number, a time series (period start → value), an array of time series, or a bare string. As on AWS, an
operation on two series keeps the timestamps that both have, and a number applies to each timestamp.

>>> evaluate("IF(errors / invocations > 0.5, 1, 0)", Inputs({"errors": {0: 3.0}, "invocations": {0: 4.0}}, [0], 60))
{0: 1.0}
"""

from __future__ import annotations

import itertools
import math
import re
import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from localcloud.operations import ApiError

Series = dict[int, float]
Value = float | Series | list[Series] | str

_TOKEN = re.compile(
    r"\s*(?:(?P<number>\d+\.?\d*(?:[eE][+-]?\d+)?|\.\d+)|(?P<name>[A-Za-z_]\w*)|(?P<string>\"[^\"]*\"|'[^']*')"
    r"|(?P<sign>&&|\|\||[<>=!]=|[-+*/^<>(),\[\]]))"
)
_BINDING = {
    **{"OR": 1, "AND": 2, "==": 3, "!=": 3, "<": 4, "<=": 4, ">": 4, ">=": 4},
    **{"+": 5, "-": 5, "*": 6, "/": 6, "^": 8},
}
_UNARY_BINDING = 7
_SPELLED = {"&&": "AND", "||": "OR", "and": "AND", "or": "OR"}


def _divide(a: float, b: float) -> float | None:
    return a / b if b else None


def _power(a: float, b: float) -> float | None:
    try:
        result = a**b
    except (ZeroDivisionError, OverflowError):
        return None
    return result if isinstance(result, float) else None  # a root of a negative number is complex


_OPERATORS: dict[str, Callable[[float, float], float | None]] = {
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
    "*": lambda a, b: a * b,
    "/": _divide,
    "^": _power,
    "==": lambda a, b: float(a == b),
    "!=": lambda a, b: float(a != b),
    "<": lambda a, b: float(a < b),
    "<=": lambda a, b: float(a <= b),
    ">": lambda a, b: float(a > b),
    ">=": lambda a, b: float(a >= b),
    "AND": lambda a, b: float(bool(a) and bool(b)),
    "OR": lambda a, b: float(bool(a) or bool(b)),
}
_POINTWISE: dict[str, Callable[[float], float | None]] = {
    "ABS": abs,
    "CEIL": lambda a: float(math.ceil(a)),
    "FLOOR": lambda a: float(math.floor(a)),
    "LOG": lambda a: math.log(a) if a > 0 else None,
    "LOG10": lambda a: math.log10(a) if a > 0 else None,
}
_SUMMARIES: dict[str, Callable[[Sequence[float]], float]] = {
    "AVG": statistics.fmean,
    "MAX": max,
    "MIN": min,
    "STDDEV": statistics.pstdev,
    "SUM": math.fsum,
}


@dataclass(frozen=True)
class Inputs:
    """What an expression may refer to.

    Attributes
    ----------
    series : the metrics and earlier expressions, by id
    times : the starts of the periods looked at, oldest first
    period : their length in seconds
    metrics : which ids are metrics, not expressions: what METRICS() returns
    """

    series: Mapping[str, Value]
    times: Sequence[int]
    period: int
    metrics: frozenset[str] = frozenset()


@dataclass(frozen=True)
class _Node:
    """A parsed expression: `kind` says how to read `value` and `parts`."""

    kind: str
    value: Any = None
    parts: tuple[_Node, ...] = ()


def evaluate(expression: str, inputs: Inputs) -> Value:
    """Compute an expression.

    Raises
    ------
    ApiError
        It is not valid metric math, or uses a part of it that is not simulated.
    """
    return _compute(parse(expression), inputs)


def identifiers(expression: str) -> set[str]:
    """Return the ids that an expression refers to."""

    def walk(node: _Node) -> set[str]:
        found = {node.value} if node.kind == "name" and node.value not in ("REPEAT", "LINEAR") else set()
        return found.union(*(walk(part) for part in node.parts))

    return walk(parse(expression))


# --- reading ----------------------------------------------------------------------------------------------------------


def parse(expression: str) -> _Node:
    """Read an expression; the precedence is that of arithmetic, then comparison, then AND, then OR."""
    reader = _Reader(expression)
    node = reader.expression(0)
    if reader.peek() is not None:
        raise reader.error(f"{reader.peek()!r} was not expected there")
    return node


class _Reader:
    """A precedence-climbing parser over the tokens of one expression."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens: list[tuple[str, str]] = []
        position = 0
        while position < len(text.rstrip()):
            match = _TOKEN.match(text, position)
            if not match:
                raise self.error(f"{text[position:].strip()[:20]!r} is not understood")
            kind = str(match.lastgroup)
            self._tokens.append((kind, match[kind]))
            position = match.end()

    def error(self, why: str) -> ApiError:
        return ApiError("ValidationError", f"Invalid metric math expression {self._text!r}: {why}.")

    def peek(self) -> str | None:
        return self._tokens[0][1] if self._tokens else None

    def expression(self, binding: int) -> _Node:
        left = self._operand()
        while (sign := self._operator()) is not None and _BINDING[sign] > binding:
            self._tokens.pop(0)
            # `^` binds to the right: 2^3^2 is 2^(3^2).
            right = self.expression(_BINDING[sign] - (sign == "^"))
            left = _Node("operation", sign, (left, right))
        return left

    def _operator(self) -> str | None:
        spelled = self.peek()
        sign = _SPELLED.get(spelled or "", spelled)
        return sign if sign in _BINDING else None

    def _operand(self) -> _Node:
        if not self._tokens:
            raise self.error("it ends too early")
        kind, text = self._tokens.pop(0)
        if kind == "number":
            return _Node("number", float(text))
        if kind == "string":
            return _Node("string", text[1:-1])
        if kind == "name":
            return self._call(text) if self.peek() == "(" else _Node("name", text)
        if text == "-":
            return _Node("operation", "-", (_Node("number", 0.0), self.expression(_UNARY_BINDING)))
        if text == "(":
            (inner,) = self._list_until(")", exactly=1)
            return inner
        if text == "[":
            return _Node("array", None, tuple(self._list_until("]")))
        raise self.error(f"{text!r} was not expected there")

    def _call(self, name: str) -> _Node:
        self._tokens.pop(0)
        return _Node("call", name.upper(), tuple(self._list_until(")")))

    def _list_until(self, closing: str, exactly: int | None = None) -> list[_Node]:
        parts: list[_Node] = []
        while self.peek() != closing:
            if parts:
                self._expect(",")
            parts.append(self.expression(0))
        self._expect(closing)
        if exactly is not None and len(parts) != exactly:
            raise self.error(f"{len(parts)} values between parentheses")
        return parts

    def _expect(self, text: str) -> None:
        if self.peek() != text:
            raise self.error(f"{text!r} is missing")
        self._tokens.pop(0)


# --- computing --------------------------------------------------------------------------------------------------------


def _compute(node: _Node, inputs: Inputs) -> Value:
    if node.kind in ("number", "string"):
        value: Value = node.value
        return value
    if node.kind == "name":
        return _look_up(node.value, inputs)
    if node.kind == "operation":
        left, right = (_compute(part, inputs) for part in node.parts)
        return _spread(_OPERATORS[node.value], left, right)
    if node.kind == "array":
        return [_as_series(_compute(part, inputs), inputs) for part in node.parts]
    return _call(node, inputs)


def _look_up(name: str, inputs: Inputs) -> Value:
    if name in inputs.series:
        return inputs.series[name]
    if name in ("REPEAT", "LINEAR"):
        return name
    known = ", ".join(sorted(inputs.series)) or "none"
    raise ApiError("ValidationError", f"Metric math refers to {name!r}, which is no id of this request (ids: {known}).")


def _call(node: _Node, inputs: Inputs) -> Value:
    name: str = node.value
    if name == "METRICS":
        return _metrics(node, inputs)
    arguments = [_compute(part, inputs) for part in node.parts]
    if name in _POINTWISE and len(arguments) == 1:
        return _spread(_POINTWISE[name], arguments[0])
    if name in _SUMMARIES and len(arguments) == 1:
        return _summarize(_SUMMARIES[name], arguments[0])
    if name == "IF" and len(arguments) in (2, 3):
        return _choose(arguments, inputs)
    if name == "FILL" and len(arguments) == 2:
        return _fill(_as_series(arguments[0], inputs), arguments[1], inputs)
    if name == "DIFF" and len(arguments) == 1:
        return _differences(_as_series(arguments[0], inputs))
    if name == "PERIOD" and len(arguments) == 1:
        return float(inputs.period)
    raise ApiError(
        "ValidationError",
        f"Metric math {name}() with {len(arguments)} arguments is not simulated. There are: "
        f"{', '.join([*_POINTWISE, *_SUMMARIES])}, IF, FILL, DIFF, PERIOD and METRICS.",
    )


def _spread(function: Callable[..., float | None], *values: Value) -> Value:
    """Apply a function of numbers at each timestamp that all series among the values have."""
    arrays = [value for value in values if isinstance(value, list)]
    if arrays:
        return [
            _must_be_series(_spread(function, *(value[i] if isinstance(value, list) else value for value in values)))
            for i in range(min(map(len, arrays)))
        ]
    series = [value for value in values if isinstance(value, dict)]
    if not series:
        result = function(*values)
        return math.nan if result is None else result
    shared = sorted(set(series[0]).intersection(*series[1:]))
    computed = {time: function(*(v[time] if isinstance(v, dict) else v for v in values)) for time in shared}
    return {time: value for time, value in computed.items() if value is not None}


def _summarize(function: Callable[[Sequence[float]], float], value: Value) -> Value:
    """Summarize an array at each timestamp that any of its series has, or one series to a number."""
    if isinstance(value, list):
        times = sorted(set().union(*value))
        return {time: function([series[time] for series in value if time in series]) for time in times}
    if isinstance(value, dict):
        return function(list(value.values())) if value else math.nan
    return value


def _choose(arguments: Sequence[Value], inputs: Inputs) -> Value:
    condition, otherwise = arguments[0], arguments[2] if len(arguments) == 3 else None
    if isinstance(condition, float):
        chosen = arguments[1] if condition else otherwise
        return {} if chosen is None else chosen
    result: Series = {}
    for time, holds in _as_series(condition, inputs).items():
        branch = arguments[1] if holds else otherwise
        value = branch.get(time) if isinstance(branch, dict) else branch
        if isinstance(value, float):
            result[time] = value
    return result


def _fill(series: Series, filler: Value, inputs: Inputs) -> Series:
    if filler == "LINEAR":
        return _interpolate(series, inputs.times)
    filled: Series = {}
    last: float | None = None
    for time in inputs.times:
        value = series.get(time)
        if value is None:
            replacement = last if filler == "REPEAT" else filler.get(time) if isinstance(filler, dict) else filler
            value = replacement if isinstance(replacement, float) else None
        if value is not None:
            filled[time] = last = value
    return filled


def _interpolate(series: Series, times: Sequence[int]) -> Series:
    known = sorted(series)
    filled: Series = {}
    for time in times:
        before = max((at for at in known if at <= time), default=None)
        after = min((at for at in known if at >= time), default=None)
        if before is not None and after is not None:
            share = (time - before) / (after - before) if after > before else 0.0
            filled[time] = series[before] + share * (series[after] - series[before])
    return filled


def _differences(series: Series) -> Series:
    times = sorted(series)
    return {later: series[later] - series[earlier] for earlier, later in itertools.pairwise(times)}


def _metrics(node: _Node, inputs: Inputs) -> list[Series]:
    wanted = node.parts[0].value if node.parts else ""
    return [_must_be_series(inputs.series[name]) for name in sorted(inputs.metrics) if wanted in name]


def _as_series(value: Value, inputs: Inputs) -> Series:
    return dict.fromkeys(inputs.times, value) if isinstance(value, float) else _must_be_series(value)


def _must_be_series(value: Value) -> Series:
    if isinstance(value, dict):
        return value
    raise ApiError("ValidationError", f"Metric math needs one time series there, not {value!r}.")
