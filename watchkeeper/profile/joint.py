"""How columns go together: sums and cross-products of whole-numbered scores.

Every row gets a score in each column: its bin's mean normal score, in 32nds, so that columns of any scale and kind
compare. Missing values score 0, the middle. The sums Σ s_i and Σ s_i·s_j are integers, which float64 matrix products
give exactly; correlations, and tests on them, are functions of these. The baseline also keeps the fourth-order sums
that the variance of a correlation takes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from watchkeeper.profile import codec
from watchkeeper.profile.layout import Floats, Integers

SCORE_UNIT = 32
"""Scores are kept in this part of a standard deviation."""
HIGHEST_SCORE = 127


@dataclass(frozen=True)
class JointBinning:
    """The columns looked at together, and the score of each of their bins.

    Attributes
    ----------
    columns : names of features, and last of the prediction (the score, or the predicted value) where there is one
    predicted : whether the last column is a prediction
    scores : integers of each column; of a number's bins, or of a category's levels and its rarer ones
    """

    columns: tuple[str, ...]
    predicted: bool
    scores: tuple[tuple[int, ...], ...]

    @property
    def features(self) -> tuple[str, ...]:
        """The columns that are features."""
        return self.columns[:-1] if self.predicted else self.columns

    @property
    def prediction(self) -> str | None:
        """The column that is a prediction."""
        return self.columns[-1] if self.predicted else None

    @cached_property
    def tables(self) -> tuple[Floats, ...]:
        """The scores as arrays."""
        return tuple(np.asarray(scores, np.float64) for scores in self.scores)

    def sections(self, *, reference: bool) -> dict[str, int]:
        """Sizes of its sections of a profile's vector."""
        size = len(self.columns)
        sections = {"joint": 1 + size, "products": size * (size + 1) // 2}
        return sections | ({"squares": size * (size + 1) // 2, "cubes": size * size} if reference else {})

    @cached_property
    def triangle(self) -> tuple[Integers, Integers]:
        """Rows and columns of the upper triangle, in the order kept."""
        rows, columns = np.triu_indices(len(self.columns))
        return rows.astype(np.int64), columns.astype(np.int64)

    def add(self, scores: Floats, sections: Mapping[str, Integers]) -> None:
        """Add rows, given their scores, float64 of shape (columns, rows), to the sections of a profile."""
        sections["joint"][0] += scores.shape[1]
        sections["joint"][1:] += scores.sum(axis=1).astype(np.int64)
        sections["products"][:] += (scores @ scores.T)[self.triangle].astype(np.int64)
        if "squares" in sections:
            squares = np.square(scores)
            sections["squares"][:] += (squares @ squares.T)[self.triangle].astype(np.int64)
            sections["cubes"][:] += ((squares * scores) @ scores.T).ravel().astype(np.int64)

    def view(self, sections: Mapping[str, Integers]) -> JointProfile:
        """The profile that sections hold."""
        return JointProfile(self, sections)

    def to_json(self) -> dict[str, Any]:
        """JSON form."""
        scores = np.asarray([score for column in self.scores for score in column], np.int64)
        return {
            "columns": list(self.columns),
            "predicted": self.predicted,
            "slots": [len(column) for column in self.scores],
            "scores": codec.pack(scores),
        }

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> JointBinning:
        """Read what `to_json` wrote."""
        scores = iter(codec.unpack(document["scores"]).tolist())
        return cls(
            tuple(document["columns"]),
            bool(document["predicted"]),
            tuple(tuple(next(scores) for _ in range(slots)) for slots in document["slots"]),
        )


@dataclass(frozen=True, eq=False)
class JointProfile:
    """What is known of how columns go together, in scores of 1/32 standard deviation.

    All matrices are int64 of shape (columns, columns).
    """

    binning: JointBinning
    sections: Mapping[str, Integers]

    @property
    def columns(self) -> tuple[str, ...]:
        """Names in the order of the rows and columns of the matrices."""
        return self.binning.columns

    @property
    def rows(self) -> int:
        """Rows observed."""
        return int(self.sections["joint"][0])

    @property
    def sums(self) -> Integers:
        """Σ s_i, int64 of shape (columns,)."""
        return self.sections["joint"][1:]

    @cached_property
    def products(self) -> Integers:
        """Σ s_i·s_j."""
        return self._symmetric("products")

    @cached_property
    def squares(self) -> Integers | None:
        """Σ s_i²·s_j²; of the baseline only."""
        return self._symmetric("squares") if "squares" in self.sections else None

    @property
    def cubes(self) -> Integers | None:
        """Σ s_i³·s_j; of the baseline only."""
        size = len(self.columns)
        return self.sections["cubes"].reshape(size, size) if "cubes" in self.sections else None

    def _symmetric(self, section: str) -> Integers:
        size = len(self.columns)
        matrix = np.zeros((size, size), np.int64)
        rows, columns = self.binning.triangle
        matrix[rows, columns] = matrix[columns, rows] = self.sections[section]
        return matrix
