"""A profile that may leave the house: differentially private counts, and nothing else.

Adding or removing one row changes one count by one in every column, and the number of rows. So two-sided geometric
noise (the discrete Laplace mechanism; Ghosh, Roughgarden & Sundararajan 2009) with parameter ε/(columns + 1) on every
count makes the whole profile ε-differentially private for one row, by basic composition over the columns. What cannot
be protected at a bearable price is left out: extremes, names of new categories, what is known of the captures
themselves, sums within bins and the joint part. Sums are filled in as if every value lay in the middle of its bin.
Counts below zero become zero: what is done to private counts afterwards costs nothing.

The guarantee is for one row. Whoever is in many rows is protected by ε times their number.
"""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from watchkeeper.errors import ProfileError
from watchkeeper.profile.layout import ROWS, UNREADABLE, Integers, Tally
from watchkeeper.profile.number import SQUARE_BITS, NumberBinning
from watchkeeper.profile.profile import Profile


def noised(profile: Profile, epsilon: float, random: np.random.Generator | None = None) -> Profile:
    """The profile with noise on its counts.

    Parameters
    ----------
    epsilon : privacy loss for one row; 1 is usual, 0.1 strict
    random : for tests; otherwise seeded by the operating system, which is what makes the guarantee

    Raises
    ------
    ProfileError
        `epsilon` is not a positive number.
    """
    if not (math.isfinite(epsilon) and epsilon > 0):
        raise ProfileError(f"The privacy loss is {epsilon}; give a positive number: 1 is usual, 0.1 strict.")
    random = random or np.random.default_rng()
    layout, binning = profile.layout, profile.binning
    share = epsilon / (len(binning.columns) + 1)
    vector = np.zeros_like(profile.vector)
    counts = layout.sections["counts"]
    vector[counts] = _noised(profile.vector[counts], share, random)
    vector[ROWS] = _noised(profile.vector[ROWS : ROWS + 1], share, random)[0]
    vector[UNREADABLE] = 0
    blank = replace(Profile.empty(binning, profile.baseline), vector=vector)
    for place, bins in enumerate(binning.columns):
        if isinstance(bins, NumberBinning):
            _fill_in(bins, blank.tally(place))
    return blank.sealed()


def _fill_in(bins: NumberBinning, tally: Tally) -> None:
    """Sums as if every value lay in the middle of its bin; the outer bins, which have none, at their edge."""
    counts, middles = bins.view(tally).counts, np.zeros(bins.bins)
    if len(bins.edges) > 1:
        middles[1:-1] = np.diff(bins.cuts) / 2
    places = np.floor(middles / bins.units).astype(np.int64)
    edges = np.concatenate([bins.cuts[:1], bins.cuts]) if bins.edges else np.zeros(1)
    cells = np.floor((edges + middles - bins.start) / bins.cell).astype(np.int64)
    high = np.square(cells) >> SQUARE_BITS
    tally.sums[:] = counts * places
    tally.moments[:] = counts @ cells, counts @ high, counts @ (np.square(cells) - (high << SQUARE_BITS))


def _noised(counts: Integers, epsilon: float, random: np.random.Generator) -> Integers:
    """Counts plus the difference of two geometric numbers with success probability 1 − e^−ε."""
    success = -math.expm1(-epsilon)
    noise = random.geometric(success, len(counts)) - random.geometric(success, len(counts))
    noisy: Integers = np.maximum(counts + noise, 0)
    return noisy
