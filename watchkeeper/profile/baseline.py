"""A version's baseline: the bins, and the profile of the data that healthy traffic looks like."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from watchkeeper import jsonio
from watchkeeper.errors import BaselineError, ProfileError
from watchkeeper.profile import upgrade
from watchkeeper.profile.binning import Binning
from watchkeeper.profile.captures import Filing
from watchkeeper.profile.observer import Observer, observe
from watchkeeper.profile.profile import Profile, rebased

if TYPE_CHECKING:
    from watchkeeper.capture import Block

FORMAT = 2
LEAST_ROWS = 50
"""With fewer rows the bins are noise, and no comparison has the power to see anything."""


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
        """A baseline with the id that its content gives.

        Raises
        ------
        BaselineError
            The reference has fewer than `LEAST_ROWS` rows.
        """
        if reference.rows < LEAST_ROWS:
            raise BaselineError(
                f"The baseline of {model} {version} would have {reference.rows} rows; at least {LEAST_ROWS} are "
                "needed. Give the model more training or holdout rows, and build the baseline again."
            )
        return cls._identified(model, version, created, binning, reference)

    @classmethod
    def _identified(cls, model: str, version: str, created: datetime, binning: Binning, reference: Profile) -> Baseline:
        identity = _identity(_content(model, version, created, binning, rebased(reference, "")))
        return cls(identity, model, version, created, binning, rebased(reference, identity))

    @classmethod
    def build(cls, model: str, version: str, created: datetime, binning: Binning, blocks: Iterable[Block]) -> Baseline:
        """A baseline whose reference is the rows of `blocks`.

        Raises
        ------
        BaselineError
            The blocks have fewer than `LEAST_ROWS` rows.
        """
        observer = Observer(binning, "", reference=True)
        for block in blocks:
            observer.add(block)
        return cls.of(model, version, created, binning, observer.profile())

    def for_version(self, version: str) -> Baseline:
        """The same bins and reference for another version, under an id of its own."""
        return self._identified(self.model, version, self.created, self.binning, self.reference)

    def observer(self, filing: Filing | None = None) -> Observer:
        """What counts the rows of any number of blocks into one profile against this baseline.

        With a filing, also when the captures were answered and how late they came.
        """
        return Observer(self.binning, self.id, filing=filing)

    def observe(self, block: Block) -> Profile:
        """Profile the rows of a block against this baseline."""
        return observe(self.binning, block, self.id)

    def empty(self) -> Profile:
        """The profile of no rows."""
        return Profile.empty(self.binning, self.id)

    def read(self, text: bytes) -> Profile:
        """Read a profile that was made against this baseline.

        Raises
        ------
        ProfileError
            The text is no profile, or one against another baseline.
        """
        profile = Profile.from_json(text, self.binning)
        if profile.baseline != self.id:
            raise ProfileError(
                f"The profile was made against baseline {profile.baseline!r}, not {self.id!r}: their bins differ. Read "
                "a profile with its own baseline."
            )
        return profile

    def to_json(self) -> bytes:
        """JSON bytes."""
        content = _content(self.model, self.version, self.created, self.binning, rebased(self.reference, ""))
        return jsonio.dumps({"id": self.id, "hash": _identity(content), **content})

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
            if document["format"] == upgrade.FORMAT:
                return cls._upgraded(document)
            if document["format"] != FORMAT:
                raise BaselineError(
                    f"The baseline has format {document['format']!r}, but this version reads 1 and {FORMAT}: build it "
                    "again by starting the model's onboarding or retraining."
                )
            return cls._read(document)
        except (ValueError, KeyError, TypeError, AttributeError, ProfileError) as error:
            raise BaselineError(
                f"The text is not a baseline ({error!r}): build it again by starting the model's onboarding."
            ) from error

    @classmethod
    def _read(cls, document: dict[str, Any]) -> Baseline:
        identity = document.pop("id")
        _check(document.pop("hash"), document)
        binning = Binning.from_json(document["binning"])
        return cls._restored(identity, document, binning, Profile.from_document(document["reference"], binning))

    @classmethod
    def _upgraded(cls, document: dict[str, Any]) -> Baseline:
        """A baseline of format 1; it keeps its id, for the profiles made against it name that."""
        identity = document.pop("id")
        _check(identity, document)
        parts = {name: upgrade.binnings(columns) for name, columns in document["binning"].items()}
        binning = Binning(parts["features"], parts["predictions"])
        reference = {"format": upgrade.FORMAT, "baseline": "", "unreadable": 0, **document["reference"]}
        return cls._restored(identity, document, binning, Profile.from_document(reference, binning))

    @classmethod
    def _restored(cls, identity: str, document: dict[str, Any], binning: Binning, reference: Profile) -> Baseline:
        created = datetime.fromisoformat(document["created"])
        return cls(identity, document["model"], document["version"], created, binning, rebased(reference, identity))


def _content(model: str, version: str, created: datetime, binning: Binning, reference: Profile) -> dict[str, Any]:
    return {
        "format": FORMAT,
        "model": model,
        "version": version,
        "created": created.isoformat(),
        "binning": binning.to_json(),
        "reference": reference.to_document(),
    }


def _check(kept: str, content: dict[str, Any]) -> None:
    """Refuse a content that is not what the hash was taken of."""
    found = _identity(content)
    if found != kept:
        raise BaselineError(
            f"The baseline's hash is {kept!r}, but its content has {found!r}: it was changed after it was made. Build "
            "it again by starting the model's onboarding."
        )


def _identity(content: dict[str, Any]) -> str:
    return hashlib.sha256(jsonio.dumps(content)).hexdigest()[:16]
