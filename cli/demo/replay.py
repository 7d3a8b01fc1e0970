"""The demo on rows in their own order: serve them all, let their labels come late, and tell what came of it.

Nothing is simulated here, neither a drift nor a flawed version: what alarms, alarms by itself.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

from rich.markup import escape

from cli.console import console, note, step
from cli.demo import sheets, story
from cli.demo.outcome import FIRST, LAST, Outcome
from cli.demo.stage import Stage
from cli.demo.world import ReplayWorld
from watchkeeper.config import ModelConfig
from watchkeeper.durations import lasting

LONGEST = timedelta(hours=48)
"""Of the traffic, in virtual time: of long files more rows are sent in an hour."""
LEAST_AN_HOUR = 600
BLOCK_HOURS = 6
LOOKS_HOURS = 8
"""After the last label has come: it is joined within the hour, and the monitors look every six."""


def play(
    model: ModelConfig, model_file: Path, world: ReplayWorld, label_delay: timedelta, home: Path
) -> Iterator[Outcome]:
    """Play all acts; yields the outcome while the embedded AWS is still up."""
    hours = max(1, int(min(LONGEST / timedelta(hours=1), world.left / LEAST_AN_HOUR)))
    with story.opened(model, model_file, world, home, rows_an_hour=-(-world.left // hours)) as stage:
        stage.label_delay = label_delay
        outcome = Outcome(stage, (FIRST, LAST))
        told = News(stage)
        stage.to_the_hour()
        serve(stage, world, outcome, told)
        outcome.mark(LAST)
        wait_for_labels(stage, label_delay, told)
        for sheet in sheets.told(stage.records):
            console.print(sheets.drawn(sheet))
        yield outcome


def serve(stage: Stage, world: ReplayWorld, outcome: Outcome, told: News) -> None:
    """Serve the file to its end, and say how far it is."""
    rows, first = world.left, True
    while world.left:
        before = world.left
        with step(f"{BLOCK_HOURS} hours of traffic from {stage.cloud.now():%d %b %H:%M}"):
            for _ in range(BLOCK_HOURS):
                if world.left:
                    stage.hours(1)
            stage.cloud.settle()
        note(f"{rows - world.left:,} of {rows:,} rows served (+{before - world.left:,}); {told.state()}")
        told.tell()
        if first:
            outcome.mark(FIRST)
            first = False


def wait_for_labels(stage: Stage, label_delay: timedelta, told: News) -> None:
    """No more traffic, until the last labels have come and the monitors have looked at them."""
    left = int(label_delay / timedelta(hours=1)) + LOOKS_HOURS
    while left > 0:
        hours = min(left, BLOCK_HOURS)
        with step(f"{lasting(timedelta(hours=hours))} without traffic, while labels come"):
            stage.hours(hours)
            stage.cloud.settle()
        left -= hours
        note(told.state())
        told.tell()


class News:
    """What people are told while rows are served: every message once, as it comes."""

    def __init__(self, stage: Stage) -> None:
        self._stage, self._told = stage, len(stage.messages())

    def state(self) -> str:
        """How things stand, in a line."""
        return f"labels of {self._stage.traffic.labelled:,} rows have come; {self._stage.serving_version()} serves"

    def tell(self) -> None:
        """The subjects of the messages since the last time."""
        new = self._stage.messages()[self._told :]
        self._told += len(new)
        for message in new:
            note(f"{datetime.fromisoformat(message['at']):%d %b %H:%M}  {escape(message['detail']['subject'])}")
