"""Performance: every metric of some rows, as it is stored, compared and shown."""

from __future__ import annotations

from dataclasses import dataclass

from watchkeeper import jsonio
from watchkeeper.errors import ProfileError
from watchkeeper.performance.metric import Metric, Name
from watchkeeper.spec import Task

FORMAT = 1


@dataclass(frozen=True)
class Confusion:
    """Rows by label and prediction.

    Attributes
    ----------
    classes : the names of rows and columns
    counts : one tuple for each label, in the order of `classes`
    """

    classes: tuple[str, ...]
    counts: tuple[tuple[int, ...], ...]


@dataclass(frozen=True)
class ErrorQuantiles:
    """Quantiles of the errors of a regression, predicted less true, by the share of rows below them."""

    shares: tuple[float, ...]
    values: tuple[float, ...]


@dataclass(frozen=True)
class Performance:
    """How good predictions were.

    Attributes
    ----------
    rows, labelled : predictions, and those of them with a label
    notes : what the numbers leave out, in words
    """

    task: Task
    rows: int
    labelled: int
    metrics: tuple[Metric, ...]
    confusion: Confusion | None = None
    errors: ErrorQuantiles | None = None
    notes: tuple[str, ...] = ()

    @property
    def coverage(self) -> float | None:
        """Share of the predictions with a label."""
        return self.labelled / self.rows if self.rows else None

    def __getitem__(self, name: Name | str) -> Metric:
        """The metric of that name.

        Raises
        ------
        KeyError
            The task has no such metric.
        """
        return {each.name: each for each in self.metrics}[Name(name)]

    def to_json(self) -> bytes:
        """JSON bytes."""
        return jsonio.dumps(
            {
                "format": FORMAT,
                "task": self.task,
                "rows": self.rows,
                "labelled": self.labelled,
                "metrics": [each.to_document() for each in self.metrics],
                "confusion": self.confusion and {"classes": self.confusion.classes, "counts": self.confusion.counts},
                "errors": self.errors and {"shares": self.errors.shares, "values": self.errors.values},
                "notes": self.notes,
            }
        )

    @classmethod
    def from_json(cls, text: bytes) -> Performance:
        """Read what `to_json` wrote.

        Raises
        ------
        ProfileError
            The text is no performance of this format.
        """
        try:
            document = jsonio.loads(text)
            if document["format"] != FORMAT:
                raise ValueError(f"its format is not {FORMAT}")
            confusion, errors = document["confusion"], document["errors"]
            return cls(
                task=Task(document["task"]),
                rows=document["rows"],
                labelled=document["labelled"],
                metrics=tuple(Metric.from_document(each) for each in document["metrics"]),
                confusion=confusion
                and Confusion(tuple(confusion["classes"]), tuple(tuple(row) for row in confusion["counts"])),
                errors=errors and ErrorQuantiles(tuple(errors["shares"]), tuple(errors["values"])),
                notes=tuple(document["notes"]),
            )
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise ProfileError(
                f"The text is no performance ({error!r}): it is written anew at the monitor's next look."
            ) from error
