"""Explains a version exactly (SageMaker script mode): its artefact and a question in, contributions or a refusal out.

It runs in the container that trained the version, for only there can the fitted model be loaded with the libraries that
fitted it; and as a training job, for that has a role of its own, which can reach little: it unpickles the artefact and
runs the user's `inference.py`.

Channels: `model` holds the version's `model.tar.gz`, `question` what is to be found out. Which model it is, is said by
the package `watchkeeper_model` beside this file. Whatever the user's code raises ends the job. The log has all of it,
the reason that is handed on its kind and place alone: reasons are kept, and an error may quote a row.
"""

from __future__ import annotations

import importlib
import os
import sys
import tarfile
import tempfile
import traceback
from pathlib import Path
from typing import Any

from watchkeeper.attribution import Question
from watchkeeper.attribution.exact import OTHERWISE
from watchkeeper.attribution.outcome import FILE, ExactOutcome
from watchkeeper.attribution.served import ServedModel, served_attributions
from watchkeeper.errors import ExplanationError
from watchkeeper.spec import ModelSpec, deployed_spec

ARTEFACT = "model.tar.gz"
PROGRAM = "inference"
LARGEST = 10 * 2**30
"""Bytes that an artefact may have when it is unpacked: half of the job's disk, unless its file says otherwise."""


def main() -> None:
    """Explain; a refusal is an outcome too."""
    artefact = _file("SM_CHANNEL_MODEL", ARTEFACT)
    question = Question.from_json(_file("SM_CHANNEL_QUESTION", "question.json").read_bytes())
    with tempfile.TemporaryDirectory() as folder:
        outcome = explain(deployed_spec(), question, artefact, Path(folder))
    Path(os.environ["SM_MODEL_DIR"], FILE).write_bytes(outcome.to_json())
    print(outcome.refused or f"Explained {len(question.rows)} rows exactly.")  # noqa: T201  # the job's log


def explain(spec: ModelSpec, question: Question, artefact: Path, folder: Path) -> ExactOutcome:
    """What an artefact, unpacked into `folder`, says of a question's rows."""
    try:
        unpack(artefact, folder)
        program = load(folder / "code")
        served = ServedModel(spec, program, program.model_fn(str(folder)))
        return ExactOutcome(found=served_attributions(served, question))
    except ExplanationError as error:
        return ExactOutcome(refused=str(error).removesuffix(f" {OTHERWISE}"))  # which is what will be done


def load(code: Path) -> Any:
    """The user's `inference.py`, as the serving container imports it: by its name, with what lies beside it."""
    if not (code / f"{PROGRAM}.py").is_file():
        raise ExplanationError(f"The artefact holds no code/{PROGRAM}.py: let train.py copy it there.")
    sys.path.insert(0, str(code))
    return importlib.import_module(PROGRAM)


def unpack(artefact: Path, folder: Path) -> None:
    """Unpack plain files and folders, and nothing that would lie elsewhere.

    Raises
    ------
    ExplanationError
        It would be too large.
    """
    with tarfile.open(artefact) as archive:
        size = sum(member.size for member in archive)
        if size > LARGEST:
            raise ExplanationError(
                f"{artefact.name} holds {size:,} bytes, above {LARGEST:,}: leave out what is no model."
            )
        archive.extractall(folder, filter="data")


def _file(channel: str, name: str) -> Path:
    path = Path(os.environ[channel], name)
    if not path.is_file():
        raise FileNotFoundError(f"There is no {name} in {path.parent}: check the channels of the training job.")
    return path


def place(error: Exception) -> str:
    """What was raised and where, in the user's script if that was called, without what it said."""
    frames = traceback.extract_tb(error.__traceback__)
    name = f"{PROGRAM}.py"
    frame = next((frame for frame in reversed(frames) if Path(frame.filename).name == name), frames[-1])
    missing = f" ({error.name})" if isinstance(error, ImportError) and error.name else ""
    return f"{type(error).__name__}{missing} in {frame.name} ({Path(frame.filename).name}, line {frame.lineno})"


if __name__ == "__main__":
    try:
        main()
    except Exception as error:
        traceback.print_exc(file=sys.stdout)
        sys.exit(place(error))
