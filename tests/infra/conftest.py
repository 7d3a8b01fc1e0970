"""Templates as `cdk synth` writes them: of the shipped model, and of the same with some settings changed."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from infra.app import build
from infra.archives import ROOT
from infra.shared import LAYERS
from watchkeeper import naming

MODEL = "credit-risk"
Template = dict[str, Any]
Settings = Mapping[str, Any]


@dataclass(frozen=True)
class Assembly:
    """The outcome of one synthesis."""

    folder: Path

    def template(self, stack: str) -> Template:
        return dict(json.loads((self.folder / f"{stack}.template.json").read_text()))

    @property
    def platform(self) -> Template:
        return self.template(naming.PLATFORM_STACK)

    def model(self, name: str = MODEL) -> Template:
        return self.template(naming.model_stack(name))


Synthesizer = Callable[..., Assembly]


def model_file(settings: Settings) -> str:
    """The shipped model's YAML file with some settings changed, deep in the file by dotted names; None removes one."""
    document = yaml.safe_load((ROOT / "models" / f"{MODEL}.yaml").read_text())
    for path, value in settings.items():
        *parents, last = path.split(".")
        place = document
        for name in parents:
            place = place.setdefault(name, {})
        if value is None:
            place.pop(last, None)
        else:
            place[last] = value
    return yaml.safe_dump(document, sort_keys=False)


@pytest.fixture(scope="session")
def layers(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Layers with next to nothing in them: what is in them is not what is tested here."""
    folder = tmp_path_factory.mktemp("layers")
    for layer in LAYERS:
        (folder / layer / "python").mkdir(parents=True)
        (folder / layer / "python" / f"{layer}.py").write_text("")
    return folder


@pytest.fixture(scope="session")
def synthesize(tmp_path_factory: pytest.TempPathFactory, layers: Path) -> Synthesizer:
    """Synthesize models, each given by the settings in which it differs from the shipped one; equal ones only once."""
    made: dict[str, Assembly] = {}

    def synthesizer(*models: Settings, again: bool = False) -> Assembly:
        identity = json.dumps(models, sort_keys=True)
        if again or identity not in made:
            folder = tmp_path_factory.mktemp("synth")
            (folder / "models").mkdir()
            for number, settings in enumerate(models or ({},)):
                (folder / "models" / f"{number}.yaml").write_text(model_file(settings))
            context = {
                "models": str(folder / "models" / "*.yaml"),
                "layers": str(layers),
                "staging": str(folder / "staging"),
            }
            build(context, outdir=str(folder / "cdk.out")).synth()
            made[identity] = Assembly(folder / "cdk.out")
        return made[identity]

    return synthesizer


@pytest.fixture(scope="session")
def shipped(synthesize: Synthesizer) -> Assembly:
    return synthesize({})


@pytest.fixture(scope="session")
def two(synthesize: Synthesizer) -> Assembly:
    """The shipped model and another one beside it."""
    return synthesize({}, {"name": "churn"})


@pytest.fixture(scope="session")
def attached(synthesize: Synthesizer) -> Assembly:
    """The shipped model on an endpoint that somebody else has made."""
    attach = {
        "name": "legacy",
        "capture": "s3://their-bucket/captured",
        "artefacts": ["s3://their-models/loans/"],
        "kms_keys": ["arn:aws:kms:eu-west-1:123456789012:key/their-key"],
        "source": "examples/credit",
    }
    return synthesize({"endpoint": {"attach": attach}})


def of_type(template: Template, kind: str) -> dict[str, Template]:
    """Resources of one type, by logical id."""
    return {name: item for name, item in template["Resources"].items() if item["Type"] == kind}


def only(template: Template, kind: str) -> Template:
    """Properties of the one resource of a type."""
    (resource,) = of_type(template, kind).values()
    return dict(resource["Properties"])


def text(value: Any) -> str:
    """A value with intrinsics as one string: references as `<Name>`, imports by their name."""
    if isinstance(value, str):
        return value
    if isinstance(value, list):
        return "".join(map(text, value))
    if not isinstance(value, dict):
        return str(value)
    if "Fn::Join" in value:
        return str(value["Fn::Join"][0]).join(text(part) for part in value["Fn::Join"][1])
    if "Ref" in value:
        return "aws" if value["Ref"] == "AWS::Partition" else f"<{value['Ref']}>"
    if "Fn::GetAtt" in value:
        return f"<{'.'.join(value['Fn::GetAtt'])}>"
    return text(next(iter(value.values())))


def statements(template: Template) -> Iterator[tuple[str, Template]]:
    """Every statement of every role's policy, with the policy's logical id."""
    for name, policy in of_type(template, "AWS::IAM::Policy").items():
        for statement in policy["Properties"]["PolicyDocument"]["Statement"]:
            yield name, statement


def listed(value: Any) -> list[Any]:
    """A value, or a list of such, as a list."""
    return list(value) if isinstance(value, list) else [value]


def machines(template: Template) -> dict[str, Template]:
    """State machine definitions by the machine's name."""
    found = of_type(template, "AWS::StepFunctions::StateMachine").values()
    return {
        item["Properties"]["StateMachineName"]: json.loads(text(item["Properties"]["DefinitionString"]))
        for item in found
    }
