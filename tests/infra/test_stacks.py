"""The stacks as a whole: deterministic, apart from each other, and stable where data is kept."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from infra import archives
from infra.app import build
from tests.infra.conftest import MODEL, Assembly, Synthesizer, of_type, only, text
from watchkeeper import naming
from watchkeeper.config import load
from watchkeeper.errors import ConfigError
from watchkeeper.spec import ModelSpec

KEPT = {
    "AWS::KMS::Key": {"Key961B73FD"},
    "AWS::S3::Bucket": {"AccessLogs8B620ECA", "Data666C94C7"},
    "AWS::DynamoDB::Table": {"StateTable962DE04C"},
    "AWS::SageMaker::ModelPackageGroup": {"Versions"},
}
"""Logical ids of what holds data. A changed id is a new, empty resource in the place of the old: never change one."""


def test_two_syntheses_give_the_same_bytes(shipped: Assembly, synthesize: Synthesizer) -> None:
    # when
    again = synthesize({}, again=True)
    # then
    for stack in (naming.PLATFORM_STACK, naming.model_stack(MODEL)):
        file = f"{stack}.template.json"
        assert (again.folder / file).read_bytes() == (shipped.folder / file).read_bytes()


def test_what_holds_data_keeps_its_logical_id_and_outlives_its_stack(shipped: Assembly) -> None:
    # given
    found: dict[str, set[str]] = {}
    for template in (shipped.platform, shipped.model()):
        for kind in KEPT:
            for name, resource in of_type(template, kind).items():
                found.setdefault(kind, set()).add(name)
                assert resource["DeletionPolicy"] == "Retain"
    # then
    assert found == KEPT


def test_the_platform_does_not_know_which_models_exist(shipped: Assembly, two: Assembly) -> None:
    # then
    assert two.platform == shipped.platform


def test_a_second_model_leaves_the_first_as_it_was(shipped: Assembly, two: Assembly) -> None:
    # then
    assert two.model() == shipped.model()
    assert MODEL not in json.dumps(two.model("churn"))


def test_physical_names_of_two_models_do_not_meet(two: Assembly) -> None:
    # given
    def names(model: str) -> set[str]:
        fields = ("FunctionName", "QueueName", "StateMachineName", "AlarmName", "EndpointName", "LogGroupName", "Name")
        resources = two.model(model)["Resources"].values()
        return {
            str(r["Properties"][f])
            for r in resources
            for f in fields
            if isinstance(r.get("Properties", {}).get(f), str)
        }

    # then
    assert names(MODEL).isdisjoint(names("churn"))


def test_templates_name_no_account_and_no_region(shipped: Assembly) -> None:
    # then
    for stack in (naming.PLATFORM_STACK, naming.model_stack(MODEL)):
        template = shipped.template(stack)
        template.pop("Mappings", None)  # accounts of AWS, by region
        assert "us-east-1" not in json.dumps(template)


def test_only_what_reads_captures_and_labels_has_the_parser(shipped: Assembly) -> None:
    # given
    functions = of_type(shipped.model(), "AWS::Lambda::Function").values()
    # when
    parsing = {
        f["Properties"]["Handler"] for f in functions if "layersparser" in json.dumps(f["Properties"].get("Layers"))
    }
    # then
    assert parsing == {f"lambdas.{name}.handler.handler" for name in ("profile_capture", "join_labels", "check_labels")}


def test_predictions_are_a_table_whose_partitions_need_no_crawler(shipped: Assembly) -> None:
    # given
    properties = only(shipped.model(), "AWS::Glue::Table")
    table = properties["TableInput"]
    columns = {column["Name"]: column["Type"] for column in table["StorageDescriptor"]["Columns"]}
    # then a key that is written is in a partition that is projected
    key = naming.predictions_key(MODEL, "v1", datetime(2026, 11, 21, 7, tzinfo=UTC))
    template = text(table["Parameters"]["storage.location.template"]).replace("${dt}", "2026-11-21")
    assert template.replace("${hr}", "07").endswith(key.rpartition("/")[0] + "/")
    assert text(table["StorageDescriptor"]["Location"]).endswith(naming.predictions_prefix(MODEL))
    assert [column["Name"] for column in table["PartitionKeys"]] == ["dt", "hr"]
    # and features and answers are there, each of a type that Athena knows
    assert columns["income"] == columns["predicted_score"] == "double"
    assert columns["home"] == columns["label"] == columns["prediction_id"] == "string"
    assert set(columns.values()) <= {"string", "double", "int", "bigint", "timestamp"}


def test_a_layer_that_is_not_built_is_named_with_the_remedy(tmp_path: Path) -> None:
    # then
    with pytest.raises(ConfigError, match=r"layer 'core' is not built: .* Run `make"):
        build({"layers": str(tmp_path), "models": str(archives.ROOT / "models" / "*.yaml")}, outdir=str(tmp_path / "o"))


def test_no_model_is_an_error_with_the_remedy(tmp_path: Path) -> None:
    # then
    with pytest.raises(ConfigError, match="No file matches"):
        build({"models": str(tmp_path / "*.yaml")}, outdir=str(tmp_path / "o"))


def test_an_archive_holds_the_code_and_the_model_but_nothing_that_needs_pydantic(tmp_path: Path) -> None:
    # given
    model = load(archives.ROOT / "models" / f"{MODEL}.yaml")
    stale = tmp_path / MODEL / "lambdas" / "gone.py"
    archives.write(stale, b"")
    # when
    archive = archives.stage_archive(model, tmp_path)
    # then
    files = {path.relative_to(archive).as_posix() for path in archive.rglob("*") if path.is_file()}
    assert {"watchkeeper/naming/__init__.py", "lambdas/notify/handler.py", "glue_jobs/build_baseline.py"} <= files
    assert not [file for file in files if "config" in file or "__pycache__" in file]
    assert not stale.exists()
    assert ModelSpec.from_json((archive / "watchkeeper_model" / "model.json").read_bytes()) == model.spec()


def test_the_training_script_is_packed_the_same_whenever_it_is_packed(tmp_path: Path) -> None:
    # given
    (tmp_path / "train.py").write_text("print()\n")
    first = archives.pack(tmp_path)
    (tmp_path / "train.py").touch()
    # then
    assert archives.pack(tmp_path) == first


def test_outputs_say_where_everything_is(shipped: Assembly) -> None:
    # then
    assert set(shipped.model()["Outputs"]) == {
        "EndpointName",
        "StateTableName",
        "DashboardUrl",
        "OnboardingMachineArn",
        "RetrainingMachineArn",
        "RolloutMachineArn",
        "RollbackMachineArn",
        "AttributionMachineArn",
    }
    exported = {output["Export"]["Name"] for output in shipped.platform["Outputs"].values() if "Export" in output}
    assert exported == {
        f"Watchkeeper-{name}" for name in ("DataBucketName", "KeyArn", "WarningTopicArn", "CriticalTopicArn")
    }
