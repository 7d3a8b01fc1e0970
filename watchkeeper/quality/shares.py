"""When a share of rows is certainly too large: a few bad rows in a small window are not."""

from __future__ import annotations

import math

_Z = 3.09
"""One-sided normal quantile of 0.999: of a thousand windows at the limit itself, about one is called faulty."""


def at_least(hits: int, n: int) -> float:
    """Lower confidence bound of a share (Wilson 1927), at 99.9 %; 0 of nothing."""
    if not n or not hits:
        return 0.0
    share, square = hits / n, _Z * _Z / n
    middle = share + square / 2
    reach = _Z * math.sqrt(share * (1 - share) / n + square / (4 * n))
    return max(0.0, (middle - reach) / (1 + square))


def told(share: float) -> str:
    """A share as people read it."""
    percent = share * 100
    return f"{percent:.0f} %" if share in (0, 1) or 0.1 <= share <= 0.99 else f"{percent:.2g} %"
