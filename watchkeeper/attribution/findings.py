"""What the attribution monitor found in one window, typed: stored as JSON, told in messages, drawn in reports."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from enum import StrEnum

from watchkeeper import jsonio
from watchkeeper.errors import ExplanationError

FORMAT = 1


class Verdict(StrEnum):
    """What a look came to."""

    NO_DRIFT = "no drift"
    DRIFT = "drift"
    SHIFTED = "shifted"
    """The ranking scores well still, but some feature's share changed, by evidence and by size."""
    INSUFFICIENT_DATA = "insufficient data"


@dataclass(frozen=True)
class Move:
    """One feature's part in the window, beside the baseline.

    Attributes
    ----------
    before, after : its share of the sum of all mean |contributions|
    p_value, corrected_p : that the share changed; corrected over all features (Bonferroni)
    moved : evidence for a change, and a change that matters
    """

    feature: str
    before: float
    after: float
    rank_before: int
    rank_after: int
    p_value: float
    corrected_p: float
    moved: bool
    summary: str


@dataclass(frozen=True)
class AttributionFindings:
    """The outcome of one look of the attribution monitor.

    Attributes
    ----------
    ndcg : of the window's ranking against the baseline's; 1 for the same order
    low, high : its interval
    limit : drift when below it, by more than chance
    p_value : that it is not below the limit: evidence when below alpha
    moves : the features whose shares changed most, most first
    """

    verdict: Verdict
    ndcg: float
    low: float
    high: float
    limit: float
    p_value: float
    alpha: float
    rows: int
    baseline_rows: int
    unexplained: int
    moves: tuple[Move, ...]
    summary: str

    @property
    def moved(self) -> tuple[Move, ...]:
        """The features whose shares changed, by evidence and by size."""
        return tuple(move for move in self.moves if move.moved)

    def to_json(self) -> bytes:
        """JSON bytes."""
        return jsonio.dumps({"format": FORMAT, **asdict(self)})

    @classmethod
    def from_json(cls, text: bytes) -> AttributionFindings:
        """Read what `to_json` wrote.

        Raises
        ------
        ExplanationError
            The text is no findings of this format.
        """
        try:
            document = jsonio.loads(text)
            if document.pop("format") != FORMAT:
                raise ValueError(f"its format is not {FORMAT}")
            document["verdict"] = Verdict(document["verdict"])
            document["moves"] = tuple(Move(**move) for move in document["moves"])
            return cls(**document)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise ExplanationError(
                f"The text is no outcome of the attribution monitor ({error!r}): it is written anew at its next look."
            ) from error
