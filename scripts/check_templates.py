"""`make check`'s last part: synthesize twice, compare the bytes, and lint what came out.

cdk-nag (AwsSolutions) runs inside the synthesis and fails it; cfn-lint reads every template, the ASL linter every state
machine definition. All of it is offline.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent


def main() -> None:
    """Run all template checks; the first that fails ends it."""
    with tempfile.TemporaryDirectory() as folder:
        first, second = Path(folder) / "first", Path(folder) / "second"
        synthesize(first, nag=True)
        synthesize(second, nag=False)
        templates = sorted(first.glob("*.template.json"))
        for template in templates:
            if template.read_bytes() != (second / template.name).read_bytes():
                sys.exit(f"{template.name}: two syntheses of the same input differ. Find what is not deterministic.")
        run("cfn-lint", "--", *map(str, templates))
        machines = [machine for template in templates for machine in definitions(template)]
        for number, machine in enumerate(machines):
            path = Path(folder) / f"machine-{number}.asl.json"
            path.write_text(machine)
            run(str(ROOT / "node_modules" / ".bin" / "asl-validator"), "--json-path", str(path))
    print(f"templates: {len(templates)} deterministic, cdk-nag and cfn-lint clean; {len(machines)} machines linted")


def synthesize(output: Path, *, nag: bool) -> None:
    """`cdk synth` of models/*.yaml."""
    context = ["-c", "nag=true"] if nag else []
    run(str(ROOT / "node_modules" / ".bin" / "cdk"), "synth", "--quiet", "--no-notices", "-o", str(output), *context)


def definitions(template: Path) -> list[str]:
    """State machine definitions of a template, with a dummy in the place of every reference."""
    resources = json.loads(template.read_text())["Resources"].values()
    found = [item for item in resources if item["Type"] == "AWS::StepFunctions::StateMachine"]
    return [flatten(item["Properties"]["DefinitionString"]) for item in found]


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
    """Run a checker; its output is shown only when it fails."""
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{Path(command[0]).name} failed:\n{(done.stdout + done.stderr)[-6000:]}")


if __name__ == "__main__":
    main()
