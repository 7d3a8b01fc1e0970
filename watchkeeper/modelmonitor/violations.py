"""`constraint_violations.json`: where a dataset breaks its constraints."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from watchkeeper.modelmonitor.document import NOTHING, Part, overlay, read, write

FILE = "constraint_violations.json"


class CheckType(StrEnum):
    """The kinds of violation that Model Monitor documents for the quality of data."""

    DATA_TYPE = "data_type_check"
    COMPLETENESS = "completeness_check"
    BASELINE_DRIFT = "baseline_drift_check"
    MISSING_COLUMN = "missing_column_check"
    EXTRA_COLUMN = "extra_column_check"
    CATEGORICAL_VALUES = "categorical_values_check"


@dataclass(frozen=True)
class Violation:
    """One violation.

    Attributes
    ----------
    feature_name : the column; None in the files of the other monitors, which name a metric or a label instead
    check_type : a `CheckType`, or what another monitor checks
    description : one sentence with what was expected and what was seen
    """

    feature_name: str | None
    check_type: str
    description: str
    origin: Mapping[str, Any] = field(default_factory=lambda: NOTHING, compare=False, repr=False)

    @classmethod
    def read(cls, part: Part) -> Violation:
        """Read one item of `violations`."""
        name = part.text("feature_name") if part.has("feature_name") else None
        description = part.text("description") if part.has("description") else ""
        return cls(name, part.text("constraint_check_type"), description, part.values)

    def to_json(self) -> Any:
        """The item, with everything that it held when it was read."""
        document: dict[str, Any] = {} if self.feature_name is None else {"feature_name": self.feature_name}
        document["constraint_check_type"] = self.check_type
        if self.description or not self.origin:
            document["description"] = self.description
        return overlay(self.origin, document)


@dataclass(frozen=True)
class Violations:
    """The file."""

    violations: tuple[Violation, ...] = ()
    origin: Mapping[str, Any] = field(default_factory=lambda: NOTHING, compare=False, repr=False)

    @classmethod
    def of(cls, found: Iterable[Violation]) -> Violations:
        """The file of some violations."""
        return cls(tuple(found))

    @classmethod
    def from_json(cls, text: bytes, name: str = FILE) -> Violations:
        """Read the file; `name` names it in errors.

        Raises
        ------
        ModelMonitorError
            The text is no violations file; the message names the place and the remedy.
        """
        part = read(text, name, "violations")
        return cls(tuple(Violation.read(item) for item in part.parts("violations")), part.values)

    def to_json(self) -> bytes:
        """The file's bytes."""
        return write(overlay(self.origin, {"violations": [violation.to_json() for violation in self.violations]}))


def percent(share: float) -> str:
    """A share as Model Monitor writes it: `100.0%`."""
    return f"{share * 100!r}%"
