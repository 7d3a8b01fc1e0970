"""What a version's labelled baseline rows say of groups: how they divide, counts to compare with, and fliptests."""

from __future__ import annotations

from dataclasses import dataclass, replace

from watchkeeper import jsonio
from watchkeeper.bias.binning import GroupBinning
from watchkeeper.bias.counts import GroupCounts
from watchkeeper.bias.flips import Flips
from watchkeeper.bias.result import BiasFindings
from watchkeeper.bias.settings import BiasSettings
from watchkeeper.errors import ProfileError

FORMAT = 1
NO_FLIPS = "There is no fliptest: {version} was judged before there were any. The next version gets its own."


@dataclass(frozen=True)
class GroupBaseline:
    """Of one version.

    Attributes
    ----------
    counts : of the rows that the version was judged on
    flips : the fliptests of these; None of a version that was judged before they were made
    """

    version: str
    counts: GroupCounts
    flips: Flips | None = None

    @property
    def binning(self) -> GroupBinning:
        """The groups that the version's windows are counted over."""
        return self.counts.binning

    def beside(self, findings: BiasFindings, settings: BiasSettings) -> BiasFindings:
        """What was found in counts of the version, and after each comparison the version's fliptest of it."""
        if self.flips is None:
            return replace(findings, notices=(*findings.notices, NO_FLIPS.format(version=self.version)))
        found = (*findings.measurements, *self.flips.measurements(self.binning, self.version, settings))
        places = {name: place for place, name in enumerate(dict.fromkeys(each.comparison for each in found))}
        return replace(findings, measurements=tuple(sorted(found, key=lambda each: places[each.comparison])))

    def to_json(self) -> bytes:
        """JSON bytes."""
        document = {"format": FORMAT, "version": self.version, "binning": self.binning.to_json()}
        flips = {} if self.flips is None else {"flips": self.flips.to_document()}
        return jsonio.dumps({**document, "counts": self.counts.to_document(), **flips})

    @classmethod
    def from_json(cls, text: bytes) -> GroupBaseline:
        """Read what `to_json` wrote.

        Raises
        ------
        ProfileError
            The text is no such baseline.
        """
        try:
            document = jsonio.loads(text)
            if document["format"] != FORMAT:
                raise ValueError(f"its format is {document['format']!r}, not {FORMAT}")
            binning = GroupBinning.from_json(document["binning"])
            counts = GroupCounts.from_json(jsonio.dumps(document["counts"]), binning)
            flips = Flips.from_document(document["flips"]) if "flips" in document else None
            return cls(document["version"], counts, flips)
        except (ValueError, KeyError, TypeError) as error:
            raise ProfileError(
                f"The text is no baseline of groups ({error!r}): start the model's onboarding or retraining."
            ) from error
