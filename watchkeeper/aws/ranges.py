"""An object of S3 as a file that can be read anywhere: what formats with an index at their end need."""

from __future__ import annotations

import io

from watchkeeper.aws.store import Listed, Store


class RangeReader(io.RawIOBase):
    """Reads an object by ranges of bytes: what is not asked for is not fetched."""

    def __init__(self, store: Store, item: Listed) -> None:
        super().__init__()
        self._store, self._item = store, item
        self._place = 0

    def readable(self) -> bool:
        """It is there to be read."""
        return True

    def seekable(self) -> bool:
        """It can be read anywhere."""
        return True

    def tell(self) -> int:
        """Where the next bytes come from."""
        return self._place

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Go somewhere else."""
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._place, io.SEEK_END: self._item.size}[whence]
        self._place = base + offset
        return self._place

    def read(self, size: int | None = -1) -> bytes:
        """The next bytes; fewer only at the end."""
        left = max(self._item.size - self._place, 0)
        wanted = left if size is None or size < 0 else min(size, left)
        data = self._store.get_range(self._item.key, self._place, self._place + wanted) if wanted else b""
        self._place += len(data)
        return data
