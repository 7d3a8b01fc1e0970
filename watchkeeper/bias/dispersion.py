"""How much more counts vary than those of independent rows, from the parts that a window or a baseline is merged from.

Requests come in bursts and seasons; intervals of independent rows are then too narrow, and healthy windows alarm. The
outcomes of a group's rows are compared over the parts (hours, say) by Pearson's X² of homogeneity; X² over its degrees
of freedom is the overdispersion (Kish's design effect), as far as dependence ends with a part.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from watchkeeper.bias.counts import GroupCounts
from watchkeeper.bias.sides import Floats
from watchkeeper.errors import ProfileError

Integers: TypeAlias = NDArray[np.int64]
LEAST_PARTS = 10
"""With fewer, the estimate is noise."""


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
    outcomes = cells.reshape(*cells.shape[:2], -1)
    return max(1.0, *(_of_groups(outcomes[:, facet]) for facet in held[0].binning.slices))


def _of_groups(outcomes: Integers) -> float:
    """Of one facet's counts, shape (parts, groups, outcomes): the mean over groups of X² over its freedom."""
    rows = outcomes.sum(axis=(0, 2))
    ratios = np.array([_homogeneity(outcomes[:, group]) for group in range(outcomes.shape[1])])
    told = np.isfinite(ratios)
    return float(np.average(ratios[told], weights=rows[told])) if rows[told].any() else 1.0


def _homogeneity(table: Integers) -> float:
    """X² of a table, rows by outcomes, over its degrees of freedom; NaN where it has none."""
    kept: Floats = table[table.any(axis=1)][:, table.any(axis=0)].astype(np.float64)
    freedom = (kept.shape[0] - 1) * (kept.shape[1] - 1)
    if freedom <= 0:
        return np.nan
    expected = kept.sum(axis=1, keepdims=True) * kept.sum(axis=0) / kept.sum()
    return float((np.square(kept - expected) / expected).sum() / freedom)
