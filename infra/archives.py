"""What is uploaded at deployment: each model's code archive, and its training script as SageMaker wants it.

One folder a model serves every Lambda function of it and, zipped, its Spark jobs: the library, the handlers, the jobs
and the model's description. So nothing is fetched at run time, and all parts of a model run the same code.
"""

from __future__ import annotations

import gzip
import io
import json
import tarfile
from pathlib import Path

from watchkeeper.config import ModelConfig
from watchkeeper.spec import DEPLOYED_PACKAGE, ModelSpec

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("watchkeeper", "lambdas", "glue_jobs")
LEFT_OUT = ("__pycache__", "config")
"""`watchkeeper.config` needs pydantic, which no layer holds: running parts read the resolved description instead."""


def stage_archive(model: ModelConfig, folder: Path) -> Path:
    """Bring `<folder>/<model>/` up to date and return it; unchanged files are not touched."""
    wanted = {
        path.relative_to(ROOT): path.read_bytes()
        for package in PACKAGES
        for path in sorted((ROOT / package).rglob("*"))
        if path.is_file() and not set(LEFT_OUT) & set(path.parts)
    }
    package = Path(DEPLOYED_PACKAGE)
    wanted[package / "__init__.py"] = b'"""Describes the model that this archive was deployed for."""\n'
    wanted[package / "model.json"] = model.spec().to_json().encode()
    target = folder / model.name
    for path in [path for path in target.rglob("*") if path.is_file()]:
        if path.relative_to(target) not in wanted:
            path.unlink()
    for relative, content in wanted.items():
        write(target / relative, content)
    return target


def stage_source(model: ModelConfig, folder: Path) -> Path | None:
    """Pack the model's training script as `<folder>/<model>-source.tar.gz`; None for a model that has none."""
    if model.code_folder is None:
        return None
    return write(folder / f"{model.name}-source.tar.gz", pack(model.code_folder))


def stage_schema(model: ModelConfig, folder: Path) -> Path:
    """Write what `train.py` finds in its `schema` channel as `<folder>/<model>-schema.json`."""
    return write(folder / f"{model.name}-schema.json", training_schema(model.spec()).encode())


def training_schema(spec: ModelSpec) -> str:
    """The task, and the columns of the `train` channel after the label, in order."""
    return json.dumps(
        {
            "task": spec.task,
            "label": {"name": spec.label.name, "positive": spec.label.positive},
            "features": [{"name": feature.name, "kind": feature.kind} for feature in spec.features],
        },
        indent=2,
    )


def pack(folder: Path) -> bytes:
    """A `.tar.gz` of a folder's content; the same content gives the same bytes."""
    buffer = io.BytesIO()
    with gzip.GzipFile(fileobj=buffer, mode="wb", mtime=0) as stream, tarfile.open(fileobj=stream, mode="w") as archive:
        for path in sorted(path for path in folder.rglob("*") if path.is_file() and "__pycache__" not in path.parts):
            entry = tarfile.TarInfo(path.relative_to(folder).as_posix())
            entry.size, entry.mode = path.stat().st_size, 0o644
            with path.open("rb") as content:
                archive.addfile(entry, content)
    return buffer.getvalue()


def write(path: Path, content: bytes) -> Path:
    """Write a file unless it holds that content already."""
    if not path.is_file() or path.read_bytes() != content:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return path
