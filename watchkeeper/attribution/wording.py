"""Shares and lists of features as people read them."""

from __future__ import annotations

from collections.abc import Sequence


def percent(share: float) -> str:
    """A share in percent, with two digits at most: "31 %", "2.5 %", "0.2 %"."""
    value = 100 * share
    if 0 < value < 0.1:
        return "under 0.1 %"
    return f"{value:.0f} %" if value >= 10 else f"{value:.2g} %"


def listed(parts: Sequence[str], most: int) -> str:
    """ "a, b and c"; of more than `most`, the first and how many are left."""
    shown = list(parts[:most])
    if len(parts) > most:
        shown.append(f"{len(parts) - most} more")
    return " and ".join([", ".join(shown[:-1]), shown[-1]]) if len(shown) > 1 else "".join(shown)
