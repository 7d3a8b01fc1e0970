"""What a model is asked, and to find out what: the rows to explain and those to compare them with.

A question is kept while a batch transform answers it; the plan follows from it, and is made anew when the answers are
there. Personal fields reach the model as they were captured. They are part of no comparison: every row that is asked
for the sake of an explained row has that row's own, and nothing is credited to them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from watchkeeper import jsonio
from watchkeeper.attribution.shapley import Plan, PlanSettings, Row, plan, rows_within
from watchkeeper.errors import ExplanationError
from watchkeeper.requests import read_lines, request_lines
from watchkeeper.spec import AttributionMethod, ModelSpec

FORMAT = 1
PAIRS_OF_MANY = 4
"""Pairs of walks for each of many rows: what a model goes by as a whole is a mean over them."""
PAIRS_OF_ONE = 64
BACKGROUND_ROWS = 200
EXACT_ROWS = 1_000
EXACT_VALUES = 200_000
"""Contributions that a job tells at most, unless a model of very many features has them in few rows: 4 MB."""


class Purpose(StrEnum):
    """What an answer is for."""

    BASELINE = "baseline"
    """What the version goes by on the rows that it was judged on."""
    WINDOW = "window"
    EXPLANATION = "explanation"


@dataclass(frozen=True)
class RequestSample:
    """Some of the requests that a version was judged on, evenly spread: lines in the model's own input format.

    Attributes
    ----------
    baseline : id of the version's baseline
    """

    baseline: str
    requests: tuple[str, ...]

    def background(self, spec: ModelSpec) -> list[Row]:
        """Rows to compare others with."""
        return read_lines(spec, self.requests[::2][:BACKGROUND_ROWS])

    def explained(self, spec: ModelSpec) -> list[Row]:
        """Other rows, to explain: what the version goes by on its baseline."""
        return read_lines(spec, self.requests[1::2])

    def to_json(self) -> bytes:
        """JSON bytes."""
        return jsonio.dumps({"format": FORMAT, **asdict(self)})

    @classmethod
    def from_json(cls, text: bytes) -> RequestSample:
        """Read what `to_json` wrote.

        Raises
        ------
        ExplanationError
            The text is no sample of this format.
        """
        document = _document(text, "sample of a baseline", "build the baseline anew")
        return cls(document["baseline"], tuple(document["requests"]))


@dataclass(frozen=True)
class Question:
    """One thing to find out of one version.

    Attributes
    ----------
    baseline : id of the version's baseline
    start, end : of the window; of a baseline, and of a single prediction, when it was asked
    rows : to explain, as raw values in the order of the model's features
    answered : score of a single prediction, as captured
    method : how it is to be answered
    because : why it is sampled though exact values were wanted
    """

    purpose: Purpose
    version: str
    baseline: str
    start: datetime
    end: datetime
    rows: tuple[Row, ...]
    background: tuple[Row, ...]
    answered: float | None = None
    method: AttributionMethod = AttributionMethod.SAMPLING
    because: str = ""

    def plan(self, spec: ModelSpec) -> Plan:
        """The rows to be asked.

        Raises
        ------
        ExplanationError
            There are no rows, or they ask more than the model's file allows.
        """
        pairs = PAIRS_OF_ONE if self.purpose is Purpose.EXPLANATION else PAIRS_OF_MANY
        profiled, held = _places(spec)
        return plan(
            [spec.features[place].name for place in profiled],
            _columns(self.rows, profiled),
            _columns(self.background, profiled),
            PlanSettings(pairs=pairs, most_requests=spec.attribution.requests),
            _columns(self.rows, held) if held else (),
        )

    def requests(self, spec: ModelSpec, made: Plan) -> Iterator[str]:
        """The plan's requests as lines in the model's own input format."""
        profiled, held = _places(spec)
        order = [(*profiled, *held).index(place) for place in range(len(spec.features))]
        return request_lines(spec, ([row[place] for place in order] for row in made.requests()))

    def to_json(self) -> bytes:
        """JSON bytes."""
        times = {"start": self.start.isoformat(), "end": self.end.isoformat()}
        return jsonio.dumps({"format": FORMAT, **asdict(self), **times})

    @classmethod
    def from_json(cls, text: bytes) -> Question:
        """Read what `to_json` wrote.

        Raises
        ------
        ExplanationError
            The text is no question of this format.
        """
        document = _document(text, "question", "ask it anew")
        document["purpose"] = Purpose(document["purpose"])
        document["method"] = AttributionMethod(document.get("method", AttributionMethod.SAMPLING))
        for name in ("start", "end"):
            document[name] = datetime.fromisoformat(document[name])
        for name in ("rows", "background"):
            document[name] = tuple(document[name])
        return cls(**document)


def explained_rows(spec: ModelSpec, method: AttributionMethod = AttributionMethod.SAMPLING) -> int:
    """How many rows of a window, or of a baseline, are explained. Exact values cost next to nothing a row."""
    features = len(spec.profiled_features)
    if method is AttributionMethod.EXACT:
        return max(spec.attribution.rows, min(EXACT_ROWS, EXACT_VALUES // features))
    return min(spec.attribution.rows, rows_within(spec.attribution.requests, features, PAIRS_OF_MANY))


def _places(spec: ModelSpec) -> tuple[list[int], list[int]]:
    """Places of the features that are compared, and of those that are not."""
    places = range(len(spec.features))
    personal = [place for place in places if spec.features[place].personal]
    return [place for place in places if place not in personal], personal


def _columns(rows: Sequence[Row], places: Sequence[int]) -> list[Row]:
    return [[row[place] for place in places] for row in rows]


def _document(text: bytes, what: str, remedy: str) -> dict[str, Any]:
    try:
        document: dict[str, Any] = jsonio.loads(text)
        if document.pop("format") != FORMAT:
            raise ValueError(f"its format is not {FORMAT}")
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ExplanationError(f"The text is no {what} ({error!r}): {remedy}.") from error
    return document
