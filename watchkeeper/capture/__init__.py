"""SageMaker data capture, read: see `watchkeeper.capture.reader`."""

from __future__ import annotations

from watchkeeper.capture.block import (
    CONFIDENCE,
    PREDICTED_LABEL,
    PREDICTED_SCORE,
    PREDICTED_VALUE,
    Block,
    Unreadable,
    prediction_columns,
    prediction_kinds,
    profiled_kinds,
)
from watchkeeper.capture.reader import CaptureReader
from watchkeeper.capture.record import Record

__all__ = [
    "CONFIDENCE",
    "PREDICTED_LABEL",
    "PREDICTED_SCORE",
    "PREDICTED_VALUE",
    "Block",
    "CaptureReader",
    "Record",
    "Unreadable",
    "prediction_columns",
    "prediction_kinds",
    "profiled_kinds",
]
