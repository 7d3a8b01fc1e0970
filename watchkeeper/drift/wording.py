"""A change in plain words, and the bins or categories that carry it."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from watchkeeper.drift import effect
from watchkeeper.drift.aspects import Aspect, known_counts
from watchkeeper.drift.evidence import Counts
from watchkeeper.findings import Share
from watchkeeper.profile import CategoryBinning, CategoryProfile, NumberBinning, NumberProfile

MOST_SHARES = 6
_SHAPE_ONLY = 0.05
"""A mean that moved by fewer standard deviations than this is not what changed."""


class Wording(NamedTuple):
    """Statistic, direction and summary of a finding."""

    statistic: str
    direction: str
    summary: str


def describe_number(
    aspect: Aspect, window: NumberProfile, reference: NumberProfile, shares: tuple[Share, ...]
) -> Wording:
    """Words for a numeric column's change in `aspect`."""
    outside = (window.below + window.above) / max(window.present, 1)
    outside_before = (reference.below + reference.above) / max(reference.present, 1)
    if aspect.name == "out of range":
        direction = "up" if window.above > window.below else "down"
        return Wording(
            aspect.name, direction, f"{_percent(outside)} outside the baseline's range ({_extremes(window, reference)})"
        )
    if aspect.name != "values":
        faults = aspect.name == "wrong type"
        hits = window.invalid + window.infinite if faults else window.missing
        before = reference.invalid + reference.infinite if faults else reference.missing
        return _share_words(aspect.name, before / reference.rows, hits / window.rows)
    mean, mean_before, deviation = window.mean, reference.mean, reference.deviation
    if mean is None or mean_before is None or deviation is None:
        return Wording("values", "", "no values to compare")
    moved = (mean - mean_before) / deviation if deviation else float(np.sign(mean - mean_before))
    beyond = f"; {_percent(outside)} outside the baseline's range" if outside > outside_before + 0.01 else ""
    if abs(moved) >= _SHAPE_ONLY:
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


def describe_category(
    aspect: Aspect, window: CategoryProfile, reference: CategoryProfile, shares: tuple[Share, ...]
) -> Wording:
    """Words for a categorical column's change in `aspect`."""
    if aspect.name == "missing":
        return _share_words("missing", reference.missing / reference.rows, window.missing / window.rows)
    if aspect.name == "wrong type":
        return _share_words("wrong type", reference.invalid / reference.rows, window.invalid / window.rows)
    if aspect.name == "new categories":
        names = sorted(window.names, key=lambda name: (-window.names[name], name))[:3]
        more = f" and {len(window.names) - 3} more" if len(window.names) > 3 else ""
        listed = ", ".join(repr(name) for name in names) + more
        return Wording("new categories", "up", f"{_percent(window.new / window.present)} in new categories ({listed})")
    top = shares[0]
    return Wording(
        "mix",
        "up" if top.after > top.before else "down",
        f"share of {top.label!r} {_percent(top.before)} → {_percent(top.after)}",
    )


def number_shares(bins: NumberBinning, window: NumberProfile, reference: NumberProfile) -> tuple[Share, ...]:
    """The bins that contribute most to the change, largest first."""
    labels = [bins.label(place) for place in range(bins.bins)]
    return _top(labels, np.asarray(window.counts, float), np.asarray(reference.counts, float))


def category_shares(binning: CategoryBinning, window: CategoryProfile, reference: CategoryProfile) -> tuple[Share, ...]:
    """The categories that contribute most to the change, largest first."""
    labels = [*binning.levels, "(rarer categories)", "(new categories)"]
    return _top(labels, np.append(known_counts(window), window.new), np.append(known_counts(reference), reference.new))


def _top(labels: list[str], window: Counts, reference: Counts) -> tuple[Share, ...]:
    if not window.sum() or not reference.sum():
        return ()
    order = np.argsort(-effect.contributions(window, reference), kind="stable")[:MOST_SHARES]
    after, before = window / window.sum(), reference / reference.sum()
    return tuple(
        Share(labels[place], float(before[place]), float(after[place]))
        for place in order
        if before[place] or after[place]
    )


def _extremes(window: NumberProfile, reference: NumberProfile) -> str:
    return f"{reference.least:.4g} to {reference.greatest:.4g} → {window.least:.4g} to {window.greatest:.4g}"


def _share_words(name: str, before: float, after: float) -> Wording:
    return Wording(name, "up" if after > before else "down", f"{name} {_percent(before)} → {_percent(after)}")


def _percent(share: float) -> str:
    return f"{share * 100:.0f} %" if share == 0 or share >= 0.1 else f"{share * 100:.2g} %"
