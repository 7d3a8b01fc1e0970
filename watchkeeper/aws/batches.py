"""What batch transform jobs captured: which of a job's files can be profiled, and which still must be.

A job leaves manifests, which name the files that it read and those that it wrote. A file can be profiled when one
manifest names it, another names its answers, and both objects are there: in whatever order they came, the last of them
completes the file. Its profile is filed under the hour of the manifest that names the answers. A file whose profile is
newer than all that it was made of is done.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from watchkeeper import naming
from watchkeeper.aws.store import Listed, Store
from watchkeeper.capture.batch import manifest_uris, paired
from watchkeeper.errors import CaptureError
from watchkeeper.naming import CaptureKey
from watchkeeper.profile import Baseline


class BatchFile(NamedTuple):
    """A file of requests and that of its answers.

    Attributes
    ----------
    capture : stands for both: its key begins with that of the manifest that names the answers
    named : the manifests
    """

    capture: CaptureKey
    requests: Listed
    answers: Listed
    named: tuple[Listed, Listed]

    @property
    def size(self) -> int:
        """Bytes to read."""
        return self.requests.size + self.answers.size


def complete(store: Store, model: str, folder: str) -> list[BatchFile]:
    """The files of one job that can be profiled, in the order of its manifests.

    Raises
    ------
    CaptureError
        A manifest is none, or names a file that is not in the job's folder.
    """
    requests, answers = (_named(store, model, folder, side) for side in (naming.BATCH_INPUT, naming.BATCH_OUTPUT))
    if not requests or not answers:
        return []
    there = {f"s3://{store.bucket}/{item.key}": item for item in store.listed(folder)}
    return [
        BatchFile(
            _capture(model, answers[pair.answers], there[pair.requests].key.removeprefix(folder)),
            there[pair.requests],
            there[pair.answers],
            (requests[pair.requests], answers[pair.answers]),
        )
        for pair in paired(list(requests), list(answers))
        if pair.answers is not None and pair.requests in there and pair.answers in there
    ]


def is_pending(data: Store, baseline: Baseline, file: BatchFile) -> bool:
    """Whether a file has no profile yet, or an object that is at least as new (times are whole seconds)."""
    profile = data.find(naming.profile_key(baseline.model, baseline.id, file.capture))
    newest = max(item.modified for item in (file.requests, file.answers, *file.named))
    return profile is None or profile.modified <= newest


def folders(model: str, keys: Iterable[str]) -> list[str]:
    """The folders of the jobs to which these objects belong; objects of no job are passed over."""
    found = (naming.parse_batch_key(model, key) for key in keys)
    return list(dict.fromkeys(key.folder for key in found if key is not None))


def _named(store: Store, model: str, folder: str, side: str) -> dict[str, Listed]:
    """The files that the manifests of one side name, each with the first that does."""
    found: dict[str, Listed] = {}
    for item in store.listed(f"{folder}{side}/"):
        key = naming.parse_batch_key(model, item.key)
        if key is None or key.side is None:
            continue
        for uri in manifest_uris(store.get(item.key) or b""):
            if not uri.startswith(f"s3://{store.bucket}/{folder}"):
                raise CaptureError(
                    f"The manifest {item.key!r} names {uri!r}, which is not in the job's folder "
                    f"'s3://{store.bucket}/{folder}': let the job read and write in there, for Watchkeeper may read "
                    "nothing else."
                )
            found.setdefault(uri, item)
    return found


def _capture(model: str, manifest: Listed, name: str) -> CaptureKey:
    key = naming.parse_batch_key(model, manifest.key)
    assert key is not None  # it was listed as a manifest
    assert key.hour is not None
    return CaptureKey(f"{manifest.key}/{name}", key.version, key.hour)
