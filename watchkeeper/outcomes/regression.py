"""Counts of rows with a predicted and a true number: what a regression's metrics are made of.

An error is the prediction less the truth: positive where too much was predicted. Errors and truths are added up in
whole units, a 65,536th or less of their mean distance from 0 and from their mean in the baseline. They count as at most
4,096 of these distances or more, and ratios of error and truth as 512: how many were cut is counted. Rows whose truth
is 0 have no ratio. Rows with a number that is missing, infinite or beyond 1e150 on either side are in no sum.

| section | what it counts |
|---|---|
| usable | rows with a label, with a prediction, with both |
| errors, truths, ratios | sums, of squares too, and how many values were cut |
| error …, absolute error …, truth …, predicted … | histograms over the baseline's bins (see `profile.number`) |
| segment … | for each cell of each feature, and of the prediction, see `ErrorSegments` |
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from watchkeeper.capture.block import PREDICTED_VALUE
from watchkeeper.errors import DatasetError, ProfileError
from watchkeeper.outcomes import fixed, partition
from watchkeeper.outcomes.partition import NumberPartition
from watchkeeper.outcomes.rows import Labelled
from watchkeeper.outcomes.segments import Segments
from watchkeeper.profile import NumberBinning, NumberProfile, codec, observe_column
from watchkeeper.profile.column import fit_column
from watchkeeper.profile.layout import Floats, Integers, Tally
from watchkeeper.profile.number import LARGEST
from watchkeeper.table import Column, NumberColumn

ERROR, ABSOLUTE, TRUTH, PREDICTED = "error", "absolute error", "truth", "predicted"
HISTOGRAMS = (ERROR, ABSOLUTE, TRUTH, PREDICTED)
PREDICTED_CELLS = 16
"""Cells of the predicted value: strata of like predictions, and a partition beside those of the features."""
_SPREAD_BITS = 16
_FARTHEST = (1 << 29) - 1
"""Units that a value counts for at most: its square fits into two halves."""
_LEAST_EXPONENT = -500
"""The square of a smaller unit would be 0."""
_RATIO_BITS, _RATIO_SQUARE_BITS = 20, 10
_LARGEST_RATIO = 512.0
_SEGMENTS = ("rows", "labelled", "error", "absolute", "squares high", "squares low", "expected")


class Pairs(NamedTuple):
    """Predicted and true values of rows; of shape (n,). `usable` says which have both."""

    predicted: Floats
    truth: Floats
    usable: NDArray[np.bool_]

    @classmethod
    def of(cls, rows: Labelled) -> Pairs:
        """Read from rows; what cannot be reckoned with is NaN."""
        column = rows.predictions.get(PREDICTED_VALUE)
        if column is None:
            raise ProfileError(f"The rows have no {PREDICTED_VALUE}: read them with the spec of a regression.")
        predicted, truth = (_reckonable(partition.numbers_of(each)) for each in (column, rows.truth))
        return cls(predicted, truth, ~np.isnan(predicted) & ~np.isnan(truth))

    @property
    def errors(self) -> Floats:
        """Predicted less true value of the usable rows."""
        errors: Floats = self.predicted[self.usable] - self.truth[self.usable]
        return errors


@dataclass(frozen=True)
class ErrorBinning:
    """Units and bins of a regression, fixed by the baseline's labelled rows.

    Attributes
    ----------
    error_exponent, truth_exponent : units are these powers of two
    truth_origin : from which truths are measured
    histograms : bins of `HISTOGRAMS`
    expected : what absolute error to expect of a prediction in each cell of the predicted value, in units of the error
    """

    error_exponent: int
    truth_exponent: int
    truth_origin: float
    histograms: Mapping[str, NumberBinning]
    expected: tuple[int, ...]

    @classmethod
    def fit(cls, rows: Labelled) -> tuple[ErrorBinning, NumberPartition]:
        """Learn from the labelled rows; also the cells of the predicted value.

        Raises
        ------
        DatasetError
            No row has both a label and a prediction.
        """
        pairs = Pairs.of(rows)
        if not pairs.usable.any():
            raise DatasetError(
                "None of the baseline's rows has both a label and a prediction, so that nothing is known of the "
                "errors: fit the outcomes' bins from labelled rows, such as the training set's holdout."
            )
        errors, truth, predicted = pairs.errors, pairs.truth[pairs.usable], pairs.predicted[pairs.usable]
        cells = NumberPartition.fit(NumberColumn(predicted), PREDICTED_CELLS)
        origin = float(np.mean(truth))
        spread = float(np.mean(np.abs(truth - origin)))
        overall = float(np.mean(np.abs(errors)))
        error_exponent = _exponent(overall or spread)
        histograms = {}
        for name, values in zip(HISTOGRAMS, (errors, np.abs(errors), truth, predicted), strict=True):
            bins = fit_column(NumberColumn(values))
            assert isinstance(bins, NumberBinning)
            histograms[name] = bins
        binning = cls(
            error_exponent=error_exponent,
            truth_exponent=_exponent(spread),
            truth_origin=origin,
            histograms=histograms,
            expected=tuple(_whole(_means(cells, predicted, np.abs(errors)), error_exponent)[0].tolist()),
        )
        return binning, cells

    @property
    def error_unit(self) -> float:
        """One unit of errors."""
        return math.ldexp(1.0, self.error_exponent)

    @property
    def truth_unit(self) -> float:
        """One unit of truths."""
        return math.ldexp(1.0, self.truth_exponent)

    def lengths(self, segments: Segments) -> dict[str, int]:
        """The sections of the vector, and how many integers each has."""
        shapes = {name: binning.shape for name, binning in self.histograms.items()}
        parts = ("counts", "sums", "moments")
        histograms = {f"{name} {part}": getattr(shape, part) for name, shape in shapes.items() for part in parts}
        cells = {f"segment {name}": segments.cells for name in _SEGMENTS}
        return {"usable": 3, "errors": 5, "truths": 4, "ratios": 4, **histograms, **cells}

    def to_json(self) -> dict[str, Any]:
        """JSON form."""
        return {
            "error_exponent": self.error_exponent,
            "truth_exponent": self.truth_exponent,
            "truth_origin": self.truth_origin,
            "histograms": {name: binning.to_json() for name, binning in self.histograms.items()},
            "expected": codec.pack(np.asarray(self.expected, np.int64)),
        }

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> ErrorBinning:
        """Read what `to_json` wrote."""
        return cls(
            error_exponent=int(document["error_exponent"]),
            truth_exponent=int(document["truth_exponent"]),
            truth_origin=float(document["truth_origin"]),
            histograms={name: NumberBinning.from_json(document["histograms"][name]) for name in HISTOGRAMS},
            expected=tuple(codec.unpack(document["expected"]).tolist()),
        )


def count(rows: Labelled, binning: ErrorBinning, segments: Segments, into: Mapping[str, Integers]) -> None:
    """Add at most `fixed.ROWS_AT_ONCE` rows to the sections."""
    pairs = Pairs.of(rows)
    usable, truth, errors = pairs.usable, pairs.truth[pairs.usable], pairs.errors
    known = ~np.isnan(pairs.truth), ~np.isnan(pairs.predicted), usable
    into["usable"][:] += np.array([np.count_nonzero(each) for each in known])
    whole, cut = _whole(errors, binning.error_exponent)
    high, low = fixed.halves(whole)
    into["errors"][:] += np.array([whole.sum(), np.abs(whole).sum(), high.sum(), low.sum(), cut])
    away, cut = _whole(truth - binning.truth_origin, binning.truth_exponent)
    into["truths"][:] += np.array([away.sum(), *(half.sum() for half in fixed.halves(away)), cut])
    into["ratios"][:] += _ratios(errors, truth)
    values = (errors, np.abs(errors), truth, pairs.predicted)
    for (name, bins), each in zip(binning.histograms.items(), values, strict=True):
        tally = _observed(bins, each)
        into[f"{name} counts"][:] += tally.counts
        into[f"{name} sums"][:] += tally.sums
        into[f"{name} moments"][:] += tally.moments
    _count_segments(rows, pairs, whole, binning, segments, into)


def _observed(bins: NumberBinning, values: Floats) -> Tally:
    profile = observe_column(bins, NumberColumn(values))
    assert isinstance(profile, NumberProfile)
    return profile.tally


def _ratios(errors: Floats, truth: Floats) -> Integers:
    """Rows with a ratio, the sums of ratios and their squares, rows whose ratio was cut."""
    some = truth != 0
    with np.errstate(over="ignore"):
        ratios = np.abs(errors[some] / truth[some])
    cut = np.count_nonzero(ratios > _LARGEST_RATIO)
    ratios = np.minimum(ratios, _LARGEST_RATIO)
    whole = np.floor(np.ldexp(ratios, _RATIO_BITS) + 0.5).sum()
    squares = np.floor(np.ldexp(np.square(ratios), _RATIO_SQUARE_BITS) + 0.5).sum()
    return np.array([len(ratios), whole, squares, cut]).astype(np.int64)


def _count_segments(
    rows: Labelled,
    pairs: Pairs,
    whole: Integers,
    binning: ErrorBinning,
    segments: Segments,
    into: Mapping[str, Integers],
) -> None:
    columns: dict[str, Column] = {**rows.features, PREDICTED_VALUE: NumberColumn(pairs.predicted)}
    places = partition.places(PREDICTED_VALUE, segments.partitions[PREDICTED_VALUE], columns)
    high, low = fixed.halves(whole)
    expected = np.asarray(binning.expected, np.int64)[places[pairs.usable]]
    weights = np.zeros((5, rows.rows))
    for weight, values in zip(weights, (whole, np.abs(whole), high, low, expected), strict=True):
        weight[pairs.usable] = values
    found, sums = segments.count(columns, pairs.usable.astype(np.int64), 2, weights)
    for name, values in zip(_SEGMENTS, (found.sum(axis=1), found[:, 1], *sums), strict=True):
        into[f"segment {name}"][:] += values


@dataclass(frozen=True)
class ErrorSegments:
    """Each cell of each feature and of the prediction, all of shape (cells,).

    Attributes
    ----------
    rows, labelled : all rows of the cell; those with label and prediction
    error, absolute, squares : sums over the labelled
    expected : sum of the absolute errors that the baseline lets expect of the same predictions
    """

    rows: Integers
    labelled: Integers
    error: Floats
    absolute: Floats
    squares: Floats
    expected: Floats


@dataclass(frozen=True)
class ErrorCounts:
    """A view of the sections, in the units of the predicted quantity."""

    sections: Mapping[str, Integers]
    binning: ErrorBinning

    @property
    def labelled(self) -> int:
        """Rows with a label."""
        return int(self.sections["usable"][0])

    @property
    def n(self) -> int:
        """Rows with label and prediction."""
        return int(self.sections["usable"][2])

    @property
    def error(self) -> float:
        """Sum of the errors."""
        return float(self.sections["errors"][0] * self.binning.error_unit)

    @property
    def absolute(self) -> float:
        """Sum of the absolute errors."""
        return float(self.sections["errors"][1] * self.binning.error_unit)

    @property
    def squares(self) -> float:
        """Sum of the squared errors."""
        _, _, high, low, _ = self.sections["errors"]
        return float(fixed.whole_squares(high, low) * self.binning.error_unit**2)

    @property
    def truth_squares(self) -> float:
        """Sum of the squared differences of truths from their mean."""
        total, high, low, _ = self.sections["truths"]
        about_origin = float(fixed.whole_squares(high, low))
        return max(about_origin - float(total) ** 2 / max(self.n, 1), 0.0) * self.binning.truth_unit**2

    @property
    def ratios(self) -> tuple[int, float, float]:
        """Rows whose truth is not 0, and the sums of |error/truth| and of its square."""
        n, total, squares, _ = self.sections["ratios"].tolist()
        return n, math.ldexp(total, -_RATIO_BITS), math.ldexp(squares, -_RATIO_SQUARE_BITS)

    @property
    def cut(self) -> int:
        """Values that were too far out to be added up as they are."""
        return int(self.sections["errors"][-1] + self.sections["truths"][-1] + self.sections["ratios"][-1])

    @cached_property
    def histograms(self) -> Mapping[str, NumberProfile]:
        """Views of `HISTOGRAMS`; those of errors and truths over rows with both, of predictions over all."""
        return {name: bins.view(self._tally(name)) for name, bins in self.binning.histograms.items()}

    def by_segment(self) -> ErrorSegments:
        """Each cell of each feature and of the prediction."""
        rows, labelled, error, absolute, high, low, expected = (self.sections[f"segment {name}"] for name in _SEGMENTS)
        unit = self.binning.error_unit
        sums: list[Floats] = [np.asarray(each, np.float64) * unit for each in (error, absolute, expected)]
        squares: Floats = fixed.whole_squares(high, low) * unit**2
        return ErrorSegments(rows, labelled, sums[0], sums[1], squares, sums[2])

    def _tally(self, name: str) -> Tally:
        counts, sums, moments = (self.sections[f"{name} {part}"] for part in ("counts", "sums", "moments"))
        return Tally(counts, sums, moments)


def _means(cells: NumberPartition, predicted: Floats, losses: Floats) -> Floats:
    """Mean loss by cell of the predicted value; a cell of few rows is drawn towards all by the weight of one row."""
    places = cells.places(NumberColumn(predicted))
    total = np.bincount(places, losses, cells.cells)
    return (total + float(np.mean(losses))) / (np.bincount(places, minlength=cells.cells) + 1)


def _exponent(spread: float) -> int:
    """Of a unit that is a 65,536th of the spread or a little less; of a spread of 0, of one."""
    return max(math.frexp(spread or 1.0)[1] - 1 - _SPREAD_BITS, _LEAST_EXPONENT)


def _whole(values: Floats, exponent: int) -> tuple[Integers, int]:
    """Values in whole units, and how many had to be cut."""
    with np.errstate(over="ignore"):
        units = np.floor(np.ldexp(values, -exponent) + 0.5)
    cut = int(np.count_nonzero(np.abs(units) > _FARTHEST))
    return np.clip(units, -_FARTHEST, _FARTHEST).astype(np.int64), cut


def _reckonable(values: Floats) -> Floats:
    """The values, NaN where infinite or so large that differences overflow."""
    with np.errstate(invalid="ignore"):
        return np.where(np.abs(values) <= LARGEST, values, np.nan)
