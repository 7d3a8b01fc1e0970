"""What jobs and endpoints fetch from S3 and write to it, always with the role that AWS would use."""

from __future__ import annotations

import io
import re
import tarfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

from localcloud.cloud import Cloud
from localcloud.errors import LocalCloudError

PRINCIPAL = "sagemaker.amazonaws.com"
# State machines and the SDK also write S3 locations as URLs, with the bucket in the path or in the host.
_LOCATION = re.compile(
    r"(?:s3://|https://s3[^/]*/)(?P<bucket>[^/]+)/?(?P<key>.*)|https://(?P<host>[^./]+)\.s3[^/]*/(?P<path>.*)"
)


class ArtefactError(LocalCloudError):
    """Something in S3 is missing, or the role may not touch it."""


@dataclass(frozen=True)
class Location:
    """A place in S3: a key, or the prefix of several."""

    bucket: str
    key: str

    @classmethod
    def parse(cls, uri: str) -> Location:
        """Read an S3 URI.

        Raises
        ------
        ArtefactError
            It is none.
        """
        match = _LOCATION.fullmatch(uri)
        if not match:
            raise ArtefactError(f"{uri!r} is not an S3 location: expected s3://bucket/key.")
        return cls(match["bucket"] or match["host"], match["key"] or match["path"] or "")

    def __truediv__(self, name: str) -> Location:
        return Location(self.bucket, "/".join(filter(None, [self.key.strip("/"), name])))

    def __str__(self) -> str:
        return f"s3://{self.bucket}/{self.key}"


class Store:
    """S3 as one role sees it."""

    def __init__(self, cloud: Cloud, role_arn: str, session: str) -> None:
        self._role = role_arn
        self._s3: Any = cloud.client_as("s3", role_arn, f"SageMaker-{session}", by=PRINCIPAL)

    def read(self, at: Location) -> bytes:
        """Return an object's bytes."""
        with _told(f"read {at}", self._role):
            body: bytes = self._s3.get_object(Bucket=at.bucket, Key=at.key)["Body"].read()
            return body

    def check(self, at: Location) -> None:
        """Make sure that an object is there and may be read."""
        with _told(f"access {at}", self._role):
            self._s3.head_object(Bucket=at.bucket, Key=at.key)

    def write(self, at: Location, body: bytes, kms_key: str | None = None) -> None:
        """Write an object, encrypted with a key where one is given."""
        encryption = {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": kms_key} if kms_key else {}
        with _told(f"write {at}", self._role):
            self._s3.put_object(Bucket=at.bucket, Key=at.key, Body=body, **encryption)

    def keys(self, under: Location) -> list[Location]:
        """Return the objects whose keys start with a prefix.

        Raises
        ------
        ArtefactError
            There is none.
        """
        with _told(f"list {under}", self._role):
            pages = self._s3.get_paginator("list_objects_v2").paginate(Bucket=under.bucket, Prefix=under.key)
            found = [Location(under.bucket, entry["Key"]) for page in pages for entry in page.get("Contents", [])]
        files = [at for at in found if not at.key.endswith("/")]
        if not files:
            raise ArtefactError(f"No S3 objects found under {under}. Please ensure that the bucket and prefix exist.")
        return files

    def download(self, under: Location, to: Path) -> None:
        """Copy every object under a prefix to a folder, keeping the structure below the prefix."""
        for at in self.keys(under):
            target = to / relative_name(at, under)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(self.read(at))

    def extract(self, archive: Location, to: Path) -> None:
        """Unpack a tar.gz object to a folder."""
        to.mkdir(parents=True, exist_ok=True)
        body = self.read(archive)
        try:
            with tarfile.open(fileobj=io.BytesIO(body)) as tar:
                unpack(tar, to)
        except (tarfile.TarError, EOFError, OSError, zlib.error) as error:
            raise ArtefactError(f"{archive} is not a whole tar archive: {error}") from error


def unpack(tar: tarfile.TarFile, to: Path) -> None:
    """Unpack files and folders, and nothing that would lie elsewhere."""
    if hasattr(tarfile, "data_filter"):
        tar.extractall(to, filter="data")
        return
    root = to.resolve()
    for member in tar.getmembers():  # Python 3.11 has that filter only from 3.11.4 on
        if not (member.isfile() or member.isdir()) or not (root / member.name).resolve().is_relative_to(root):
            raise tarfile.ReadError(f"{member.name!r} is no file or folder within the archive")
    tar.extractall(to)  # noqa: S202 - its members were checked


def relative_name(at: Location, under: Location) -> str:
    """Return an object's path below a prefix, or its file name if the prefix is its whole key."""
    rest = at.key.removeprefix(under.key).lstrip("/")
    return rest or at.key.rsplit("/", 1)[-1]


def pack(folder: Path) -> bytes:
    """Return a tar.gz of what a folder holds."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz", compresslevel=1) as tar:
        for path in sorted(folder.iterdir()):
            tar.add(path, path.name)
    return buffer.getvalue()


class _told:
    """Turn an S3 error into one that names the action, the place and the role."""

    def __init__(self, action: str, role: str) -> None:
        self._action, self._role = action, role

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, ClientError):
            found = error.response["Error"]
            raise ArtefactError(
                f"Could not {self._action} with role {self._role}: {found['Code']}: {found.get('Message', '')}"
            ) from error


def folders(root: Path, *names: str) -> Iterator[Path]:
    """Make folders below a root and return them."""
    for name in names:
        (root / name).mkdir(parents=True, exist_ok=True)
        yield root / name
