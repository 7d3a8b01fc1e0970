"""A version is explained exactly by a job in its own container; what that refuses or fails of is sampled, and why."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from cli import first_version
from cli.demo import story
from cli.demo.stage import Stage
from cli.demo.world import ExampleWorld
from cli.project import synthesize
from infra.archives import packed
from localcloud.client import LocalCloud
from tests.e2e import audit
from tests.e2e.conftest import changed_model
from watchkeeper import naming
from watchkeeper.attribution import AttributionLook, Importance, Scale, Verdict
from watchkeeper.aws.looks import ATTRIBUTION
from watchkeeper.config import ModelConfig, load
from watchkeeper.spec import AttributionMethod

pytestmark = pytest.mark.e2e
pytest.importorskip("shap", reason="shap is in the dev group, for Python 3.12 and later")


@pytest.fixture(scope="module")
def linear(model: ModelConfig) -> bytes:
    table = ExampleWorld().baseline()
    return first_version.train(model, table[[model.label.name, *model.input.features]], {"model": "linear"})


@pytest.fixture(scope="module")
def stage(linear: bytes, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """Onboarded with a linear model whose `explain_fn` has a mistake; an hour of traffic has passed."""
    folder = tmp_path_factory.mktemp("exact")
    file = changed_model(folder, monitors__attribution__method="exact")
    with LocalCloud.start(folder / "aws") as cloud:
        stage = Stage(cloud, load(file), ExampleWorld(), rows_an_hour=240)
        synthesize(str(file), folder / "cdk.out")
        story.deploy_platform(cloud, folder / "cdk.out")
        story.upload_first_version(cloud, stage.model.name, mistaken(linear))
        cloud.deploy(folder / "cdk.out", ["--exclusively", naming.model_stack(stage.model.name)])
        story.establish_baseline(stage)
        stage.to_the_hour()
        stage.hours(1)
        yield stage


def mistaken(artefact: bytes) -> bytes:
    """The same, with an `explain_fn` that raises."""
    with tarfile.open(fileobj=io.BytesIO(artefact)) as archive:
        files = {
            Path(member.name): content.read()
            for member in archive
            if (content := archive.extractfile(member)) is not None
        }
    script = Path("code/inference.py")
    files[script] = files[script].replace(b'return bundle["pipeline"], prepare', b'return bundle["pipline"], prepare')
    return packed(files)


def kept(stage: Stage) -> dict[bool, Importance]:
    """What version 1 goes by on its newest baseline, exact and sampled."""
    s3, prefix = stage.cloud.client("s3"), naming.importance_prefix(stage.model.name, "v1")
    listed = s3.list_objects_v2(Bucket=stage.bucket, Prefix=prefix).get("Contents", ())
    found = {}
    for item in sorted(listed, key=lambda item: item["LastModified"]):
        body = s3.get_object(Bucket=stage.bucket, Key=item["Key"])["Body"].read()
        found[item["Key"].endswith("-exact.json")] = Importance.from_json(body)
    return found


def ask(stage: Stage) -> AttributionLook:
    """A look at the traffic so far."""
    at = stage.cloud.now()
    story.finish(stage, stage.start("Attribution", scheduled_time=at.isoformat()), "Attribution")
    key = naming.findings_key(stage.model.name, ATTRIBUTION, at)
    return AttributionLook.from_json(stage.cloud.client("s3").get_object(Bucket=stage.bucket, Key=key)["Body"].read())


def replace_artefact(stage: Stage, artefact: bytes) -> None:
    story.upload_first_version(stage.cloud, stage.model.name, artefact)


def test_a_job_that_fails_is_no_dead_end(stage: Stage) -> None:
    # when
    stage.until(lambda: bool(kept(stage)), "record of what version 1 goes by", 1)
    # then
    assert list(kept(stage)) == [False]
    assert kept(stage)[False].total == 200
    assert kept(stage)[False].because.startswith("the job that explains exactly failed: AlgorithmError: ")
    assert "KeyError in explain_fn (inference.py, line " in kept(stage)[False].because


def test_what_a_linear_model_goes_by_is_known_exactly_as_soon_as_its_code_is_mended(
    stage: Stage, linear: bytes
) -> None:
    # given
    replace_artefact(stage, linear)
    # when
    look = ask(stage)
    # then
    importance = kept(stage)[True]
    assert (importance.method, importance.scale, importance.because) == (
        AttributionMethod.EXACT,
        Scale.LOG_ODDS,
        "",
    )
    assert {each.feature for each in importance.ranking()[:2]} == {"debt_to_income", "income"}
    assert (look.importance.method, look.findings.verdict) == (AttributionMethod.EXACT, Verdict.NO_DRIFT)
    assert look.findings.rows > 200  # more than would be sampled
    assert look.findings.ndcg > 0.95


def test_a_prediction_is_explained_exactly(stage: Stage, capsys: pytest.CaptureFixture[str]) -> None:
    # when
    stage.hours(1)
    story.explain(stage)
    # then
    printed = capsys.readouterr().out
    assert "what this row adds (log odds, exact):" in printed
    assert "It was answered" not in printed


def test_trees_of_one_hot_columns_are_refused_and_sampled(stage: Stage, artefact: bytes) -> None:
    # given
    replace_artefact(stage, artefact)
    story.establish_baseline(stage)
    # when
    look = ask(stage)
    # then
    assert "sees feature 'employment' as 6 columns" in look.importance.because
    assert look.importance.because == kept(stage)[False].because
    assert look.importance.method is AttributionMethod.SAMPLING


def test_afterwards_no_call_was_denied_nothing_failed_and_no_grant_of_it_is_left_over(stage: Stage) -> None:
    # when
    surplus = [grant for grant in audit.surplus(stage) if "Attribution" in grant]
    # then
    assert audit.denied(stage) == []
    assert audit.background_errors(stage) == []
    assert not surplus, "\n" + "\n".join(surplus)
