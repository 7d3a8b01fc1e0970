"""What a training set is made of, and whether it may be trained on.

The Spark job that assembles the set writes a manifest beside it; a function reads it before a training job is paid for.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from enum import StrEnum

from watchkeeper import jsonio
from watchkeeper.errors import DatasetError
from watchkeeper.spec import ModelSpec, Task

MANIFEST = "manifest.json"
TRAIN = "train/"
HOLDOUT_FEATURES = "holdout/features/"
HOLDOUT_LABELS = "holdout/labels/"

MINIMUM_TRAIN_ROWS = 100
MINIMUM_HOLDOUT_ROWS = 30
MINIMUM_CLASS_ROWS = 10
"""Rows that each of a binary model's classes needs in the holdout, or the gate could tell nothing."""


class Split(StrEnum):
    """How the holdout was chosen."""

    RECENT = "recent"
    RANDOM = "random"


@dataclass(frozen=True)
class Manifest:
    """Account of one assembled training set.

    Attributes
    ----------
    classes, holdout_classes : rows of each label in train and holdout; empty for regression
    columns : of the files in train/, label first
    first, last : time of the oldest and newest row (ISO), empty for data from a file
    spellings : rows of each label as the data spell it, of data from a file
    versions : rows that each version answered
    duplicates : captured rows that had come before under the same id
    unlabelled : captured rows without ground truth
    unknown_labels : ground truth for ids that no capture has
    unreadable : captured records, labels and rows that could not be read
    """

    rows: int
    train_rows: int
    holdout_rows: int
    split: Split
    columns: tuple[str, ...]
    classes: Mapping[str, int]
    holdout_classes: Mapping[str, int]
    first: str = ""
    last: str = ""
    spellings: Mapping[str, int] = field(default_factory=dict)
    versions: Mapping[str, int] | None = None
    duplicates: int = 0
    unlabelled: int = 0
    unknown_labels: int = 0
    unreadable: int = 0

    def to_json(self) -> bytes:
        """JSON bytes."""
        return jsonio.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: bytes) -> Manifest:
        """Read what `to_json` wrote.

        Raises
        ------
        DatasetError
            The text is no manifest.
        """
        try:
            document = jsonio.loads(text)
            return cls(**{**document, "split": Split(document["split"]), "columns": tuple(document["columns"])})
        except (ValueError, KeyError, TypeError) as error:
            raise DatasetError(f"The manifest cannot be read ({error!r}): assemble the training set again.") from error


def problem(spec: ModelSpec, manifest: Manifest) -> str | None:
    """Why the set must not be trained on, or None when it may."""
    if manifest.train_rows < MINIMUM_TRAIN_ROWS or manifest.holdout_rows < MINIMUM_HOLDOUT_ROWS:
        return (
            f"{manifest.train_rows} rows to train on and {manifest.holdout_rows} to judge by; at least "
            f"{MINIMUM_TRAIN_ROWS} and {MINIMUM_HOLDOUT_ROWS} are needed. Wait for more labels, or lengthen "
            "retraining.window."
        )
    if spec.task is Task.REGRESSION:
        return None
    for place, classes in (("training set", manifest.classes), ("holdout", manifest.holdout_classes)):
        if sum(1 for rows in classes.values() if rows) < 2:
            return (
                f"the {place} holds one class only ({', '.join(sorted(classes)) or 'none'}). Check label.positive and "
                "the label files, or wait for more labels."
            )
    rarest = min(manifest.holdout_classes.values())
    if spec.task is Task.BINARY and rarest < MINIMUM_CLASS_ROWS:
        return (
            f"the holdout holds {rarest} rows of its rarer class; at least {MINIMUM_CLASS_ROWS} are needed. Wait for "
            "more labels, or lengthen retraining.window."
        )
    return None
