"""Parquet files as blocks of typed columns: dictionary-coded row batches, one held at a time."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from watchkeeper.capture import CONFIDENCE, PREDICTED_LABEL, PREDICTED_SCORE, Block
from watchkeeper.capture.prediction import NEGATIVE, POSITIVE
from watchkeeper.spec import Kind, ModelSpec
from watchkeeper.table import CategoryColumn, Column, NumberColumn, coded_column, whole_numbers

ROWS = 32_768


def blocks(path: Path, spec: ModelSpec) -> Iterator[Block]:
    """The features and the score of a file."""
    categories = [feature.name for feature in spec.features if feature.kind is Kind.CATEGORY]
    kinds = {feature.name: feature.kind for feature in spec.features}
    with pq.ParquetFile(path, read_dictionary=categories) as file:
        for batch in file.iter_batches(ROWS, columns=[*kinds, "score"], use_threads=False):
            features = {name: _column(batch[name], kind) for name, kind in kinds.items()}
            yield Block(
                batch.num_rows,
                features,
                predictions(batch["score"].to_numpy(zero_copy_only=False), spec.output.threshold),
            )


def _column(values: pa.Array, kind: Kind) -> Column:
    if kind is Kind.CATEGORY:
        levels = [*values.dictionary.to_pylist(), ""]  # a missing value reads like an empty text
        return coded_column(kind, levels, values.indices.fill_null(len(levels) - 1).to_numpy(zero_copy_only=False))
    numbers = values.to_numpy(zero_copy_only=False)
    return whole_numbers(numbers) if kind is Kind.INTEGER else NumberColumn(numbers)


def predictions(scores: NDArray[np.float64], threshold: float) -> dict[str, Column]:
    """What captures of a binary model's scores are read as."""
    labels = CategoryColumn((scores >= threshold).astype(np.int32), (NEGATIVE, POSITIVE))
    confidence = NumberColumn(np.maximum(scores, 1 - scores))
    return {PREDICTED_LABEL: labels, PREDICTED_SCORE: NumberColumn(scores), CONFIDENCE: confidence}
