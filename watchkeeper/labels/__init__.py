"""What turned out to be true of predictions: read (`files`), and the newest of each row (`table`)."""

from watchkeeper.labels.files import Fault, Faults, LabelReader, Source
from watchkeeper.labels.table import Labels, Truth
from watchkeeper.labels.truth import GroundTruth, day_prefixes, read_ground_truth

__all__ = [
    "Fault",
    "Faults",
    "GroundTruth",
    "LabelReader",
    "Labels",
    "Source",
    "Truth",
    "day_prefixes",
    "read_ground_truth",
]
