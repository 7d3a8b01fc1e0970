"""How much more counts vary than those of independent rows, from the parts that a window or a baseline is merged from.

Requests come in bursts and seasons; intervals of independent rows are then too narrow, and healthy windows alarm. The
outcomes of a group's rows are compared over the parts (hours, say) by Pearson's X² of homogeneity; X² over its degrees
of freedom is the overdispersion (Kish's design effect), as far as dependence ends with a part.

Labels come late, so the newest parts have few: that is no dependence. Rows with a label and a prediction, rows with the
one and rows with the other are compared each among themselves.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from watchkeeper.bias.counts import GroupCounts
from watchkeeper.bias.positive import NEGATIVE_OUTCOME, UNKNOWN
from watchkeeper.bias.sides import Floats
from watchkeeper.errors import ProfileError

Integers: TypeAlias = NDArray[np.int64]
LEAST_PARTS = 10
"""With fewer, the estimate is noise."""
_KNOWN = slice(NEGATIVE_OUTCOME, None)
_ALIKE = ((_KNOWN, _KNOWN), (_KNOWN, UNKNOWN), (UNKNOWN, _KNOWN))
"""Outcomes of label and prediction: of each set of rows of which the same is known."""


def dispersion(parts: Sequence[GroupCounts]) -> float:
    """For `BiasSettings.dispersion`: of the facet that varies most, its groups weighed by their rows; at least 1.

    Raises
    ------
    ProfileError
        There are fewer than `LEAST_PARTS` parts with rows, or some are over other groups.
    """
    held = [part for part in parts if part.rows]
    if len(held) < LEAST_PARTS:
        raise ProfileError(
            f"{len(held)} parts hold rows, and {LEAST_PARTS} are needed to tell how much they vary: take a longer "
            "window, or shorter parts."
        )
    for part in held[1:]:
        held[0].check(part)
    cells = np.stack([part.cells.sum(axis=1) for part in held])
    return max(1.0, *(_of_groups(cells[:, facet]) for facet in held[0].binning.slices))


def _of_groups(cells: Integers) -> float:
    """Of one facet's counts, shape (parts, groups, 3, 3): the mean over groups of X² over its freedom."""
    rows = cells.sum(axis=(0, 2, 3))
    ratios = np.array([_homogeneity(cells[:, group]) for group in range(cells.shape[1])])
    told = np.isfinite(ratios)
    return float(np.average(ratios[told], weights=rows[told])) if rows[told].any() else 1.0


def _homogeneity(cells: Integers) -> float:
    """X² of a group's counts, shape (parts, 3, 3), over its degrees of freedom; NaN where it has none."""
    found = [_pearson(cells[:, label, prediction].reshape(len(cells), -1)) for label, prediction in _ALIKE]
    freedom = sum(freedom for _, freedom in found)
    return sum(statistic for statistic, _ in found) / freedom if freedom else np.nan


def _pearson(table: Integers) -> tuple[float, int]:
    """X² of a table, parts by outcomes, and its degrees of freedom."""
    kept: Floats = table[table.any(axis=1)][:, table.any(axis=0)].astype(np.float64)
    freedom = (kept.shape[0] - 1) * (kept.shape[1] - 1)
    if freedom <= 0:
        return 0.0, 0
    expected = kept.sum(axis=1, keepdims=True) * kept.sum(axis=0) / kept.sum()
    return float((np.square(kept - expected) / expected).sum()), freedom
