"""Baselines and profiles of format 1, read as this version's.

Format 1 had up to 64 bins, closed on the right, whose outer two held what was out of range as well; it kept one sum a
column instead of one a bin, and had no joint part. Counts are taken over as they are. Sums are shared among the bins,
so that the mean is right, and the bins' own means are guesses within their bins. What is observed from now on against
an upgraded baseline is exact like any other.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np

from watchkeeper.errors import ProfileError
from watchkeeper.profile import number_fit
from watchkeeper.profile.category import CategoryBinning
from watchkeeper.profile.column import ColumnBinning
from watchkeeper.profile.layout import Tally
from watchkeeper.profile.number import SQUARE_BITS, NumberBinning

if TYPE_CHECKING:
    from watchkeeper.profile.binning import Binning

FORMAT = 1
_LARGEST_SUM = 1 << 62


def binnings(columns: Mapping[str, Any]) -> dict[str, ColumnBinning]:
    """The bins of columns of format 1."""
    return {
        name: _number_binning(column) if column["kind"] == "number" else CategoryBinning.from_json(column)
        for name, column in columns.items()
    }


def _number_binning(column: Mapping[str, Any]) -> NumberBinning:
    """The same bins, closed on the left, between two for what is out of range."""
    low, high, cuts = column["low"], column["high"], column["cuts"]
    if low is None:
        return number_fit.unknown()
    edges = np.array([low, *(math.nextafter(cut, math.inf) for cut in (*cuts, high))])
    origin, exponent = number_fit.scale(low, high)
    return number_fit.searched(edges, origin, exponent, low=low, high=high, single=False)


def fill(document: Mapping[str, Any], binning: Binning, tallies: Iterable[Tally]) -> None:
    """Write the columns of a profile of format 1 into blank tallies over upgraded bins.

    Raises
    ------
    ProfileError
        It has other columns.
    """
    blank = iter(tallies)
    for group, columns in (("features", binning.features), ("predictions", binning.predictions)):
        if document[group].keys() != columns.keys():
            differing = ", ".join(sorted(document[group].keys() ^ columns.keys()))
            raise ProfileError(
                f"The profile and its baseline differ in their columns ({differing}). Read a profile with its own "
                "baseline."
            )
        for name, bins in columns.items():
            if isinstance(bins, NumberBinning):
                _number(document[group][name], bins, next(blank))
            else:
                _category(document[group][name], next(blank))


def _category(column: Mapping[str, Any], tally: Tally) -> None:
    head = [column.get(name, 0) for name in ("missing", "invalid", "rare", "new")]
    tally.counts[:] = [*head, *column["counts"]]
    tally.names.update(column.get("names", {}))


def _number(column: Mapping[str, Any], bins: NumberBinning, tally: Tally) -> None:
    counts = list(column["counts"])
    below, above = column.get("below", 0), column.get("above", 0)
    if bins.edges:
        counts[0] -= below
        counts[-1] -= above
        counts = [below, *counts, above]
    tally.counts[:] = [*(column.get(name, 0) for name in ("missing", "infinite", "invalid")), *counts]
    if column.get("least") is None:
        return
    tally.extremes[:] = column["least"], column["greatest"]
    total, squares = _exact(column["total"]), _exact(column["squares"])
    tally.sums[:] = _sums(bins, counts, total, column["least"], column["greatest"])
    tally.moments[:] = _moments(bins, sum(counts), total, squares)


def _exact(value: list[Any]) -> Fraction:
    """A sum of format 1: a mantissa in hexadecimal, and the exponent of 2."""
    return Fraction(int(str(value[0]), 16)) * Fraction(2) ** int(value[1])


def _sums(bins: NumberBinning, counts: list[int], total: Fraction, least: float, greatest: float) -> list[int]:
    """Units of each bin: every value as far up its bin, of what it can hold, as makes the sum right."""
    edges = [Fraction(edge) for edge in bins.edges]
    lows = [Fraction(least), *edges]
    widths = [max(high - low, Fraction(0)) for low, high in zip(lows, [*edges, Fraction(greatest)], strict=True)]
    room = sum(count * width for count, width in zip(counts, widths, strict=True))
    first = sum(count * low for count, low in zip(counts, lows, strict=True))
    share = (total - first) / room if room else Fraction(0)
    from_edge = [Fraction(least) - (edges[0] if edges else 0), *([Fraction(0)] * len(edges))]
    sums = [
        round(count * (offset + share * width) / Fraction(2) ** exponent)
        for count, offset, width, exponent in zip(counts, from_edge, widths, bins.exponents, strict=True)
    ]
    return [max(-_LARGEST_SUM, min(_LARGEST_SUM, found)) for found in sums]


def _moments(bins: NumberBinning, rows: int, total: Fraction, squares: Fraction) -> list[int]:
    """Cells and their squares, from the sums of values and of their squares."""
    start, cell = Fraction(bins.start), Fraction(bins.cell)
    first = round((total - rows * start) / cell)
    second = round((squares - 2 * start * total + rows * start * start) / (cell * cell))
    second = max(0, min(_LARGEST_SUM, second))
    return [max(-_LARGEST_SUM, min(_LARGEST_SUM, first)), second >> SQUARE_BITS, second & ((1 << SQUARE_BITS) - 1)]
