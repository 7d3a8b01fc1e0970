"""From one captured object to its profile: the same in Lambda, on Glue and on a laptop.

The profile's key is derived from the object's, so that doing it twice changes nothing. The profile is written
last: where there is one, the object is done.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from watchkeeper import naming
from watchkeeper.aws.store import Store, Streamed
from watchkeeper.capture import Block, CaptureReader
from watchkeeper.capture.batch import BatchReader
from watchkeeper.naming import CaptureKey
from watchkeeper.profile import Baseline, Filing, Observer, Profile
from watchkeeper.quarantine import Quarantine
from watchkeeper.spec import ModelSpec


@dataclass(frozen=True)
class Observed:
    """Of a captured object or a piece of one: its profile, and what is kept of the records that could not be read."""

    profile: Profile
    quarantined: bytes


def observe(spec: ModelSpec, baseline: Baseline, capture: CaptureKey, streamed: Streamed) -> Observed:
    """Profile a captured object, or a piece of one, block by block: memory does not grow with its records."""
    filing = Filing(capture.hour, streamed.written)
    return _observed(spec, baseline.observer(filing), CaptureReader(spec).blocks(streamed.chunks))


def observe_batch(spec: ModelSpec, baseline: Baseline, requests: Streamed, answers: Streamed) -> Observed:
    """Profile a file that a batch transform job answered, with its answers, in the same way; its rows have no times."""
    return _observed(spec, baseline.observer(), BatchReader(spec).blocks(requests.chunks, answers.chunks))


def _observed(spec: ModelSpec, observer: Observer, blocks: Iterable[Block]) -> Observed:
    quarantine = Quarantine(spec)
    for block in blocks:
        observer.add(block)
        quarantine.add(block.unreadable)
    return Observed(observer.profile(), quarantine.content())


def write(spec: ModelSpec, baseline: Baseline, data: Store, capture: CaptureKey, observed: Observed) -> None:
    """Store what was observed of a captured object or file."""
    if observed.quarantined:
        data.put(naming.quarantine_key(spec.name, capture.key), observed.quarantined)
    data.put(naming.profile_key(spec.name, baseline.id, capture), observed.profile.to_json())
