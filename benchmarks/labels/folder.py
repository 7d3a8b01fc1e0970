"""A folder in the place of a bucket: what reading and writing S3 costs is not the question here."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from watchkeeper.aws.store import Listed, Store, Streamed

_CHUNK = 1 << 20


class Folder(Store):
    """As much of a `Store` as curation needs."""

    def __init__(self, root: Path) -> None:
        super().__init__(None, root.name)  # type: ignore[arg-type]  # nothing here asks S3
        self._root = root

    def get(self, key: str) -> bytes | None:
        """The bytes of a file."""
        path = self._root / key
        return path.read_bytes() if path.is_file() else None

    def get_tagged(self, key: str) -> tuple[bytes, str] | None:
        """The same with a tag of its content."""
        data = self.get(key)
        return None if data is None else (data, _tag(data))

    def put(self, key: str, data: bytes, content_type: str = "") -> None:
        """Write a file."""
        path = self._root / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)

    def put_if(self, key: str, data: bytes, tag: str | None, content_type: str = "") -> bool:
        """Write a file that still has the tag."""
        kept = self.get_tagged(key)
        if (None if kept is None else kept[1]) != tag:
            return False
        self.put(key, data)
        return True

    def listed(self, prefix: str) -> Iterator[Listed]:
        """Every file under a prefix."""
        for path in sorted(self._root.rglob("*")):
            key = path.relative_to(self._root).as_posix()
            if path.is_file() and key.startswith(prefix):
                yield self._listed(path, key)

    def folder(self, prefix: str) -> tuple[list[Listed], list[str]]:
        """What is right under a prefix."""
        top = self._root / prefix
        entries = sorted(top.iterdir()) if top.is_dir() else []
        files = [self._listed(path, prefix + path.name) for path in entries if path.is_file()]
        return files, [f"{prefix}{path.name}/" for path in entries if path.is_dir()]

    def get_each(self, keys: Iterable[str]) -> Iterator[tuple[str, bytes]]:
        """Many files, with their keys."""
        return ((key, data) for key in keys if (data := self.get(key)) is not None)

    def stream(self, key: str, start: int = 0) -> Streamed | None:
        """A file, in chunks."""
        path = self._root / key
        return None if not path.is_file() else Streamed(_chunks(path), self._listed(path, key).modified)

    def _listed(self, path: Path, key: str) -> Listed:
        found: Any = path.stat()
        return Listed(key, str(found.st_mtime_ns), found.st_size, datetime.fromtimestamp(found.st_mtime, UTC))


def _chunks(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            yield chunk


def _tag(data: bytes) -> str:
    return hashlib.blake2b(data).hexdigest()
