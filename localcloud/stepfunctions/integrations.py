"""Service integrations that moto lacks or breaks: SageMaker's, every `.sync`, and the names of errors.

moto knows no optimised SageMaker integration; its `.sync` fails for every service without task tokens (Glue); and an
error named `States.…` raised inside a Parallel branch or a Map iteration escapes every Catch.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError
from moto.core.utils import get_service_model
from moto.stepfunctions.parser.api import HistoryEventType, TaskFailedEventDetails
from moto.stepfunctions.parser.asl.component.common.error_name.custom_error_name import CustomErrorName
from moto.stepfunctions.parser.asl.component.common.error_name.error_name import ErrorName
from moto.stepfunctions.parser.asl.component.common.error_name.failure_event import FailureEvent, FailureEventException
from moto.stepfunctions.parser.asl.component.state.exec.state_map.iteration import iteration_worker
from moto.stepfunctions.parser.asl.component.state.exec.state_parallel import branches_decl
from moto.stepfunctions.parser.asl.component.state.exec.state_task.service import (
    state_task_service_aws_sdk,
    state_task_service_callback,
)
from moto.stepfunctions.parser.asl.component.state.exec.state_task.service.resource import ResourceCondition
from moto.stepfunctions.parser.asl.component.state.exec.state_task.service.state_task_service_callback import (
    StateTaskServiceCallback,
)
from moto.stepfunctions.parser.asl.component.state.exec.state_task.service.state_task_service_sfn import (
    StateTaskServiceSfn,
)
from moto.stepfunctions.parser.asl.eval.event.event_detail import EventDetails
from moto.stepfunctions.parser.asl.utils import boto_client
from moto.stepfunctions.parser.asl.utils.encoding import to_json_str

from localcloud.stepfunctions.interpreter_time import SYNC_POLL_SECONDS
from localcloud.stepfunctions.patching import replace_everywhere

# How `arn:aws:states:::aws-sdk:<service>` errors begin; each is the name of the service's Java client.
SDK_ERROR_NAMES = {
    "cloudwatch": "CloudWatch",
    "eventbridge": "EventBridge",
    "events": "EventBridge",
    "glue": "Glue",
    "lambda": "Lambda",
    "s3": "S3",
    "sagemaker": "SageMaker",
    "scheduler": "Scheduler",
    "sns": "Sns",
    "sqs": "Sqs",
    "ssm": "Ssm",
}


@dataclass(frozen=True)
class Job:
    """How a SageMaker job is followed."""

    noun: str
    good: tuple[str, ...] = ("Completed",)
    bad: tuple[str, ...] = ("Failed", "Stopped")

    def describe(self, client: Any, name: str) -> dict[str, Any]:
        """Return the job as SageMaker describes it."""
        found: dict[str, Any] = getattr(client, f"describe_{self.noun}_job")(**{self._key: name})
        found.pop("ResponseMetadata", None)
        return found

    def stop(self, client: Any, name: str) -> None:
        """Ask the job to stop."""
        getattr(client, f"stop_{self.noun}_job")(**{self._key: name})

    def name_in(self, parameters: dict[str, Any]) -> str:
        """Return the job's name in the request that creates it."""
        return str(parameters[self._key])

    def status(self, described: dict[str, Any]) -> str:
        """Return the job's status."""
        return str(described[f"{self.noun.title()}JobStatus"])

    @property
    def _key(self) -> str:
        return f"{self.noun.title()}JobName"


_STARTED_HERE = {"Key": "MANAGED_BY_AWS", "Value": "STARTED_BY_STEP_FUNCTIONS"}
_JOBS = {f"create_{noun}_job": Job(noun) for noun in ("training", "transform")}


class StateTaskServiceSageMaker(StateTaskServiceCallback):  # type: ignore[misc]
    """`arn:aws:states:::sagemaker:<operation>[.sync]`."""

    def __init__(self) -> None:
        super().__init__(supported_integration_patterns={ResourceCondition.Sync})

    def _get_supported_parameters(self) -> set[str]:
        action = self.resource.api_action
        shape = get_service_model("sagemaker").operation_model(action[0].upper() + action[1:]).input_shape
        return set(shape.members)

    def _from_error(self, env: Any, ex: Exception) -> Any:
        if isinstance(ex, ClientError):
            code = ex.response["Error"]["Code"]
            # What SageMaker's API does not model carries the client's own name.
            known = code in ("ResourceInUse", "ResourceLimitExceeded", "ResourceNotFound", "ConflictException")
            name = code.removesuffix("Exception") if known else "AmazonSageMaker"
            return self._failed(env, f"SageMaker.{name}Exception", ex.response["Error"]["Message"])
        return super()._from_error(env=env, ex=ex)

    def _failed(self, env: Any, error: str, cause: str) -> Any:
        details = TaskFailedEventDetails(
            resource=self._get_sfn_resource(), resourceType=self._get_sfn_resource_type(), error=error, cause=cause
        )
        return FailureEvent(
            env=env,
            error_name=ErrorName(error),
            event_type=HistoryEventType.TaskFailed,
            event_details=EventDetails(taskFailedEventDetails=details),
        )

    def _eval_service_task(
        self, env: Any, resource_runtime_part: Any, normalised_parameters: dict[str, Any], state_credentials: Any
    ) -> None:
        client = _sagemaker(resource_runtime_part, state_credentials)
        if self.resource.condition == ResourceCondition.Sync:  # a job that is waited for is marked, as on AWS
            normalised_parameters["Tags"] = [*normalised_parameters.get("Tags", []), _STARTED_HERE]
        answer = getattr(client, self._get_boto_service_action())(**normalised_parameters)
        answer.pop("ResponseMetadata", None)
        env.stack.append(answer)

    def _build_sync_resolver(
        self, env: Any, resource_runtime_part: Any, normalised_parameters: dict[str, Any], state_credentials: Any
    ) -> Callable[[], Any]:
        env.stack.pop()
        job = _JOBS[self._get_boto_service_action()]
        client, name = _sagemaker(resource_runtime_part, state_credentials), job.name_in(normalised_parameters)

        def poll() -> dict[str, Any] | None:
            described = job.describe(client, name)
            if job.status(described) in job.good:
                return described
            if job.status(described) in job.bad:
                raise FailureEventException(self._failed(env, "States.TaskFailed", to_json_str(described)))
            return None

        self.cancel_job = lambda: job.stop(client, name)
        return poll


def _sagemaker(resource_runtime_part: Any, state_credentials: Any) -> Any:
    return boto_client.boto_client_for(
        region=resource_runtime_part.region, service="sagemaker", state_credentials=state_credentials
    )


def _wait_for_job(
    self: Any, env: Any, resource_runtime_part: Any, normalised_parameters: dict[str, Any], state_credentials: Any
) -> None:
    """Poll a job until it ends; if the state times out or the execution is stopped first, stop the job."""
    output = env.stack.pop()
    submitted = dict(output) if isinstance(output, dict) else {}
    env.stack.append(output)
    sync2 = self.resource.condition == ResourceCondition.Sync2
    build = self._build_sync2_resolver if sync2 else self._build_sync_resolver
    poll = build(
        env=env,
        resource_runtime_part=resource_runtime_part,
        normalised_parameters=normalised_parameters,
        state_credentials=state_credentials,
    )
    result = self._eval_sync(
        env=env, sync_resolver=poll, timeout_seconds=None, callback_endpoint=None, heartbeat_endpoint=None
    )
    if result is None:
        _cancel(self, submitted, resource_runtime_part, state_credentials)
    env.stack.append(result)


def _cancel(self: Any, submitted: dict[str, Any], resource_runtime_part: Any, state_credentials: Any) -> None:
    if hasattr(self, "cancel_job"):
        self.cancel_job()
        return

    def client(service: str) -> Any:
        return boto_client.boto_client_for(
            region=resource_runtime_part.region, service=service, state_credentials=state_credentials
        )

    if "JobRunId" in submitted:
        client("glue").batch_stop_job_run(JobName=submitted["JobName"], JobRunIds=[submitted["JobRunId"]])
    elif "ExecutionArn" in submitted:
        client("stepfunctions").stop_execution(executionArn=submitted["ExecutionArn"])


def _with_sagemaker(known: Callable[[str], Any]) -> Callable[[str], Any]:
    return lambda service_name: StateTaskServiceSageMaker() if service_name == "sagemaker" else known(service_name)


def _spell_as_api(parameters: dict[str, Any]) -> None:
    """Spell a task's parameters as the Step Functions API does: it alone starts its members with a small letter."""
    for key in list(parameters):
        parameters[key[0].lower() + key[1:]] = parameters.pop(key)


def _spell_as_states(response: Any) -> None:
    if isinstance(response, dict):
        for key in list(response):
            response[key[0].upper() + key[1:]] = response.pop(key)


def _respell_own_api() -> None:
    """Let a state machine start others: moto hands on the parameters in a spelling that the API does not know."""
    normalise = StateTaskServiceSfn._normalise_parameters

    def normalise_parameters(self: Any, parameters: dict[str, Any], *rest: Any, **more: Any) -> None:
        normalise(self, parameters, *rest, **more)
        _spell_as_api(parameters)

    def normalise_response(self: Any, response: Any, *_: Any, **__: Any) -> None:
        _spell_as_states(response)

    StateTaskServiceSfn._normalise_parameters = normalise_parameters
    StateTaskServiceSfn._normalise_response = normalise_response


def install() -> None:
    """Install the integrations."""
    _respell_own_api()
    replace_everywhere("state_task_service_for", _with_sagemaker)
    state_task_service_callback._DELAY_SECONDS_SYNC_CONDITION_CHECK = SYNC_POLL_SECONDS
    by_token = StateTaskServiceCallback._eval_integration_pattern

    def evaluate(self: Any, **arguments: Any) -> None:
        waits_for_token = self.resource.condition == ResourceCondition.WaitForTaskToken
        (by_token if waits_for_token else _wait_for_job)(self, **arguments)

    StateTaskServiceCallback._eval_integration_pattern = evaluate
    state_task_service_aws_sdk._SERVICE_ERROR_NAMES.update(SDK_ERROR_NAMES)
    for module in (branches_decl, iteration_worker):
        if module.CustomErrorName is CustomErrorName:
            module.CustomErrorName = ErrorName  # it refuses the names that AWS itself gives errors
