"""How much more healthy windows vary than independent rows would: what a calibration tells the tests.

Rows come in bursts and seasons, so that a window of 1,000 may know as much as 200 independent rows. Every statistic of
the tests is kept in a form whose mean is 1 for independent rows (z², or χ² over its degrees of freedom). Its mean over
healthy windows is the *overdispersion* (Kish's design effect, Rao and Scott's first-order correction); statistics are
divided by it, and their reference laws are those of a variance that was itself estimated: Student's t for z, and for χ²
Satterthwaite's two moments with Fisher's F.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from watchkeeper.drift import tails
from watchkeeper.drift.budget import Family
from watchkeeper.drift.tails import Floats


@dataclass(frozen=True)
class Dispersion:
    """Of one family, for each column: mean and variance of the statistic over so many healthy windows."""

    mean: Floats
    variance: Floats
    windows: Floats

    @property
    def factor(self) -> Floats:
        """What to divide a statistic by: at least 1."""
        return np.where(self.windows >= 2, np.maximum(self.mean, 1.0), 1.0)

    @property
    def freedom(self) -> Floats:
        """Degrees of freedom of the estimate; infinite where nothing was learned."""
        return np.where(self.windows >= 2, np.maximum(self.windows, 1.0), np.inf)


@dataclass(frozen=True)
class Dispersions:
    """Of all families; a family without one is that of independent rows."""

    families: Mapping[Family, Dispersion] = field(default_factory=dict)

    def thinning(self, family: Family, columns: int) -> Floats:
        """Rows that count as one, in each column."""
        found = self.families.get(family)
        return np.ones(columns) if found is None else found.factor

    def split(self, family: Family, first: int) -> tuple[Dispersions, Dispersions]:
        """The same for the first columns of a family, and for the rest."""
        found = self.families.get(family)
        if found is None:
            return self, self
        parts = [
            Dispersion(found.mean[part], found.variance[part], found.windows[part])
            for part in (slice(first), slice(first, None))
        ]
        return Dispersions({**self.families, family: parts[0]}), Dispersions({**self.families, family: parts[1]})

    def normal(self, family: Family, z: Floats) -> Floats:
        """Two-sided p of a z."""
        found = self.families.get(family)
        if found is None:
            return np.clip(2 * tails.normal(np.abs(z)), tails.SMALLEST, 1.0)
        return np.clip(2 * tails.student(np.abs(z) / np.sqrt(found.factor), found.freedom), tails.SMALLEST, 1.0)

    def chi_squared(self, family: Family, statistic: Floats, freedom: Floats) -> Floats:
        """Upper p of a χ²."""
        found = self.families.get(family)
        plain = tails.chi_squared(statistic, freedom)
        if found is None:
            return plain
        scaled = statistic / np.maximum(freedom, 1) / found.factor
        effective = satterthwaite(found, freedom)
        learned = tails.fisher(scaled, effective, found.freedom * effective)
        return np.where((found.windows >= 2) & (freedom > 0), np.maximum(plain, learned), plain)


def satterthwaite(dispersion: Dispersion, freedom: Floats) -> Floats:
    """Degrees of freedom of the χ² with the variance seen; at most those of independent rows."""
    variance = np.maximum(dispersion.variance, 1e-12)
    return np.clip(2 * np.square(dispersion.mean) / variance, 1.0, np.maximum(freedom, 1.0))


INDEPENDENT = Dispersions()
