"""How much healthy windows of a model vary, learned from its own past.

Every healthy window is compared with all those before it by the very tests that a look uses. Such recursive residuals
(Brown, Durbin & Evans 1975) are independent of each other, and a lasting difference between the baseline and production
is not in them. Of each statistic its mean and variance are kept, by the size of the window: that is all `dispersion`
needs, a few numbers a column, and adding a window costs the same however long the past is.

A drift so slow that it hides in the past would widen what counts as healthy. So learning stops: a size that has seen
`MOST_WINDOWS` windows is frozen, until a new baseline begins anew.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from watchkeeper import jsonio
from watchkeeper.drift.budget import SCALES, Family
from watchkeeper.drift.dispersion import INDEPENDENT, Dispersion, Dispersions
from watchkeeper.drift.look import Look
from watchkeeper.drift.tails import Floats
from watchkeeper.errors import ProfileError
from watchkeeper.profile import Baseline, Profile, merge_all

FORMAT = 1
MOST_WINDOWS = 200
"""Windows of a size after which it is frozen: with hourly looks over a day's rows, 200 days."""
LEAST_WINDOWS = 8
"""Of fewer, a variance is not known well enough to be of use."""
MOST_CHUNKS = 64
"""Chunks of a baseline: enough to learn from, few enough to be quick about it."""
_NEAR = 1.0
"""Sizes whose binary logarithms differ by less than this speak for each other."""


@dataclass(frozen=True)
class Moments:
    """Sums over windows of a family's statistics: how many there were, Σx and Σx², each for every column."""

    count: Floats
    total: Floats
    squares: Floats

    @classmethod
    def of(cls, values: Floats) -> Moments:
        """One window's; NaN is no value."""
        known = np.isfinite(values)
        x = np.where(known, values, 0.0)
        return cls(known.astype(np.float64), x, np.square(x))

    def plus(self, other: Moments) -> Moments:
        """Both together."""
        return Moments(self.count + other.count, self.total + other.total, self.squares + other.squares)

    @property
    def dispersion(self) -> Dispersion:
        """Mean and variance over the windows."""
        mean = self.total / np.maximum(self.count, 1)
        variance = (self.squares - self.count * np.square(mean)) / np.maximum(self.count - 1, 1)
        enough = np.where(self.count >= LEAST_WINDOWS, self.count, 0.0)
        return Dispersion(mean, np.maximum(variance, 0.0), enough)


@dataclass(frozen=True)
class Size:
    """What was learned of windows of about 2**`log2_rows` rows."""

    log2_rows: int
    windows: int
    families: Mapping[Family, Moments]

    def plus(self, other: Size) -> Size:
        """Both together."""
        joined = {
            family: self.families[family].plus(moments) if family in self.families else moments
            for family, moments in other.families.items()
        }
        return Size(self.log2_rows, self.windows + other.windows, {**self.families, **joined})


@dataclass(frozen=True)
class Calibration:
    """What healthy windows of one baseline taught."""

    baseline: str
    sizes: Mapping[int, Size] = field(default_factory=dict)

    @classmethod
    def learn(cls, baseline: Baseline, profiles: Iterable[Profile], spans: Sequence[int] = SCALES) -> Calibration:
        """Learn from the profiles of healthy rows in order of time: the baseline's own chunks, or past increments.

        Parameters
        ----------
        spans : how many profiles make a window: by default as many as the lengths that are looked at, for merges of
            dependent rows vary more than single windows tell
        """
        parts = [profile for profile in profiles if profile.rows]
        learned = cls(baseline.id)
        for span in spans:
            history = baseline.empty()
            for start in range(0, len(parts) - span + 1, span):
                window = merge_all(parts[start : start + span], baseline.empty())
                learned = learned.add(baseline, window, history)
                history = history.merge(window)
        return learned

    def add(self, baseline: Baseline, window: Profile, history: Profile) -> Calibration:
        """With one more healthy window; `history` is all that came before it, merged.

        A frozen size stays as it is, and a window without a history before it teaches nothing.
        """
        if not window.rows or not history.rows or self._frozen(window.rows):
            return self
        measures = Look.of(baseline, window, history).measures()
        bucket = _bucket(window.rows)
        return self._plus(Size(bucket, 1, {family: Moments.of(values) for family, values in measures.items()}))

    def merge(self, other: Calibration) -> Calibration:
        """What two stretches of time taught, together.

        Raises
        ------
        ProfileError
            They are of different baselines.
        """
        if self.baseline != other.baseline:
            raise ProfileError(
                f"A calibration of baseline {other.baseline!r} cannot be merged with one of {self.baseline!r}: their "
                "columns and bins differ. Learn one for each baseline."
            )
        merged = self
        for size in other.sizes.values():
            merged = merged._plus(size)
        return merged

    def at(self, rows: int) -> tuple[Dispersions, int]:
        """What is known of windows of so many rows, and from how many; that of independent rows when nothing is.

        Of sizes that were not seen, the nearest larger one speaks, for dependence shows more in long windows, or else
        the largest smaller one. For the same reason, and since there are more of them, smaller windows set the least
        that longer ones are taken to vary.
        """
        known = {bucket: size for bucket, size in self.sizes.items() if size.windows >= LEAST_WINDOWS}
        if not known or rows < 1:
            return INDEPENDENT, 0
        wanted = math.log2(rows)
        near = [bucket for bucket in known if abs(bucket - wanted) <= _NEAR]
        larger = [bucket for bucket in known if bucket > wanted]
        chosen = min(near, key=lambda b: abs(b - wanted)) if near else min(larger) if larger else max(known)
        families = {family: moments.dispersion for family, moments in known[chosen].families.items()}
        for bucket in sorted(known):
            if bucket < chosen:
                families = {
                    family: dispersion.at_least(known[bucket].families[family].dispersion)
                    if family in known[bucket].families
                    else dispersion
                    for family, dispersion in families.items()
                }
        return Dispersions(families), known[chosen].windows

    def to_json(self) -> bytes:
        """JSON bytes."""
        sizes = [
            {
                "log2_rows": size.log2_rows,
                "windows": size.windows,
                "families": {
                    family.value: [part.tolist() for part in (moments.count, moments.total, moments.squares)]
                    for family, moments in size.families.items()
                },
            }
            for _, size in sorted(self.sizes.items())
        ]
        return jsonio.dumps({"format": FORMAT, "baseline": self.baseline, "sizes": sizes})

    @classmethod
    def from_json(cls, text: bytes) -> Calibration:
        """Read what `to_json` wrote.

        Raises
        ------
        ProfileError
            The text is no calibration of this format.
        """
        try:
            document = jsonio.loads(text)
            if document["format"] != FORMAT:
                raise ValueError(f"its format is not {FORMAT}")
            sizes = [_size(item) for item in document["sizes"]]
            return cls(document["baseline"], {size.log2_rows: size for size in sizes})
        except (ValueError, KeyError, TypeError) as error:
            raise ProfileError(
                f"The text is not a calibration ({error!r}): delete the object, and it is learned again from the "
                "profiles kept."
            ) from error

    def _frozen(self, rows: int) -> bool:
        size = self.sizes.get(_bucket(rows))
        return size is not None and size.windows >= MOST_WINDOWS

    def _plus(self, size: Size) -> Calibration:
        known = self.sizes.get(size.log2_rows)
        return Calibration(self.baseline, {**self.sizes, size.log2_rows: known.plus(size) if known else size})


def chunk_rows(rows: int, minimum_rows: int) -> int:
    """Rows of each chunk of a baseline: as few as a look may have, but not so few that there are too many chunks."""
    return max(minimum_rows, math.ceil(rows / MOST_CHUNKS))


def _bucket(rows: int) -> int:
    return round(math.log2(rows))


def _size(document: Mapping[str, Any]) -> Size:
    families = {
        Family(name): Moments(*(np.asarray(part, np.float64) for part in parts))
        for name, parts in document["families"].items()
    }
    return Size(int(document["log2_rows"]), int(document["windows"]), families)
