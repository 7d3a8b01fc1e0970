"""What a version's labelled baseline rows say: the bins of its outcomes, and the outcomes to compare with."""

from __future__ import annotations

from dataclasses import dataclass

from watchkeeper import jsonio
from watchkeeper.errors import ProfileError
from watchkeeper.outcomes.binning import OutcomeBinning
from watchkeeper.outcomes.outcomes import Outcomes

FORMAT = 1


@dataclass(frozen=True)
class OutcomeBaseline:
    """Of one version.

    Attributes
    ----------
    outcomes : of the rows that the version was judged on
    """

    version: str
    outcomes: Outcomes

    @property
    def binning(self) -> OutcomeBinning:
        """The bins that the version's windows are counted over."""
        return self.outcomes.binning

    def to_json(self) -> bytes:
        """JSON bytes."""
        document = {"format": FORMAT, "version": self.version, "binning": jsonio.loads(self.binning.to_json())}
        return jsonio.dumps({**document, "outcomes": jsonio.loads(self.outcomes.to_json())})

    @classmethod
    def from_json(cls, text: bytes) -> OutcomeBaseline:
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
            binning = OutcomeBinning.from_json(jsonio.dumps(document["binning"]))
            return cls(document["version"], Outcomes.from_json(jsonio.dumps(document["outcomes"]), binning))
        except (ValueError, KeyError, TypeError) as error:
            raise ProfileError(
                f"The text is no baseline of outcomes ({error!r}): start the model's onboarding or retraining."
            ) from error
