"""Where a version comes from: the run that trained or judged it, its data, and how it did against the one before.

Kept beside the version's baseline, for a run's own files expire.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from watchkeeper import jsonio
from watchkeeper.errors import BaselineError
from watchkeeper.gates import Judgement
from watchkeeper.trainingset import Manifest

FORMAT = 1


@dataclass(frozen=True)
class Lineage:
    """Of one version.

    Attributes
    ----------
    run : the name of the run
    data : where its data were (an `s3://` prefix)
    created : when its baseline was built
    gate : what the gates found when they let it replace the version before; None of a first version
    """

    version: str
    run: str
    data: str
    created: datetime
    manifest: Manifest
    gate: Judgement | None = None

    def to_json(self) -> bytes:
        """JSON bytes."""
        return jsonio.dumps(
            {
                "format": FORMAT,
                "version": self.version,
                "run": self.run,
                "data": self.data,
                "created": self.created.isoformat(),
                "manifest": jsonio.loads(self.manifest.to_json()),
                "gate": None if self.gate is None else jsonio.loads(self.gate.to_json()),
            }
        )

    @classmethod
    def from_json(cls, text: bytes) -> Lineage:
        """Read what `to_json` wrote.

        Raises
        ------
        BaselineError
            The text is no lineage of this format.
        """
        try:
            document = jsonio.loads(text)
            if document["format"] != FORMAT:
                raise ValueError(f"its format is not {FORMAT}")
            gate = document["gate"]
            return cls(
                version=document["version"],
                run=document["run"],
                data=document["data"],
                created=datetime.fromisoformat(document["created"]),
                manifest=Manifest.from_json(jsonio.dumps(document["manifest"])),
                gate=None if gate is None else Judgement.from_json(jsonio.dumps(gate)),
            )
        except (ValueError, KeyError, TypeError) as error:
            raise BaselineError(
                f"The text is no record of where a version comes from ({error!r}): build its baseline again."
            ) from error
