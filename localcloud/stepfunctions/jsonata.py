"""JSONata for the interpreter, which parses it but ships no engine."""

from __future__ import annotations

from typing import Any

from jsonata import Jsonata
from moto.stepfunctions.parser.asl.jsonata import jsonata as interpreter


def evaluate(expression: str) -> Any:
    """Evaluate an expression; the interpreter binds what it refers to within the expression itself.

    Raises
    ------
    interpreter.JSONataException
        The expression is not valid or fails; the state fails with States.QueryEvaluationError.
    """
    try:
        return Jsonata(expression).evaluate(None)
    except Exception as error:  # the engine raises its own and Python's errors alike
        raise interpreter.JSONataException(type(error).__name__, str(error)) from error


def install() -> None:
    """Give the interpreter its engine."""
    interpreter._eval_jsonata = evaluate
