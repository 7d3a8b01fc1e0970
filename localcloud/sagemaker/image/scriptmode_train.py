"""The `train` side of a script-mode image: turn the contract's files into SM_* variables and run the user's script.

As SageMaker's training toolkit does: hyperparameters become `--name value` arguments and SM_HP_* variables, channels
SM_CHANNEL_*; a script that fails leaves its reason in `output/failure` and a nonzero exit code. The toolkit installs
what a `requirements.txt` beside the script names; here nothing is installed, so all of it must be there already.
"""

from __future__ import annotations

import io
import json
import os
import runpy
import sys
import traceback
from importlib import metadata
from pathlib import Path
from typing import Any, TextIO


def decode(value: str) -> Any:
    """Return a hyperparameter's value: the SDK sends JSON, the console plain text."""
    try:
        return json.loads(value)
    except ValueError:
        return value


def variables(root: Path, hyperparameters: dict[str, Any], channels: dict[str, Any]) -> dict[str, str]:
    """Return the SM_* variables of one host."""
    found = {
        "SM_MODEL_DIR": str(root / "model"),
        "SM_INPUT_DIR": str(root / "input"),
        "SM_INPUT_CONFIG_DIR": str(root / "input/config"),
        "SM_OUTPUT_DIR": str(root / "output"),
        "SM_OUTPUT_DATA_DIR": str(root / "output/data"),
        "SM_CHANNELS": json.dumps(sorted(channels)),
        "SM_HPS": json.dumps(hyperparameters),
        "SM_INPUT_DATA_CONFIG": json.dumps(channels),
        "SM_CURRENT_HOST": "algo-1",
        "SM_HOSTS": '["algo-1"]',
        "SM_NUM_CPUS": str(os.cpu_count() or 1),
        "SM_NUM_GPUS": "0",
        "SM_USER_ARGS": json.dumps(arguments(hyperparameters)),
    }
    found |= {f"SM_CHANNEL_{name.upper()}": str(root / "input/data" / name) for name in channels}
    return found | {
        f"SM_HP_{name.upper().replace('-', '_')}": value if isinstance(value, str) else json.dumps(value)
        for name, value in hyperparameters.items()
    }


def arguments(hyperparameters: dict[str, Any]) -> list[str]:
    """Return the script's command line."""
    return [
        text
        for name, value in sorted(hyperparameters.items())
        for text in (f"--{name}" if len(name) > 1 else f"-{name}", _argument(value))
    ]


def _argument(value: Any) -> str:
    """Return a value as the toolkit passes it: as Python prints it, and a mapping as `a=1,b=2`."""
    if isinstance(value, dict):
        return ",".join(f"{key}={member}" for key, member in sorted(value.items()))
    return "" if value is None else str(value)


def unmet(requirements: str) -> list[str]:
    """The lines of a `requirements.txt` that this environment does not satisfy."""
    from packaging.requirements import InvalidRequirement, Requirement

    found = []
    for line in requirements.splitlines():
        if not (stated := line.partition("#")[0].strip()):
            continue
        try:
            wanted = Requirement(stated)
            needed = wanted.marker is None or wanted.marker.evaluate()
            if needed and not wanted.specifier.contains(metadata.version(wanted.name), prereleases=True):
                found.append(stated)
        except (InvalidRequirement, metadata.PackageNotFoundError):
            found.append(stated)
    return found


class _LastLine(io.TextIOBase):
    """Standard error that also remembers its last line: what a script says before it ends with a bare exit code."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self.line = ""

    def write(self, text: str) -> int:
        """Pass the text on."""
        self.line = next((line for line in reversed(text.splitlines()) if line.strip()), self.line)
        return self._stream.write(text)


def run(program: Path, argv: list[str]) -> int:
    """Run the script as `__main__`; return its exit code, with the reason of a failure in `output/failure`."""
    failure = Path(os.environ["SM_OUTPUT_DIR"]) / "failure"
    said = sys.stderr = _LastLine(sys.stderr)
    sys.argv = [str(program), *argv]
    sys.path.insert(0, str(program.parent))
    try:
        runpy.run_path(str(program), run_name="__main__")
    except SystemExit as ended:
        if ended.code in (None, 0):
            return 0
        code, reason = (ended.code, said.line) if isinstance(ended.code, int) else (1, str(ended.code))
        sys.stdout.write(f"{reason}\n")
    except BaseException as error:
        traceback.print_exc(file=sys.stdout)
        code, reason = 1, f"{type(error).__name__}: {error}"
    else:
        return 0
    if not failure.exists():
        failure.write_text(f'ExecuteUserScriptError: ExitCode {code} ErrorMessage "{reason}"')
    return code


def main() -> None:
    """Read the contract's files and run the script that they name."""
    root = Path(os.environ["SM_ML_ROOT"])
    raw = json.loads((root / "input/config/hyperparameters.json").read_text())
    decoded = {name: decode(value) for name, value in raw.items()}
    program = decoded.pop("sagemaker_program", None) or os.environ.get("SAGEMAKER_PROGRAM")
    decoded = {name: value for name, value in decoded.items() if not name.startswith("sagemaker_")}
    channels = json.loads((root / "input/config/inputdataconfig.json").read_text())
    os.environ.update(variables(root, decoded, channels))
    path = root / "code" / str(program)
    if not program or not path.is_file():
        (root / "output/failure").write_text(
            f"No script to run: sagemaker_program is {program!r} and sagemaker_submit_directory does not hold it."
        )
        sys.exit(1)
    requirements = path.parent / "requirements.txt"
    if requirements.is_file() and (lacking := unmet(requirements.read_text())):
        (root / "output/failure").write_text(
            f'InstallRequirementsError: ExitCode 1 ErrorMessage "ERROR: No matching distribution is installed here for '
            f'{", ".join(lacking)}"'
        )
        sys.exit(1)
    code = run(path, arguments(decoded))
    sys.stdout.flush()
    os._exit(code)  # threads that the script left behind must not keep the job running


if __name__ == "__main__":
    main()
