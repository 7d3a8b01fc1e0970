"""What a message looks like: a subject that tells alone, and a body of short labelled paragraphs."""

from __future__ import annotations

import textwrap
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

SUBJECT_LIMIT = 100
"""Characters that SNS takes in a subject; it takes ASCII alone, and no line ends."""
WIDTH = 92
BODY_TEXT_LIMIT = 2000
"""Characters of one paragraph's item: a container's last words may be long, and SNS takes 256 kB in all."""


class Severity(StrEnum):
    """How urgent a message is. What is `info` goes where warnings go, and asks for nothing."""

    INFO = "info"
    WARNING = "warning"
    CRITICAL = "critical"


class Kind(StrEnum):
    """What a message is about; receivers filter by it."""

    ALARM = "alarm"
    RESOLVED = "resolved"
    ONBOARDED = "onboarded"
    RETRAINING_WAITING = "retraining-waiting"
    RETRAINING_FAILED = "retraining-failed"
    CANDIDATE_REJECTED = "candidate-rejected"
    VERSION_DEPLOYED = "version-deployed"
    ROLLOUT_FAILED = "rollout-failed"
    ROLLED_BACK = "rolled-back"
    ROLLBACK_IMPOSSIBLE = "rollback-impossible"


@dataclass(frozen=True)
class Message:
    """One message, as SNS takes it."""

    subject: str
    body: str
    severity: Severity
    kind: Kind


@dataclass(frozen=True)
class Paragraph:
    """A labelled paragraph; of several items each is set on lines of its own."""

    label: str
    items: Sequence[str]


def what(text: str) -> Paragraph:
    """What happened."""
    return Paragraph("What", [text])


def how_much(*items: str) -> Paragraph:
    """How large it is."""
    return Paragraph("How much", items)


def how_sure(text: str) -> Paragraph:
    """What claims of this kind have been worth."""
    return Paragraph("How sure", [text])


def since(text: str) -> Paragraph:
    """Since when."""
    return Paragraph("Since", [text])


def likely_cause(*items: str) -> Paragraph:
    """What most likely brought it about."""
    return Paragraph("Likely cause", items)


def happens_now(text: str) -> Paragraph:
    """What the stack does about it by itself."""
    return Paragraph("What happens now", [text])


def to_do(*items: str) -> Paragraph:
    """What a person should do."""
    return Paragraph("What to do", items)


def where(*items: str) -> Paragraph:
    """Where to see more."""
    return Paragraph("Where to look", items)


def compose(
    kind: Kind, severity: Severity, model: str, headline: str, paragraphs: Sequence[Paragraph], mark: str | None = None
) -> Message:
    """Set a message; its subject is `[<mark or severity>] <model>: <headline>`."""
    body = "\n\n".join(_set(paragraph) for paragraph in paragraphs if any(paragraph.items))
    return Message(subject(f"[{mark or severity}] {model}: {headline}"), body + "\n", severity, kind)


def subject(text: str) -> str:
    """The text as SNS takes a subject: ASCII, one line, cut at a word with `...` when too long."""
    plain = unicodedata.normalize("NFKD", text.replace("→", "->"))
    plain = "".join(letter for letter in plain if not unicodedata.combining(letter))
    plain = " ".join(
        "".join(letter if " " <= letter <= "~" else " " if letter.isspace() else "?" for letter in plain).split()
    )
    if len(plain) <= SUBJECT_LIMIT:
        return plain
    cut = plain[: SUBJECT_LIMIT - 2].rsplit(" ", 1)[0]
    return cut[: SUBJECT_LIMIT - 3].rstrip(" ,:;") + "..."


def listed(names: Sequence[str], room: int) -> str:
    """As many names as there is room for, and how many more there are; the first always."""
    for shown in range(len(names), 0, -1):
        more = f" (+{len(names) - shown} more)" if shown < len(names) else ""
        text = ", ".join(names[:shown]) + more
        if len(text) <= room or shown == 1:
            return text
    return ""


def moment(at: datetime) -> str:
    """A time as people read it."""
    return f"{at.astimezone(UTC):%d %B %Y, %H:%M} UTC"


def _set(paragraph: Paragraph) -> str:
    items = [_cut(item) for item in paragraph.items if item]
    bullet = "- " if len(items) > 1 else ""
    lines = [_wrapped(item, bullet) for item in items]
    return "\n".join([paragraph.label, *lines])


def _wrapped(text: str, bullet: str) -> str:
    return textwrap.fill(
        " ".join(text.split()),
        WIDTH,
        initial_indent="  " + bullet,
        subsequent_indent="  " + " " * len(bullet),
        break_long_words=False,
        break_on_hyphens=False,
    )


def _cut(text: str) -> str:
    return (
        text if len(text) <= BODY_TEXT_LIMIT else text[: BODY_TEXT_LIMIT // 2] + " ... " + text[-BODY_TEXT_LIMIT // 2 :]
    )
