"""A version's baseline: the bins, and the profile of the data that healthy traffic looks like."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from watchkeeper import jsonio
from watchkeeper.capture import Block
from watchkeeper.errors import BaselineError
from watchkeeper.profile.profile import (
    Binning,
    Profile,
    binnings_from_json,
    columns_from_json,
    columns_to_json,
    merge_all,
    rebased,
)

FORMAT = 1


@dataclass(frozen=True)
class Baseline:
    """What traffic of one version is compared with. Its id is a hash of all the rest.

    Attributes
    ----------
    reference : profile of the reference rows, over the same bins
    """

    id: str
    model: str
    version: str
    created: datetime
    binning: Binning
    reference: Profile

    @classmethod
    def of(cls, model: str, version: str, created: datetime, binning: Binning, reference: Profile) -> Baseline:
        """A baseline with the id that its content gives."""
        content = _content(model, version, created, binning, reference)
        identity = hashlib.sha256(jsonio.dumps(content)).hexdigest()[:16]
        return cls(identity, model, version, created, binning, rebased(reference, identity))

    @classmethod
    def build(cls, model: str, version: str, created: datetime, binning: Binning, blocks: Iterable[Block]) -> Baseline:
        """A baseline whose reference is the rows of `blocks`."""
        reference = merge_all((binning.observe(block, "") for block in blocks), binning.empty(""))
        return cls.of(model, version, created, binning, reference)

    def for_version(self, version: str) -> Baseline:
        """The same bins and reference for another version, under an id of its own."""
        return Baseline.of(self.model, version, self.created, self.binning, self.reference)

    def observe(self, block: Block) -> Profile:
        """Profile the rows of a block against this baseline."""
        return self.binning.observe(block, self.id)

    def empty(self) -> Profile:
        """The profile of no rows."""
        return self.binning.empty(self.id)

    def to_json(self) -> bytes:
        """JSON bytes."""
        content = _content(self.model, self.version, self.created, self.binning, self.reference)
        return jsonio.dumps({"id": self.id, **content})

    @classmethod
    def from_json(cls, text: bytes) -> Baseline:
        """Read what `to_json` wrote.

        Raises
        ------
        BaselineError
            The text is no baseline, one of another format, or was changed by hand.
        """
        try:
            document = jsonio.loads(text)
            if document["format"] != FORMAT:
                raise BaselineError(
                    f"The baseline has format {document['format']!r}, but this version reads {FORMAT}: build it again "
                    "by starting the model's onboarding or retraining."
                )
            baseline = cls._read(document)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise BaselineError(
                f"The text is not a baseline ({error!r}): build it again by starting the model's onboarding."
            ) from error
        if baseline.id != document["id"]:
            raise BaselineError(
                f"The baseline's id is {document['id']!r}, but its content has {baseline.id!r}: it was changed after "
                "it was made. Build it again by starting the model's onboarding."
            )
        return baseline

    @classmethod
    def _read(cls, document: dict[str, Any]) -> Baseline:
        binning = Binning(
            binnings_from_json(document["binning"]["features"]), binnings_from_json(document["binning"]["predictions"])
        )
        reference = Profile(
            baseline="",
            rows=document["reference"]["rows"],
            unreadable=0,
            features=columns_from_json(document["reference"]["features"]),
            predictions=columns_from_json(document["reference"]["predictions"]),
        )
        created = datetime.fromisoformat(document["created"])
        return cls.of(document["model"], document["version"], created, binning, reference)


def _content(model: str, version: str, created: datetime, binning: Binning, reference: Profile) -> dict[str, Any]:
    return {
        "format": FORMAT,
        "model": model,
        "version": version,
        "created": created.isoformat(),
        "binning": {
            "features": columns_to_json(binning.features),
            "predictions": columns_to_json(binning.predictions),
        },
        "reference": {
            "rows": reference.rows,
            "features": columns_to_json(reference.features),
            "predictions": columns_to_json(reference.predictions),
        },
    }
