"""Sums of floats that do not depend on the order of addition.

Adding floats rounds, so that merging profiles in another order would give other bytes. Every finite float is an integer
times a power of two; `ExactSum` keeps that integer, and rounds once, when it is read. For measurements it has 60 to 100
bits: some 25 characters of JSON.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

_MANTISSA_BITS = 53
_LOW_BITS = 27
_CHUNK = 1 << 24
"""Values summed at a time: partial sums of 27-bit pieces stay below 2**53, where float64 counts exactly."""


@dataclass(frozen=True)
class ExactSum:
    """The number `mantissa · 2**exponent`, with an odd mantissa (or 0 · 2**0)."""

    mantissa: int = 0
    exponent: int = 0

    @classmethod
    def of(cls, values: NDArray[np.float64]) -> ExactSum:
        """The exact sum of finite values."""
        total = cls()
        for start in range(0, len(values), _CHUNK):
            total = total + cls._of_chunk(values[start : start + _CHUNK])
        return total

    @classmethod
    def _of_chunk(cls, values: NDArray[np.float64]) -> ExactSum:
        """Sum the mantissas of each exponent apart, in two pieces that float64 adds without rounding."""
        if not len(values):
            return cls()
        fractions, exponents = np.frexp(values)
        mantissas = np.ldexp(fractions, _MANTISSA_BITS).astype(np.int64)
        lowest = int(exponents.min())
        places = exponents - lowest
        low = np.bincount(places, weights=(mantissas & ((1 << _LOW_BITS) - 1)).astype(np.float64))
        high = np.bincount(places, weights=(mantissas >> _LOW_BITS).astype(np.float64))
        total = 0
        for place, (small, large) in enumerate(zip(low.tolist(), high.tolist(), strict=True)):
            total += (int(small) + (int(large) << _LOW_BITS)) << place
        return cls._normal(total, lowest - _MANTISSA_BITS)

    @classmethod
    def _normal(cls, mantissa: int, exponent: int) -> ExactSum:
        if mantissa == 0:
            return cls()
        zeros = (mantissa & -mantissa).bit_length() - 1
        return cls(mantissa >> zeros, exponent + zeros)

    def __add__(self, other: ExactSum) -> ExactSum:
        if not self.mantissa or not other.mantissa:
            return other if not self.mantissa else self
        lowest = min(self.exponent, other.exponent)
        mantissa = (self.mantissa << (self.exponent - lowest)) + (other.mantissa << (other.exponent - lowest))
        return self._normal(mantissa, lowest)

    def __float__(self) -> float:
        """The nearest float."""
        return float(self.fraction)

    @property
    def fraction(self) -> Fraction:
        """The exact value."""
        return Fraction(self.mantissa) * Fraction(2) ** self.exponent

    def to_json(self) -> list[str | int]:
        """Mantissa in hexadecimal, and exponent: JSON readers round large integers."""
        return [format(self.mantissa, "x"), self.exponent]

    @classmethod
    def from_json(cls, value: list[str | int]) -> ExactSum:
        """Read what `to_json` wrote."""
        mantissa, exponent = value
        return cls._normal(int(str(mantissa), 16), int(exponent))


NOTHING = ExactSum()
