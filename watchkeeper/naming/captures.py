"""Keys of what SageMaker captures, and of what of it could not be read."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from datetime import UTC, datetime

from watchkeeper.errors import CaptureError
from watchkeeper.naming.resources import FIRST_VERSION, VARIANT


def capture_prefix(model: str, version: str | None = None) -> str:
    """Prefix under which SageMaker writes captures: `capture/<model>/[<version>/]`."""
    return f"capture/{model}/" + (f"{version}/" if version else "")


def captured_hour_prefix(model: str, version: str, endpoint: str, hour: datetime) -> str:
    """Prefix of what an endpoint captured of a version in a UTC hour."""
    return f"{capture_prefix(model, version)}{endpoint}/{VARIANT}/{hour:%Y/%m/%d/%H}/"


@dataclass(frozen=True)
class CaptureKey:
    """What the key of a capture object says.

    Attributes
    ----------
    version : the version that made every record in the object ("v1", "v2", …)
    hour : start of the UTC hour under which SageMaker filed it
    """

    key: str
    version: str
    hour: datetime

    @property
    def part_name(self) -> str:
        """A name derived from the whole key, so that repeats of one object write one profile."""
        return hashlib.sha256(self.key.encode()).hexdigest()[:20]


@dataclass(frozen=True)
class BatchKey:
    """What the key of an object in a batch transform job's folder says.

    Attributes
    ----------
    folder : the job's own: `capture/<model>/<version>/batch_transform/<job>/`
    side : `input` or `output` for a manifest; None for one of the files that manifests name
    hour : start of the UTC hour under which a manifest is filed; None for a file
    """

    key: str
    version: str
    folder: str
    side: str | None
    hour: datetime | None


BATCH_FOLDER = "batch_transform"
"""Where batch transform jobs capture to, among the endpoints of a version: an endpoint's name cannot hold `_`."""
BATCH_INPUT, BATCH_OUTPUT = "input", "output"
"""The folders in which a job leaves its manifests."""
HOUR = r"(?P<y>\d{4})/(?P<m>\d{2})/(?P<d>\d{2})/(?P<h>\d{2})/[^/]+"
"""A file that is filed under its hour."""
_ATTACHED = re.compile(HOUR)
_OURS = re.compile(r"(?P<version>v[1-9]\d*)/[A-Za-z0-9-]+/[^/]+/" + HOUR)
_OF_BATCH = re.compile(rf"(?P<version>v[1-9]\d*)/{BATCH_FOLDER}/(?P<job>[^/]+)/(?P<rest>.+)")
_MANIFEST = re.compile(rf"(?P<side>{BATCH_INPUT}|{BATCH_OUTPUT})/{HOUR}")


def attached_prefix(destination: str, endpoint: str) -> str:
    """Prefix under which an endpoint that is not ours captures; `destination` is the prefix that its config names."""
    return "/".join(filter(None, [destination.strip("/"), endpoint, VARIANT])) + "/"


def parse_capture_key(model: str, key: str, attached: str | None = None) -> CaptureKey:
    """Read a capture object's key.

    Keys are `capture/<model>/<version>/<endpoint>/<variant>/yyyy/mm/dd/hh/<file>`. An endpoint that Watchkeeper did not
    create captures what it serves at first, version 1, to `<attached>yyyy/mm/dd/hh/<file>` instead: see
    `attached_prefix`.

    Raises
    ------
    CaptureError
        The key is not of either form.
    """
    version, match = FIRST_VERSION, None
    if key.startswith(capture_prefix(model)):
        match = _OURS.fullmatch(key.removeprefix(capture_prefix(model)))
        version = match["version"] if match else version
    elif attached is not None and key.startswith(attached):
        match = _ATTACHED.fullmatch(key.removeprefix(attached))
    if match is None:
        raise CaptureError(
            f"The key {key!r} is not a capture of model {model!r}: expected "
            f"'{capture_prefix(model)}<version>/<endpoint>/<variant>/yyyy/mm/dd/hh/<file>'. "
            "Write nothing else under the capture prefix."
        )
    try:
        return CaptureKey(key=key, version=version, hour=hour_of(match))
    except ValueError as error:
        raise CaptureError(f"The key {key!r} holds no such hour ({error}).") from error


def batch_folder(model: str, version: str, job: str) -> str:
    """Folder of one batch transform job: its capture destination, and where its files lie."""
    return f"{capture_prefix(model, version)}{BATCH_FOLDER}/{job}/"


def parse_batch_key(model: str, key: str) -> BatchKey | None:
    """Read the key of an object in a batch transform job's folder; None when it is in none.

    Manifests are `<folder>input/yyyy/mm/dd/hh/<file>` and `<folder>output/yyyy/mm/dd/hh/<file>`; whatever else is in
    the folder are files that they may name.
    """
    match = _OF_BATCH.fullmatch(key.removeprefix(capture_prefix(model)))
    if match is None or not key.startswith(capture_prefix(model)):
        return None
    folder = batch_folder(model, match["version"], match["job"])
    manifest = _MANIFEST.fullmatch(match["rest"])
    try:
        hour = None if manifest is None else hour_of(manifest)
    except ValueError:  # no such hour: no job filed it
        manifest = hour = None
    return BatchKey(key, match["version"], folder, None if manifest is None else manifest["side"], hour)


def hour_of(match: re.Match[str]) -> datetime:
    """Start of the UTC hour that `HOUR` matched; ValueError when there is no such hour."""
    return datetime(int(match["y"]), int(match["m"]), int(match["d"]), int(match["h"]), tzinfo=UTC)


def quarantine_prefix(model: str) -> str:
    """Prefix of all unreadable records."""
    return f"quarantine/{model}/"


def quarantine_key(model: str, capture_key: str) -> str:
    """Where the unreadable records of one capture object are kept, with their reasons."""
    return f"{quarantine_prefix(model)}{capture_key.removeprefix('capture/')}"
