"""The `demo` command: choose the model and the world, play the story, show and write what happened."""

from __future__ import annotations

import argparse
import shutil
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import pandas as pd
import yaml

from cli.console import console, note
from cli.demo import own_data, replay
from cli.demo.outcome import Outcome
from cli.demo.people import People
from cli.demo.story import Script, play
from cli.demo.world import ExampleWorld, FileWorld, ReplayWorld, World
from cli.project import ROOT
from watchkeeper.config import ModelConfig, load
from watchkeeper.errors import DatasetError

MODEL = ROOT / "models" / "credit-risk.yaml"
LABEL_DELAY = timedelta(hours=24)
"""Of rows that are served in order, unless the user says otherwise."""


def run(options: argparse.Namespace) -> None:
    """Play the whole story and write the report."""
    started = time.monotonic()
    home: Path = options.home.resolve()
    card: Path = options.report.with_name(f"{options.report.stem}-model-card.html")
    shutil.rmtree(home, ignore_errors=True)
    home.mkdir(parents=True)
    told = _example(options) if options.data is None else _own(options, home)
    model, world = load(told.model_file), told.world
    console.print(f"[bold]Watchkeeper[/], the whole loop, on this machine. Model: {model.name}. Traffic: {world.name}.")
    note("AWS is embedded (moto and bridges): no account, no network. Time is driven: hours pass in seconds.")
    for outcome in told.played(model, home):
        options.report.parent.mkdir(parents=True, exist_ok=True)
        options.report.write_text(outcome.html(), encoding="utf-8")
        card.write_text(outcome.model_card(), encoding="utf-8")
        outcome.print_table()
    minutes, seconds = divmod(time.monotonic() - started, 60)
    console.print(f"Done in {minutes:.0f} min {seconds:02.0f} s. Report: [bold]{options.report}[/]", soft_wrap=True)
    console.print(f"Model card of the version that serves: [bold]{card}[/]", soft_wrap=True)


@dataclass(frozen=True)
class Told:
    """What is played: a model's file, where its rows come from, and by which script.

    Attributes
    ----------
    world : rows in their own order are served once to their end, without a script
    """

    model_file: Path
    world: World
    script: Script

    def played(self, model: ModelConfig, home: Path) -> Iterator[Outcome]:
        """The story, act by act."""
        if isinstance(self.world, ReplayWorld):
            delay = self.script.label_delay or LABEL_DELAY
            return replay.play(model, self.model_file, self.world, delay, home)
        return play(model, self.model_file, self.world, self.script, home)


def _example(options: argparse.Namespace) -> Told:
    given = [name for name in ("label", "traffic", "sensitive", "favourable") if getattr(options, name)]
    if given or options.in_order:
        raise DatasetError(f"--{(given or ['in-order'])[0]} is for data of your own: give --data FILE too.")
    return Told(MODEL, ExampleWorld(), _script(options, Script()))


def _script(options: argparse.Namespace, script: Script) -> Script:
    """With labels so late; the changed world is lived in until some of its own have come."""
    if options.label_delay is None:
        return script
    hours = options.label_delay
    return replace(script, label_delay=timedelta(hours=hours), label_delay_hours=hours + 2)


def _own(options: argparse.Namespace, home: Path) -> Told:
    if options.label is None:
        raise DatasetError(f"--data {options.data} needs --label COLUMN: the column to predict.")
    table = _read(options.data)
    script, in_order = _script(options, Script(certain=False)), options.in_order or options.traffic is not None
    like = yaml.safe_load(MODEL.read_text())
    if in_order:
        like["monitors"] |= _patient(script.label_delay or LABEL_DELAY)
    people = People(tuple(options.sensitive), tuple(options.favourable))
    text = own_data.describe(table, options.label, options.data, like, people)
    model_file = home / "model.yaml"
    model_file.write_text(text, encoding="utf-8")
    model = load(model_file)
    columns = [options.label, *model.input.features]
    left_out = [str(column) for column in table.columns if column not in columns]
    if left_out:
        note(f"left out (an id, or never changes): {', '.join(left_out)}")
    table = table[columns].dropna(subset=[options.label])
    if options.traffic:
        return Told(model_file, ReplayWorld(table, _traffic(options.traffic, table, model)), script)
    return Told(model_file, ReplayWorld.halves(table) if in_order else FileWorld(table, options.label), script)


def _patient(label_delay: timedelta) -> dict[str, Any]:
    """Monitors for rows that are served once: windows in which labels come, and no alarm when the rows end."""
    hours = int(label_delay / timedelta(hours=1)) + 12
    return {"performance": {"window": f"{hours} hours"}, "data_quality": {"capture_gap": 0, "capture_lag": 0}}


def _read(path: Path) -> pd.DataFrame:
    table = own_data.read(path)
    for words in own_data.missing_words(path):
        note(f"{path.name}: {words}")
    return table


def _traffic(path: Path, baseline: pd.DataFrame, model: ModelConfig) -> pd.DataFrame:
    """Later rows, whose labels must be words that the baseline knows."""
    table = _read(path)
    columns = [model.label.name, *model.input.features]
    missing = [column for column in columns if column not in table.columns]
    if missing:
        raise DatasetError(f"{path}: has no column {missing[0]!r}, which {model.name} takes.")
    known = set(baseline[model.label.name].astype(str))
    strange = set(table[model.label.name].dropna().astype(str)) - known
    if model.task != "regression" and strange:
        raise DatasetError(
            f"{path}: the label {model.label.name!r} holds {sorted(strange)[0]!r}, which the baseline never has; "
            f"it has {', '.join(sorted(known))}. Make the labels agree{_nearly(sorted(strange), sorted(known))}."
        )
    return table[columns].dropna(subset=[model.label.name])


def _nearly(strange: Sequence[str], known: Sequence[str]) -> str:
    """What the strange labels probably mean, as far as each is nearly one that is known."""
    meant = {label: get_close_matches(label, known, 1) for label in strange}
    pairs = [f"{found[0]!r} for {label!r}" for label, found in meant.items() if found]
    return f": write {', and '.join(pairs)}" if pairs else ""
