"""Lambda: deployed archives run under the runtime client, within their limits, and failures end where they should."""

from __future__ import annotations

import base64
import io
import json
import platform
import sys
import zipfile
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError
from cloud_templates import allow, create, drain, entries, function, outputs, role, update

from localcloud.archives import Archives
from localcloud.client import LocalCloud
from localcloud.errors import RuntimeUnavailableError

ECHO = "def handler(event, context):\n    return event\n"
WORLD = """
import os, sys, time, boto3
def handler(event, context):
    print("hello from", context.function_name)
    return {
        "role": boto3.client("sts").get_caller_identity()["Arn"],
        "declared": os.environ["DECLARED"],
        "numpy": any("site-packages" in path for path in sys.path),
        "memory": context.memory_limit_in_mb,
        "left": context.get_remaining_time_in_millis(),
        "now": time.time(),
    }
"""


def invoke(local: LocalCloud, name: str, event: Any = None, **more: Any) -> tuple[Any, str | None]:
    """Return a function's answer, and the kind of its error."""
    answer = local.client("lambda").invoke(FunctionName=name, Payload=json.dumps(event), **more)
    body = answer["Payload"].read()
    return (json.loads(body) if body else None), answer.get("FunctionError")


def deploy(local: LocalCloud, name: str, code: str, *statements: dict[str, Any], **more: Any) -> None:
    """Deploy one function under a name."""
    resources = {
        "Role": role("lambda.amazonaws.com", *statements),
        "Function": function(code, FunctionName=name, **more),
    }
    stack = create(local, f"stack-{name}", {"Resources": resources})
    assert stack["StackStatus"] == "CREATE_COMPLETE", stack.get("StackStatusReason")


def archive(files: dict[str, str]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as out:
        for name, text in files.items():
            out.writestr(name, text)
    return buffer.getvalue()


def test_code_runs_in_a_clean_interpreter_with_its_role_environment_and_the_virtual_time(local: LocalCloud) -> None:
    # given
    deploy(local, "world", WORLD, Environment={"Variables": {"DECLARED": "yes"}})
    local.advance(timedelta(hours=30))
    # when
    answer, error = invoke(local, "world")
    # then
    assert error is None
    assert ":assumed-role/stack-world-Role-" in answer["role"]
    assert answer["declared"] == "yes"
    assert answer["numpy"] is False
    assert int(answer["memory"]) == 256
    assert 0 < answer["left"] <= 20_000
    assert abs(answer["now"] - local.now().timestamp()) < 60


def test_output_goes_to_the_configured_log_group(local: LocalCloud) -> None:
    # given
    deploy(local, "logger", "def handler(e, c):\n    print('a line')\n", LoggingConfig={"LogGroup": "/own/group"})
    # when
    invoke(local, "logger")
    # then
    events = local.client("logs").filter_log_events(logGroupName="/own/group")["events"]
    lines = [event["message"] for event in events]
    assert lines[1] == "a line"
    assert lines[0].startswith("START RequestId")
    assert "Max Memory Used" in lines[-1]


def test_an_exception_is_reported_with_type_message_and_stack_and_the_next_invocation_works(local: LocalCloud) -> None:
    # given
    deploy(local, "raises", "def handler(e, c):\n    if e: raise ValueError('bad ' + e)\n    return 'fine'\n")
    # when
    failed, error = invoke(local, "raises", "luck")
    fine, no_error = invoke(local, "raises")
    # then
    assert error == "Unhandled"
    assert failed["errorType"] == "ValueError"
    assert failed["errorMessage"] == "bad luck"
    assert failed["stackTrace"]
    assert (fine, no_error) == ("fine", None)


def test_code_that_cannot_be_imported_says_so(local: LocalCloud) -> None:
    # given
    deploy(local, "unimportable", "import nothing_like_it\ndef handler(e, c): pass\n")
    # when
    failed, error = invoke(local, "unimportable")
    # then
    assert error == "Unhandled"
    assert "nothing_like_it" in failed["errorMessage"]


def test_an_invocation_that_takes_too_long_is_killed(local: LocalCloud) -> None:
    # given
    deploy(local, "slow", "import time\ndef handler(e, c):\n    time.sleep(60 if e else 0)\n    return 1\n", Timeout=1)
    # when
    failed, error = invoke(local, "slow", True)
    # then
    assert error == "Unhandled"
    assert "Task timed out after 1.00 seconds" in failed["errorMessage"]
    assert invoke(local, "slow", False) == (1, None)


def test_an_invocation_that_takes_too_much_memory_is_killed(local: LocalCloud) -> None:
    # given
    code = "import time\ndef handler(e, c):\n    taken = b'1' * 400_000_000\n    time.sleep(5)\n"
    deploy(local, "greedy", code, MemorySize=128)
    # when
    failed, error = invoke(local, "greedy")
    # then
    assert error == "Unhandled"
    assert "Runtime exited with error: signal: killed" in failed["errorMessage"]


def test_a_warm_environment_is_reused_until_the_function_changes(local: LocalCloud) -> None:
    # given
    code = "n = 0\ndef handler(e, c):\n    global n\n    n += 1\n    return n\n"
    deploy(local, "counter", code)
    # when
    before = [invoke(local, "counter")[0] for _ in range(3)]
    resources = {
        "Role": role("lambda.amazonaws.com"),
        "Function": function(code, FunctionName="counter", Environment={"Variables": {"A": "1"}}),
    }
    update(local, "stack-counter", {"Resources": resources})
    # then
    assert before == [1, 2, 3]
    assert invoke(local, "counter")[0] == 1


def test_the_end_of_the_log_comes_with_the_answer_when_asked_for(local: LocalCloud) -> None:
    # given
    deploy(local, "tail", "def handler(e, c):\n    print('seen')\n")
    # when
    answer = local.client("lambda").invoke(FunctionName="tail", LogType="Tail")
    # then
    assert "seen" in base64.b64decode(answer["LogResult"]).decode()


def test_an_asynchronous_invocation_is_retried_twice_and_then_goes_to_both_failure_targets(local: LocalCloud) -> None:
    # given
    resources = {
        "Dead": {"Type": "AWS::SQS::Queue"},
        "Failed": {"Type": "AWS::SQS::Queue"},
        "Role": role("lambda.amazonaws.com", allow("sqs:SendMessage")),
        "Function": function(
            "def handler(e, c):\n    raise RuntimeError('never works')\n",
            FunctionName="doomed",
            DeadLetterConfig={"TargetArn": {"Fn::GetAtt": ["Dead", "Arn"]}},
        ),
        "Config": {
            "Type": "AWS::Lambda::EventInvokeConfig",
            "Properties": {
                "FunctionName": {"Ref": "Function"},
                "Qualifier": "$LATEST",
                "MaximumRetryAttempts": 2,
                "DestinationConfig": {"OnFailure": {"Destination": {"Fn::GetAtt": ["Failed", "Arn"]}}},
            },
        },
    }
    found = {"Dead": {"Value": {"Ref": "Dead"}}, "Failed": {"Value": {"Ref": "Failed"}}}
    urls = outputs(create(local, "doomed", {"Resources": resources, "Outputs": found}))
    # when
    local.client("lambda").invoke(FunctionName="doomed", InvocationType="Event", Payload=b'{"a": 1}')
    local.advance(timedelta(minutes=10))
    # then
    assert len(entries(local, "lambda-error", "doomed")) == 3
    dead, failed = drain(local, urls["Dead"]), drain(local, urls["Failed"])
    assert [json.loads(message["Body"]) for message in dead] == [{"a": 1}]
    assert dead[0]["MessageAttributes"]["ErrorMessage"]["StringValue"] == "never works"
    record = json.loads(failed[0]["Body"])
    assert record["requestContext"]["condition"] == "RetriesExhausted"
    assert record["requestContext"]["approximateInvokeCount"] == 3
    assert record["requestPayload"] == {"a": 1}
    assert record["responsePayload"]["errorMessage"] == "never works"


def test_a_function_of_reserved_concurrency_zero_is_throttled(local: LocalCloud) -> None:
    # given
    deploy(local, "off", ECHO, ReservedConcurrentExecutions=0)
    # when
    with pytest.raises(ClientError) as caught:
        invoke(local, "off")
    # then
    assert caught.value.response["Error"]["Code"] == "TooManyRequestsException"


def test_a_planted_crash_kills_the_environment_after_its_work_once(local: LocalCloud) -> None:
    # given
    deploy(local, "crashing", ECHO)
    local.plant_fault("crashing", "crash", 1)
    # when
    failed, error = invoke(local, "crashing", 5)
    # then
    assert error == "Unhandled"
    assert "signal: killed" in failed["errorMessage"]
    assert invoke(local, "crashing", 6) == (6, None)


def test_a_role_that_lambda_may_not_assume_stops_the_function(local: LocalCloud) -> None:
    # given
    resources = {"Role": role("glue.amazonaws.com"), "Function": function(ECHO, FunctionName="untrusted")}
    create(local, "untrusted", {"Resources": resources})
    # when
    failed, error = invoke(local, "untrusted")
    # then
    assert error == "Unhandled"
    assert "cannot assume" in failed["errorMessage"]


def test_a_layer_is_on_the_path(local: LocalCloud) -> None:
    # given
    layer = local.client("lambda").publish_layer_version(
        LayerName="helpers", Content={"ZipFile": archive({"python/helper.py": "VALUE = 42\n"})}
    )["LayerVersionArn"]
    code = "import helper\ndef handler(e, c):\n    return helper.VALUE\n"
    # when
    deploy(local, "layered", code, Layers=[layer])
    # then
    assert invoke(local, "layered") == (42, None)


# --- layers built for another machine ---------------------------------------------------------------------------------


def marker(lock: str, python: str = "3.99", machine: str = "other") -> str:
    return json.dumps({"layer": "core", "lock": lock, "python": python, "platform": f"{machine}-manylinux_2_34"})


def host_layer(build: Path, lock: str) -> Path:
    folder = build / "layers" / "host" / "core" / "python"
    folder.mkdir(parents=True)
    (folder / "watchkeeper-layer.json").write_text(marker(lock))
    return folder


def test_a_layer_for_another_machine_is_replaced_by_the_same_lock_built_for_this_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # given
    monkeypatch.setenv("WATCHKEEPER_BUILD", str(tmp_path / "build"))
    local_folder = host_layer(tmp_path / "build", "abc")
    # when
    folder = Archives(tmp_path).python_folder_of_layer(archive({"python/watchkeeper-layer.json": marker("abc")}))
    # then
    assert folder == local_folder


def test_a_layer_that_suits_the_host_is_used_as_deployed(tmp_path: Path) -> None:
    # given
    here = marker("abc", f"{sys.version_info.major}.{sys.version_info.minor}", platform.machine())
    # when
    folder = Archives(tmp_path).python_folder_of_layer(archive({"python/watchkeeper-layer.json": here}))
    # then
    assert folder.is_relative_to(tmp_path)


@pytest.mark.parametrize(("built", "message"), [("", "none for this host"), ("other", "is built from lock other")])
def test_a_layer_without_its_equal_for_the_host_is_refused_with_the_remedy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, built: str, message: str
) -> None:
    # given
    monkeypatch.setenv("WATCHKEEPER_BUILD", str(tmp_path / "build"))
    if built:
        host_layer(tmp_path / "build", built)
    # when
    with pytest.raises(RuntimeUnavailableError) as caught:
        Archives(tmp_path).python_folder_of_layer(archive({"python/watchkeeper-layer.json": marker("abc")}))
    # then
    assert message in str(caught.value)
    assert "make layers" in str(caught.value)
