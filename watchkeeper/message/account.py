"""What a monitor's look says of an alarm: each monitor puts its own looks in words, and all are told alike."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from watchkeeper.message.texts import Text
from watchkeeper.naming import AlarmKind
from watchkeeper.spec import ModelSpec


@dataclass(frozen=True)
class Account:
    """What is empty is said in the alarm's own words.

    Attributes
    ----------
    headline : what or whom it concerns, beside the alarm's name in the subject
    name : instead of both
    lines : how much it is
    seen : the rows that were looked at
    meaning : more of what the alarm is about
    trust : how sure it is
    text : instead of the alarm's own words
    whole : what there is to read where the look is kept
    """

    headline: str = ""
    name: str = ""
    lines: Sequence[str] = ()
    seen: str = ""
    meaning: str = ""
    trust: str = ""
    causes: Sequence[str] = ()
    remedies: Sequence[str] = ()
    text: Text | None = None
    whole: str = "All of the look"


class Evidence(Protocol):
    """A look when the alarm changed, and where it is kept (`s3://` URI)."""

    @property
    def uri(self) -> str:
        """Where it is kept."""

    def account(self, spec: ModelSpec, kind: AlarmKind) -> Account:
        """What it says of an alarm of that kind."""
