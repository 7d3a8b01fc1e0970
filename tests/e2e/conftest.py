"""A model deployed from its templates to the embedded AWS, with IAM enforced, at the point where its traffic begins.

Made once for each test module.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from cli import first_version
from cli.demo import story
from cli.demo.stage import Stage
from cli.demo.world import ExampleWorld
from cli.project import ROOT, synthesize
from localcloud.client import LocalCloud
from watchkeeper import naming
from watchkeeper.config import ModelConfig, load

MODEL_FILE = ROOT / "models" / "credit-risk.yaml"


@pytest.fixture(scope="session")
def model() -> ModelConfig:
    return load(MODEL_FILE)


@pytest.fixture(scope="session")
def artefact(model: ModelConfig) -> bytes:
    table = ExampleWorld().baseline()
    return first_version.train(model, table[[model.label.name, *model.input.features]])


@pytest.fixture(scope="session")
def assembly(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("assembly") / "cdk.out"
    synthesize(str(MODEL_FILE), folder)
    return folder


@pytest.fixture(scope="module")
def stage(
    model: ModelConfig, artefact: bytes, assembly: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Stage]:
    """Deployed and onboarded; a few hours of healthy traffic have passed."""
    with LocalCloud.start(tmp_path_factory.mktemp("aws") / "home") as cloud:
        stage = Stage(cloud, model, ExampleWorld(), rows_an_hour=story.Script().rows_an_hour)
        story.deploy_platform(cloud, assembly)
        story.upload_first_version(cloud, model.name, artefact)
        cloud.deploy(assembly, ["--exclusively", naming.model_stack(model.name)])
        begin(stage)
        yield stage


def begin(stage: Stage) -> None:
    """The model is onboarded, and a few hours of healthy traffic pass."""
    story.establish_baseline(stage)
    stage.to_the_hour()
    stage.hours(2)


def changed_model(folder: Path, **changes: object) -> Path:
    """The model's YAML file with some settings changed, deep in the file by dotted names."""
    document = yaml.safe_load(MODEL_FILE.read_text())
    for path, value in changes.items():
        *parents, last = path.split("__")
        place = document
        for name in parents:
            place = place.setdefault(name, {})
        place[last] = value
    file = folder / MODEL_FILE.name
    file.write_text(yaml.safe_dump(document, sort_keys=False))
    return file
