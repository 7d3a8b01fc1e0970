"""The columns of curated predictions, in files and in the table that people query.

Their names are such as Athena takes: lower case, other signs as `_`. Numbers, and the length of texts, are doubles,
categories strings, timestamps instants; what is missing is null. A feature that is new, or gone, needs nothing done to
older files: they are read by the names of columns, and what a file lacks is missing. So it is with the probability of a
class, each of which has a column: queries name it, and read no other.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from watchkeeper.capture import prediction_kinds
from watchkeeper.spec import Kind, ModelSpec, Task

ID, PLACE, SIZE, TIME = "prediction_id", "request_row", "request_rows", "predicted_at"
TRUTH, COLLECTED, ORDER, VERSION = "label", "label_collected_at", "label_order", "version"
DAY, HOUR = "dt", "hr"
"""The partitions, which are in no file but in its key."""
RESERVED = (ID, PLACE, SIZE, TIME, TRUTH, COLLECTED, ORDER, VERSION, DAY, HOUR)
"""Names that features cannot have."""
_ODD = re.compile(r"[^a-z0-9_]+")


@dataclass(frozen=True)
class Field:
    """A column of the table.

    Attributes
    ----------
    name : in files and queries
    source : the feature or prediction that it holds
    kind : of its values
    comment : for people
    """

    name: str
    source: str
    kind: Kind
    comment: str = ""


def fields(spec: ModelSpec) -> tuple[Field, ...]:
    """The columns of a model's features and predictions, under names of their own."""
    taken = set(RESERVED)
    found = []
    predictions = [(name, kind, "what the model answered") for name, kind in prediction_kinds(spec.task).items()]
    features = [(feature.name, feature.kind, f"feature {feature.name}") for feature in spec.profiled_features]
    for source, kind, comment in (*predictions, *features):
        wanted = source + "_length" if kind is Kind.TEXT else source
        found.append(Field(_name(wanted, taken), source, kind, comment))
    return tuple(found)


def share_fields(spec: ModelSpec) -> tuple[Field, ...]:
    """The columns of the probabilities of classes, one a class, which is their source.

    They take their names after all others, so that a model which begins to name classes keeps the columns it has.
    """
    taken = {*RESERVED, *(field.name for field in fields(spec))}
    return tuple(
        Field(_name(f"probability {name}", taken), name, Kind.NUMBER, f"probability of the class {name}")
        for name in spec.output.classes
    )


def _name(wanted: str, taken: set[str]) -> str:
    """A name of a column that is none of those taken, and is taken from now on."""
    name = _ODD.sub("_", wanted.lower()).strip("_") or "feature"
    while name in taken:
        name += "_"
    taken.add(name)
    return name


def truth_kind(spec: ModelSpec) -> Kind:
    """How labels are kept."""
    return Kind.NUMBER if spec.task is Task.REGRESSION else Kind.CATEGORY


_TYPES = {Kind.CATEGORY: "string", Kind.TIMESTAMP: "timestamp"}


def table(spec: ModelSpec) -> list[tuple[str, str, str]]:
    """Name, type in Athena, and meaning of every column but the partitions."""
    kept = [(each.name, _TYPES.get(each.kind, "double"), each.comment) for each in (*fields(spec), *share_fields(spec))]
    return [
        (ID, "string", "first 32 hexadecimal digits of the SHA-256 of the inference id, or else the event id"),
        (PLACE, "int", "which row of its request, from 0"),
        (SIZE, "int", "rows of its request"),
        (TIME, "timestamp", "when it was answered, UTC"),
        *kept,
        (TRUTH, _TYPES.get(truth_kind(spec), "double"), "what turned out to be true; null while nobody knows"),
        (COLLECTED, "timestamp", "when that became known, UTC"),
        (ORDER, "bigint", "which of two labels collected at once counts"),
        (VERSION, "string", "version of the model that answered"),
    ]
