"""Whose groups to compare on a user's own data: `--sensitive` and `--favourable`, as a model's file has them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pandas as pd

from watchkeeper.errors import DatasetError
from watchkeeper.spec import Task

EVERY = "6 hours"
_NUMBERS = ("number", "integer")


@dataclass(frozen=True)
class Labels:
    """The column to predict, of a task; `positive` is a binary one's positive value."""

    name: str
    task: Task
    positive: str | None

    def wished(self, values: tuple[str, ...], column: pd.Series[Any]) -> dict[str, Any]:
        """The setting that says what people would wish for."""
        if self.task is Task.REGRESSION:
            return _from(values, column)
        _check(values, column)
        if self.task is Task.BINARY:
            if len(values) > 1:
                raise DatasetError(f"--favourable {values[1]}: of two values one is favourable, and {values[0]!r} is.")
            return {"favourable": "negative"} if values and values[0] != self.positive else {}
        if not values:
            raise DatasetError(
                f"--sensitive needs --favourable VALUE: which of {_known(column)} would people wish for?"
            )
        return {"favourable": list(values)}


@dataclass(frozen=True)
class People:
    """What the options say.

    Attributes
    ----------
    sensitive : each `COLUMN`, `COLUMN=GROUP` with the group that others are compared with, or for a number
        `COLUMN:CUT,CUT` with where one group ends and the next begins, which `=GROUP` may follow
    favourable : the label's values that people would wish for; of a number, the one from which on they are content
    """

    sensitive: tuple[str, ...] = ()
    favourable: tuple[str, ...] = ()

    def attributes(self, table: pd.DataFrame, features: dict[str, str]) -> list[dict[str, Any]]:
        """The sensitive features as `monitors.bias.attributes` lists them.

        Raises
        ------
        DatasetError
            One is no feature, is a number without cut points, or has no such group.
        """
        return [_attribute(text, table, features) for text in self.sensitive]

    def monitor(self, table: pd.DataFrame, features: dict[str, str], labels: Labels) -> dict[str, Any]:
        """The section `monitors.bias`.

        Raises
        ------
        DatasetError
            As of `attributes`; or the label has no such value.
        """
        wish = labels.wished(self.favourable, table[labels.name])
        return {"attributes": self.attributes(table, features), "every": EVERY} | wish


def _attribute(text: str, table: pd.DataFrame, features: dict[str, str]) -> dict[str, Any]:
    name, cuts, favoured = _parted(text, features)
    if name not in features:
        raise DatasetError(f"--sensitive {text}: there is no feature {name!r}. The features are {', '.join(features)}.")
    if features[name] in _NUMBERS:
        return _of_number(text, name, cuts, favoured)
    if cuts:
        raise DatasetError(f"--sensitive {text}: {name!r} holds categories: leave the cut points out.")
    groups = sorted(table[name].dropna().astype(str).unique())
    if favoured and favoured not in groups:
        raise DatasetError(
            f"--sensitive {text}: {name!r} has no group {favoured!r}. Its groups are {', '.join(map(repr, groups))}."
        )
    return {"name": name} | ({"favoured": [favoured]} if favoured else {})


def _parted(text: str, features: dict[str, str]) -> tuple[str, str, str]:
    """Name, cut points and favoured group; a column's own name may hold the signs that part them."""
    if text in features:
        return text, "", ""
    rest, _, favoured = text.partition("=")
    name, _, cuts = rest.partition(":")
    return name.strip(), cuts.strip(), favoured.strip()


def _of_number(text: str, name: str, cuts: str, favoured: str) -> dict[str, Any]:
    if not cuts:
        raise DatasetError(
            f"--sensitive {text}: {name!r} is a number, and nothing says where one group ends and the next begins. "
            f"Write --sensitive {name}:25,60 with cut points of your own; if its numbers are codes, make them words."
        )
    try:
        numbers = [float(cut) for cut in cuts.split(",")]
    except ValueError as error:
        raise DatasetError(
            f"--sensitive {text}: the cut points {cuts!r} are no numbers: write them as in {name}:25,60."
        ) from error
    return {"name": name, "cuts": numbers} | ({"favoured": [favoured]} if favoured else {})


def _check(values: tuple[str, ...], column: pd.Series[Any]) -> None:
    for value in values:
        if value not in set(column.dropna().astype(str)):
            raise DatasetError(
                f"--favourable {value}: the label {column.name!r} has no such value. It has {_known(column)}: name "
                "what people would wish for."
            )


def _known(column: pd.Series[Any]) -> str:
    return ", ".join(map(repr, sorted(column.dropna().astype(str).unique())))


def _from(wished: tuple[str, ...], labels: pd.Series[Any]) -> dict[str, Any]:
    if len(wished) != 1:
        raise DatasetError(
            f"--sensitive needs one --favourable NUMBER: from which value of {labels.name!r} on are people content?"
        )
    try:
        return {"favourable_from": float(wished[0])}
    except ValueError as error:
        raise DatasetError(f"--favourable {wished[0]}: the label {labels.name!r} is a number, give one.") from error
