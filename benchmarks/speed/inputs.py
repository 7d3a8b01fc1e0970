"""The files that every program reads, made once under `build/bench/speed/`."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path

import pandas as pd

from benchmarks import data, files, model
from benchmarks.process import ROOT
from benchmarks.speed import ours

FOLDER = ROOT / "build" / "bench" / "speed"
REFERENCE_ROWS = 100_000
SHIFT = 0.25
PARTS = 8
_REFERENCE_SEED, _CURRENT_SEED, _ID_SEED = 11, 12, 13


def current(rows: int, suffix: str) -> Path:
    """Where so many rows are."""
    return FOLDER / f"current-{rows}.{suffix}"


def parts(rows: int) -> list[Path]:
    """Where the same captures are as several objects."""
    return [FOLDER / f"parts-{rows}" / f"{number}.jsonl" for number in range(PARTS)]


def prepare(sizes: Iterable[int]) -> None:
    """Make what is not there."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    (FOLDER / "columns.json").write_text(json.dumps({"numbers": data.NUMBERS, "categories": data.CATEGORIES}))
    spec = model.spec()
    (FOLDER / "model.json").write_text(spec.to_json())
    reference = FOLDER / "reference.parquet"
    _made(reference, lambda path: files.write_parquet(data.make(REFERENCE_ROWS, _REFERENCE_SEED), path))
    for rows in sizes:
        _made(current(rows, "parquet"), partial(_write_parquet, rows))
        _made(current(rows, "jsonl"), partial(_write_capture, rows))
    (FOLDER / "baseline.json").write_bytes(ours.learn(reference, spec, ours.Stages()).to_json())  # by today's code


def prepare_parts(rows: int) -> None:
    """Cut the captures into objects of as many lines each."""
    wanted = parts(rows)
    wanted[0].parent.mkdir(exist_ok=True)
    if all(path.exists() for path in wanted):
        return
    with current(rows, "jsonl").open("rb") as lines:
        for path in wanted:
            with path.open("wb") as part:
                part.writelines(line for _, line in zip(range(rows // PARTS), lines, strict=False))


def repeated(rows: int, times: int) -> Path:
    """One object that holds the captures several times."""

    def write(path: Path) -> None:
        with path.open("wb") as file:
            for _ in range(times):
                with current(rows, "jsonl").open("rb") as source:
                    while chunk := source.read(1 << 24):
                        file.write(chunk)

    path = current(rows * times, "jsonl")
    _made(path, write)
    return path


def _shifted(rows: int) -> pd.DataFrame:
    return data.make(rows, _CURRENT_SEED, "mean", SHIFT)


def _write_parquet(rows: int, path: Path) -> None:
    files.write_parquet(_shifted(rows), path)


def _write_capture(rows: int, path: Path) -> None:
    files.write_capture(_shifted(rows), path, _ID_SEED)


def _made(path: Path, write: Callable[[Path], None]) -> None:
    """A file is there whole or not at all."""
    if not path.exists():
        unfinished = path.with_name(f"unfinished-{path.name}")
        write(unfinished)
        unfinished.rename(path)
