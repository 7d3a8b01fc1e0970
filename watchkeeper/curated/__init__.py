"""Curated predictions: rows that were answered, without anything personal, with their labels once these come.

`table` has the rows and joins them with labels, `files` writes and reads them: as Arrow streams where captures are
profiled, as Parquet where people query them.
"""

from watchkeeper.curated.files import from_parquet, from_stream, to_parquet, to_stream
from watchkeeper.curated.table import Joined, Predictions

__all__ = ["Joined", "Predictions", "from_parquet", "from_stream", "to_parquet", "to_stream"]
