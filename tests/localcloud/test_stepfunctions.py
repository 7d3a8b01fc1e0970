"""State machines: virtual time, SageMaker jobs, errors by their real names, events; a test for each repair of moto."""

from __future__ import annotations

import ast
import itertools
import json
import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import moto.stepfunctions.parser
import pytest
from botocore.exceptions import ClientError
from inprocess import Embedded, embedded

from localcloud.cloud import Cloud
from localcloud.stepfunctions import interpreter_time
from models import BUCKET, IMAGE, archive, make_role

TRAIN = """
import argparse, json, os
parser = argparse.ArgumentParser()
parser.add_argument("--fail", type=int, default=0)
arguments = parser.parse_args()
if arguments.fail:
    raise ValueError("bad data")
rows = open(os.path.join(os.environ["SM_CHANNEL_TRAIN"], "rows.csv")).read().split()
print("accuracy=0.75;")
json.dump({"rows": len(rows)}, open(os.path.join(os.environ["SM_MODEL_DIR"], "model.json"), "w"))
"""


@pytest.fixture
def found(tmp_path: Any) -> Iterator[Embedded]:
    from moto.dynamodb.models import dynamodb_backends
    from moto.s3.models import s3_backends
    from moto.stepfunctions.models import stepfunctions_backends
    from moto.stepfunctions.parser.models import stepfunctions_parser_backends

    for backends in (s3_backends, dynamodb_backends, stepfunctions_backends, stepfunctions_parser_backends):
        backends.reset()
    with embedded(tmp_path / "home", "cloudwatch", "stepfunctions", "sagemaker", "glue") as running:
        yield running


_NUMBERS = itertools.count()


class Machine:
    """A state machine made for one test."""

    def __init__(self, cloud: Cloud, states: dict[str, Any], start: str | None = None, **more: Any) -> None:
        self._cloud, self._client = cloud, cloud.client("stepfunctions")
        definition = {"StartAt": start or next(iter(states)), "States": states, **more}
        self.arn = self._client.create_state_machine(
            name=f"machine-{next(_NUMBERS)}",
            definition=json.dumps(definition),
            roleArn=make_role(cloud, "states", "states.amazonaws.com"),
        )["stateMachineArn"]

    def start(self, document: Any = None, **more: Any) -> str:
        answer = self._client.start_execution(stateMachineArn=self.arn, input=json.dumps(document or {}), **more)
        return str(answer["executionArn"])

    def describe(self, execution: str) -> dict[str, Any]:
        shown: dict[str, Any] = self._client.describe_execution(executionArn=execution)
        return shown

    def run(self, document: Any = None, minutes: float = 30) -> dict[str, Any]:
        execution = self.start(document)
        self._cloud.clock.advance(self._cloud.clock.now() + timedelta(minutes=minutes))
        return self.describe(execution)


def training(**hyperparameters: str) -> dict[str, Any]:
    return {
        "Type": "Task",
        "Resource": "arn:aws:states:::sagemaker:createTrainingJob.sync",
        "Parameters": {
            "TrainingJobName.$": "$$.Execution.Name",
            "RoleArn": "arn:aws:iam::123456789012:role/sagemaker",
            "AlgorithmSpecification": {
                "TrainingImage": IMAGE,
                "TrainingInputMode": "File",
                "MetricDefinitions": [{"Name": "accuracy", "Regex": "accuracy=(.*?);"}],
            },
            "HyperParameters": {
                "sagemaker_program": "train.py",
                "sagemaker_submit_directory": f"s3://{BUCKET}/code.tar.gz",
                **hyperparameters,
            },
            "InputDataConfig": [
                {
                    "ChannelName": "train",
                    "DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": f"s3://{BUCKET}/data/"}},
                }
            ],
            "OutputDataConfig": {"S3OutputPath": f"s3://{BUCKET}/out"},
            "ResourceConfig": {"InstanceCount": 1, "InstanceType": "ml.m5.large", "VolumeSizeInGB": 1},
            "StoppingCondition": {"MaxRuntimeInSeconds": 600},
        },
    }


def seed_training(cloud: Cloud) -> None:
    make_role(cloud, "sagemaker", "sagemaker.amazonaws.com")
    s3 = cloud.client("s3")
    s3.create_bucket(Bucket=BUCKET)
    s3.put_object(Bucket=BUCKET, Key="code.tar.gz", Body=archive({"train.py": TRAIN}))
    s3.put_object(Bucket=BUCKET, Key="data/rows.csv", Body=b"1\n2\n3\n")


def test_waits_and_retries_take_virtual_time(found: Embedded) -> None:
    # given
    retry = {"ErrorEquals": ["States.ALL"], "IntervalSeconds": 60, "MaxAttempts": 2, "BackoffRate": 2.0}
    states = {
        "Wait": {"Type": "Wait", "Seconds": 3600, "Next": "Fails"},
        "Fails": {
            "Type": "Task",
            "Resource": "arn:aws:states:::aws-sdk:ssm:getParameter",
            "Parameters": {"Name": "/nothing"},
            "Retry": [retry],
            "Catch": [{"ErrorEquals": ["Ssm.ParameterNotFoundException"], "Next": "Caught"}],
            "End": True,
        },
        "Caught": {"Type": "Pass", "End": True},
    }
    # when
    ended = Machine(found.cloud, states).run(minutes=90)
    # then
    assert ended["status"] == "SUCCEEDED"
    taken = ended["stopDate"] - ended["startDate"]
    assert timedelta(seconds=3780) <= taken < timedelta(seconds=3840)


def test_a_state_and_an_execution_time_out_in_virtual_time(found: Embedded) -> None:
    # given
    states = {"Wait": {"Type": "Wait", "Seconds": 7200, "End": True}}
    # when
    ended = Machine(found.cloud, states, TimeoutSeconds=600).run(minutes=30)
    # then
    assert ended["status"] == "TIMED_OUT"
    assert timedelta(seconds=600) <= ended["stopDate"] - ended["startDate"] < timedelta(seconds=660)


def test_a_training_job_runs_the_script_and_hands_on_its_description(found: Embedded) -> None:
    # given
    seed_training(found.cloud)
    machine = Machine(found.cloud, {"Train": {**training(), "End": True}})
    # when
    ended = machine.run(minutes=5)
    # then
    assert ended["status"] == "SUCCEEDED", ended
    output = json.loads(ended["output"])
    assert (output["TrainingJobStatus"], output["TrainingJobName"]) == ("Completed", ended["name"])
    assert output["FinalMetricDataList"][0]["Value"] == 0.75
    tags = found.cloud.client("sagemaker").list_tags(ResourceArn=output["TrainingJobArn"])["Tags"]
    assert tags == [{"Key": "MANAGED_BY_AWS", "Value": "STARTED_BY_STEP_FUNCTIONS"}]
    body = found.cloud.client("s3").get_object(Bucket=BUCKET, Key=f"out/{ended['name']}/output/model.tar.gz")["Body"]
    assert body.read() != b""
    statuses = [e["detail"]["TrainingJobStatus"] for e in found.events if "Training" in e["detail-type"]]
    assert statuses[-1] == "Completed"


@pytest.mark.parametrize("around", ["plain", "parallel", "map"])
def test_a_failed_training_job_is_caught_also_within_parallel_and_map(found: Embedded, around: str) -> None:
    # given
    seed_training(found.cloud)
    catch = [{"ErrorEquals": ["States.TaskFailed"], "ResultPath": "$.error", "Next": "Caught"}]
    task = {**training(fail="1"), "End": True}
    inner = {"StartAt": "Train", "States": {"Train": task}}
    states: dict[str, Any] = {
        "plain": {**task, "Catch": catch},
        "parallel": {"Type": "Parallel", "Branches": [inner], "Catch": catch, "End": True},
        "map": {"Type": "Map", "ItemsPath": "$.items", "ItemProcessor": inner, "Catch": catch, "End": True},
    }
    machine = Machine(found.cloud, {"Work": states[around], "Caught": {"Type": "Pass", "End": True}})
    # when
    ended = machine.run({"items": [1]}, minutes=5)
    # then
    assert ended["status"] == "SUCCEEDED", ended
    error = json.loads(ended["output"])["error"]
    assert error["Error"] == "States.TaskFailed"
    assert "bad data" in error["Cause"]


@pytest.mark.parametrize(
    ("resource", "parameters", "expected"),
    [
        ("aws-sdk:sagemaker:describeEndpoint", {"EndpointName": "none"}, "SageMaker.SageMakerException"),
        ("sagemaker:createTransformJob", {"TransformJobName": "t", "ModelName": "m"}, "SageMaker.AmazonSageMaker"),
        ("glue:startJobRun.sync", {"JobName": "none"}, "Glue.EntityNotFoundException"),
        (
            "dynamodb:putItem",
            {
                "TableName": "locks",
                "Item": {"pk": {"S": "x"}},
                "ConditionExpression": "attribute_exists(pk)",
            },
            "DynamoDB.ConditionalCheckFailedException",
        ),
    ],
)
def test_errors_of_services_carry_their_real_names(
    found: Embedded, resource: str, parameters: dict[str, Any], expected: str
) -> None:
    # given
    found.cloud.client("dynamodb").create_table(
        TableName="locks",
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    states = {
        "Call": {"Type": "Task", "Resource": f"arn:aws:states:::{resource}", "Parameters": parameters, "End": True}
    }
    # when
    ended = Machine(found.cloud, states).run(minutes=1)
    # then
    assert ended["status"] == "FAILED"
    assert ended["error"].startswith(expected), ended


def test_a_call_that_the_role_may_not_make_fails_and_can_be_caught(tmp_path: Path) -> None:
    # given
    with embedded(tmp_path / "home", "iam", "stepfunctions") as found:
        states = {
            "Call": {
                "Type": "Task",
                "Resource": "arn:aws:states:::aws-sdk:ssm:getParameter",
                "Parameters": {"Name": "/secret"},
                "Catch": [{"ErrorEquals": ["Ssm.AccessDeniedException"], "Next": "Caught"}],
                "End": True,
            },
            "Caught": {"Type": "Pass", "End": True},
        }
        # when
        ended = Machine(found.cloud, states).run(minutes=1)
        # then
        assert ended["status"] == "SUCCEEDED", ended
        assert "is not authorized to perform: ssm:GetParameter" in json.loads(ended["output"])["Cause"]


def test_jsonata_and_the_execution_name_work_without_a_given_name(found: Embedded) -> None:
    # given
    states = {
        "Compute": {
            "Type": "Pass",
            "QueryLanguage": "JSONata",
            "Output": {"sum": "{% $sum($states.input.numbers) %}", "name": "{% $states.context.Execution.Name %}"},
            "End": True,
        }
    }
    # when
    ended = Machine(found.cloud, states).run({"numbers": [1, 2, 3]}, minutes=1)
    # then
    assert ended["status"] == "SUCCEEDED", ended
    assert json.loads(ended["output"]) == {"sum": 6, "name": ended["name"]}


def test_a_task_token_waits_without_holding_time_still(found: Embedded) -> None:
    # given
    queue = found.cloud.client("sqs").create_queue(QueueName="approvals")["QueueUrl"]
    states = {
        "Ask": {
            "Type": "Task",
            "Resource": "arn:aws:states:::sqs:sendMessage.waitForTaskToken",
            "Parameters": {"QueueUrl": queue, "MessageBody": {"token.$": "$$.Task.Token"}},
            "End": True,
        }
    }
    machine = Machine(found.cloud, states)
    execution = machine.start()
    found.cloud.clock.advance(found.cloud.clock.now() + timedelta(hours=5))
    (message,) = found.cloud.client("sqs").receive_message(QueueUrl=queue)["Messages"]
    # when
    found.cloud.client("stepfunctions").send_task_success(
        taskToken=json.loads(message["Body"])["token"], output='{"approved": true}'
    )
    found.cloud.clock.settle()
    # then
    assert json.loads(machine.describe(execution)["output"]) == {"approved": True}


def test_a_nested_execution_is_waited_for_and_its_output_is_json(found: Embedded) -> None:
    # given
    child = Machine(found.cloud, {"Wait": {"Type": "Wait", "Seconds": 30, "End": True}}).arn
    definition = {
        "StartAt": "Run",
        "States": {
            "Run": {
                "Type": "Task",
                "Resource": "arn:aws:states:::states:startExecution.sync:2",
                "Parameters": {"StateMachineArn": child, "Input": {"a": 1}},
                "End": True,
            }
        },
    }
    client = found.cloud.client("stepfunctions")
    role = make_role(found.cloud, "states", "states.amazonaws.com")
    parent = client.create_state_machine(name="parent", definition=json.dumps(definition), roleArn=role)
    execution = client.start_execution(stateMachineArn=parent["stateMachineArn"])["executionArn"]
    # when
    found.cloud.clock.advance(found.cloud.clock.now() + timedelta(minutes=2))
    # then
    ended = client.describe_execution(executionArn=execution)
    assert ended["status"] == "SUCCEEDED", ended.get("cause")
    assert json.loads(ended["output"])["Output"] == {"a": 1}


def await_lines(cloud: Cloud, text: str) -> None:
    """Wait until some process has logged a line."""
    seen = threading.Event()
    cloud.on_log_lines.append(lambda printed: seen.set() if text in printed.lines else None)
    assert seen.wait(30), f"nobody logged {text!r}"


def test_stopping_an_execution_aborts_it_and_its_training_job(found: Embedded) -> None:
    # given
    seed_training(found.cloud)
    slow = archive({"train.py": "import time\nprint('started', flush=True)\nwhile True:\n    time.sleep(0.05)\n"})
    found.cloud.client("s3").put_object(Bucket=BUCKET, Key="code.tar.gz", Body=slow)
    machine = Machine(found.cloud, {"Train": {**training(), "End": True}})
    execution = machine.start(name="stopped")
    sagemaker = found.cloud.client("sagemaker")
    await_lines(found.cloud, "started")
    # when
    found.cloud.client("stepfunctions").stop_execution(executionArn=execution)
    found.cloud.clock.advance(found.cloud.clock.now() + timedelta(minutes=1))
    # then
    assert machine.describe(execution)["status"] == "ABORTED"
    assert sagemaker.describe_training_job(TrainingJobName="stopped")["TrainingJobStatus"] == "Stopped"


def test_executions_are_told_to_events_metrics_and_the_timeline(found: Embedded) -> None:
    # given
    machine = Machine(found.cloud, {"No": {"Type": "Fail", "Error": "Broken", "Cause": "on purpose"}})
    # when
    ended = machine.run({"a": 1}, minutes=1)
    # then
    details = [e["detail"] for e in found.events if e["detail-type"] == "Step Functions Execution Status Change"]
    assert sorted(detail["status"] for detail in details) == ["FAILED", "RUNNING"]
    failed = next(detail for detail in details if detail["status"] == "FAILED")
    assert (failed["name"], failed["error"], json.loads(failed["input"])) == (ended["name"], "Broken", {"a": 1})
    names = {
        metric["MetricName"]
        for metric in found.cloud.client("cloudwatch").list_metrics(Namespace="AWS/States")["Metrics"]
    }
    assert {"ExecutionsStarted", "ExecutionsFailed"} <= names
    assert [entry["state"] for entry in found.kinds("state")] == ["No"]


def test_a_name_is_taken_once_for_one_input(found: Embedded) -> None:
    # given
    machine = Machine(found.cloud, {"Wait": {"Type": "Wait", "Seconds": 600, "End": True}})
    first = machine.start({"a": 1}, name="once")
    # when
    again = machine.start({"a": 1}, name="once")
    # then
    assert again == first
    with pytest.raises(ClientError, match="ExecutionAlreadyExists"):
        machine.start({"a": 2}, name="once")


@pytest.mark.parametrize(
    ("states", "told"),
    [
        ({"A": {"Type": "Pass", "Next": "Nowhere"}}, "'Nowhere'"),
        ({"A": {"Type": "Pass", "End": True}, "B": {"Type": "Pass", "End": True}}, "no state leads here"),
        ({"A": {"Type": "Pass"}}, "neither Next nor End"),
        (
            {
                "A": {
                    "Type": "Parallel",
                    "Branches": [{"StartAt": "X", "States": {"Y": {"Type": "Succeed"}}}],
                    "End": True,
                }
            },
            "Branches/0/StartAt",
        ),
    ],
)
def test_a_broken_definition_is_refused(found: Embedded, states: dict[str, Any], told: str) -> None:
    # given / when / then
    with pytest.raises(ClientError, match=told):
        Machine(found.cloud, states)


def test_every_part_of_the_interpreter_that_waits_is_on_the_virtual_clock() -> None:
    # given
    folder = Path(moto.stepfunctions.parser.__file__).parent
    not_used_by_executions = {"event_manager", "alias", "provider", "test_state_program", "execution", "job"}
    # when
    waiting = set()
    for path in folder.rglob("*.py"):
        tree = ast.parse(path.read_text())
        imports = [node for node in ast.walk(tree) if isinstance(node, (ast.Import, ast.ImportFrom))]
        names = {alias.name for node in imports if isinstance(node, ast.Import) for alias in node.names}
        names |= {str(node.module) for node in imports if isinstance(node, ast.ImportFrom)}
        if names & {"threading", "time"}:
            waiting.add(path.stem)
    # then
    assert waiting - not_used_by_executions <= {name.rsplit(".", 1)[-1] for name in interpreter_time.MODULES}
