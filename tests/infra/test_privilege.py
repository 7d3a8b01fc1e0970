"""Each part may do what it needs, to what is its own."""

from __future__ import annotations

import pytest

from infra import grants
from tests.infra.conftest import MODEL, Assembly, Template, listed, of_type, statements, text

WITHOUT_RESOURCES = {
    "cloudwatch:DescribeAlarms",
    "cloudwatch:PutMetricData",
    "ecr:GetAuthorizationToken",
    "glue:GetSecurityConfiguration",
    "logs:CreateLogDelivery",
    "logs:DeleteLogDelivery",
    "logs:DescribeLogGroups",
    "logs:DescribeResourcePolicies",
    "logs:GetLogDelivery",
    "logs:ListLogDeliveries",
    "logs:PutResourcePolicy",
    "logs:UpdateLogDelivery",
    "xray:GetSamplingRules",
    "xray:GetSamplingTargets",
    "xray:PutTelemetryRecords",
    "xray:PutTraceSegments",
}
"""Actions that AWS lets nobody restrict to a resource."""


def test_no_policy_holds_a_wildcard_action(shipped: Assembly) -> None:
    # then
    for name, statement in statements(shipped.model()):
        assert not [action for action in listed(statement["Action"]) if "*" in action], name


def test_all_resources_are_named_where_aws_lets_one_name_them(shipped: Assembly) -> None:
    # then
    for name, statement in statements(shipped.model()):
        if "*" in listed(statement["Resource"]):
            assert set(listed(statement["Action"])) <= WITHOUT_RESOURCES, name


def test_no_role_has_a_managed_policy(shipped: Assembly) -> None:
    # then
    for template in (shipped.platform, shipped.model()):
        for name, role in of_type(template, "AWS::IAM::Role").items():
            assert "ManagedPolicyArns" not in role["Properties"], name


def test_objects_are_granted_by_the_models_own_prefixes(shipped: Assembly) -> None:
    # then
    for name, statement in statements(shipped.model()):
        for resource in map(text, listed(statement["Resource"])):
            if ":s3:::Watchkeeper-DataBucketName/" in resource:
                assert f"/{MODEL}/" in resource, name


def test_listing_the_bucket_is_granted_by_prefix(shipped: Assembly) -> None:
    # given
    listing = [s for _, s in statements(shipped.model()) if "s3:ListBucket" in listed(s["Action"])]
    # then
    assert listing
    for statement in listing:
        patterns = listed(statement["Condition"]["StringLike"]["s3:prefix"])
        assert all(f"/{MODEL}/" in pattern for pattern in patterns)


def test_sagemaker_resources_of_other_models_are_out_of_reach(two: Assembly) -> None:
    # then
    for _, statement in statements(two.model("churn")):
        for resource in map(text, listed(statement["Resource"])):
            assert MODEL not in resource


def test_who_waits_for_a_sagemaker_job_may_tag_it_as_step_functions_does(shipped: Assembly) -> None:
    # given
    created: dict[str, set[str]] = {}
    tagged: dict[str, set[str]] = {}
    for name, statement in statements(shipped.model()):
        jobs = {resource for resource in map(text, listed(statement["Resource"])) if "-job/" in resource}
        for action in listed(statement["Action"]):
            if action in ("sagemaker:CreateTrainingJob", "sagemaker:CreateTransformJob"):
                created.setdefault(name, set()).update(jobs)
            if action == "sagemaker:AddTags":
                tagged.setdefault(name, set()).update(jobs)
    # then
    assert len(created) == 3  # onboarding, retraining and attribution
    assert created == tagged


def test_roles_are_passed_to_sagemaker_only(shipped: Assembly) -> None:
    # given
    passing = [s for _, s in statements(shipped.model()) if "iam:PassRole" in listed(s["Action"])]
    # then
    assert len(passing) >= 2
    for statement in passing:
        assert statement["Condition"] == {"StringEquals": {"iam:PassedToService": "sagemaker.amazonaws.com"}}
        assert all(text(resource).startswith("<") for resource in listed(statement["Resource"]))


def test_every_function_has_a_role_of_its_own(shipped: Assembly) -> None:
    # given
    functions = of_type(shipped.model(), "AWS::Lambda::Function").values()
    roles = [text(function["Properties"]["Role"]) for function in functions]
    # then
    assert len(set(roles)) == len(roles) > 1


def test_a_wildcard_without_a_reason_is_refused() -> None:
    # then
    for actions, resources in ((["s3:Get*"], ["arn:aws:s3:::b"]), (["s3:GetObject"], ["arn:aws:s3:::b/*"])):
        with pytest.raises(ValueError, match="wildcard"):
            grants.allow(None, actions, resources)  # type: ignore[arg-type]  # refused before the role is used


def test_only_the_acting_parts_may_change_what_is_served(shipped: Assembly) -> None:
    # given
    changing = {"sagemaker:UpdateEndpoint", "sagemaker:CreateEndpointConfig", "sagemaker:CreateModel"}
    holders = {name for name, s in statements(shipped.model()) if changing & set(listed(s["Action"]))}
    # then
    assert {name.rpartition("Role")[0] for name in holders} == {"RolloutRollout", "RetrainingRetraining"}


def function(template: Template, name: str) -> Template:
    (found,) = (
        f["Properties"]
        for f in of_type(template, "AWS::Lambda::Function").values()
        if f["Properties"]["FunctionName"] == f"{MODEL}--{name}"
    )
    return dict(found)


def test_functions_are_pinned_traced_and_logged_to_a_group_that_forgets(shipped: Assembly) -> None:
    # given
    functions = of_type(shipped.model(), "AWS::Lambda::Function").values()
    groups = of_type(shipped.model(), "AWS::Logs::LogGroup")
    # then
    for properties in (function["Properties"] for function in functions):
        assert (properties["Runtime"], properties["Architectures"]) == ("python3.13", ["arm64"])
        assert properties["TracingConfig"] == {"Mode": "Active"}
        variables = properties["Environment"]["Variables"]
        assert (variables["POWERTOOLS_METRICS_NAMESPACE"], variables["OPENBLAS_NUM_THREADS"]) == ("Watchkeeper", "1")
        group = groups[text(properties["LoggingConfig"]["LogGroup"]).strip("<>")]
        assert group["Properties"]["RetentionInDays"] == 90


def test_functions_that_are_called_asynchronously_have_a_dead_letter_queue(shipped: Assembly) -> None:
    # then
    for name in ("monitor-drift", "notify"):
        assert function(shipped.model(), name)["DeadLetterConfig"]["TargetArn"]


@pytest.mark.parametrize("name", ["profile-capture", "monitor-drift"])
def test_the_hot_paths_do_without_scipy(shipped: Assembly, name: str) -> None:
    # when
    layers = [layer["Ref"] for layer in function(shipped.model(), name)["Layers"]]
    # then
    assert any("layerscore" in layer for layer in layers)
    assert not any("layersanalysis" in layer for layer in layers)


def test_records_that_could_not_be_read_are_kept_for_people_and_read_by_nobody(shipped: Assembly) -> None:
    # given: what may be done under quarantine/
    granted = {
        action
        for _, statement in statements(shipped.model())
        if any("/quarantine/" in text(resource) for resource in listed(statement["Resource"]))
        for action in listed(statement["Action"])
    }
    # then
    assert granted == {"s3:PutObject"}
