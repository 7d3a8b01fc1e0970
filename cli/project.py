"""The project's folder: where models, templates and tools are."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from watchkeeper.config import ModelConfig, load, load_models
from watchkeeper.errors import ConfigError, WatchkeeperError

ROOT = Path(__file__).resolve().parent.parent


class ToolError(WatchkeeperError):
    """A program that the command needs is missing or has failed."""


def find_model(name: str, folder: Path = ROOT / "models") -> ModelConfig:
    """The model called `name` among the project's YAML files; a path to a file works as well."""
    if name.endswith((".yaml", ".yml")):
        return load(name)
    models = {model.name: model for model in load_models(sorted(folder.glob("*.yaml")))}
    if name not in models:
        known = ", ".join(sorted(models)) or "none"
        raise ConfigError(f"There is no model {name!r} in {folder}. Known models: {known}.")
    return models[name]


def synthesize(models: str, output: Path) -> None:
    """Write the CloudFormation templates of the models that the pattern `models` matches to `output`.

    Raises
    ------
    ToolError
        The CDK command line is missing, or synthesis failed; the message ends with what it said.
    """
    cdk = ROOT / "node_modules" / ".bin" / "cdk"
    if not cdk.exists():
        raise ToolError("The CDK command line is not installed. Run `make synth` or `make demo` once: it installs it.")
    command = [str(cdk), "synth", "--quiet", "--no-notices", "--output", str(output), "-c", f"models={models}"]
    done = subprocess.run(command, cwd=ROOT, env=environment(), capture_output=True, text=True)
    if done.returncode:
        raise ToolError(f"Synthesis failed:\n{(done.stderr or done.stdout).strip()[-3000:]}")


def environment() -> dict[str, str]:
    """Environment for child processes: the caller's, with this project's Python and tools first on the path."""
    folders = [str(Path(sys.executable).parent), str(ROOT / "node_modules" / ".bin"), os.environ.get("PATH", "")]
    return dict(os.environ) | {"PATH": os.pathsep.join(folders)}
