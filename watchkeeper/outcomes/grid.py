"""The fixed grid over which scores are counted: the same for every model and version, so that counts of any compare.

Between 0 and 1 a score is a probability, and cells are of equal width in log-odds (1/16, down to 8e-7 from either end):
so they are as fine for frauds at one in a thousand as for coins. What lies outside is no probability but still a
ranking, such as the margins of a support vector machine: there cells are 1/8 wide at 0 and 1, and wider further out.
Edges are multiples of 2**-40, so that no processor rounds them otherwise; a score finds its cell by comparison alone.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from watchkeeper.profile.layout import Floats, Integers

VERSION = 1
"""Number of this grid: counts over another cannot be merged."""
PER_LOGIT = 16
_FARTHEST_LOGIT = 14
_PER_MARGIN = 8
_MARGINS = 64
_GRAIN = 40


def _rounded(values: Floats) -> Floats:
    """The values as multiples of 2**-40."""
    return np.ldexp(np.round(np.ldexp(values, _GRAIN)), -_GRAIN)


def _edges() -> Floats:
    logits = np.arange(PER_LOGIT * _FARTHEST_LOGIT, -1, -1) / PER_LOGIT
    low = _rounded(1 / (1 + np.exp(logits)))  # up to one half
    margins = _rounded(np.expm1(np.arange(1, _MARGINS + 1) / _PER_MARGIN))
    above_one = np.nextafter(1.0, 2.0)
    return np.concatenate([-margins[::-1], [0.0], low, 1 - low[-2::-1], [above_one], 1 + margins])


EDGES = _edges()
"""Between the cells, ascending: cell i holds the scores in [EDGES[i - 1], EDGES[i])."""
CELLS = len(EDGES) + 1
PROBABILITIES = slice(_MARGINS + 1, CELLS - _MARGINS - 1)
"""The cells of scores from 0 to 1."""
UNSCORED = CELLS
"""Place of rows without a score, behind the cells."""
PLACES = CELLS + 1


def _middles() -> Floats:
    """A probability that stands for each cell: its middle in log-odds; 0 below the grid's probabilities, 1 above."""
    edges = EDGES[PROBABILITIES.start : PROBABILITIES.stop - 1]
    logits = np.log(edges) - np.log1p(-edges)
    centres = 1 / (1 + np.exp(-(logits[1:] + logits[:-1]) / 2))
    middles = np.concatenate([edges[:1] / 2, centres, 1 - edges[:1] / 2])
    beyond = np.zeros(PROBABILITIES.start), np.ones(CELLS - PROBABILITIES.stop)
    return np.concatenate([beyond[0], middles, beyond[1]])


MIDDLES = _middles()


def places(scores: Floats) -> Integers:
    """The cell of each score, `UNSCORED` where it is missing; infinite scores are in the outermost cells."""
    found: Integers = np.searchsorted(EDGES, scores, side="right")
    return np.where(np.isnan(scores), UNSCORED, found)


def is_probability(scores: Floats) -> NDArray[np.bool_]:
    """Whether each score is there and lies from 0 to 1."""
    with np.errstate(invalid="ignore"):
        return (scores >= 0) & (scores <= 1)
