"""Recorded requests with the answers that a version gave: does what serves now still answer so?

A batch transform recorded them when the version was judged. A version that a person registered has none of its own; for
it, only requests are kept, and any readable answer will do.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from watchkeeper import jsonio
from watchkeeper.capture.prediction import Prediction
from watchkeeper.errors import RolloutError, WatchkeeperError
from watchkeeper.holdout import read_answers
from watchkeeper.spec import ModelSpec

TOLERANCE = 1e-3
"""Relative difference of a score that another processor may make; a wrong model differs by far more."""


@dataclass(frozen=True)
class Request:
    """One request, of one row."""

    content_type: str
    body: str


@dataclass(frozen=True)
class Verification:
    """Requests, and the answer to each; no answers where none were recorded."""

    requests: tuple[Request, ...]
    answers: tuple[str, ...] = ()

    def without_answers(self) -> Verification:
        """The same requests, for another model to answer."""
        return replace(self, answers=())

    def to_json(self) -> bytes:
        """JSON bytes."""
        requests = [{"content_type": request.content_type, "body": request.body} for request in self.requests]
        return jsonio.dumps({"requests": requests, "responses": list(self.answers)})

    @classmethod
    def from_json(cls, text: bytes) -> Verification:
        """Read what `to_json`, or the job that builds baselines, wrote.

        Raises
        ------
        RolloutError
            The text is no such record.
        """
        try:
            document = jsonio.loads(text)
            requests = tuple(Request(item["content_type"], item["body"]) for item in document["requests"])
            answers = tuple(str(answer) for answer in document["responses"])
        except (ValueError, KeyError, TypeError) as error:
            raise RolloutError(
                f"The recorded answers cannot be read ({error!r}): build the version's baseline again."
            ) from error
        if answers and len(answers) != len(requests):
            raise RolloutError(
                f"{len(requests)} recorded requests have {len(answers)} answers: build the version's baseline again."
            )
        return cls(requests, answers)


def disagreement(spec: ModelSpec, recorded: Verification, answers: Sequence[str]) -> str | None:
    """Why the answers are not those of the recorded version, or None when they are."""
    differing = 0
    for place, answer in enumerate(answers):
        try:
            (now,) = read_answers(spec, [answer], 1)
        except WatchkeeperError as error:
            return f"the answer to request {place + 1} cannot be read: {error}"
        if recorded.answers:
            (before,) = read_answers(spec, [recorded.answers[place]], 1)
            differing += not _alike(before, now)
    if differing:
        return f"{differing} of {len(answers)} answers differ from those that the version gave when it was judged"
    return None


def _alike(before: Prediction, now: Prediction) -> bool:
    scores_alike = (
        math.isnan(now.score)
        if math.isnan(before.score)
        else math.isclose(before.score, now.score, rel_tol=TOLERANCE, abs_tol=TOLERANCE / 10)
    )
    return before.label == now.label and scores_alike
