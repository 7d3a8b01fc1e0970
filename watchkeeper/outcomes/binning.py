"""What makes rows into outcomes, fixed once by the labelled rows of a version's baseline."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate, pairwise
from typing import Any, TypeVar

import numpy as np

from watchkeeper import jsonio
from watchkeeper.capture.block import PREDICTED_VALUE
from watchkeeper.errors import DatasetError, ProfileError
from watchkeeper.outcomes import classification, grid
from watchkeeper.outcomes.calibration import Calibration
from watchkeeper.outcomes.classes import ClassBinning
from watchkeeper.outcomes.regression import ErrorBinning
from watchkeeper.outcomes.rows import Labelled
from watchkeeper.outcomes.scored import KINDS, NO, YES, Scored
from watchkeeper.outcomes.segments import Segments
from watchkeeper.spec import ModelSpec, Task
from watchkeeper.table import column_type

FORMAT = 1
_Part = TypeVar("_Part")


@dataclass(frozen=True)
class OutcomeBinning:
    """Cells of features, and what the baseline's labels say of its predictions.

    Attributes
    ----------
    calibration : what probability a score means (classifiers)
    errors : units and bins of errors (regression)
    classes : the classes of a multiclass model
    """

    task: Task
    segments: Segments
    calibration: Calibration | None = None
    errors: ErrorBinning | None = None
    classes: ClassBinning | None = None

    def fits(self, spec: ModelSpec) -> bool:
        """Whether the model still has all features that have cells, each of a kind that is held alike."""
        held = {feature.name: column_type(feature.kind) for feature in spec.profiled_features}
        cells = {name: each.takes for name, each in self.segments.partitions.items() if name != PREDICTED_VALUE}
        return all(held.get(name) is takes for name, takes in cells.items())

    @classmethod
    def fit(cls, spec: ModelSpec, rows: Labelled) -> OutcomeBinning:
        """Learn from the labelled rows of a version's baseline.

        Raises
        ------
        DatasetError
            None of the rows has a label, or they lack a feature.
        """
        names = [feature.name for feature in spec.profiled_features]
        lacking = [name for name in names if name not in rows.features]
        if lacking:
            raise DatasetError(
                f"The baseline's labelled rows lack the feature(s) {', '.join(lacking)} of model {spec.name!r}: read "
                "them with the model's own spec."
            )
        segments = Segments.fit({name: rows.features[name] for name in names})
        if spec.task is Task.REGRESSION:
            errors, cells = ErrorBinning.fit(rows)
            return cls(spec.task, Segments({**segments.partitions, PREDICTED_VALUE: cells}), errors=errors)
        if spec.task is Task.MULTICLASS:
            calibration = _calibration(Scored.multiclass(rows))
            return cls(spec.task, segments, calibration=calibration, classes=ClassBinning.fit(rows))
        return cls(spec.task, segments, calibration=_calibration(Scored.binary(rows)))

    @cached_property
    def sections(self) -> Mapping[str, slice]:
        """Where the vector keeps what."""
        parts = self.errors.lengths(self.segments) if self.errors else classification.lengths(self.segments)
        lengths = {"rows": 1, **parts, **(self.classes.lengths if self.classes else {})}
        ends = accumulate(lengths.values(), initial=0)
        return {name: slice(a, b) for name, (a, b) in zip(lengths, pairwise(ends), strict=True)}

    @property
    def size(self) -> int:
        """Length of the vector."""
        return sum(part.stop - part.start for part in self.sections.values())

    @cached_property
    def id(self) -> str:
        """A hash of all of it."""
        return hashlib.sha256(self.to_json()).hexdigest()[:16]

    def to_json(self) -> bytes:
        """JSON bytes; equal bins give equal bytes."""
        return jsonio.dumps(
            {
                "format": FORMAT,
                "grid": grid.VERSION,
                "task": self.task,
                "segments": self.segments.to_json(),
                "calibration": self.calibration and self.calibration.to_json(),
                "errors": self.errors and self.errors.to_json(),
                "classes": self.classes and self.classes.to_json(),
            }
        )

    @classmethod
    def from_json(cls, text: bytes) -> OutcomeBinning:
        """Read what `to_json` wrote.

        Raises
        ------
        ProfileError
            The text is no such bins, or bins of another format or over another grid.
        """
        try:
            document = jsonio.loads(text)
            for name, known in (("format", FORMAT), ("grid", grid.VERSION)):
                if document[name] != known:
                    raise ValueError(f"its {name} is {document[name]!r}, not {known}")
            return cls(
                task=Task(document["task"]),
                segments=Segments.from_json(document["segments"]),
                calibration=_read(Calibration.from_json, document["calibration"]),
                errors=_read(ErrorBinning.from_json, document["errors"]),
                classes=_read(ClassBinning.from_json, document["classes"]),
            )
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise ProfileError(
                f"The text is not the bins of outcomes ({error!r}): fit them again from the baseline's labelled rows."
            ) from error


def _read(read: Callable[[Any], _Part], document: Any) -> _Part | None:
    return None if document is None else read(document)


def _calibration(rows: Scored) -> Calibration:
    counts = np.bincount(rows.labels * grid.PLACES + rows.places, minlength=KINDS * grid.PLACES)
    histogram = counts.reshape(KINDS, grid.PLACES)
    if not histogram[NO:].any():
        raise DatasetError(
            "None of the baseline's rows has a label, so that nothing can be learnt of what its scores mean: fit the "
            "outcomes' bins from labelled rows, such as the training set's holdout."
        )
    return Calibration.fit(histogram[NO], histogram[YES])
