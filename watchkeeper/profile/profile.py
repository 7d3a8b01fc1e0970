"""The profile of some rows of one model: what every window, whatever its length, is reduced to.

A profile is one vector of integers (see `layout`), the extremes of its columns, and the new names of its categories.
Merging adds the vectors, so it is associative and commutative to the last bit, and the profile of no rows changes
nothing. Columns are looked at through views made on demand.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from watchkeeper import jsonio
from watchkeeper.errors import ProfileError
from watchkeeper.profile import captures, codec, names, upgrade
from watchkeeper.profile.binning import Binning
from watchkeeper.profile.captures import CaptureProfile
from watchkeeper.profile.column import ColumnProfile
from watchkeeper.profile.layout import ROWS, UNREADABLE, Floats, Integers, Layout, Tally, no_extremes

if TYPE_CHECKING:
    from watchkeeper.profile.joint import JointProfile

FORMAT = 3
"""Number of the JSON format below; `upgrade` reads the first."""
_WITHOUT_CAPTURES = 2
"""The format that had no account of the captures, and was the same otherwise."""
SAFE_ROWS = 1 << 35
"""So many rows (34 billion) cannot overflow an int64, whatever they are; of more, every sum is looked at."""


@dataclass(frozen=True, eq=False)
class Profile:
    """A mergeable summary of rows.

    Attributes
    ----------
    baseline : id of the baseline whose bins the counts are over
    binning : those bins
    vector : everything that adds up, int64, laid out by `binning.layout`
    extremes : least and greatest value of each column, float64 of shape (columns, 2)
    names : rows of the new categories kept by name, of each column, and then the accounts of the captures
    """

    baseline: str
    binning: Binning
    vector: Integers
    extremes: Floats
    names: tuple[dict[str, int], ...]

    @classmethod
    def empty(cls, binning: Binning, baseline: str, *, reference: bool = False) -> Profile:
        """The profile of no rows, the identity of merging; with `reference`, of the kind that only a baseline holds."""
        layout = binning.reference_layout if reference else binning.layout
        columns = len(binning.columns)
        names: tuple[dict[str, int], ...] = tuple({} for _ in range(columns + captures.ACCOUNTS))
        return cls(baseline, binning, np.zeros(layout.size, np.int64), no_extremes(columns), names)

    @property
    def rows(self) -> int:
        """Rows observed."""
        return int(self.vector[ROWS])

    @property
    def unreadable(self) -> int:
        """Records that could not be read."""
        return int(self.vector[UNREADABLE])

    @property
    def is_reference(self) -> bool:
        """Whether it is of the kind that only a baseline holds, with fourth-order sums."""
        return self.binning.joint is not None and len(self.vector) != self.binning.layout.size

    @property
    def layout(self) -> Layout:
        """Where the vector keeps what."""
        return self.binning.reference_layout if self.is_reference else self.binning.layout

    @property
    def features(self) -> Mapping[str, ColumnProfile]:
        """A view of each feature."""
        return {name: bins.view(self.tally(place)) for place, (name, bins) in enumerate(self.binning.features.items())}

    @property
    def predictions(self) -> Mapping[str, ColumnProfile]:
        """A view of each column of predictions."""
        first = len(self.binning.features)
        return {
            name: bins.view(self.tally(place))
            for place, (name, bins) in enumerate(self.binning.predictions.items(), first)
        }

    @property
    def captures(self) -> CaptureProfile:
        """A view of what is known of the captures themselves."""
        section = self.vector[self.layout.sections[captures.SECTION]]
        return CaptureProfile(section, list(self.binning.features), *self.names[-captures.ACCOUNTS :])

    @property
    def joint(self) -> JointProfile | None:
        """A view of how columns go together."""
        joint = self.binning.joint
        return joint.view(self.joint_sections) if joint is not None else None

    @property
    def joint_sections(self) -> dict[str, Integers]:
        """The vector's sections of the joint part."""
        assert self.binning.joint is not None
        sections = self.layout.sections
        return {name: self.vector[sections[name]] for name in self.binning.joint.sections(reference=self.is_reference)}

    def tally(self, place: int) -> Tally:
        """One column's part."""
        return self.layout.tally(place, self.vector, self.extremes[place], self.names[place])

    def sealed(self) -> Profile:
        """Itself, no longer to be written."""
        self.vector.flags.writeable = self.extremes.flags.writeable = False
        return self

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, Profile)
            and self.baseline == other.baseline
            and np.array_equal(self.vector, other.vector)
            and np.array_equal(self.extremes, other.extremes)
            and self.names == other.names
        )

    __hash__ = None  # type: ignore[assignment]  # arrays have none

    def merge(self, other: Profile) -> Profile:
        """The profile of both sets of rows together: associative and commutative, to the last bit.

        Raises
        ------
        ProfileError
            The profiles were made against different baselines, or have too many rows together.
        """
        return merge_all([other], self)

    def to_document(self) -> dict[str, Any]:
        """JSON form; a name is kept under its column's place. Rows that are no captures have no account of them."""
        sections = {name: self.vector[part] for name, part in self.layout.sections.items()}
        if not sections[captures.SECTION].any():
            del sections[captures.SECTION]
        return {
            "format": FORMAT,
            "baseline": self.baseline,
            "rows": self.rows,
            "unreadable": self.unreadable,
            "sections": {name: codec.pack(values) for name, values in sections.items()},
            "extremes": codec.pack_floats(self.extremes.ravel()),
            "names": {str(place): dict(found) for place, found in enumerate(self.names) if found},
        }

    def to_json(self) -> bytes:
        """JSON bytes; equal profiles give equal bytes."""
        return jsonio.dumps(self.to_document())

    @classmethod
    def from_document(cls, document: Mapping[str, Any], binning: Binning) -> Profile:
        """Read what `to_document` wrote.

        Raises
        ------
        ProfileError
            It is no profile, one of another format, or one over other bins.
        """
        try:
            found = document["format"]
            if found == upgrade.FORMAT:
                return _read_first(document, binning)
            if found not in (_WITHOUT_CAPTURES, FORMAT):
                raise ProfileError(
                    f"The profile has format {found!r}, but this version reads 1 to {FORMAT}: deploy the version that "
                    "wrote it, or delete it and profile its captures again."
                )
            return _read(document, binning)
        except (ValueError, KeyError, TypeError, AttributeError, IndexError) as error:
            raise _no_profile(error) from error

    @classmethod
    def from_json(cls, text: bytes, binning: Binning) -> Profile:
        """Read what `to_json` wrote of a profile over these bins; `Baseline.read` also checks whose they are.

        Raises
        ------
        ProfileError
            The text is no profile, one of another format, or one over other bins.
        """
        try:
            document = jsonio.loads(text)
        except ValueError as error:
            raise _no_profile(error) from error
        return cls.from_document(document, binning)


def merge_all(profiles: Iterable[Profile], empty: Profile) -> Profile:
    """The profile of all rows together, one profile in memory at a time; `empty` when there are none.

    Raises
    ------
    ProfileError
        The profiles were made against different baselines, or have too many rows together.
    """
    vector, extremes = empty.vector.copy(), empty.extremes.copy()
    named: list[list[Mapping[str, int]]] = [[found] for found in empty.names]
    for profile in profiles:
        _check(empty, profile)
        if vector[ROWS] + profile.rows > SAFE_ROWS:
            _check_sums(vector, profile.vector)
        vector += profile.vector
        np.minimum(extremes[:, 0], profile.extremes[:, 0], out=extremes[:, 0])
        np.maximum(extremes[:, 1], profile.extremes[:, 1], out=extremes[:, 1])
        for account, found in zip(named, profile.names, strict=True):
            if found:
                account.append(found)
    return replace(
        empty, vector=vector, extremes=extremes, names=tuple(names.merged(account) for account in named)
    ).sealed()


def rebased(profile: Profile, baseline: str) -> Profile:
    """The same counts under another id of the same binning."""
    return replace(profile, baseline=baseline)


def _read_first(document: Mapping[str, Any], binning: Binning) -> Profile:
    """Build the profile of a parsed document of the first format, over upgraded bins."""
    profile = Profile.empty(binning, document["baseline"])
    profile.vector[ROWS], profile.vector[UNREADABLE] = document["rows"], document["unreadable"]
    upgrade.fill(document, binning, [profile.tally(place) for place in range(len(binning.columns))])
    return profile.sealed()


def _read(document: Mapping[str, Any], binning: Binning) -> Profile:
    """Build the profile of a parsed document of this format."""
    sections = {name: codec.unpack(packed) for name, packed in document["sections"].items()}
    sections.setdefault(captures.SECTION, np.zeros(captures.size(len(binning.features)), np.int64))
    columns = len(binning.columns)
    extremes = codec.unpack(document["extremes"]).reshape(-1, 2)
    for layout in (binning.layout, binning.reference_layout):
        if {name: len(values) for name, values in sections.items()} == layout.lengths and len(extremes) == columns:
            vector = np.concatenate(
                [np.array([document["rows"], document["unreadable"]]), *(sections[name] for name in layout.sections)]
            )
            names = tuple(document["names"].get(str(place), {}) for place in range(columns + captures.ACCOUNTS))
            return Profile(document["baseline"], binning, vector, extremes, names).sealed()
    raise ProfileError(
        f"The profile against baseline {document['baseline']!r} has other columns or bins than the ones it is read "
        "with: it belongs to another baseline. Read a profile with its own baseline."
    )


def _check(first: Profile, second: Profile) -> None:
    """Refuse what cannot be merged."""
    if first.baseline != second.baseline:
        raise ProfileError(
            f"A profile against baseline {second.baseline!r} cannot be merged with one against {first.baseline!r}: "
            "their bins differ. Merge profiles of one baseline only."
        )
    if len(first.vector) != len(second.vector) or len(first.extremes) != len(second.extremes):
        raise ProfileError(
            f"Profiles of {len(first.vector)} and {len(second.vector)} numbers cannot be merged: they were made over "
            "different bins, or one is a baseline's own reference and the other a window's. Merge profiles of one kind."
        )


def _check_sums(first: Integers, second: Integers) -> None:
    """Refuse sums that an int64 cannot hold."""
    largest = float(np.max(np.abs(first.astype(np.float64) + second)))
    if largest >= 2.0**62:
        raise ProfileError(
            f"The merged profile would hold a sum of {largest:.3g}, more than 64-bit integers can be trusted with: "
            "merge a shorter window."
        )


def _no_profile(error: Exception) -> ProfileError:
    return ProfileError(
        f"The text is not a profile ({error!r}): delete the object, and its captures are profiled again when their "
        "events are sent again."
    )
