"""Sums that are integers: every row's figure is rounded to whole units first, so no order of adding can matter.

A unit is 2**-24 for what lies from 0 to 1 and for log losses, which are at most 34.6: eight billion rows fit into 64
bits. Rounding puts an error of at most 3e-8 on a mean.
"""

from __future__ import annotations

import math

import numpy as np

from watchkeeper.profile.layout import Floats, Integers

UNIT_BITS = 24
UNITS = 1 << UNIT_BITS
"""Units in one."""
LEAST_PROBABILITY = 1e-15
"""Log losses are taken as if no probability were below this, as scikit-learn once did; a row costs 34.6 at most."""
ROWS_AT_ONCE = 1 << 20
"""Rows added up in float64 before the sum becomes an integer: below 2**53 every sum of whole numbers is exact."""
_SQUARE_BITS = 29
_ROOT_HALF = math.sqrt(0.5)


def units(values: Floats) -> Floats:
    """Each value in whole units, as floats that hold them exactly."""
    rounded: Floats = np.floor(values * UNITS + 0.5)
    return rounded


def log_loss(probability: Floats) -> Floats:
    """−log of the probability that was given to what turned out to be true, within 1e-9.

    By additions, multiplications and divisions alone, which every processor rounds alike: libraries' logarithms differ
    in their last digits, and then so would counts made in Lambda and in Spark.
    """
    mantissa, exponent = np.frexp(np.maximum(probability, LEAST_PROBABILITY))
    small = mantissa < _ROOT_HALF
    mantissa = np.where(small, mantissa * 2, mantissa)
    s = (mantissa - 1) / (mantissa + 1)
    q = s * s
    series = 1 + q * (1 / 3 + q * (1 / 5 + q * (1 / 7 + q * (1 / 9 + q / 11))))
    loss: Floats = (small - exponent) * math.log(2) - 2 * s * series
    return np.maximum(loss, 0.0)


def summed(places: Integers, weights: Floats, size: int) -> Integers:
    """Sum of whole weights by place, for at most `ROWS_AT_ONCE` rows."""
    return np.bincount(places, weights=weights, minlength=size).astype(np.int64)


def halves(whole: Integers) -> tuple[Integers, Integers]:
    """The squares of integers below 2**29, in two parts whose sums over billions of rows fit: high and low bits."""
    squares = whole * whole
    return squares >> _SQUARE_BITS, squares & ((1 << _SQUARE_BITS) - 1)


def whole_squares(high: Integers, low: Integers) -> Floats:
    """Sums of squares out of the sums of their halves."""
    joined: Floats = high.astype(np.float64) * (1 << _SQUARE_BITS) + low
    return joined
