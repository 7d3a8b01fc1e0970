"""What a job that explains exactly came to, as it hands it over: contributions, or why there are none.

The job runs the user's code, so what it hands over is read with care: it must be of the rows and features asked for.
"""

from __future__ import annotations

import gzip
import io
import tarfile
import zlib
from dataclasses import dataclass

import numpy as np

from watchkeeper import jsonio
from watchkeeper.attribution.attributed import Attributions, Scale
from watchkeeper.errors import ExplanationError
from watchkeeper.spec import AttributionMethod

FORMAT = 1
FILE = "outcome.json"
"""Its name in what the job leaves."""
LONGEST_REASON = 600
LARGEST = 64 * 2**20
"""Bytes of what the job leaves that are read: some ten times what is ever written."""


@dataclass(frozen=True)
class ExactOutcome:
    """Either `found`, or why the model is not explained exactly."""

    found: Attributions | None = None
    refused: str = ""

    def to_json(self) -> bytes:
        """JSON bytes."""
        if self.found is None:
            return jsonio.dumps({"format": FORMAT, "refused": self.refused[:LONGEST_REASON]})
        return jsonio.dumps(
            {
                "format": FORMAT,
                "features": self.found.features,
                "scale": self.found.scale,
                "values": self.found.values.tolist(),
                "base": self.found.base.tolist(),
                "predictions": self.found.predictions.tolist(),
            }
        )

    @classmethod
    def from_archive(cls, archive: bytes, features: tuple[str, ...], rows: int) -> ExactOutcome:
        """Read what the job left: a `.tar.gz` with the outcome's file.

        Raises
        ------
        ExplanationError
            It is none, is too large, or holds no such outcome.
        """
        try:
            with gzip.GzipFile(fileobj=io.BytesIO(archive)) as packed:
                content = packed.read(LARGEST + 1)
            if len(content) > LARGEST:
                raise ValueError(f"it holds more than {LARGEST:,} bytes")
            with tarfile.open(fileobj=io.BytesIO(content), mode="r:") as files:
                file = files.extractfile(FILE)
                if file is None:
                    raise ValueError(f"{FILE} is no file")
                text = file.read()
        except (OSError, EOFError, zlib.error, tarfile.TarError, KeyError, ValueError) as error:
            raise _unreadable(error) from error
        return cls.from_json(text, features, rows)

    @classmethod
    def from_json(cls, text: bytes, features: tuple[str, ...], rows: int) -> ExactOutcome:
        """Read what `to_json` wrote, of so many rows of these features.

        Raises
        ------
        ExplanationError
            The text is no such outcome.
        """
        try:
            document = jsonio.loads(text)
            if document["format"] != FORMAT:
                raise ValueError(f"its format is not {FORMAT}")
            if "refused" in document:
                if not (reason := str(document["refused"])[:LONGEST_REASON].strip()):
                    raise ValueError("it refuses without a reason")
                return cls(refused=reason)
            if tuple(document["features"]) != features:
                raise ValueError("it is of other features")
            shapes = {"values": (rows, len(features)), "base": (rows,), "predictions": (rows,)}
            numbers = {name: np.array(document[name], np.float64) for name in shapes}
            for name, shape in shapes.items():
                if numbers[name].shape != shape or not np.isfinite(numbers[name]).all():
                    raise ValueError(f"its {name} are not {shape} finite numbers")
            scale = Scale(document["scale"])
        except (ValueError, KeyError, TypeError, OverflowError) as error:
            raise _unreadable(error) from error
        found = Attributions(
            features=features,
            values=numbers["values"],
            errors=np.zeros((rows, len(features))),
            base=numbers["base"],
            predictions=numbers["predictions"],
            scale=scale,
            method=AttributionMethod.EXACT,
        )
        return cls(found=found)


def _unreadable(error: Exception) -> ExplanationError:
    return ExplanationError(
        f"The job that explains exactly left no outcome that can be read ({error!r}): see its log, and what explain_fn "
        "returns."
    )
