"""`watchkeeper local up` and `down`: the embedded AWS, left running in real time to play with."""

from __future__ import annotations

import os
import signal
from pathlib import Path

from cli import first_version
from cli.console import console, note, step
from cli.demo.story import deploy_platform, upload_first_version
from cli.demo.world import ExampleWorld
from cli.project import ROOT, find_model, synthesize
from localcloud.client import LocalCloud
from watchkeeper import naming
from watchkeeper.errors import WatchkeeperError

HOME = ROOT / ".localcloud" / "up"
PID = HOME.with_suffix(".pid")


class AlreadyUpError(WatchkeeperError):
    """One is running already."""


def up(port: int, model: str | None) -> None:
    """Start it in the background; with `model`, deploy that too."""
    if _running():
        raise AlreadyUpError("It is up already. Stop it with `watchkeeper local down`.")
    with step("Starting the embedded AWS"):
        cloud = LocalCloud.start(HOME, driven=False, port=port)
        PID.write_text(str(cloud.process_id))
    if model:
        _deploy(cloud, model)
    console.print(f"The embedded AWS is up on {cloud.url}, in real time; its log is {HOME.with_name('up.log')}.")
    console.print("Point the AWS CLI, CDK or any SDK at it:")
    for name, value in cloud.environment().items():
        console.print(f"  export {name}={value}", soft_wrap=True)
    console.print("Its Lambda layers are built for this machine from the same lock, not for Lambda's arm64.")
    console.print("Stop it with `watchkeeper local down`.")


def down() -> None:
    """Stop it, and all of its children."""
    if not _running():
        note("nothing is running")
    else:
        os.kill(int(PID.read_text()), signal.SIGTERM)
        note("stopped")
    PID.unlink(missing_ok=True)


def _running() -> bool:
    try:
        return b"localcloud.server" in Path(f"/proc/{int(PID.read_text())}/cmdline").read_bytes()
    except (OSError, ValueError):
        return False


def _deploy(cloud: LocalCloud, name: str) -> None:
    model = find_model(name)
    assembly = HOME.with_name("up-cdk.out")
    with step(f"Training version 1 of {model.name} on the example's data"):
        table = ExampleWorld().baseline()
        artefact = first_version.train(model, table[[model.label.name, *model.input.features]])
    with step("Synthesizing the CloudFormation templates"):
        synthesize(str(ROOT / "models" / f"{model.name}.yaml"), assembly)
    with step("Deploying the platform and the model"):
        deploy_platform(cloud, assembly)
        upload_first_version(cloud, model.name, artefact)
        cloud.deploy(assembly, ["--exclusively", naming.model_stack(model.name)])
