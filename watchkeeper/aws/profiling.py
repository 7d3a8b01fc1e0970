"""From one captured object to its profile and its rows: the same in Lambda, on Glue and on a laptop.

The object is read once. Its rows are staged, to be filed with their hour and joined with labels later on (see
`curated_hours`). All keys are derived from the object's, so that doing it twice changes nothing. The profile is written
last: where there is one, the object is done.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from watchkeeper import naming
from watchkeeper.aws.store import Store, Streamed
from watchkeeper.capture import Block, CaptureReader
from watchkeeper.capture.batch import BatchReader
from watchkeeper.curated import Stager
from watchkeeper.naming import CaptureKey
from watchkeeper.profile import Baseline, Filing, Observer, Profile
from watchkeeper.quarantine import Quarantine
from watchkeeper.spec import ModelSpec

NAMELESS = (
    "Predictions without ids: no label can be theirs. Let a batch transform job generate ids "
    "(DataCaptureConfig.GenerateInferenceId)."
)


@dataclass(frozen=True)
class Observed:
    """Of a captured object or a piece of one: its profile, what is kept of the records that could not be read, and its
    rows, as they are staged.

    Attributes
    ----------
    nameless : rows of records that have no id, so that no label can be theirs
    """

    profile: Profile
    quarantined: bytes
    staged: bytes = b""
    nameless: int = 0


def observe(spec: ModelSpec, baseline: Baseline, capture: CaptureKey, streamed: Streamed) -> Observed:
    """Profile a captured object, or a piece of one, block by block.

    Memory grows with nothing but the rows to be staged, compressed: some 40 bytes of one with 20 features.
    """
    filing = Filing(capture.hour, streamed.written)
    blocks = CaptureReader(spec, identified=True).blocks(streamed.chunks)
    return _observed(spec, baseline.observer(filing), blocks, Stager(spec, capture.key))


def observe_batch(
    spec: ModelSpec, baseline: Baseline, capture: CaptureKey, requests: Streamed, answers: Streamed
) -> Observed:
    """Profile a file that a batch transform job answered, with its answers, in the same way.

    The profile counts no times: rows are late by as long as the job takes, and count in the hour of its manifest.
    """
    reader = BatchReader(spec, identified=True, answered=capture.hour)
    return _observed(
        spec, baseline.observer(), reader.blocks(requests.chunks, answers.chunks), Stager(spec, capture.key)
    )


def _observed(spec: ModelSpec, observer: Observer, blocks: Iterable[Block], stager: Stager) -> Observed:
    quarantine, nameless = Quarantine(spec), 0
    for block in blocks:
        observer.add(block)
        quarantine.add(block.unreadable)
        stager.add(block)
        if block.identities is not None:
            nameless += block.identities.nameless
    return Observed(observer.profile(), quarantine.content(), stager.content(), nameless)


def stage(spec: ModelSpec, data: Store, capture: CaptureKey, observed: Observed, start: int = 0) -> None:
    """Stage the rows of a captured object, or of the piece of it that begins at a byte."""
    if observed.staged:
        data.put(naming.staged_key(spec.name, capture, start), observed.staged, "application/octet-stream")


def write(spec: ModelSpec, baseline: Baseline, data: Store, capture: CaptureKey, observed: Observed) -> None:
    """Store what was observed of a captured object or file."""
    stage(spec, data, capture, observed)
    if observed.quarantined:
        data.put(naming.quarantine_key(spec.name, capture.key), observed.quarantined)
    data.put(naming.profile_key(spec.name, baseline.id, capture), observed.profile.to_json())
