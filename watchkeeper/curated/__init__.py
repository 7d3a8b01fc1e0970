"""Curated predictions: rows that were answered, without anything personal, with their labels once these come.

`table` has the rows and joins them with labels, `files` writes and reads them: as Arrow streams where captures are
profiled, as Parquet where people query them; `shards` says when an hour is too large for one file.
"""

from watchkeeper.curated.files import Stager, from_parquet, from_stream, nothing, to_parquet, to_stream
from watchkeeper.curated.table import Joined, Predictions

__all__ = ["Joined", "Predictions", "Stager", "from_parquet", "from_stream", "nothing", "to_parquet", "to_stream"]
