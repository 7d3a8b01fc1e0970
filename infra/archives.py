"""What is uploaded at deployment: each model's code archive, and its training script as SageMaker wants it.

One folder a model serves every Lambda function of it and, zipped, its Spark jobs: the library, the handlers, the jobs
and the model's description. So nothing is fetched at run time, and all parts of a model run the same code.
"""

from __future__ import annotations

import gzip
import io
import json
import re
import tarfile
from collections.abc import Mapping
from pathlib import Path

from watchkeeper.config import ModelConfig
from watchkeeper.spec import DEPLOYED_PACKAGE, ModelSpec

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("watchkeeper", "lambdas", "glue_jobs")
LEFT_OUT = ("__pycache__", "config")
"""`watchkeeper.config` needs pydantic, which no layer holds: running parts read the resolved description instead."""
EXPLAINER = ROOT / "training_jobs" / "explain.py"
SHAP = 'shap==0.54.1; python_version >= "3.12"\nshap==0.51.0; python_version < "3.12"\n'
"""As `pyproject.toml` pins it; the last that Python 3.11 has."""


def stage_archive(model: ModelConfig, folder: Path) -> Path:
    """Bring `<folder>/<model>/` up to date and return it; unchanged files are not touched."""
    wanted = {
        path.relative_to(ROOT): path.read_bytes()
        for package in PACKAGES
        for path in sorted((ROOT / package).rglob("*"))
        if path.is_file() and not set(LEFT_OUT) & set(path.parts)
    }
    wanted |= _description(model)
    target = folder / model.name
    for path in [path for path in target.rglob("*") if path.is_file()]:
        if path.relative_to(target) not in wanted:
            path.unlink()
    for relative, content in wanted.items():
        write(target / relative, content)
    return target


def stage_explainer(model: ModelConfig, folder: Path) -> Path:
    """Pack the job that explains a version exactly as `<folder>/<model>-explainer.tar.gz`.

    Its container installs what the model's own `requirements.txt` names, for the model may not load without; and shap.
    """
    assert model.code_folder is not None  # only a model with code can be explained so: see watchkeeper.config
    own = model.code_folder / "requirements.txt"
    requirements = own.read_text().rstrip() + "\n" if own.is_file() else ""
    if not re.search(r"(?im)^\s*shap\b", requirements):
        requirements += SHAP
    library = (
        path
        for path in (ROOT / "watchkeeper").rglob("*.py")
        if not {*LEFT_OUT, "aws"} & set(path.relative_to(ROOT).parts)
    )
    files = {path.relative_to(ROOT): path.read_bytes() for path in library}
    files |= {Path(EXPLAINER.name): EXPLAINER.read_bytes(), Path("requirements.txt"): requirements.encode()}
    return write(folder / f"{model.name}-explainer.tar.gz", packed(files | _description(model)))


def _description(model: ModelConfig) -> dict[Path, bytes]:
    """The package that says which model the code beside it was deployed for."""
    package = Path(DEPLOYED_PACKAGE)
    return {
        package / "__init__.py": b'"""Describes the model that this archive was deployed for."""\n',
        package / "model.json": model.spec().to_json().encode(),
    }


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
    paths = (path for path in folder.rglob("*") if path.is_file() and "__pycache__" not in path.parts)
    return packed({path.relative_to(folder): path.read_bytes() for path in paths})


def packed(files: Mapping[Path, bytes]) -> bytes:
    """A `.tar.gz` of files by their paths in it; the same content gives the same bytes."""
    buffer = io.BytesIO()
    with gzip.GzipFile(fileobj=buffer, mode="wb", mtime=0) as stream, tarfile.open(fileobj=stream, mode="w") as archive:
        for path, content in sorted(files.items()):
            entry = tarfile.TarInfo(path.as_posix())
            entry.size, entry.mode = len(content), 0o644
            archive.addfile(entry, io.BytesIO(content))
    return buffer.getvalue()


def write(path: Path, content: bytes) -> Path:
    """Write a file unless it holds that content already."""
    if not path.is_file() or path.read_bytes() != content:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return path
