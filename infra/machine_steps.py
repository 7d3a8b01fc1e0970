"""States that the machines share, as Amazon States Language, and the construct that makes a machine of them.

Definitions are written as data, in the language that AWS documents and its console shows. Paths are JSONPath; the
few states that need arithmetic or pass on a whole request are JSONata.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from infra import grants
from infra.nag import acknowledge
from infra.python_function import PythonFunction, log_group
from infra.shared import ModelContext
from infra.state import ModelState
from watchkeeper.message import Kind

State = dict[str, Any]
NOW, EXECUTION = "$$.State.EnteredTime", "$$.Execution.Name"
LAST = "$.last"
"""Where the answer of a call goes that nobody reads."""
FAILURE = "$.failure"
RUN_ID = "States.ArrayGetItem(States.StringSplit(States.UUID(), '-'), 4)"
"""Twelve hex characters: the last group of a random UUID."""
CONDITION_FAILED = "DynamoDB.ConditionalCheckFailedException"
LOCK_MARGIN_SECONDS = 2 * 3600

_TRANSIENT = [{"ErrorEquals": ["States.TaskFailed"], "IntervalSeconds": 5, "MaxAttempts": 3, "BackoffRate": 3}]
_EVENTS_RULES = {
    "training": "StepFunctionsGetEventsForSageMakerTrainingJobsRule",
    "transform": "StepFunctionsGetEventsForSageMakerTransformJobsRule",
    "execution": "StepFunctionsGetEventsForStepFunctionsExecutionRule",
}


def resource(integration: str) -> str:
    """ARN of a service integration, such as `dynamodb:putItem` or `aws-sdk:sagemaker:updateEndpoint`."""
    return f"arn:{cdk.Aws.PARTITION}:states:::{integration}"


def call(
    integration: str,
    parameters: Mapping[str, Any],
    then: str,
    *,
    result: str = LAST,
    retry: Sequence[State] = (),
    tolerate: Sequence[str] = (),
) -> State:
    """Call a service. Errors in `tolerate` are as good as success; others are retried only if `retry` says so."""
    state: State = {
        "Type": "Task",
        "Resource": resource(integration),
        "Parameters": dict(parameters),
        "ResultPath": result,
        "Next": then,
    }
    if retry:
        state["Retry"] = list(retry)
    if tolerate:
        state["Catch"] = [{"ErrorEquals": list(tolerate), "ResultPath": LAST, "Next": then}]
    return state


def repeated(integration: str, parameters: Mapping[str, Any], then: str, *, result: str = LAST) -> State:
    """A call that may be made twice without harm: failures are retried."""
    return call(integration, parameters, then, result=result, retry=_TRANSIENT)


def passed_on(integration: str, request: str, then: str, **state: Any) -> State:
    """A call whose whole request lies in the machine's state at `request`, such as `plan.update`."""
    return {
        "Type": "Task",
        "QueryLanguage": "JSONata",
        "Resource": resource(integration),
        "Arguments": f"{{% $states.input.{request} %}}",
        "Output": "{% $states.input %}",
        "Next": then,
        **state,
    }


def invoke(
    function: PythonFunction, payload: Mapping[str, Any], then: str, *, result: str, keep: Sequence[str]
) -> State:
    """Invoke a function and keep the named fields of its answer at `result`. All our functions may run twice."""
    return {
        "Type": "Task",
        "Resource": resource("lambda:invoke"),
        "Parameters": {"FunctionName": function.arn, "Payload": dict(payload)},
        "ResultSelector": {f"{name}.$": f"$.Payload.{name}" for name in keep},
        "ResultPath": result,
        "Retry": _TRANSIENT,
        "Next": then,
    }


def notify(function: PythonFunction, kind: Kind, detail: Mapping[str, Any], then: str) -> State:
    """Tell people; `detail` is what the message of this kind needs. A message that fails must not stop the machine."""
    return {
        "Type": "Task",
        "Resource": resource("lambda:invoke"),
        "Parameters": {
            "FunctionName": function.arn,
            "Payload": {"kind": kind.value, "now.$": NOW, "execution.$": EXECUTION, "detail": dict(detail)},
        },
        "ResultPath": LAST,
        "Retry": _TRANSIENT,
        "Catch": [{"ErrorEquals": ["States.ALL"], "ResultPath": LAST, "Next": then}],
        "Next": then,
    }


def choose(*rules: State, otherwise: str) -> State:
    """A Choice; each rule is a condition with its `Next`."""
    return {"Type": "Choice", "Choices": list(rules), "Default": otherwise}


def when_true(path: str, then: str) -> State:
    """A rule: the boolean at `path` is true."""
    return {"Variable": path, "BooleanEquals": True, "Next": then}


def when_text(path: str, text: str, then: str) -> State:
    """A rule: the text at `path` is `text`."""
    return {"Variable": path, "StringEquals": text, "Next": then}


def when_present(path: str, then: str) -> State:
    """A rule: there is something at `path`."""
    return {"Variable": path, "IsPresent": True, "Next": then}


def wait(seconds: int, then: str) -> State:
    """A Wait."""
    return {"Type": "Wait", "Seconds": seconds, "Next": then}


def request_with_defaults(defaults: Mapping[str, Any], then: str, **more: Any) -> dict[str, State]:
    """Two states, `Begin` first: the execution's input over `defaults` as `$.request`, and `more` beside it."""
    return {
        "Begin": {"Type": "Pass", "Result": {"defaults": dict(defaults)}, "Next": "ReadRequest"},
        "ReadRequest": {
            "Type": "Pass",
            "Parameters": {"request.$": "States.JsonMerge($.defaults, $$.Execution.Input, false)", **more},
            "Next": then,
        },
    }


def acquire_lock(
    state: ModelState, then: str, *, held_seconds: int, busy: State | None, retry: State | None = None
) -> State:
    """Take the model's lock, or go where `busy` says.

    A lock that its machine could not release, for it was stopped from outside, expires: `held_seconds` is the longest
    the machine holds it, and two hours are added. Taking a lock that one holds already is no error, so the call may be
    repeated.
    """
    seconds = "$floor($toMillis($states.context.State.EnteredTime) / 1000)"
    expiry = held_seconds + LOCK_MARGIN_SECONDS
    lock: State = {
        "Type": "Task",
        "QueryLanguage": "JSONata",
        "Resource": resource("dynamodb:putItem"),
        "Arguments": {
            "TableName": state.table.table_name,
            "Item": {
                "pk": {"S": "lock"},
                "owner": {"S": "{% $states.context.Execution.Name %}"},
                "since": {"S": "{% $states.context.State.EnteredTime %}"},
                "expires_at": {"N": f"{{% $string({seconds} + {expiry}) %}}"},
            },
            "ConditionExpression": "attribute_not_exists(pk) OR expires_at < :now OR #owner = :owner",
            "ExpressionAttributeNames": {"#owner": "owner"},
            "ExpressionAttributeValues": {
                ":now": {"N": f"{{% $string({seconds}) %}}"},
                ":owner": {"S": "{% $states.context.Execution.Name %}"},
            },
        },
        "Output": "{% $states.input %}",
        "Next": then,
    }
    if retry:
        lock["Retry"] = [{"ErrorEquals": [CONDITION_FAILED], **retry}]
    if busy:
        lock["Catch"] = [{"ErrorEquals": [CONDITION_FAILED], "Output": "{% $states.input %}", **busy}]
    return lock


def release_lock(state: ModelState, then: str) -> State:
    """Give the lock back, if it is still ours."""
    return call(
        "dynamodb:deleteItem",
        {
            "TableName": state.table.table_name,
            "Key": {"pk": {"S": "lock"}},
            "ConditionExpression": "#owner = :owner",
            "ExpressionAttributeNames": {"#owner": "owner"},
            "ExpressionAttributeValues": {":owner": {"S.$": EXECUTION}},
        },
        then,
        retry=[
            {"ErrorEquals": [CONDITION_FAILED], "MaxAttempts": 0},
            {"ErrorEquals": ["States.ALL"], "IntervalSeconds": 5, "MaxAttempts": 5, "BackoffRate": 2},
        ],
        tolerate=[CONDITION_FAILED],
    )


def reject_version(state: ModelState, version: str, then: str) -> State:
    """Put on record that a version is not to be served; `version` is a path."""
    return call(
        "dynamodb:updateItem",
        {
            "TableName": state.table.table_name,
            "Key": {"pk": {"S.$": f"States.Format('version#{{}}', {version})"}},
            "ConditionExpression": "attribute_exists(pk)",
            "UpdateExpression": "SET #state = :rejected, rejected_by = :execution",
            "ExpressionAttributeNames": {"#state": "state"},
            "ExpressionAttributeValues": {":rejected": {"S": "rejected"}, ":execution": {"S.$": EXECUTION}},
        },
        then,
        tolerate=[CONDITION_FAILED],
    )


def reject_package(arn: str, then: str) -> State:
    """Reject a package in the model registry; `arn` is a path."""
    return repeated(
        "aws-sdk:sagemaker:updateModelPackage",
        {
            "ModelPackageArn.$": arn,
            "ModelApprovalStatus": "Rejected",
            "ApprovalDescription.$": f"States.Format('Rejected by {{}}', {EXECUTION})",
        },
        then,
    )


def run_execution(machine_arn: str, request: Mapping[str, Any], then: str, *, result: str) -> State:
    """Run another machine and wait for its end."""
    return {
        "Type": "Task",
        "Resource": resource("states:startExecution.sync:2"),
        "Parameters": {
            "StateMachineArn": machine_arn,
            "Input": {**request, "AWS_STEP_FUNCTIONS_STARTED_BY_EXECUTION_ID.$": "$$.Execution.Id"},
        },
        "ResultSelector": {"status.$": "$.Status"},
        "ResultPath": result,
        "Next": then,
    }


def guarded(states: dict[str, State], handler: str) -> dict[str, State]:
    """Send every error that a task or a parallel does not handle itself to `handler`, with error and cause."""
    for state in states.values():
        if state["Type"] not in ("Task", "Parallel"):
            continue
        jsonata = state.get("QueryLanguage") == "JSONata"
        keep: State = (
            {"Output": "{% $merge([$states.input, {'failure': $states.errorOutput}]) %}"}
            if jsonata
            else {"ResultPath": FAILURE}
        )
        state.setdefault("Catch", []).append({"ErrorEquals": ["States.ALL"], "Next": handler, **keep})
    return states


def end(error: str | None = None, cause: str = "") -> State:
    """Succeed, or fail with an error's name and what to do."""
    return {"Type": "Succeed"} if error is None else {"Type": "Fail", "Error": error, "Cause": cause}


class Machine(Construct):
    """A standard state machine, logged (errors only, without data) and traced.

    Parameters
    ----------
    name : the machine is `<model>--<name>`
    states : its definition; the first is where it starts
    timeout_seconds : of a whole execution
    """

    def __init__(
        self,
        scope: Construct,
        context: ModelContext,
        name: str,
        *,
        role: iam.Role,
        comment: str,
        states: dict[str, State],
        timeout_seconds: int,
    ) -> None:
        super().__init__(scope, f"{name.title()}Machine")
        group = log_group(self, context, name, group_name=f"/aws/vendedlogs/states/{context.name}--{name}")
        definition = {
            "Comment": comment,
            "StartAt": next(iter(states)),
            "TimeoutSeconds": timeout_seconds,
            "States": states,
        }
        self.machine = sfn.StateMachine(
            self,
            "Resource",
            state_machine_name=f"{context.name}--{name}",
            definition_body=sfn.DefinitionBody.from_string(cdk.Stack.of(self).to_json_string(definition)),
            role=role,
            tracing_enabled=True,
            logs=sfn.LogOptions(destination=group, level=sfn.LogLevel.ERROR, include_execution_data=False),
        )
        acknowledge(
            self,
            {
                "AwsSolutions-SF1": "Errors are logged, without data: what executions carry may hold findings about "
                "people. Step Functions keeps the history of each execution for 90 days."
            },
        )

    @property
    def arn(self) -> str:
        """ARN of the machine."""
        return self.machine.state_machine_arn


def machine_role(scope: Construct, context: ModelContext, name: str) -> iam.Role:
    """The role of one machine, before it may do anything."""
    role = iam.Role(
        scope,
        f"{name.title()}Role",
        assumed_by=iam.ServicePrincipal("states.amazonaws.com"),
        description=f"Watchkeeper: {name} of {context.name}",
    )
    grants.trace(role)
    return role


def may_await(role: iam.IRole, kind: str) -> None:
    """What `.sync` needs to learn of a job's end: the rule that Step Functions manages for it."""
    rule = grants.arn("events", f"rule/{_EVENTS_RULES[kind]}")
    grants.allow(role, ["events:DescribeRule", "events:PutRule", "events:PutTargets"], [rule])


def may_run_sagemaker_jobs(role: iam.IRole, noun: Literal["training", "transform"], model: str) -> None:
    """Run SageMaker jobs of a model and wait for them; Step Functions tags the jobs that it waits for."""
    actions = [f"{verb}{noun.title()}Job" for verb in ("Create", "Describe", "Stop")]
    jobs = grants.arn("sagemaker", f"{noun}-job/{model}--*")
    grants.allow(role, [f"sagemaker:{action}" for action in ("AddTags", *actions)], [jobs], grants.BY_NAME)
    may_await(role, noun)


def may_run_job(role: iam.IRole, job_arn: str) -> None:
    """Run a Glue job and wait for it."""
    grants.allow(role, ["glue:BatchStopJobRun", "glue:GetJobRun", "glue:GetJobRuns", "glue:StartJobRun"], [job_arn])


def may_run_execution(role: iam.IRole, machine: Machine, name: str) -> None:
    """Run another machine and wait for it."""
    grants.allow(role, ["states:StartExecution"], [machine.arn])
    executions = grants.arn("states", f"execution:{name}:*")
    grants.allow(role, ["states:DescribeExecution", "states:StopExecution"], [executions], grants.BY_NAME)
    may_await(role, "execution")


def may_invoke(role: iam.IRole, *functions: PythonFunction) -> None:
    """Invoke functions."""
    grants.allow(role, ["lambda:InvokeFunction"], [function.arn for function in functions])


def run_job(name: str, arguments: Mapping[str, str], then: str) -> State:
    """Run a Glue job and wait for it; arguments are values or, with a key that ends in `.$`, paths."""
    return {
        "Type": "Task",
        "Resource": resource("glue:startJobRun.sync"),
        "Parameters": {"JobName": name, "Arguments": dict(arguments)},
        "ResultPath": LAST,
        "Retry": [
            {
                "ErrorEquals": ["Glue.ConcurrentRunsExceededException"],
                "IntervalSeconds": 60,
                "MaxAttempts": 30,
                "BackoffRate": 1,
            }
        ],
        "Next": then,
    }
