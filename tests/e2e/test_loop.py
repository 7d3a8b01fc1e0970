"""The whole loop, once, under IAM: serve, drift, alarm, label, retrain, canary, `cdk deploy` in between, roll back."""

from __future__ import annotations

import io
import json
from datetime import timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from cli.demo import story
from cli.demo.stage import Stage
from cli.project import synthesize
from tests.e2e import audit
from tests.e2e.conftest import changed_model
from watchkeeper import naming
from watchkeeper.attribution import AttributionLook, Verdict
from watchkeeper.aws.looks import ATTRIBUTION
from watchkeeper.estimation import EstimateLook
from watchkeeper.naming import AlarmKind

pytestmark = pytest.mark.e2e
SCRIPT = story.Script()


def test_healthy_traffic_raises_no_alarm(stage: Stage) -> None:
    # when
    stage.hours(4)
    # then
    assert stage.alarm_state(AlarmKind.DRIFT) == "OK"
    assert stage.alarm_state(AlarmKind.ATTENTION) == "OK"
    assert stage.alarm_state(AlarmKind.ESTIMATED_PERFORMANCE) == "OK"
    look = stage.records.estimate()
    assert look is not None
    assert look.estimate.supported
    assert stage.messages("alarm") == []


def test_what_the_version_goes_by_is_known_as_soon_as_it_serves(stage: Stage) -> None:
    # when
    story.goes_by(stage)
    # then
    importance = stage.records.importance("v1")
    assert importance is not None
    assert importance.total == 200
    ranking = [each.feature for each in importance.ranking()]
    assert set(ranking[:2]) == {"debt_to_income", "income"}
    assert ranking[-1] == "gender"  # which the example's model does not go by


def test_a_prediction_is_explained_from_its_id(stage: Stage, capsys: pytest.CaptureFixture[str]) -> None:
    # when
    story.explain(stage)
    # then
    printed = capsys.readouterr().out
    assert "on average, and what this row adds" in printed
    assert "debt_to_income" in printed
    assert "when served" not in printed  # the version answers as it did


def test_drift_raises_the_alarm_and_one_message_that_names_the_features(stage: Stage) -> None:
    # when
    story.drift(stage, SCRIPT)
    # then
    (message,) = [m for m in stage.messages("alarm") if ": drift in" in m["detail"]["subject"]]
    assert "income" in message["detail"]["subject"] + message["detail"]["body"]
    assert "of what moves predictions)" in " ".join(message["detail"]["body"].split())
    assert stage.serving_version() == "v1"


def test_labels_bring_a_new_version_through_gate_and_canary_and_the_alarm_clears(stage: Stage) -> None:
    # when
    story.live_on(stage, SCRIPT)
    expected = story.foresee(stage)
    story.retrain(stage, SCRIPT)
    story.come_true(stage, expected)
    # then
    assert stage.serving_version() == "v2"
    told_apart(stage, expected)
    assert stage.alarm_state(AlarmKind.DRIFT) == "OK"
    shares = [entry["detail"].get("new_share") for entry in stage.cloud.timeline() if entry["kind"] == "endpoint"]
    assert [share for share in shares if share is not None] == [0.1, 1.0]
    packages = stage.cloud.client("sagemaker").list_model_packages(ModelPackageGroupName=stage.model.name)
    assert {p["ModelPackageVersion"] for p in packages["ModelPackageSummaryList"]} == {1, 2}


def told_apart(stage: Stage, expected: EstimateLook | None) -> None:
    """What was estimated of predictions without a label is of those whose labels are known by now."""
    assert expected is not None
    assert expected.version == "v1"
    assert expected.primary.value is not None
    realised = stage.records.realised(expected)
    assert realised is not None
    assert realised.rows >= expected.estimate.rows
    assert realised.labelled > 0.8 * realised.rows
    # requests that moved are seen without labels; that the world follows them otherwise is not
    assert {"income", "debt_to_income"} & {each.feature for each in expected.estimate.unsupported}
    assert realised["roc_auc"].value is not None
    assert realised["roc_auc"].value < expected.primary.value


def test_labels_are_joined_with_the_rows_that_were_answered(stage: Stage) -> None:
    # given the curated predictions of the hours before the labels came
    s3, model = stage.cloud.client("s3"), stage.model.name
    listed = s3.get_paginator("list_objects_v2").paginate(Bucket=stage.bucket, Prefix=naming.predictions_prefix(model))
    files = [item["Key"] for page in listed for item in page["Contents"]]
    tables = [pq.read_table(io.BytesIO(s3.get_object(Bucket=stage.bucket, Key=key)["Body"].read())) for key in files]
    rows = pa.concat_tables(tables, promote_options="default").to_pandas()

    # then each row is there once, those of version 1 with a label that is one, and it came after the answer
    assert not rows.duplicated(["prediction_id", "request_row"]).any()
    labelled = rows[rows["label"].notna()]
    assert len(labelled) > 1000
    assert set(labelled["label"]) == {"0", "1"}
    assert (labelled["label_collected_at"] >= labelled["predicted_at"]).all()
    # and labels and predictions are of the same rows: the model is far better than chance
    positive = labelled["label"] == "1"
    assert labelled[positive]["predicted_score"].mean() > labelled[~positive]["predicted_score"].mean() + 0.1
    # and all of it was told
    told = stage.cloud.client("cloudwatch").get_metric_statistics(
        Namespace=naming.NAMESPACE,
        MetricName=naming.Metric.LABELS_JOINED.value,
        Dimensions=[{"Name": naming.MODEL_DIMENSION, "Value": model}],
        StartTime=stage.cloud.now() - timedelta(days=30),
        EndTime=stage.cloud.now() + timedelta(hours=1),
        Period=86400,
        Statistics=["Sum"],
    )
    assert sum(point["Sum"] for point in told["Datapoints"]) == len(labelled)


def test_each_version_has_a_card_that_says_how_good_it_is_and_where_it_comes_from(stage: Stage) -> None:
    for version, judged_by in (("v1", "random"), ("v2", "recent")):
        # when
        shown = stage.cloud.client("sagemaker").describe_model_card(
            ModelCardName=naming.model_card(stage.model.name, version)
        )
        # then
        assert shown["ModelCardStatus"] == "Approved"
        card = json.loads(shown["Content"])
        assert judged_by in card["training_details"]["training_observations"]
        measured = {each["name"]: each for each in card["evaluation_details"]}
        metrics = {each["name"]: each["value"] for each in measured["Performance"]["metric_groups"][0]["metric_data"]}
        assert 0.6 < metrics["roc_auc"] < 1
        assert ("Against the version before" in measured) == (version == "v2")
        page = stage.cloud.client("s3").get_object(
            Bucket=stage.bucket, Key=naming.card_key(stage.model.name, version, "html")
        )
        assert card["model_overview"]["model_owner"].split(" <")[0] in page["Body"].read().decode()


def test_cdk_deploy_keeps_the_version_and_a_changed_setting_reaches_it(stage: Stage, tmp_path: Path) -> None:
    # given
    file = changed_model(tmp_path, endpoint__create__instance_count=2)
    synthesize(str(file), tmp_path / "cdk.out")
    # when
    stage.cloud.deploy(tmp_path / "cdk.out", ["--exclusively", naming.model_stack(stage.model.name)])
    stage.until(lambda: story.ended(stage, "Rollout") and instances(stage) == 2, "rollout of the setting", 4)
    # then
    assert stage.serving_version() == "v2"
    assert instances(stage) == 2


def instances(stage: Stage) -> int:
    endpoint = stage.cloud.client("sagemaker").describe_endpoint(EndpointName=stage.model.endpoint_name)
    config = stage.cloud.client("sagemaker").describe_endpoint_config(EndpointConfigName=endpoint["EndpointConfigName"])
    return int(config["ProductionVariants"][0]["InitialInstanceCount"])


def test_a_flawed_version_that_passes_every_offline_gate_is_rolled_back_by_itself(stage: Stage) -> None:
    # when
    story.go_wrong_and_back(stage, SCRIPT)
    # then
    assert stage.serving_version() == "v2"
    assert len(stage.messages("rolled-back")) == 1
    incidents = stage.cloud.client("s3").list_objects_v2(Bucket=stage.bucket, Prefix=f"incidents/{stage.model.name}/")
    assert incidents["KeyCount"] == 1
    flawed = stage.cloud.client("sagemaker").list_model_packages(
        ModelPackageGroupName=stage.model.name, ModelApprovalStatus="Rejected"
    )
    assert [p["ModelPackageVersion"] for p in flawed["ModelPackageSummaryList"]] == [3]


def test_how_good_predictions_were_is_told_by_the_labels(stage: Stage) -> None:
    # when labels of the version that serves again have come
    story.judge(stage, SCRIPT)
    # then
    look = stage.records.performance()
    assert look is not None
    assert look.performance.labelled > 500
    assert look.primary.value is not None
    assert look.primary.value > 0.6
    # and before they came it had been estimated, as far as can be told without them
    estimate = stage.records.estimate()
    assert estimate is not None
    assert estimate.version == stage.serving_version()
    assert estimate.primary.low is not None


def test_the_version_that_took_over_goes_by_what_it_went_by_on_its_own_baseline(stage: Stage) -> None:
    # when
    at = stage.cloud.now()
    story.finish(stage, stage.start("Attribution", scheduled_time=at.isoformat()), "Attribution")
    # then
    stored = naming.findings_key(stage.model.name, ATTRIBUTION, at)
    body = stage.cloud.client("s3").get_object(Bucket=stage.bucket, Key=stored)["Body"].read()
    look = AttributionLook.from_json(body)
    assert (look.version, look.findings.verdict) == ("v2", Verdict.NO_DRIFT)
    assert look.findings.rows > 100
    assert look.findings.ndcg > 0.95
    assert stage.alarm_state(AlarmKind.ATTRIBUTION_DRIFT) == "OK"


def test_whom_the_version_treats_worse_is_told_by_name(stage: Stage) -> None:
    # when the version that learnt from the shock, which took the jobs of the young first, has been looked at
    story.fairness(stage, SCRIPT)
    # then
    look = stage.records.bias()
    assert look is not None
    assert look.version == stage.serving_version() == "v2"
    assert {found.group for found in look.biased if found.facet == "age"} == {"under 30"}
    assert "gender" not in {found.facet for found in look.biased}
    # and the rows that the version was judged on were held against their neighbours
    flipped = {found.group for found in look.findings.measurements if found.metric == "FT" and found.facet == "age"}
    assert flipped == {"under 30", "30 to under 60", "60 and over"}
    assert stage.alarm_state(AlarmKind.BIAS) == "ALARM"
    message = [m["detail"] for m in stage.messages("alarm") if ": biased (" in m["detail"]["subject"]][-1]
    assert "age under 30" in message["subject"]
    assert "Positive means that defaulted is not 1" in message["body"]


def test_afterwards_no_lock_is_left_no_call_was_denied_and_nothing_failed_behind_the_scenes(stage: Stage) -> None:
    # when
    lock = stage.cloud.client("dynamodb").get_item(TableName=stage.outputs["StateTableName"], Key={"pk": {"S": "lock"}})
    # then
    assert "Item" not in lock
    assert audit.denied(stage) == []
    assert audit.background_errors(stage) == []


def test_every_grant_of_every_role_was_used(stage: Stage) -> None:
    # when
    surplus = audit.surplus(stage)
    # then
    assert not surplus, "\n" + "\n".join(surplus)
