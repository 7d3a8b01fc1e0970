"""One prediction explained: what it would be without knowing the row, and what each of its values adds to that.

`explanation` puts the attributions of a plan of one row beside the row's values. Values of personal fields are not
told, only what they contributed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np

from watchkeeper import jsonio
from watchkeeper.attribution.attributed import Attributions, Scale, probabilities
from watchkeeper.cells import parse_text
from watchkeeper.errors import ExplanationError
from watchkeeper.spec import AttributionMethod, Feature

FORMAT = 1
_BAR = 20
_LONGEST = 24
_DIGITS = 1e-4
"""Answers are written with few digits; one further off than that is another answer."""
PERSONAL = "(personal)"


@dataclass(frozen=True)
class Contribution:
    """One feature's part.

    Attributes
    ----------
    value : as the request had it, in text; None when the request had none
    contribution, error : what the value added to the prediction, and its standard error
    """

    feature: str
    value: str | None
    contribution: float
    error: float


@dataclass(frozen=True)
class Explanation:
    """A prediction = base + the sum of all contributions + what is left, which is rounding alone.

    Attributes
    ----------
    id : of the prediction
    base : mean prediction of the background rows that it was compared with
    contributions : of all features, the largest first
    answered : what the model answered when it was asked, as captured; None when unknown
    requests : rows asked to find this out
    method : how it was found out
    because : why it was sampled though exact values were wanted
    """

    id: str
    scale: Scale
    prediction: float
    base: float
    contributions: tuple[Contribution, ...]
    answered: float | None = None
    requests: int = 0
    method: AttributionMethod = AttributionMethod.SAMPLING
    because: str = ""

    @property
    def answer(self) -> float:
        """The prediction as the model answers it, whatever the scale of the contributions."""
        if self.scale is Scale.LOG_ODDS:
            return float(probabilities(np.array(self.prediction)))
        return self.prediction

    @property
    def left(self) -> float:
        """What contributions do not account for."""
        return self.prediction - self.base - sum(each.contribution for each in self.contributions)

    def to_json(self) -> bytes:
        """JSON bytes."""
        return jsonio.dumps({"format": FORMAT, **asdict(self), "left": self.left})

    @classmethod
    def from_json(cls, text: bytes) -> Explanation:
        """Read what `to_json` wrote.

        Raises
        ------
        ExplanationError
            The text is no explanation of this format.
        """
        try:
            document = jsonio.loads(text)
            if document.pop("format") != FORMAT:
                raise ValueError(f"its format is not {FORMAT}")
            del document["left"]
            document["scale"] = Scale(document["scale"])
            document["method"] = AttributionMethod(document.get("method", AttributionMethod.SAMPLING))
            document["contributions"] = tuple(Contribution(**each) for each in document["contributions"])
            return cls(**document)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise ExplanationError(f"The text is no explanation ({error!r}): explain the prediction anew.") from error


def explanation(
    identity: str,
    features: Sequence[Feature],
    row: Sequence[object],
    found: Attributions,
    *,
    answered: float | None = None,
    requests: int = 0,
    because: str = "",
) -> Explanation:
    """The explanation of the one row that `found` is of.

    Raises
    ------
    ExplanationError
        The model gave too few answers, or `found` is not of one row of these features.
    """
    names = tuple(feature.name for feature in features)
    if found.features != names or found.values.shape != (1, len(row)):
        raise ExplanationError(
            f"Contributions of shape {found.values.shape} are not those of one row of {len(names)} features: explain "
            "one prediction at a time."
        )
    if not found.explained[0]:
        raise ExplanationError(
            f"The model gave no finite answer to {found.unanswered} of the rows it was asked, so that prediction "
            f"{identity!r} cannot be explained: see its log for what it refused."
        )
    contributions = [
        Contribution(feature.name, _told(feature, value), float(part), float(error))
        for feature, value, part, error in zip(features, row, found.values[0], found.errors[0], strict=True)
    ]
    contributions.sort(key=lambda each: -abs(each.contribution))
    return Explanation(
        id=identity,
        scale=found.scale,
        prediction=float(found.predictions[0]),
        base=float(found.base[0]),
        contributions=tuple(contributions),
        answered=answered,
        requests=requests,
        method=found.method,
        because=because,
    )


def bars(told: Explanation, most: int = 12) -> list[tuple[str, str, str, str, str]]:
    """Feature, value, contribution, standard error and a bar of each of the largest contributions; then of the rest.

    A terminal's table: bars to the right raise the prediction, bars to the left lower it.
    """
    shown, rest = told.contributions[:most], told.contributions[most:]
    lines = [(each.feature, each.value, each.contribution, _error(each)) for each in shown]
    if rest:
        lines.append((f"{len(rest)} others", "", sum(each.contribution for each in rest), ""))
    longest = max((abs(part) for _, _, part, _ in lines), default=0.0) or 1.0
    return [
        (name, "missing" if value is None else value, f"{part:+.3g}", error, _bar(part / longest))
        for name, value, part, error in lines
    ]


def text(told: Explanation, most: int = 12) -> str:
    """The explanation as lines of plain text."""
    rows = bars(told, most)
    widths = [max((len(row[column]) for row in rows), default=0) for column in range(4)]
    answer = f"{told.answer:.4g}, in log odds " if told.scale is Scale.LOG_ODDS else ""
    how = f"{told.scale}, exact" if told.method is AttributionMethod.EXACT else told.scale
    lines = [f"prediction {answer}{told.prediction:.4g} = {told.base:.4g} on average, and what this row adds ({how}):"]
    for name, value, part, error, bar in rows:
        cells = f"{name:<{widths[0]}}  {value:<{widths[1]}}  {part:>{widths[2]}}  {error:<{widths[3]}}"
        lines.append(f"  {cells}  {bar}".rstrip())
    if told.because:
        lines.append(f"Sampled, because {told.because}")
    if told.answered is not None and abs(told.answered - told.answer) > _DIGITS * max(1.0, abs(told.answer)):
        lines.append(
            f"It was answered {told.answered:.4g} when served: another version answers now, or the model is random."
        )
    return "\n".join(lines)


def _told(feature: Feature, value: object) -> str | None:
    if feature.personal:
        return PERSONAL
    try:
        words = parse_text(value)
    except ValueError:
        words = str(value)  # nested
    if words is None:
        return None
    return words if len(words) <= _LONGEST else words[: _LONGEST - 1] + "…"


def _error(each: Contribution) -> str:
    rounding = 1e-9 * abs(each.contribution)
    return f"± {each.error if each.error > rounding else 0:.2g}"


def _bar(part: float) -> str:
    """A bar to the left or right of a middle line, of up to `_BAR` / 2 signs a side."""
    half = _BAR // 2
    length = round(abs(part) * half)
    return ("█" * length).rjust(half) + "│" if part < 0 else " " * half + "│" + "█" * length
