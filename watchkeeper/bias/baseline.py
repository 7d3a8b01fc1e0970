"""What a version's labelled baseline rows say of groups: how rows are grouped, and the counts to compare with."""

from __future__ import annotations

from dataclasses import dataclass

from watchkeeper import jsonio
from watchkeeper.bias.binning import GroupBinning
from watchkeeper.bias.counts import GroupCounts
from watchkeeper.errors import ProfileError

FORMAT = 1


@dataclass(frozen=True)
class GroupBaseline:
    """Of one version.

    Attributes
    ----------
    counts : of the rows that the version was judged on
    """

    version: str
    counts: GroupCounts

    @property
    def binning(self) -> GroupBinning:
        """The groups that the version's windows are counted over."""
        return self.counts.binning

    def to_json(self) -> bytes:
        """JSON bytes."""
        document = {"format": FORMAT, "version": self.version, "binning": self.binning.to_json()}
        return jsonio.dumps({**document, "counts": self.counts.to_document()})

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
            return cls(document["version"], GroupCounts.from_json(jsonio.dumps(document["counts"]), binning))
        except (ValueError, KeyError, TypeError) as error:
            raise ProfileError(
                f"The text is no baseline of groups ({error!r}): start the model's onboarding or retraining."
            ) from error
