"""One look of the attribution monitor, as it is kept."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from watchkeeper import jsonio
from watchkeeper.attribution.findings import AttributionFindings, Verdict
from watchkeeper.attribution.importance import Importance
from watchkeeper.errors import ExplanationError

FORMAT = 1


@dataclass(frozen=True)
class AttributionLook:
    """What one version went by from `start` to `end`.

    Attributes
    ----------
    baseline : id of the baseline that it is compared with
    importance : of the window
    """

    model: str
    version: str
    baseline: str
    start: datetime
    end: datetime
    findings: AttributionFindings
    importance: Importance

    @property
    def drifted(self) -> bool:
        """Whether the model goes by other features than in its baseline, as a whole or of some one."""
        return self.findings.verdict in (Verdict.DRIFT, Verdict.SHIFTED)

    def to_json(self) -> bytes:
        """JSON bytes."""
        return jsonio.dumps(
            {
                "format": FORMAT,
                "model": self.model,
                "version": self.version,
                "baseline": self.baseline,
                "start": self.start.isoformat(),
                "end": self.end.isoformat(),
                "findings": jsonio.loads(self.findings.to_json()),
                "importance": jsonio.loads(self.importance.to_json()),
            }
        )

    @classmethod
    def from_json(cls, text: bytes) -> AttributionLook:
        """Read what `to_json` wrote.

        Raises
        ------
        ExplanationError
            The text is no look of this format.
        """
        try:
            document = jsonio.loads(text)
            if document["format"] != FORMAT:
                raise ValueError(f"its format is not {FORMAT}")
            return cls(
                document["model"],
                document["version"],
                document["baseline"],
                datetime.fromisoformat(document["start"]),
                datetime.fromisoformat(document["end"]),
                AttributionFindings.from_json(jsonio.dumps(document["findings"])),
                Importance.from_json(jsonio.dumps(document["importance"])),
            )
        except (ValueError, KeyError, TypeError) as error:
            raise ExplanationError(
                f"The text is no look of the attribution monitor ({error!r}): it is written anew at its next one."
            ) from error
