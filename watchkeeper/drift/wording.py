"""A change in plain words, and the bins or categories that carry it."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from watchkeeper.drift import effect
from watchkeeper.drift.aspects import Aspect
from watchkeeper.drift.budget import Family
from watchkeeper.drift.categories import known_counts
from watchkeeper.drift.dispersion import Dispersions
from watchkeeper.drift.evidence import Counts
from watchkeeper.drift.joint import Joint
from watchkeeper.findings import Share
from watchkeeper.profile import CategoryProfile, ColumnProfile, NumberProfile

MOST_SHARES = 6
MOST_MOVERS = 4
_SHAPE_ONLY = 0.05
"""A mean that moved by fewer standard deviations than this is not what changed."""


class Wording(NamedTuple):
    """Statistic, direction and summary of a finding."""

    statistic: str
    direction: str
    summary: str


def describe(aspect: Aspect, window: ColumnProfile, reference: ColumnProfile, shares: tuple[Share, ...]) -> Wording:
    """Words for a column's change in `aspect`."""
    if aspect.name == Family.MISSING:
        return _share_words(aspect.name, reference.missing / reference.rows, window.missing / window.rows)
    if aspect.name == Family.FAULTS:
        return _share_words(aspect.name, _faults(reference) / reference.rows, _faults(window) / window.rows)
    if isinstance(window, NumberProfile) and isinstance(reference, NumberProfile):
        return _number_words(aspect, window, reference, shares)
    if isinstance(window, CategoryProfile):
        return _category_words(aspect, window, shares)
    return Wording(aspect.name, "", "no values to compare")


def describe_joint(aspect: Aspect, joint: Joint, dispersions: Dispersions) -> tuple[str, Wording]:
    """Which columns changed together, and words for it."""
    if aspect.name == Family.CORRELATION:
        first, second, _ = joint.strongest_pair(dispersions)
        before, after = float(joint.correlation[first, second]), float(joint.window_correlation[first, second])
        words = f"correlation of their ranks {before:.2f} → {after:.2f}"
        return f"{joint.names[first]} and {joint.names[second]}", Wording(
            aspect.name, "up" if after > before else "down", words
        )
    movers = [joint.names[place] for place in joint.movers()[:MOST_MOVERS]]
    words = f"means moved together by {aspect.effect:.2g} sd along a way they hardly vary; most: {', '.join(movers)}"
    return " and ".join(movers[:2]), Wording(aspect.name, "", words)


def column_shares(window: ColumnProfile, reference: ColumnProfile) -> tuple[Share, ...]:
    """The bins or categories that contribute most to the change, largest first."""
    if isinstance(window, NumberProfile) and isinstance(reference, NumberProfile):
        return _top(window.counts.astype(np.float64), reference.counts.astype(np.float64), window.binning.label)
    if isinstance(window, CategoryProfile) and isinstance(reference, CategoryProfile):
        levels = window.binning.levels
        after, before = (np.append(known_counts(side), side.new) for side in (window, reference))
        return _top(after, before, lambda place: (*levels, "(rarer categories)", "(new categories)")[place])
    return ()


def _number_words(
    aspect: Aspect, window: NumberProfile, reference: NumberProfile, shares: tuple[Share, ...]
) -> Wording:
    outside = (window.below + window.above) / max(window.present, 1)
    outside_before = (reference.below + reference.above) / max(reference.present, 1)
    if aspect.name == Family.RANGE:
        direction = "up" if window.above > window.below else "down"
        ends = _extremes(window, reference)
        return Wording(aspect.name, direction, f"{_percent(outside)} outside the baseline's range{ends}")
    mean, mean_before, deviation = window.mean, reference.mean, reference.deviation
    if mean is None or mean_before is None or deviation is None:
        return Wording("values", "", "no values to compare")
    moved = (mean - mean_before) / deviation if deviation else float(np.sign(mean - mean_before))
    beyond = f"; {_percent(outside)} outside the baseline's range" if outside > outside_before + 0.01 else ""
    if abs(moved) >= _SHAPE_ONLY or aspect.name == Family.OUTCOME:
        return Wording(
            "mean",
            "up" if moved > 0 else "down",
            f"mean {mean_before:.4g} → {mean:.4g} ({moved:+.2g} sd){beyond}",
        )
    spread = window.deviation or 0.0
    if deviation and abs(spread / deviation - 1) >= _SHAPE_ONLY:
        direction = "up" if spread > deviation else "down"
        return Wording("spread", direction, f"standard deviation {deviation:.4g} → {spread:.4g}{beyond}")
    top = shares[0]
    return Wording("shape", "", f"share of values {top.label} {_percent(top.before)} → {_percent(top.after)}{beyond}")


def _category_words(aspect: Aspect, window: CategoryProfile, shares: tuple[Share, ...]) -> Wording:
    if aspect.name == Family.NEW:
        names = sorted(window.names, key=lambda name: (-window.names[name], name))[:3]
        more = f" and {len(window.names) - 3} more" if len(window.names) > 3 else ""
        listed = ", ".join(repr(name) for name in names) + more
        return Wording(aspect.name, "up", f"{_percent(window.new / window.present)} in new categories ({listed})")
    top = shares[0]
    return Wording(
        "mix",
        "up" if top.after > top.before else "down",
        f"share of {top.label!r} {_percent(top.before)} → {_percent(top.after)}",
    )


def _top(window: Counts, reference: Counts, label: Callable[[int], str]) -> tuple[Share, ...]:
    if not window.sum() or not reference.sum():
        return ()
    order = np.argsort(-effect.contributions(window, reference), kind="stable")[:MOST_SHARES]
    after, before = window / window.sum(), reference / reference.sum()
    return tuple(
        Share(label(int(place)), float(before[place]), float(after[place]))
        for place in order
        if before[place] or after[place]
    )


def _faults(profile: ColumnProfile) -> int:
    """Values of the wrong type, and infinite ones."""
    return profile.invalid + (profile.infinite if isinstance(profile, NumberProfile) else 0)


def _extremes(window: NumberProfile, reference: NumberProfile) -> str:
    """Both ranges in brackets; nothing where privacy noise keeps one back."""
    ranges = [(side.least, side.greatest) for side in (reference, window)]
    known = [f"{least:.4g} to {greatest:.4g}" for least, greatest in ranges if least is not None is not greatest]
    return f" ({' → '.join(known)})" if len(known) == len(ranges) else ""


def _share_words(name: str, before: float, after: float) -> Wording:
    return Wording(name, "up" if after > before else "down", f"{name} {_percent(before)} → {_percent(after)}")


def _percent(share: float) -> str:
    return f"{share * 100:.0f} %" if share == 0 or share >= 0.1 else f"{share * 100:.2g} %"
