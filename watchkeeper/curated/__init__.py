"""Curated predictions: rows that were answered, without anything personal, with their labels once these come.

`table` has the rows and joins them with labels, `files` writes and reads them: as Arrow streams where captures are
profiled, as Parquet where people query them.
"""

from watchkeeper.curated.files import Stager, from_parquet, from_stream, to_parquet
from watchkeeper.curated.table import Joined, Predictions

__all__ = ["Joined", "Predictions", "Stager", "from_parquet", "from_stream", "to_parquet"]
