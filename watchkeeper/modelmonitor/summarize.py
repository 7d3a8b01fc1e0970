"""A profile as Model Monitor's `statistics.json`.

Counts, extremes, mean and deviation are the profile's own. What Model Monitor takes from a KLL sketch comes from the
bins: the ten buckets, and a sketch in which each bin stands at its mean with its exact weight (docs/data-quality.md has
the errors). A profile keeps no text, so that the texts of a `text` column are not among the values.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from watchkeeper.modelmonitor.observe import categories, cumulative, extremes
from watchkeeper.modelmonitor.statistics import (
    Bucket,
    FeatureStatistics,
    InferredType,
    NumericalStatistics,
    Sketch,
    Statistics,
    StringStatistics,
)
from watchkeeper.profile import (
    Binning,
    CategoryBinning,
    CategoryProfile,
    ColumnProfile,
    NumberBinning,
    NumberProfile,
    Profile,
)
from watchkeeper.spec import Kind, ModelSpec

BUCKETS = 10
"""Model Monitor's number; it cannot be configured there."""


def summarize(binning: Binning, profile: Profile, spec: ModelSpec) -> Statistics:
    """Statistics of a window or a baseline: its features, in the order of the model's file."""
    features = []
    for feature in spec.profiled_features:
        column = profile.features[feature.name]
        if isinstance(column, CategoryProfile):
            bins = binning.features[feature.name]
            assert isinstance(bins, CategoryBinning)  # of one kind, or the profile would not have been made
            features.append(_categorical(feature.name, bins, column))
        elif isinstance(column, NumberProfile) and feature.kind is not Kind.TEXT:
            bins = binning.features[feature.name]
            assert isinstance(bins, NumberBinning)
            features.append(_numerical(feature.name, feature.kind, bins, column))
        else:
            features.append(_uncounted(feature.name, column))
    return Statistics(profile.rows, tuple(features))


def inferred_type(kind: Kind, present: float) -> InferredType:
    """What the model's file says a column is; unknown when there is no value to go by."""
    if not present:
        return InferredType.UNKNOWN
    types = {Kind.INTEGER: InferredType.INTEGRAL, Kind.NUMBER: InferredType.FRACTIONAL}
    return types.get(kind, InferredType.STRING)


def _numerical(name: str, kind: Kind, bins: NumberBinning, column: NumberProfile) -> FeatureStatistics:
    present = column.rows - column.missing
    mean, (least, greatest) = column.mean, extremes(column) or (None, None)
    statistics = NumericalStatistics(
        num_present=present,
        num_missing=column.missing,
        mean=mean,
        sum=None if mean is None else mean * column.present,
        std_dev=column.deviation,
        min=least,
        max=greatest,
        buckets=tuple(_buckets(bins, column)),
        sketch=_sketch(column),
    )
    return FeatureStatistics(name, inferred_type(kind, present), numerical=statistics)


def _buckets(bins: NumberBinning, column: NumberProfile) -> Iterator[Bucket]:
    """Ten buckets of equal width between the extremes; their counts are whole and add up."""
    distribution, ends = cumulative(bins, column), extremes(column)
    if distribution is None or ends is None:
        return
    least, greatest = ends
    share = np.arange(1, BUCKETS) / BUCKETS
    inner = least * (1 - share) + greatest * share
    bounds = [least, *inner.tolist(), greatest]
    reached = [0, *np.rint(distribution.at(inner) * column.present).astype(int).tolist(), column.present]
    for place in range(BUCKETS):
        yield Bucket(bounds[place], bounds[place + 1], float(reached[place + 1] - reached[place]))


def _sketch(column: NumberProfile) -> Sketch | None:
    """Each bin at its mean, on the levels that its count has bits for: level l weighs 2**l, so weights are exact."""
    held = np.flatnonzero(column.counts)
    if not len(held):
        return None
    means = np.clip(column.bin_means()[held], *(extremes(column) or (-np.inf, np.inf))).tolist()
    counts = [int(count) for count in column.counts[held]]
    return Sketch(
        tuple(
            tuple(mean for mean, count in zip(means, counts, strict=True) if count >> level & 1)
            for level in range(max(counts).bit_length())
        )
    )


def _categorical(name: str, bins: CategoryBinning, column: CategoryProfile) -> FeatureStatistics:
    present = column.rows - column.missing
    counts = categories(bins, column).counts
    statistics = StringStatistics(
        num_present=present,
        num_missing=column.missing,
        distinct_count=distinct(bins, column),
        counts=dict(sorted(counts.items(), key=lambda item: (-item[1], item[0]))),
    )
    return FeatureStatistics(name, inferred_type(Kind.CATEGORY, present), string=statistics)


def distinct(bins: CategoryBinning, column: CategoryProfile) -> float:
    """How many categories there were: exact, but for new ones beyond those kept by name, and for rare ones."""
    levels = float(np.count_nonzero(column.counts))
    return levels + min(len(bins.rare), column.rare) + round(column.new_distinct)


def _uncounted(name: str, column: ColumnProfile) -> FeatureStatistics:
    present = column.rows - column.missing
    return FeatureStatistics(name, inferred_type(Kind.TEXT, present), string=StringStatistics(present, column.missing))
