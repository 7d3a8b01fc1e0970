"""`watchkeeper profile`: rows that stay where they are, and a profile of them that merges with all others."""

from __future__ import annotations

import argparse
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cli import rows
from cli.console import console, note
from cli.project import find_model
from watchkeeper import naming
from watchkeeper.cells import parse_time
from watchkeeper.errors import BaselineError, ConfigError, DatasetError
from watchkeeper.profile import Baseline, Profile
from watchkeeper.profile.privacy import noised
from watchkeeper.spec import ModelSpec

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def run(options: argparse.Namespace) -> None:
    """Profile a file, write the profile, and say where it belongs."""
    spec = find_model(options.model).spec()
    baseline = _baseline(options.baseline, spec)
    key = naming.part_key(spec.name, baseline.id, _hour(options.hour), _name(options.name, options.file))
    profile = _profile(options, spec, baseline)
    count = profile.rows
    if options.noise is not None:
        profile = noised(profile, options.noise)
    text = profile.to_json()
    options.output.parent.mkdir(parents=True, exist_ok=True)
    options.output.write_bytes(text)
    console.print(f"[green]✓[/] {count:,} rows: {options.output}, {len(text):,} bytes", soft_wrap=True)
    note(f"upload it to the data bucket as {key}")
    if options.noise is None:
        note("it holds exact counts, extremes and names of new categories, but no row; --noise EPSILON protects rows")
    else:
        note(_guarantee(options.noise))


def _guarantee(epsilon: float) -> str:
    return (
        f"it is {epsilon:g}-differentially private for one row: whether a row was among them changes the odds of any "
        f"profile by at most e^{epsilon:g}. Extremes, new names and how columns go together are left out. Every "
        "further profile of the same rows adds its own loss to this one."
    )


def _profile(options: argparse.Namespace, spec: ModelSpec, baseline: Baseline) -> Profile:
    named = options.label is not None or options.score is not None
    answers = rows.Answers(spec, options.label, options.score) if named else None
    observer = baseline.observer()
    for block in rows.of_model(options.file, spec, answers).blocks():
        observer.add(block)
    profile = observer.profile()
    if not profile.rows:
        raise DatasetError(f"{options.file}: holds no rows. Name a file with data.")
    return profile


def _baseline(path: Path, spec: ModelSpec) -> Baseline:
    try:
        baseline = Baseline.from_json(path.read_bytes())
    except OSError as error:
        raise BaselineError(
            f"{path}: cannot be read ({error.strerror}). Download {naming.baseline_prefix(spec.name)}<version>/"
            "baseline.json from the data bucket."
        ) from error
    if baseline.model != spec.name:
        raise BaselineError(f"{path}: is a baseline of {baseline.model}, not of {spec.name}. Name the model's own.")
    return baseline


def _hour(text: str | None) -> datetime:
    try:
        at = datetime.now(UTC) if text is None else _EPOCH + timedelta(seconds=parse_time(text))
    except ValueError as error:
        raise ConfigError(f"--hour {text!r}: is no time. Write ISO 8601, such as 2026-11-21T09:00Z.") from error
    return at.replace(minute=0, second=0, microsecond=0)


def _name(given: str | None, file: Path) -> str:
    name = given if given is not None else re.sub(r"[^A-Za-z0-9._-]+", "-", file.stem).strip("-._")
    if not _NAME.fullmatch(name):
        raise ConfigError(
            f"--name {name!r}: use letters, digits, dots, hyphens and underscores, at most 100. A profile uploaded "
            "under the same name and hour takes the place of the earlier one."
        )
    return name
