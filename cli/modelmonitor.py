"""`watchkeeper constraints`: Model Monitor's files from data files, and its verdicts on them, without an account."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from cli import rows
from cli.console import console, note
from cli.project import find_model
from watchkeeper.capture import Block, CaptureReader, prediction_columns
from watchkeeper.config import ModelConfig
from watchkeeper.errors import DatasetError, ModelMonitorError
from watchkeeper.modelmonitor import Constraints, Statistics, summarize
from watchkeeper.modelmonitor import check as find_violations
from watchkeeper.modelmonitor import suggest as suggest_constraints
from watchkeeper.profile import Baseline, Binning
from watchkeeper.spec import ModelSpec
from watchkeeper.table import Column, column, concatenate


def suggest(name: str, data: Path | None, output: Path) -> None:
    """Write statistics and suggested constraints of one data file."""
    model = find_model(name)
    spec = model.spec()
    baseline = _baseline(spec, _read(_source(model, data), spec))
    statistics = _write(output, "statistics.json", summarize(baseline.binning, baseline.reference, spec).to_json())
    constraints = _write(output, "constraints.json", suggest_constraints(baseline, spec).to_json())
    console.print(f"[green]✓[/] {baseline.reference.rows} rows: {statistics}, {constraints}", soft_wrap=True)


def check(
    name: str,
    data: Path,
    constraints: Path | None,
    statistics: Path | None,
    baseline: Path | None,
    output: Path,
) -> bool:
    """Write the violations of one data file, and say whether there are none."""
    model = find_model(name)
    spec = model.spec()
    wanted, measured = _constraints(spec, constraints), _statistics(statistics)
    checked = _read(data, spec)
    own_bins = baseline is None and measured is not None  # then no other data is needed
    reference = _baseline(spec, checked if own_bins else _read(_source(model, baseline), spec))
    window = reference.observe(checked.block())
    report = find_violations(wanted, reference, window, spec, measured, extra=checked.extra)
    _write(output, "statistics.json", summarize(reference.binning, window, spec).to_json())
    written = _write(output, "constraint_violations.json", report.violations.to_json())
    found = report.violations.violations
    mark = "[red]✗[/]" if found else "[green]✓[/]"
    console.print(f"{mark} {window.rows} rows, {len(found)} violations: {written}", soft_wrap=True)
    for violation in found:
        note(f"{violation.feature_name}: {violation.check_type}: {violation.description}")
    for missed in report.unchecked:
        note(f"not checked: {missed.feature or 'the window'}: {missed.check}: {missed.reason}")
    return not found


@dataclass(frozen=True)
class Data:
    """The features of a data file, typed, and the names of its other columns."""

    spec: ModelSpec
    rows: int
    columns: dict[str, Column]
    extra: tuple[str, ...] = ()

    def block(self) -> Block:
        """What profiles are made of; a data file holds no predictions."""
        return Block(self.rows, self.columns, prediction_columns(self.spec.task, []))


def _read(path: Path, spec: ModelSpec) -> Data:
    """Read a data file.

    Raises
    ------
    DatasetError
        The file cannot be read, or holds no row.
    """
    data = _capture(path, spec) if path.suffix in (".jsonl", ".json") else _table(path, spec)
    if not data.rows:
        raise DatasetError(f"{path}: holds no row that can be read. Name a file with data.")
    return data


def _table(path: Path, spec: ModelSpec) -> Data:
    found, wanted = rows.columns(path), [feature.name for feature in spec.features]
    kinds = {feature.name: feature.kind for feature in spec.profiled_features if feature.name in found}
    if not kinds:
        raise DatasetError(
            f"{path}: has none of the model's features ({', '.join(wanted[:3])}, …); its first line must name them."
        )
    blocks = list(rows.RowFile(path, kinds).blocks())
    count = sum(block.rows for block in blocks)
    columns = {
        feature.name: concatenate(block.features[feature.name] for block in blocks)
        if feature.name in kinds and blocks
        else column(feature.kind, [None] * count)  # a column that the file lacks is missing in every row
        for feature in spec.profiled_features
    }
    others = tuple(name for name in found if name not in (*wanted, spec.label.name))
    return Data(spec, count, columns, others)


def _capture(path: Path, spec: ModelSpec) -> Data:
    try:
        with path.open("rb") as file:
            blocks = list(CaptureReader(spec).blocks(iter(lambda: file.read(1 << 20), b"")))
    except OSError as error:
        raise DatasetError(f"{path}: cannot be read ({error.strerror}).") from error
    columns = {
        feature.name: concatenate(block.features[feature.name] for block in blocks)
        for feature in spec.profiled_features
        if blocks
    }
    unknown = {key for block in blocks for shape in block.keys for key in shape.unknown}
    return Data(spec, sum(block.rows for block in blocks), columns, tuple(sorted(unknown)))


def _baseline(spec: ModelSpec, data: Data) -> Baseline:
    block = data.block()
    binning = Binning.fit(block.features, block.predictions)
    return Baseline.build(spec.name, "v1", datetime.fromtimestamp(0, UTC), binning, [block])


def _source(model: ModelConfig, path: Path | None) -> Path:
    if path is not None:
        return path
    if model.baseline.data is None:
        raise DatasetError(f"{model.name} has no baseline data: give a FILE, or set baseline.data in its YAML file.")
    return Path(model.baseline.data)


def _constraints(spec: ModelSpec, path: Path | None) -> Constraints:
    if path is not None:
        return Constraints.from_json(_bytes(path), str(path))
    if spec.quality.constraints is None:
        raise ModelMonitorError(
            f"{spec.name} has no constraints: give --constraints FILE, or set monitors.data_quality.constraints in its "
            "YAML file. `watchkeeper constraints suggest` makes one."
        )
    return Constraints.from_json(spec.quality.constraints.encode())


def _statistics(path: Path | None) -> Statistics | None:
    return None if path is None else Statistics.from_json(_bytes(path), str(path))


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ModelMonitorError(f"{path}: cannot be read ({error.strerror}). Name an existing file.") from error


def _write(folder: Path, name: str, content: bytes) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    path.write_bytes(content)
    return path
