"""What every peer is asked for, and the files it is given."""

from __future__ import annotations

import io
import json
import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

JOINT = "(all columns together)"
"""Name of the one value of a peer that judges no single column."""


@dataclass(frozen=True)
class Columns:
    """Names of the columns by their kind; requests hold the features in the order numbers, categories."""

    numbers: tuple[str, ...]
    categories: tuple[str, ...]

    @property
    def all(self) -> list[str]:
        """Numbers, then categories."""
        return [*self.numbers, *self.categories]

    @classmethod
    def read(cls, folder: Path) -> Columns:
        """From `columns.json`."""
        document = json.loads((folder / "columns.json").read_text())
        return cls(tuple(document["numbers"]), tuple(document["categories"]))


@dataclass(frozen=True)
class Judgement:
    """What a peer says of one window.

    Attributes
    ----------
    distances : for each column how different it is; larger is more different, the scale is the peer's own
    alerts : the columns that are beyond the peer's own threshold
    """

    distances: dict[str, float]
    alerts: frozenset[str]


class Detector(ABC):
    """One peer with its default settings; `__init__` imports its library, and nothing else does."""

    @abstractmethod
    def __init__(self, columns: Columns) -> None: ...

    @abstractmethod
    def fit(self, reference: Any, rows: int) -> None:
        """Learn the reference (a DataFrame), for windows of so many rows; 0 for the tool's own default."""

    @abstractmethod
    def judge(self, window: Any) -> Judgement:
        """Judge one window (a DataFrame)."""

    def judge_all(self, windows: Sequence[Any]) -> list[Judgement]:
        """Judge windows; for peers that take many at once."""
        return [self.judge(window) for window in windows]


def surprise(p_value: float) -> float:
    """A p-value as a distance: decimal places, at most 300."""
    return -math.log10(max(p_value, 1e-300))


def load(path: Path, columns: Columns) -> Any:
    """A file as a DataFrame, the simple way: Parquet by pandas, captures by `json` and one CSV read."""
    import pandas as pd

    if path.suffix == ".parquet":
        return pd.read_parquet(path, columns=columns.all)
    with path.open() as file:
        requests = [json.loads(line)["captureData"]["endpointInput"]["data"] for line in file]
    return pd.read_csv(io.StringIO("\n".join(requests)), header=None, names=columns.all)
