"""Objects of the one data bucket: read, write, list, stream."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, NamedTuple

from botocore.exceptions import ClientError

from watchkeeper.jsonio import lines_of

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import GetObjectOutputTypeDef

_CHUNK = 1 << 20
_CHANGED = ("PreconditionFailed", "NoSuchKey", "412", "404")
"""What S3 answers a conditional write whose object was changed, or is gone."""
_CHANGING = ("ConditionalRequestConflict", "409")
"""What it answers while somebody else is writing the object."""
_ATTEMPTS = 4
_READERS = 16
_READ_AHEAD = 4 * _READERS


class Listed(NamedTuple):
    """An object: its key, its entity tag, which changes with its content, its size in bytes, when it was written."""

    key: str
    tag: str
    size: int
    modified: datetime


@dataclass(frozen=True)
class Streamed:
    """An object on its way: its bytes in chunks cut anywhere, to be gone through once, and when it was written."""

    chunks: Iterable[bytes]
    written: datetime


class Store:
    """One bucket.

    Parameters
    ----------
    client : a boto3 S3 client
    bucket : its name
    """

    def __init__(self, client: S3Client, bucket: str) -> None:
        self._client = client
        self.bucket = bucket

    def get(self, key: str) -> bytes | None:
        """The object's bytes, or None when there is no such object."""
        found = self._object(key)
        return None if found is None else found["Body"].read()

    def get_tagged(self, key: str) -> tuple[bytes, str] | None:
        """The object's bytes and entity tag, or None when there is no such object."""
        found = self._object(key)
        return None if found is None else (found["Body"].read(), found["ETag"])

    def put_if(self, key: str, data: bytes, tag: str | None, content_type: str = "application/json") -> bool:
        """Write an object if it still has the entity tag (None: if there is none); False when it was changed.

        While somebody else is writing it S3 tells nothing of either: then it is tried again.
        """
        condition: Any = {"IfNoneMatch": "*"} if tag is None else {"IfMatch": tag}
        attempts = _ATTEMPTS
        while True:
            attempts -= 1
            try:
                self._client.put_object(Bucket=self.bucket, Key=key, Body=data, ContentType=content_type, **condition)
            except ClientError as error:
                code = error.response.get("Error", {}).get("Code")
                if code in _CHANGED:
                    return False
                if code not in _CHANGING or not attempts:
                    raise
            else:
                return True

    def get_range(self, key: str, start: int, stop: int) -> bytes:
        """The object's bytes from `start` up to `stop`."""
        return bytes(
            self._client.get_object(Bucket=self.bucket, Key=key, Range=f"bytes={start}-{stop - 1}")["Body"].read()
        )

    def put(self, key: str, data: bytes, content_type: str = "application/json") -> None:
        """Write an object (the bucket encrypts it with its own key)."""
        self._client.put_object(Bucket=self.bucket, Key=key, Body=data, ContentType=content_type)

    def keys(self, prefix: str) -> Iterator[str]:
        """All keys under a prefix, in order, however many."""
        return (item.key for item in self.listed(prefix))

    def listed(self, prefix: str) -> Iterator[Listed]:
        """Every object under a prefix, in order of keys."""
        pages = self._client.get_paginator("list_objects_v2").paginate(Bucket=self.bucket, Prefix=prefix)
        for page in pages:
            for item in page.get("Contents", ()):
                yield _listed(item)

    def folder(self, prefix: str) -> tuple[list[Listed], list[str]]:
        """The objects right under a prefix, and the prefixes of the folders there."""
        found: list[Listed] = []
        folders: list[str] = []
        pages = self._client.get_paginator("list_objects_v2").paginate(Bucket=self.bucket, Prefix=prefix, Delimiter="/")
        for page in pages:
            found += map(_listed, page.get("Contents", ()))
            folders += [item["Prefix"] for item in page.get("CommonPrefixes", ())]
        return found, folders

    def find(self, key: str) -> Listed | None:
        """What a listing says of one object; None when there is no such object."""
        answer = self._client.list_objects_v2(Bucket=self.bucket, Prefix=key, MaxKeys=1)
        return next((_listed(item) for item in answer.get("Contents", ()) if item["Key"] == key), None)

    def get_many(self, keys: Iterable[str]) -> Iterator[bytes]:
        """The bytes of many objects, read side by side, in order; objects that have gone are left out."""
        return (data for _, data in self.get_each(keys))

    def get_each(self, keys: Iterable[str]) -> Iterator[tuple[str, bytes]]:
        """The same, each object with its key. Only a few are held at a time, however slowly they are taken."""
        with ThreadPoolExecutor(_READERS) as readers:
            waiting: deque[tuple[str, Future[bytes | None]]] = deque()
            for key in keys:
                waiting.append((key, readers.submit(self.get, key)))
                if len(waiting) > _READ_AHEAD:
                    yield from _there(*waiting.popleft())
            for read in waiting:
                yield from _there(*read)

    def lines(self, key: str) -> Iterator[bytes] | None:
        """The object's lines, streamed; None when there is no such object."""
        streamed = self.stream(key)
        return None if streamed is None else lines_of(streamed.chunks)

    def stream(self, key: str, start: int = 0) -> Streamed | None:
        """The object's bytes from `start` on; None when there is no such object."""
        found = self._object(key, start)
        return None if found is None else Streamed(found["Body"].iter_chunks(_CHUNK), found["LastModified"])

    def _object(self, key: str, start: int = 0) -> GetObjectOutputTypeDef | None:
        try:
            if start:
                return self._client.get_object(Bucket=self.bucket, Key=key, Range=f"bytes={start}-")
            return self._client.get_object(Bucket=self.bucket, Key=key)
        except ClientError as error:
            code = error.response.get("Error", {}).get("Code")
            # Who may list a bucket only under a prefix is told "forbidden" of an object that is not there.
            if code in ("NoSuchKey", "404") or (code == "AccessDenied" and self.find(key) is None):
                return None
            raise


def _there(key: str, read: Future[bytes | None]) -> Iterator[tuple[str, bytes]]:
    data = read.result()
    if data is not None:
        yield key, data


def _listed(item: Mapping[str, Any]) -> Listed:
    return Listed(item["Key"], item["ETag"], item["Size"], item["LastModified"])


def split_uri(uri: str) -> tuple[str, str]:
    """Bucket and key of an `s3://` URI.

    Raises
    ------
    ValueError
        The text is no such URI.
    """
    scheme, _, rest = uri.partition("://")
    bucket, _, key = rest.partition("/")
    if scheme != "s3" or not bucket:
        raise ValueError(f"{uri!r} is not an S3 URI: expected 's3://bucket/key'.")
    return bucket, key
