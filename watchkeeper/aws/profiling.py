"""From one captured object to its profile: the same in Lambda, on Glue and on a laptop.

The profile's key is derived from the object's, so that doing it twice changes nothing. The profile is written
last: where there is one, the object is done.
"""

from __future__ import annotations

from dataclasses import dataclass

from watchkeeper import naming
from watchkeeper.aws.store import Store, Streamed
from watchkeeper.capture import CaptureReader
from watchkeeper.naming import CaptureKey
from watchkeeper.profile import Baseline, Filing, Profile
from watchkeeper.quarantine import Quarantine
from watchkeeper.spec import ModelSpec


@dataclass(frozen=True)
class Observed:
    """A captured object, or a piece of one: its profile, and what is kept of the records that could not be read."""

    profile: Profile
    quarantined: bytes


def observe(spec: ModelSpec, baseline: Baseline, capture: CaptureKey, streamed: Streamed) -> Observed:
    """Profile a captured object, or a piece of one, block by block: memory does not grow with its records."""
    observer, quarantine = baseline.observer(Filing(capture.hour, streamed.written)), Quarantine(spec)
    for block in CaptureReader(spec).blocks(streamed.chunks):
        observer.add(block)
        quarantine.add(block.unreadable)
    return Observed(observer.profile(), quarantine.content())


def write(spec: ModelSpec, baseline: Baseline, data: Store, capture: CaptureKey, observed: Observed) -> None:
    """Store what was observed of one captured object."""
    if observed.quarantined:
        data.put(naming.quarantine_key(spec.name, capture.key), observed.quarantined)
    data.put(naming.profile_key(spec.name, baseline.id, capture), observed.profile.to_json())
