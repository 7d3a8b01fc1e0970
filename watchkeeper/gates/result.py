"""What gates find: each one's verdict with its reason, and all of them together."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from enum import StrEnum

from watchkeeper import jsonio
from watchkeeper.errors import DatasetError

FORMAT = 1


class Status(StrEnum):
    """Whether a candidate may pass."""

    PASSED = "passed"
    FAILED = "failed"
    NOT_APPLICABLE = "not applicable"


@dataclass(frozen=True)
class GateResult:
    """One gate's verdict.

    Attributes
    ----------
    gate : its name, as the model's file has it
    reason : a sentence with the figures
    champion, challenger : what was measured of each; None where the gate is of more than one figure
    low, high : one-sided confidence bounds of how much better the challenger is
    """

    gate: str
    status: Status
    reason: str
    champion: float | None = None
    challenger: float | None = None
    low: float | None = None
    high: float | None = None

    @classmethod
    def not_applicable(cls, gate: str, reason: str) -> GateResult:
        """Of a gate that has nothing to look at."""
        return cls(gate, Status.NOT_APPLICABLE, reason)


@dataclass(frozen=True)
class Judgement:
    """All gates of one candidate; the first is that of the metric that the model's file names.

    Attributes
    ----------
    metric : that metric
    rows : labelled rows that both models answered
    """

    metric: str
    rows: int
    gates: tuple[GateResult, ...]

    @property
    def passed(self) -> bool:
        """Whether no gate is against the candidate."""
        return not self.failed

    @property
    def failed(self) -> tuple[GateResult, ...]:
        """The gates that are against it."""
        return tuple(each for each in self.gates if each.status is Status.FAILED)

    @property
    def reason(self) -> str:
        """Why it may not pass, or what is better."""
        against = "; ".join(f"{each.gate}: {each.reason}" for each in self.failed)
        return against or self.gates[0].reason

    @property
    def lines(self) -> tuple[str, ...]:
        """The gates as lines of text."""
        return tuple(f"{each.gate}: {each.status}. {each.reason}" for each in self.gates)

    def to_json(self) -> bytes:
        """JSON bytes."""
        return jsonio.dumps({"format": FORMAT, "passed": self.passed, "reason": self.reason, **asdict(self)})

    @classmethod
    def from_json(cls, text: bytes) -> Judgement:
        """Read what `to_json` wrote.

        Raises
        ------
        DatasetError
            The text is no judgement of this format.
        """
        try:
            document = jsonio.loads(text)
            if document["format"] != FORMAT:
                raise ValueError(f"its format is not {FORMAT}")
            gates = tuple(GateResult(**{**each, "status": Status(each["status"])}) for each in document["gates"])
            return cls(document["metric"], document["rows"], gates)
        except (ValueError, KeyError, TypeError) as error:
            raise DatasetError(f"The gates' verdicts cannot be read ({error!r}): run the retraining again.") from error
