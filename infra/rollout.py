"""The machine that gives a version its traffic: guarded by an alarm on the new fleet's errors, verified, recorded."""

from __future__ import annotations

from aws_cdk import aws_iam as iam
from constructs import Construct

from infra import grants
from infra import machine_steps as steps
from infra.machine_steps import NOW, Machine, State
from infra.shared import ModelContext
from infra.tools import Tools
from watchkeeper import rollout
from watchkeeper.message import Kind

POLL_SECONDS = 30
MARGIN_SECONDS = 2 * 3600
"""Beside the rollout itself: the way back after a failed verification, and waiting for an endpoint that is busy."""
ALREADY_THERE = ["SageMaker.SageMakerException", "SageMaker.ResourceInUseException"]
"""SageMaker's validation error, which is also what it says when a resource of that name exists."""
BUSY_ENDPOINT = [
    {"ErrorEquals": ["States.TaskFailed"], "IntervalSeconds": 60, "MaxAttempts": 10, "BackoffRate": 1},
]
PLAN = (
    "needed",
    "version",
    "previous_version",
    "settings_only",
    "on_trial",
    "package_arn",
    "model",
    "model_name",
    "endpoint_config",
    "endpoint_config_name",
    "previous_endpoint_config",
    "alarm",
    "deployment",
    "retain",
    "probation_until",
)


class Rollout(Construct):
    """Plan, config, alarm, update, poll, verify, move the record. Whatever fails, the version before it serves.

    Input: `{"reason": "…", "version"?: "v3", "strategy"?: "all_at_once", "lock_owner"?: name of an execution}`. Without
    a version the one that serves is served anew, under the settings of the YAML file.
    """

    def __init__(self, scope: Construct, context: ModelContext, tools: Tools) -> None:
        super().__init__(scope, "Rollout")
        self._context, self._state, self._table = context, tools.state, tools.state.table.table_name
        self._plan, self._verify = tools.deciders.plan_rollout, tools.deciders.verify_rollout
        self._notify = tools.notify
        self.timeout_seconds = context.spec.rollout.timeout_seconds + MARGIN_SECONDS
        self.machine = Machine(
            self,
            context,
            "rollout",
            role=self._role(tools.serving_role),
            comment=f"Gives a version of {context.name} its traffic",
            states=self._states(),
            timeout_seconds=self.timeout_seconds + 3 * 3600,  # which it may wait for the lock
        )

    def _states(self) -> dict[str, State]:
        work = {
            "PlanRollout": self._make_plan("Needed?"),
            "Needed?": steps.choose(steps.when_true("$.plan.needed", "ModelMade?"), otherwise="ReleaseUnneeded?"),
            **self._prepare("UpdateEndpoint"),
            **self._update("Verify"),
            **self._go_back(),
            "DeleteCanaryAlarm": self._delete_alarm("ReleaseDone?"),
        }
        steps.guarded(work, "Failed")
        # From here on the new fleet serves: whatever fails, the old one must come back.
        work |= steps.guarded({**self._check("SettingsOnly?"), **self._record("DeleteCanaryAlarm")}, "GoBack")
        return {
            **steps.request_with_defaults(
                {"version": "", "strategy": "", "lock_owner": "", "reason": ""}, "HoldsLock?"
            ),
            "HoldsLock?": steps.choose(
                steps.when_text("$.request.lock_owner", "", "AcquireLock"), otherwise="PlanRollout"
            ),
            "AcquireLock": steps.acquire_lock(
                self._state,
                "PlanRollout",
                held_seconds=self.timeout_seconds,
                busy=None,
                retry={"IntervalSeconds": 60, "MaxAttempts": 180, "BackoffRate": 1},
            ),
            **work,
            **self._release("Done", "RolledOut", steps.end()),
            **self._release("Unneeded", "NothingToDo", steps.end()),
            **self._fail(),
        }

    def _make_plan(self, then: str) -> State:
        payload = {"version.$": "$.request.version", "strategy.$": "$.request.strategy", "now.$": NOW}
        return steps.invoke(self._plan, payload, then, result="$.plan", keep=PLAN)

    def _prepare(self, then: str) -> dict[str, State]:
        """Make what the update needs. Names tell what is in a thing, so one that exists already is the same."""
        tolerate = [{"ErrorEquals": ALREADY_THERE, "Output": "{% $states.input %}"}]
        return {
            "ModelMade?": steps.choose(
                {"Variable": "$.plan.model", "IsNull": True, "Next": "CreateEndpointConfig"}, otherwise="CreateModel"
            ),
            "CreateModel": steps.passed_on(
                "aws-sdk:sagemaker:createModel",
                "plan.model",
                "CreateEndpointConfig",
                Catch=[{**tolerate[0], "Next": "CreateEndpointConfig"}],
            ),
            "CreateEndpointConfig": steps.passed_on(
                "aws-sdk:sagemaker:createEndpointConfig",
                "plan.endpoint_config",
                "PutCanaryAlarm",
                Catch=[{**tolerate[0], "Next": "PutCanaryAlarm"}],
            ),
            "PutCanaryAlarm": steps.passed_on("aws-sdk:cloudwatch:putMetricAlarm", "plan.alarm", then),
        }

    def _update(self, then: str) -> dict[str, State]:
        return {
            "UpdateEndpoint": steps.call(
                "aws-sdk:sagemaker:updateEndpoint",
                {
                    "EndpointName": self._context.spec.endpoint,
                    "EndpointConfigName.$": "$.plan.endpoint_config_name",
                    "RetainAllVariantProperties.$": "$.plan.retain",
                    "DeploymentConfig.$": "$.plan.deployment",
                },
                "WaitForEndpoint",
                retry=BUSY_ENDPOINT,
            ),
            **self._poll("WaitForEndpoint", "DescribeEndpoint", "Updated?", settled="NewFleet?"),
            "NewFleet?": steps.choose(
                {
                    "And": [
                        {"Variable": "$.endpoint.EndpointStatus", "StringEquals": "InService"},
                        {
                            "Variable": "$.endpoint.EndpointConfigName",
                            "StringEqualsPath": "$.plan.endpoint_config_name",
                        },
                    ],
                    "Next": then,
                },
                otherwise="Undone",
            ),
            "Undone": {
                "Type": "Pass",
                "Parameters": {
                    "Error": "RolloutUndone",
                    "Cause": "SageMaker went back to the fleet before: an alarm fired, or the new fleet did not start",
                },
                "ResultPath": steps.FAILURE,
                "Next": "Failed",
            },
        }

    def _poll(self, wait: str, describe: str, choice: str, *, settled: str) -> dict[str, State]:
        moving = ("Updating", "RollingBack", "SystemUpdating", "Creating")
        return {
            wait: steps.wait(POLL_SECONDS, describe),
            describe: steps.repeated(
                "aws-sdk:sagemaker:describeEndpoint",
                {"EndpointName": self._context.spec.endpoint},
                choice,
                result="$.endpoint",
            ),
            choice: steps.choose(
                *(steps.when_text("$.endpoint.EndpointStatus", status, wait) for status in moving), otherwise=settled
            ),
        }

    def _check(self, then: str) -> dict[str, State]:
        """Recorded requests must get the answers that the version gave before."""
        return {
            "Verify": steps.invoke(
                self._verify,
                {"version.$": "$.plan.version", "model_name.$": "$.plan.model_name"},
                "Verified?",
                result="$.verification",
                keep=("ok", "reason"),
            ),
            "Verified?": steps.choose(steps.when_true("$.verification.ok", then), otherwise="GoBack"),
        }

    def _go_back(self) -> dict[str, State]:
        return {
            "GoBack": steps.call(
                "aws-sdk:sagemaker:updateEndpoint",
                {
                    "EndpointName": self._context.spec.endpoint,
                    "EndpointConfigName.$": "$.plan.previous_endpoint_config",
                    "DeploymentConfig": rollout.deployment_config(self._context.spec.rollout, [], rollout.INSTANT),
                },
                "WaitForOldFleet",
                retry=BUSY_ENDPOINT,
            ),
            **self._poll("WaitForOldFleet", "DescribeOldFleet", "Back?", settled="WentBack"),
            "WentBack": steps.choose(steps.when_present("$.failure", "Failed"), otherwise="FoundWanting"),
            "FoundWanting": {
                "Type": "Pass",
                "Parameters": {"Error": "VerificationFailed", "Cause.$": "$.verification.reason"},
                "ResultPath": steps.FAILURE,
                "Next": "Failed",
            },
        }

    def _record(self, then: str) -> dict[str, State]:
        return {
            "SettingsOnly?": steps.choose(
                steps.when_true("$.plan.settings_only", "MoveSettings"), otherwise="MoveServing"
            ),
            "MoveSettings": steps.repeated("aws-sdk:dynamodb:transactWriteItems", self._move_settings(), then),
            "MoveServing": steps.repeated("aws-sdk:dynamodb:transactWriteItems", self._move_serving(), then),
        }

    def _move_settings(self) -> State:
        """The same version serves on, from another config."""
        serving = {
            "Update": {
                "TableName": self._table,
                "Key": {"pk": {"S": "serving"}},
                "ConditionExpression": "#version = :version",
                "UpdateExpression": "SET endpoint_config = :config, model_name = :model",
                "ExpressionAttributeNames": {"#version": "version"},
                "ExpressionAttributeValues": {
                    ":version": {"S.$": "$.plan.version"},
                    ":config": {"S.$": "$.plan.endpoint_config_name"},
                    ":model": {"S.$": "$.plan.model_name"},
                },
            }
        }
        taken = self._set_state("$.plan.version", "serving", "model_name = :model")
        taken["Update"]["ExpressionAttributeValues"] |= {":model": {"S.$": "$.plan.model_name"}}
        return {"TransactItems": [serving, taken]}

    def _move_serving(self) -> State:
        """The one moment in which another version is the one that serves, for every reader alike."""
        serving = {
            "pk": {"S": "serving"},
            "version": {"S.$": "$.plan.version"},
            "previous_version": {"S.$": "$.plan.previous_version"},
            "model_name": {"S.$": "$.plan.model_name"},
            "endpoint_config": {"S.$": "$.plan.endpoint_config_name"},
            "previous_endpoint_config": {"S.$": "$.plan.previous_endpoint_config"},
            "since": {"S.$": NOW},
            "probation_until": {"S.$": "$.plan.probation_until"},
        }
        moved = {
            "Put": {
                "TableName": self._table,
                "Item": serving,
                "ConditionExpression": "#version IN (:old, :new)",  # ours already: the call was repeated
                "ExpressionAttributeNames": {"#version": "version"},
                "ExpressionAttributeValues": {
                    ":old": {"S.$": "$.plan.previous_version"},
                    ":new": {"S.$": "$.plan.version"},
                },
            }
        }
        taken = self._set_state("$.plan.version", "serving", "served_since = :now, model_name = :model")
        taken["Update"]["ExpressionAttributeValues"] |= {
            ":now": {"S.$": NOW},
            ":model": {"S.$": "$.plan.model_name"},
        }
        given_up = self._set_state("$.plan.previous_version", "retired", "")
        return {"TransactItems": [moved, taken, given_up]}

    def _set_state(self, version: str, state: str, more: str) -> State:
        return {
            "Update": {
                "TableName": self._table,
                "Key": {"pk": {"S.$": f"States.Format('version#{{}}', {version})"}},
                "UpdateExpression": "SET #state = :state" + (f", {more}" if more else ""),
                "ExpressionAttributeNames": {"#state": "state"},
                "ExpressionAttributeValues": {":state": {"S": state}},
            }
        }

    def _delete_alarm(self, then: str) -> State:
        return steps.call(
            "aws-sdk:cloudwatch:deleteAlarms",
            {"AlarmNames.$": "States.Array($.plan.alarm.AlarmName)"},
            then,
            tolerate=["States.TaskFailed"],
        )

    def _release(self, what: str, end: str, ended: State) -> dict[str, State]:
        """Give back the lock if this execution took it; then end."""
        return {
            f"Release{what}?": steps.choose(
                steps.when_text("$.request.lock_owner", "", f"Release{what}"), otherwise=end
            ),
            f"Release{what}": steps.release_lock(self._state, end),
            end: ended,
        }

    def _fail(self) -> dict[str, State]:
        return {
            "Failed": steps.choose(
                {
                    "And": [
                        {"Variable": "$.plan.alarm.AlarmName", "IsPresent": True},
                        {"Variable": "$.plan.needed", "BooleanEquals": True},
                    ],
                    "Next": "DeleteFailedCanaryAlarm",
                },
                otherwise="NotifyUnplanned",
            ),
            "DeleteFailedCanaryAlarm": self._delete_alarm("NotifyFailed"),
            **self._tell_failure("OnTrial?"),
            "OnTrial?": steps.choose(
                {
                    "And": [
                        {"Variable": "$.plan.on_trial", "IsPresent": True},
                        {"Variable": "$.plan.on_trial", "BooleanEquals": True},
                    ],
                    "Next": "RejectVersion",
                },
                otherwise="ReleaseFailed?",
            ),
            **steps.guarded(
                {
                    "RejectVersion": steps.reject_version(self._state, "$.plan.version", "RejectPackage"),
                    "RejectPackage": steps.reject_package("$.plan.package_arn", "ReleaseFailed?"),
                },
                "ReleaseFailed?",
            ),
            **self._release(
                "Failed",
                "RolloutFailed",
                steps.end("RolloutFailed", "The version before it serves. The message that was sent says why."),
            ),
        }

    def _tell_failure(self, then: str) -> dict[str, State]:
        """One message; before there is a plan, the request alone says what was to be rolled out."""
        planned = {
            "version.$": "$.plan.version",
            "previous_version.$": "$.plan.previous_version",
            "reason.$": "$.failure.Cause",
        }
        unplanned = {"version.$": "$.request.version", "reason.$": "$.failure.Cause"}
        return {
            "NotifyFailed": steps.notify(self._notify, Kind.ROLLOUT_FAILED, planned, then),
            "NotifyUnplanned": steps.notify(self._notify, Kind.ROLLOUT_FAILED, unplanned, then),
        }

    def _role(self, serving_role: iam.IRole) -> iam.Role:
        context = self._context
        role = steps.machine_role(self, context, "rollout")
        steps.may_invoke(role, self._plan, self._verify, self._notify)
        self._state.grant(role, ["DeleteItem", "PutItem", "UpdateItem"])

        def named(kind: str) -> str:
            return grants.arn("sagemaker", f"{kind}/{context.name}--*")

        endpoint = grants.arn("sagemaker", f"endpoint/{context.spec.endpoint}")
        grants.allow(role, ["sagemaker:CreateModel"], [named("model")], grants.BY_NAME)
        grants.allow(role, ["sagemaker:CreateEndpointConfig"], [named("endpoint-config")], grants.BY_NAME)
        configs = grants.arn("sagemaker", "endpoint-config/*") if context.attached else named("endpoint-config")
        grants.allow(role, ["sagemaker:UpdateEndpoint"], [endpoint, configs], grants.BY_NAME)
        grants.allow(role, ["sagemaker:DescribeEndpoint"], [endpoint])
        packages = grants.arn("sagemaker", f"model-package/{context.name}/*")
        grants.allow(role, ["sagemaker:UpdateModelPackage"], [packages], grants.BY_NAME)
        alarms = grants.arn("cloudwatch", f"alarm:{context.name}--*")
        grants.allow(role, ["cloudwatch:DeleteAlarms", "cloudwatch:PutMetricAlarm"], [alarms], grants.BY_NAME)
        grants.use_key(context, role)
        grants.lend_key(context, role)
        grants.pass_role(role, serving_role, "sagemaker.amazonaws.com")
        return role
