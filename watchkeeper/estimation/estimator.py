"""What the labelled rows of a baseline teach about rows without labels, learnt once and stored beside the bins.

Of classifiers: what probability a score means, in as many versions as there are replicates, and by how much the labels
of predicted negatives and positives differ from it where features are as they are (see `additive`). Of regressions: the
absolute and the squared error, likewise. A correction by features is for covariate shift: rows that become more
frequent may have other labels than their scores say, although P(y | x) is as it was.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from watchkeeper import jsonio
from watchkeeper.capture.block import PREDICTED_VALUE
from watchkeeper.errors import DatasetError, ProfileError
from watchkeeper.estimation.additive import Additive, Design, fit
from watchkeeper.estimation.settings import FitSettings
from watchkeeper.outcomes import Labelled, OutcomeBinning, fixed, grid, partition
from watchkeeper.outcomes.calibration import Calibration
from watchkeeper.outcomes.regression import Pairs
from watchkeeper.outcomes.scored import KINDS, NO, NONE, YES, Scored
from watchkeeper.profile import codec
from watchkeeper.profile.layout import Floats, Integers
from watchkeeper.spec import Task
from watchkeeper.table import Column, NumberColumn

FORMAT = 1
DEFAULTS = FitSettings()
_FARTHEST_BITS = 29
"""Errors count as so many of their units at most, as the outcomes count them."""


@dataclass(frozen=True, eq=False)
class Estimator:
    """What estimates rest on.

    Attributes
    ----------
    binning : id of the cells that counts must be over
    labelled : rows it was learnt from
    cells : of these, the rows in each cell of the segments
    places : of these, the rows at each place of the grid (classifiers)
    curves : probability of each place, shape (1 + replicates, PLACES); the first is the calibration (classifiers)
    additive : of classifiers, label less probability of predicted negatives and of predicted positives, each 0 for the
        other; of regressions, absolute and squared error
    kurtosis : mean fourth power of the errors over their mean square, squared (regressions)
    """

    binning: str
    task: Task
    labelled: int
    cells: Integers
    places: Integers
    curves: Floats
    additive: Additive
    kurtosis: float = 0.0

    @classmethod
    def fit(cls, binning: OutcomeBinning, rows: Labelled, settings: FitSettings = DEFAULTS) -> Estimator:
        """Learn from the labelled rows of a version's baseline: those that the bins were fitted to.

        Raises
        ------
        DatasetError
            Too few rows have all that is needed.
        """
        if binning.task is Task.REGRESSION:
            return _fit_errors(binning, rows, settings)
        return _fit_labels(binning, rows, settings)

    def to_json(self) -> bytes:
        """JSON bytes."""
        return jsonio.dumps(
            {
                "format": FORMAT,
                "binning": self.binning,
                "task": self.task,
                "labelled": self.labelled,
                "cells": codec.pack(self.cells),
                "places": codec.pack(self.places),
                "curves": codec.pack(np.rint(self.curves.ravel() * fixed.UNITS).astype(np.int64)),
                "additive": self.additive.to_json(),
                "kurtosis": self.kurtosis,
            }
        )

    @classmethod
    def from_json(cls, text: bytes) -> Estimator:
        """Read what `to_json` wrote.

        Raises
        ------
        ProfileError
            The text is no estimator of this format.
        """
        try:
            document = jsonio.loads(text)
            if document["format"] != FORMAT:
                raise ValueError(f"its format is not {FORMAT}")
            return cls(
                binning=document["binning"],
                task=Task(document["task"]),
                labelled=document["labelled"],
                cells=codec.unpack(document["cells"]),
                places=codec.unpack(document["places"]),
                curves=codec.unpack(document["curves"]).reshape(-1, grid.PLACES) / fixed.UNITS,
                additive=Additive.from_json(document["additive"]),
                kurtosis=document["kurtosis"],
            )
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise ProfileError(
                f"The text is no estimator of performance ({error!r}): fit it again from the baseline's labelled rows."
            ) from error


def _fit_labels(binning: OutcomeBinning, rows: Labelled, settings: FitSettings) -> Estimator:
    assert binning.calibration is not None  # every classifier's bins have one
    scored = Scored.multiclass(rows) if binning.task is Task.MULTICLASS else Scored.binary(rows)
    used = (scored.labels != NONE) & (scored.places != grid.UNSCORED)
    _check(int(used.sum()), settings, "a label and a score")
    design = _design(binning, rows.features, np.flatnonzero(used))
    places, positive = scored.places[used], scored.labels[used] == YES
    sides = np.stack([scored.predicted[used] == NO, scored.predicted[used] == YES])
    targets = sides * (positive - binning.calibration.probabilities[places])
    random = np.random.default_rng(settings.seed)
    curves = [binning.calibration.probabilities]

    def resampled() -> Iterator[Floats]:
        kinds = np.where(positive, YES, NO) * grid.PLACES + places
        for _ in range(settings.replicates):
            times = random.poisson(np.ones(len(places)))
            counts = np.bincount(kinds, times, KINDS * grid.PLACES).astype(np.int64).reshape(KINDS, grid.PLACES)
            curves.append(Calibration.fit(counts[NO], counts[YES]).probabilities)
            yield times * sides * (positive - curves[-1][places])

    additive = fit(design.telling(targets, settings.most_features), targets, resampled(), random)
    return Estimator(
        binning=binning.id,
        task=binning.task,
        labelled=len(places),
        cells=_cells(binning, design),
        places=np.bincount(places, minlength=grid.PLACES),
        curves=np.array(curves),
        additive=additive,
    )


def _fit_errors(binning: OutcomeBinning, rows: Labelled, settings: FitSettings) -> Estimator:
    pairs = Pairs.of(rows)
    _check(int(pairs.usable.sum()), settings, "a label and a prediction")
    columns: dict[str, Column] = {**rows.features, PREDICTED_VALUE: NumberColumn(pairs.predicted)}
    design = _design(binning, columns, np.flatnonzero(pairs.usable))
    assert binning.errors is not None  # every regression's bins have them
    absolute = np.minimum(np.abs(pairs.errors), np.ldexp(1.0, binning.errors.error_exponent + _FARTHEST_BITS))
    targets = np.stack([absolute, np.square(absolute)])
    random = np.random.default_rng(settings.seed)

    def resampled() -> Iterator[Floats]:
        for _ in range(settings.replicates):
            times = random.poisson(1.0, (1, targets.shape[1]))
            yield targets * times / times.mean()

    square = float(targets[1].mean())
    return Estimator(
        binning=binning.id,
        task=binning.task,
        labelled=targets.shape[1],
        cells=_cells(binning, design),
        places=np.zeros(grid.PLACES, np.int64),
        curves=np.zeros((0, grid.PLACES)),
        additive=fit(design.telling(targets, settings.most_features), targets, resampled(), random),
        kurtosis=float(np.square(targets[1] / square).mean()) if square else 0.0,
    )


def _design(binning: OutcomeBinning, columns: Mapping[str, Column], used: Integers) -> Design:
    segments = binning.segments
    places = [partition.places(name, each, columns)[used] for name, each in segments.partitions.items()]
    return Design([p.start for p in segments.parts], [p.stop - p.start for p in segments.parts], places)


def _cells(binning: OutcomeBinning, design: Design) -> Integers:
    rows = np.zeros(binning.segments.cells, np.int64)
    rows[design.cells] = design.sums(np.ones(design.rows)).astype(np.int64)
    return rows


def _check(rows: int, settings: FitSettings, what: str) -> None:
    if rows < settings.minimum_rows:
        raise DatasetError(
            f"{rows} of the baseline's rows have both {what}, and it takes {settings.minimum_rows} to estimate "
            "performance without labels: judge the version on more such rows."
        )
