"""The `demo` command: choose the model and the world, play the story, show and write what happened."""

from __future__ import annotations

import argparse
import shutil
import time
from pathlib import Path

import pandas as pd
import yaml

from cli.console import console, note
from cli.demo import own_data
from cli.demo.story import Script, play
from cli.demo.world import ExampleWorld, FileWorld, World
from cli.project import ROOT
from watchkeeper.config import ModelConfig, load
from watchkeeper.errors import DatasetError

MODEL = ROOT / "models" / "credit-risk.yaml"


def run(options: argparse.Namespace) -> None:
    """Play the whole story and write the report."""
    started = time.monotonic()
    home: Path = options.home.resolve()
    card: Path = options.report.with_name(f"{options.report.stem}-model-card.html")
    shutil.rmtree(home, ignore_errors=True)
    home.mkdir(parents=True)
    model_file, world, script = _example() if options.data is None else _own(options, home)
    model = load(model_file)
    console.print(f"[bold]Watchkeeper[/], the whole loop, on this machine. Model: {model.name}. Traffic: {world.name}.")
    note("AWS is embedded (moto and bridges): no account, no network. Time is driven: hours pass in seconds.")
    for outcome in play(model, model_file, world, script, home):
        options.report.parent.mkdir(parents=True, exist_ok=True)
        options.report.write_text(outcome.html(), encoding="utf-8")
        card.write_text(outcome.model_card(), encoding="utf-8")
        outcome.print_table()
    minutes, seconds = divmod(time.monotonic() - started, 60)
    console.print(f"Done in {minutes:.0f} min {seconds:02.0f} s. Report: [bold]{options.report}[/]", soft_wrap=True)
    console.print(f"Model card of the version that serves: [bold]{card}[/]", soft_wrap=True)


def _example() -> tuple[Path, World, Script]:
    return MODEL, ExampleWorld(), Script()


def _own(options: argparse.Namespace, home: Path) -> tuple[Path, World, Script]:
    if options.label is None:
        raise DatasetError(f"--data {options.data} needs --label COLUMN: the column to predict.")
    table = own_data.read(options.data)
    like = yaml.safe_load(MODEL.read_text())
    text = own_data.describe(table, options.label, options.data, like)
    model_file = home / "model.yaml"
    model_file.write_text(text, encoding="utf-8")
    model = load(model_file)
    columns = [options.label, *model.input.features]
    left_out = [str(column) for column in table.columns if column not in columns]
    if left_out:
        note(f"left out (an id, or never changes): {', '.join(left_out)}")
    table = table[columns].dropna(subset=[options.label])
    traffic = _traffic(options.traffic, table, model) if options.traffic else None
    world = FileWorld(table, options.label, in_order=options.in_order, traffic=traffic)
    return model_file, world, Script(certain=False)


def _traffic(path: Path, baseline: pd.DataFrame, model: ModelConfig) -> pd.DataFrame:
    """Later rows, whose labels must be words that the baseline knows."""
    table = own_data.read(path)
    columns = [model.label.name, *model.input.features]
    missing = [column for column in columns if column not in table.columns]
    if missing:
        raise DatasetError(f"{path}: has no column {missing[0]!r}, which {model.name} takes.")
    known = set(baseline[model.label.name].astype(str))
    strange = set(table[model.label.name].dropna().astype(str)) - known
    if model.task != "regression" and strange:
        raise DatasetError(
            f"{path}: the label {model.label.name!r} holds {sorted(strange)[0]!r}, which the baseline never has; "
            f"it has {', '.join(sorted(known))}. Make the labels agree."
        )
    return table[columns].dropna(subset=[model.label.name])
