"""What the command prints: one console, steps with their time, errors as advice."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console

console = Console(highlight=False)
errors = Console(stderr=True, highlight=False)


@contextmanager
def step(title: str) -> Iterator[None]:
    """Show that a step runs (a spinner on a terminal), then that it is done and how long it took."""
    started = time.monotonic()
    with console.status(f"{title} …"):
        yield
    console.print(f"[green]✓[/] {title} [dim]{time.monotonic() - started:.0f} s[/]")


def note(text: str) -> None:
    """One line that belongs to the step before it."""
    console.print(f"  {text}", soft_wrap=True)
