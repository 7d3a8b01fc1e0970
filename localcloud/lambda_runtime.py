"""Lambda: every invocation runs the deployed archive under the real runtime client, with the role's credentials.

Execution environments are kept warm and reused. An invocation that is not waited for is retried twice, a minute and
then two minutes later, and then goes to the function's dead-letter queue and failure destination, as on AWS.
"""

from __future__ import annotations

import base64
import json
import logging
import os
import threading
import uuid
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from localcloud.archives import Archives, runtime_folder
from localcloud.cloud import Cloud
from localcloud.errors import DeliveryError, LocalCloudError
from localcloud.lambda_worker import Outcome, Worker, WorkerSpec

log = logging.getLogger("localcloud")
_SERVICE = "lambda.amazonaws.com"
_RETRY_WAITS = (timedelta(minutes=1), timedelta(minutes=2))
_KEPT_WARM = 24
FaultMode = str


class ThrottledError(DeliveryError):
    """The function runs as often at once as it may."""


@dataclass
class _Pool:
    """The warm workers of all functions, oldest first, and how many invocations run."""

    idle: list[Worker] = field(default_factory=list)
    running: Counter[str] = field(default_factory=Counter)
    faults: dict[str, dict[FaultMode, int]] = field(default_factory=lambda: defaultdict(lambda: defaultdict(int)))
    lock: threading.Lock = field(default_factory=threading.Lock)


_pool = _Pool()


class LambdaService:
    """Invokes functions."""

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud
        self._archives = Archives(cloud.home / "archives")
        self._outputs = cloud.home / "workers"
        self._outputs.mkdir(parents=True, exist_ok=True)

    def invoke(self, function: Any, body: bytes) -> Outcome:
        """Run one invocation and wait for its end.

        Raises
        ------
        ThrottledError
            The function's reserved concurrency is used up.
        """
        name = function.function_name
        self._enter(function)
        try:
            worker, outcome = self._run(function, body)
            self._keep(worker)
        finally:
            with _pool.lock:
                _pool.running[name] -= 1
        self._record(function, outcome)
        return outcome

    def invoke_later(self, function: Any, body: bytes, on_failure: Callable[[str], None] | None = None) -> str:
        """Accept an asynchronous invocation; return its request id."""
        request_id = str(uuid.uuid4())
        self._cloud.clock.spawn(
            lambda: self._until_done(function, body, request_id, on_failure), f"async {function.function_name}"
        )
        return request_id

    # --- one invocation -------------------------------------------------------------------------------------------

    def _enter(self, function: Any) -> None:
        name, reserved = function.function_name, function.reserved_concurrency
        with _pool.lock:
            faulted = _take_fault(name, "throttle")
            if faulted or (reserved is not None and _pool.running[name] >= int(reserved)):
                throttled = True
            else:
                throttled = False
                _pool.running[name] += 1
        if throttled:
            self._metric(name, "Throttles", 1, "Count")
            raise ThrottledError(f"Rate Exceeded: {name} runs {reserved} times at once already.")

    def _run(self, function: Any, body: bytes) -> tuple[Worker | None, Outcome]:
        with _pool.lock:
            crash = _take_fault(function.function_name, "crash")
        try:
            worker = self._worker(function)
        except LocalCloudError as error:
            log.error("%s cannot run: %s", function.function_name, error)
            payload = json.dumps({"errorType": type(error).__name__, "errorMessage": str(error)}).encode()
            return None, Outcome("dead", payload, str(uuid.uuid4()), (str(error),), 0.0)
        return worker, worker.invoke(body, crash=crash)

    def _worker(self, function: Any) -> Worker:
        spec = self._spec(function)
        with _pool.lock:
            known = [w for w in _pool.idle if w.spec.arn == spec.arn]
            fitting = [w for w in known if w.spec == spec and w.alive]
            useless = [w for w in known if w not in fitting]
            _pool.idle = [w for w in _pool.idle if w not in useless and w not in fitting[-1:]]
        for worker in useless:
            worker.close()
        if fitting:
            return fitting[-1]
        output = self._outputs / f"{spec.function}-{uuid.uuid4().hex[:8]}.log"
        return Worker(spec, self._cloud.clock, self._cloud.children, output)

    def _keep(self, worker: Worker | None) -> None:
        if worker is None:
            return
        if not worker.alive:
            worker.close()
            return
        with _pool.lock:
            _pool.idle.append(worker)
            surplus, _pool.idle = _pool.idle[:-_KEPT_WARM], _pool.idle[-_KEPT_WARM:]
        for old in surplus:
            old.close()

    def _spec(self, function: Any) -> WorkerSpec:
        from moto.awslambda.utils import get_backend

        backend = get_backend(function.account_id, function.region)
        layers = [backend.layers_versions_by_arn(layer["Arn"]) for layer in function.layers]
        folders = [self._archives.python_folder_of_layer(layer.code_bytes) for layer in layers]
        return WorkerSpec(
            function=function.function_name,
            arn=function.function_arn,
            version="$LATEST" if "$" in str(function.version) or not function.version else str(function.version),
            handler=function.handler,
            code=self._archives.unpack(function.code_bytes),
            python_path=(*folders, runtime_folder()),
            environment=tuple(sorted(self._environment(function).items())),
            timeout_seconds=float(function.timeout),
            memory_mb=int(function.memory_size),
        )

    def _environment(self, function: Any) -> dict[str, str]:
        name = function.function_name
        logging_config = settings_of(function).get("LoggingConfig", {})
        declared = {key: str(value) for key, value in function.environment_vars.items()}
        return {
            "PATH": os.environ.get("PATH", "/usr/bin:/bin"),
            "LANG": "en_US.UTF-8",
            "TZ": ":UTC",
            "PYTHONUNBUFFERED": "1",
            "PYTHONDONTWRITEBYTECODE": "1",
            "HOME": str(self._outputs),
            "LAMBDA_TASK_ROOT": str(self._archives.unpack(function.code_bytes)),
            "_HANDLER": function.handler,
            "AWS_EXECUTION_ENV": f"AWS_Lambda_{function.run_time}",
            "AWS_LAMBDA_FUNCTION_NAME": name,
            "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(function.memory_size),
            "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
            "AWS_LAMBDA_LOG_GROUP_NAME": log_group(function),
            "AWS_LAMBDA_LOG_STREAM_NAME": f"localcloud/{name}",
            "AWS_LAMBDA_LOG_FORMAT": logging_config.get("LogFormat", "Text"),
            "AWS_LAMBDA_LOG_LEVEL": logging_config.get("ApplicationLogLevel", ""),
            **self._cloud.role_environment(function.role, name, by=_SERVICE),
            **declared,
        }

    def _record(self, function: Any, outcome: Outcome) -> None:
        name = function.function_name
        stream = f"{self._cloud.clock.now():%Y/%m/%d}/[$LATEST]{name}"
        self._cloud.log_lines(log_group(function), stream, outcome.lines)
        self._metric(name, "Invocations", 1, "Count")
        self._metric(name, "Duration", outcome.milliseconds, "Milliseconds")
        self._metric(name, "Errors", 0 if outcome.kind == "ok" else 1, "Count")
        if outcome.kind != "ok":
            error = _error_of(outcome.payload)
            log.warning("%s failed: %s: %s", name, error["errorType"], error["errorMessage"])
            self._cloud.note("lambda-error", name, request_id=outcome.request_id, **error)

    def _metric(self, name: str, metric: str, value: float, unit: str) -> None:
        self._cloud.publish_metric("AWS/Lambda", metric, {"FunctionName": name}, value, unit)

    # --- asynchronous invocations ---------------------------------------------------------------------------------

    def _until_done(
        self, function: Any, body: bytes, request_id: str, on_failure: Callable[[str], None] | None
    ) -> None:
        config = _invoke_config(function)
        retries = int(config.get("MaximumRetryAttempts", 2))
        ends = self._cloud.clock.now() + timedelta(seconds=int(config.get("MaximumEventAgeInSeconds", 21600)))
        outcome, attempts = None, 0
        while outcome is None or outcome.kind != "ok":
            try:
                outcome = self.invoke(function, body)
                attempts += 1
            except ThrottledError:  # Lambda keeps a throttled event and tries again, up to its age
                if self._cloud.clock.now() >= ends:
                    break
                self._cloud.clock.wait(timedelta(seconds=30))
                continue
            if outcome.kind == "ok" or attempts > retries:
                break
            self._cloud.clock.wait(_RETRY_WAITS[min(attempts, 2) - 1])
        if outcome is None or outcome.kind != "ok":
            self._give_up(function, body, request_id, outcome, attempts)
            if on_failure:
                on_failure("The function failed on every attempt")

    def _give_up(self, function: Any, body: bytes, request_id: str, outcome: Outcome | None, attempts: int) -> None:
        payload = outcome.payload if outcome else b'{"errorMessage": "Rate Exceeded", "errorType": "Throttled"}'
        error = _error_of(payload)
        dead_letters = settings_of(function).get("DeadLetterConfig", {}).get("TargetArn")
        if dead_letters:
            attributes = {
                "RequestID": request_id,
                "ErrorCode": "200",
                "ErrorMessage": error["errorMessage"][:1000],
            }
            self._hand_over(function, dead_letters, body.decode(), attributes)
        destination = _invoke_config(function).get("DestinationConfig", {}).get("OnFailure", {}).get("Destination")
        if destination:
            record = _failure_record(self._cloud, function, body, request_id, payload, attempts)
            self._hand_over(function, destination, json.dumps(record), {})

    def _hand_over(self, function: Any, arn: str, body: str, attributes: Mapping[str, str]) -> None:
        name = function.function_name
        try:
            self._cloud.deliver(
                arn, body, by=_SERVICE, source_arn=function.function_arn, role_arn=function.role, attributes=attributes
            )
            self._cloud.note("dead-letter", name, target=arn, body=body[:4000])
        except DeliveryError as error:
            self._metric(name, "DeadLetterErrors", 1, "Count")
            self._cloud.note("background-error", name, error=f"its failed event is lost: {error}", body=body[:4000])


def _failure_record(
    cloud: Cloud, function: Any, body: bytes, request_id: str, payload: bytes, attempts: int
) -> dict[str, Any]:
    return {
        "version": "1.0",
        "timestamp": cloud.clock.now().strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z",
        "requestContext": {
            "requestId": request_id,
            "functionArn": f"{function.function_arn}:$LATEST",
            "condition": "RetriesExhausted",
            "approximateInvokeCount": attempts,
        },
        "requestPayload": json.loads(body or b"{}"),
        "responseContext": {"statusCode": 200, "executedVersion": "$LATEST", "functionError": "Unhandled"},
        "responsePayload": json.loads(payload),
    }


def _take_fault(name: str, mode: FaultMode) -> bool:
    """Use up one planted fault; the caller holds the pool's lock."""
    if _pool.faults[name][mode] > 0:
        _pool.faults[name][mode] -= 1
        return True
    return False


def plant_fault(name: str, mode: FaultMode, count: int) -> None:
    """Make the next invocations of a function fail.

    Mode "crash" kills the process when the handler has done its work but before it has answered; "throttle" refuses
    the invocation.
    """
    if mode not in ("crash", "throttle"):
        raise LocalCloudError(f"There is no fault {mode!r}: use crash or throttle.")
    with _pool.lock:
        _pool.faults[name][mode] += count


def _error_of(payload: bytes) -> dict[str, str]:
    try:
        found = json.loads(payload)
    except ValueError:
        found = {}
    return {key: str(found.get(key, "Unknown")) for key in ("errorType", "errorMessage")}


def _invoke_config(function: Any) -> dict[str, Any]:
    configs = function.event_invoke_config
    return dict(configs[0].response()) if configs else {}


def settings_of(function: Any) -> dict[str, Any]:
    """Return the settings of a function that moto does not keep (LoggingConfig, DeadLetterConfig)."""
    settings: dict[str, Any] = getattr(function, "localcloud_settings", {})
    return settings


def log_group(function: Any) -> str:
    """Return the log group that a function writes to."""
    return str(
        settings_of(function).get("LoggingConfig", {}).get("LogGroup") or f"/aws/lambda/{function.function_name}"
    )


_KEPT_SETTINGS = ("LoggingConfig", "DeadLetterConfig", "TracingConfig")
_service: LambdaService | None = None


def service() -> LambdaService:
    """Return the installed service."""
    if _service is None:
        raise LocalCloudError("Lambda is not installed: call lambda_runtime.install(cloud) first.")
    return _service


def install(cloud: Cloud) -> None:
    """Run moto's functions for real."""
    global _service
    from moto.awslambda.models import LambdaBackend, LambdaFunction
    from moto.core.exceptions import JsonRESTError

    _service = runner = LambdaService(cloud)

    class TooManyRequests(JsonRESTError):  # type: ignore[misc]
        code = 429

        def __init__(self, message: str) -> None:
            super().__init__("TooManyRequestsException", message)

    def invoke(self: Any, body: Any, request_headers: Any, response_headers: Any) -> bytes:
        payload = (body.encode() if isinstance(body, str) else body) or b"{}"
        kind = {key.lower(): value for key, value in dict(request_headers or {}).items()}.get("x-amz-invocation-type")
        if kind == "DryRun":
            return b""
        if kind == "Event":
            runner.invoke_later(self, payload)
            return b""
        try:
            outcome = runner.invoke(self, payload)
        except ThrottledError as error:
            raise TooManyRequests(str(error)) from error
        if outcome.kind != "ok":
            response_headers["x-amz-function-error"] = "Unhandled"
        response_headers["x-amz-log-result"] = base64.b64encode("\n".join(outcome.lines).encode()[-4096:]).decode()
        return outcome.payload

    LambdaFunction.invoke = invoke
    _keep_settings(LambdaFunction)
    _forget_deleted(LambdaBackend)


def _keep_settings(function_class: Any) -> None:
    """Have moto's functions remember and show the settings that it drops."""
    make, update, show = function_class.__init__, function_class.update_configuration, function_class.get_configuration

    def __init__(self: Any, account_id: str, spec: dict[str, Any], *args: Any, **kwargs: Any) -> None:
        self.localcloud_settings = {name: spec[name] for name in _KEPT_SETTINGS if spec.get(name)}
        make(self, account_id, spec, *args, **kwargs)

    def update_configuration(self: Any, changes: dict[str, Any]) -> Any:
        self.localcloud_settings |= {name: changes[name] for name in _KEPT_SETTINGS if name in changes}
        return update(self, changes)

    def get_configuration(self: Any, on_create: bool = False) -> dict[str, Any]:
        return {**show(self, on_create), **settings_of(self)}

    function_class.__init__ = __init__
    function_class.update_configuration = update_configuration
    function_class.get_configuration = get_configuration


def _forget_deleted(backend_class: Any) -> None:
    """End the warm workers of a function when it is deleted."""
    delete = backend_class.delete_function

    def delete_function(self: Any, function_name: str, *args: Any, **kwargs: Any) -> Any:
        answer = delete(self, function_name, *args, **kwargs)
        name = function_name.split(":function:")[-1].split(":")[0]
        with _pool.lock:
            gone = [worker for worker in _pool.idle if worker.spec.function == name]
            _pool.idle = [worker for worker in _pool.idle if worker not in gone]
        for worker in gone:
            worker.close()
        return answer

    backend_class.delete_function = delete_function
