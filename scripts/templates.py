"""The CloudFormation templates of models/*.yaml, and what is in them."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent


def synthesize(output: Path, *, nag: bool) -> list[Path]:
    """`cdk synth` of models/*.yaml; the templates that it wrote."""
    context = ["-c", "nag=true"] if nag else []
    run(str(ROOT / "node_modules" / ".bin" / "cdk"), "synth", "--quiet", "--no-notices", "-o", str(output), *context)
    return sorted(output.glob("*.template.json"))


def machines(template: Path) -> dict[str, str]:
    """State machine definitions of a template by the machine's name, with a dummy in the place of every reference."""
    resources = json.loads(template.read_text())["Resources"].values()
    found = [item["Properties"] for item in resources if item["Type"] == "AWS::StepFunctions::StateMachine"]
    return {item["StateMachineName"]: flatten(item["DefinitionString"]) for item in found}


def flatten(value: Any) -> str:
    """A `Fn::Join` of strings and references as one string."""
    if isinstance(value, str):
        return value
    if "Fn::Join" in value:
        separator, parts = value["Fn::Join"]
        return str(separator).join(flatten(part) for part in parts)
    if value == {"Ref": "AWS::Partition"}:
        return "aws"
    return "arn:aws:states:us-east-1:123456789012:stateMachine:placeholder"


def run(*command: str) -> None:
    """Run a tool; its output is shown only when it fails."""
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{Path(command[0]).name} failed:\n{(done.stdout + done.stderr)[-6000:]}")
