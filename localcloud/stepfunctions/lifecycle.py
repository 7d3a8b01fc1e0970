"""What others learn of an execution: its name, events, metrics, and its entries on the timeline."""

from __future__ import annotations

import json
import uuid
from datetime import datetime
from typing import Any

from moto.core.responses import ActionResult
from moto.stepfunctions.parser.asl.component.state.state import CommonStateField
from moto.stepfunctions.parser.asl.utils.encoding import to_json_str
from moto.stepfunctions.parser.backend.execution import BaseExecutionWorkerCommunication, Execution
from moto.stepfunctions.parser.models import StepFunctionsParserBackend
from moto.stepfunctions.responses import StepFunctionResponse

from localcloud.cloud import Cloud

_METRICS = {
    "RUNNING": "ExecutionsStarted",
    "SUCCEEDED": "ExecutionsSucceeded",
    "FAILED": "ExecutionsFailed",
    "TIMED_OUT": "ExecutionsTimedOut",
    "ABORTED": "ExecutionsAborted",
}


def install(cloud: Cloud) -> None:
    """Follow every execution from its start to its end."""
    _name_executions()
    _follow_states(cloud)
    start, terminated = Execution.start, BaseExecutionWorkerCommunication.terminated

    def started(self: Any) -> None:
        announce(cloud, self, "RUNNING")  # before it runs: it may end at once
        start(self)

    def ended(self: Any) -> None:
        terminated(self)
        announce(cloud, self.execution, str(self.execution.exec_status.value))

    _describe_ends()
    Execution.start = started
    BaseExecutionWorkerCommunication.terminated = ended


def _name_executions() -> None:
    """Name executions that their starter did not name; without it `$$.Execution.Name` is null."""
    start_execution = StepFunctionsParserBackend.start_execution

    def start(self: Any, state_machine_arn: str, name: str | None = None, *rest: Any, **more: Any) -> Any:
        return start_execution(self, state_machine_arn, name or str(uuid.uuid4()), *rest, **more)

    StepFunctionsParserBackend.start_execution = start


def _describe_ends() -> None:
    """Show also when an execution that timed out ended."""
    describe = StepFunctionResponse.describe_execution

    def described(self: Any) -> ActionResult:
        answer = describe(self)
        execution = self.stepfunction_backend.describe_execution(self._get_param("executionArn"))
        ended = {"stopDate": execution.stop_date} if execution.stop_date else {}
        return ActionResult({**answer.result, **ended})

    StepFunctionResponse.describe_execution = described


def _follow_states(cloud: Cloud) -> None:
    enter = CommonStateField._eval_body

    def entered(self: Any, env: Any) -> None:
        context = env.states.context_object.context_object_data
        cloud.note("state", context["Execution"]["Name"], state=self.name, machine=context["StateMachine"]["Name"])
        enter(self, env)

    CommonStateField._eval_body = entered


def announce(cloud: Cloud, execution: Any, status: str) -> None:
    """Tell the timeline, the metrics and EventBridge of an execution's status."""
    machine = execution.state_machine
    reason = {"error": execution.error, "cause": execution.cause}
    known = {key: value for key, value in reason.items() if value}
    cloud.note("execution", execution.name, status=status, machine=machine.name, arn=execution.exec_arn, **known)
    cloud.publish_metric("AWS/States", _METRICS[status], {"StateMachineArn": machine.arn}, 1, "Count")
    if status != "RUNNING":
        seconds = (execution.stop_date - execution.start_date).total_seconds()
        cloud.publish_metric(
            "AWS/States", "ExecutionTime", {"StateMachineArn": machine.arn}, seconds * 1000, "Milliseconds"
        )
    detail = event_detail(execution, status)
    cloud.emit("aws.states", "Step Functions Execution Status Change", detail, [execution.exec_arn])


def event_detail(execution: Any, status: str) -> dict[str, Any]:
    """Return the event's detail, as Step Functions sends it."""
    succeeded = status == "SUCCEEDED"
    return {
        "executionArn": execution.exec_arn,
        "stateMachineArn": execution.state_machine.arn,
        "name": execution.name,
        "status": status,
        "startDate": _milliseconds(execution.start_date),
        "stopDate": _milliseconds(execution.stop_date),
        "input": json.dumps(execution.input_data),
        "inputDetails": {"included": True},
        "output": to_json_str(execution.output) if succeeded else None,
        "outputDetails": {"included": True} if succeeded else None,
        "error": execution.error,
        "cause": execution.cause,
    }


def _milliseconds(at: datetime | None) -> int | None:
    return int(at.timestamp() * 1000) if at else None
