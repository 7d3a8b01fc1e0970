"""Training jobs: the user's script runs under the script-mode contract, and the job ends as the script does."""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError
from inprocess import Embedded, embedded

from models import BUCKET, IMAGE, archive, make_role

SCRIPT = """
import argparse, json, os, pathlib
parser = argparse.ArgumentParser()
parser.add_argument("--learning-rate", type=float)
parser.add_argument("--rounds", type=int)
parser.add_argument("--objective")
parser.add_argument("--shuffle")
given = parser.parse_args()
rows = {
    name: pathlib.Path(os.environ["SM_CHANNEL_" + name.upper()], *path).read_text()
    for name, path in {"train": ("part-0.csv",), "validation": ("deep", "part-1.csv")}.items()
}
print("auc: 0.5")
print("auc: 0.75;")
seen = {"arguments": vars(given), "rows": rows, "rounds": os.environ["SM_HP_ROUNDS"], "hps": os.environ["SM_HPS"]}
seen["own"] = os.environ["OWN"]
pathlib.Path(os.environ["SM_MODEL_DIR"], "seen.json").write_text(json.dumps(seen))
pathlib.Path(os.environ["SM_OUTPUT_DATA_DIR"], "plot.txt").write_text("a plot")
"""
HYPERPARAMETERS = {
    "sagemaker_program": '"train.py"',
    "sagemaker_submit_directory": f'"s3://{BUCKET}/code/source.tar.gz"',
    "learning-rate": "0.1",
    "rounds": '"5"',
    "objective": "binary",
    "shuffle": "true",
}


@pytest.fixture
def found(tmp_path: Any) -> Iterator[Embedded]:
    from moto.iam.models import iam_backends
    from moto.s3.models import s3_backends

    s3_backends.reset()
    iam_backends.reset()
    with embedded(tmp_path / "home", "iam", "cloudwatch", "sagemaker") as running:
        s3 = running.cloud.client("s3")
        s3.create_bucket(Bucket=BUCKET)
        s3.put_object(Bucket=BUCKET, Key="data/train/part-0.csv", Body=b"1,2")
        s3.put_object(Bucket=BUCKET, Key="data/validation/deep/part-1.csv", Body=b"3,4")
        yield running
        assert running.kinds("background-error") == []


def train(found: Embedded, script: str = SCRIPT, allow: str = "s3:*", **changes: Any) -> dict[str, Any]:
    start(found, script, allow, **changes)
    found.cloud.clock.settle()
    shown: dict[str, Any] = found.cloud.client("sagemaker").describe_training_job(TrainingJobName="job")
    return shown


def start(
    found: Embedded, script: str = SCRIPT, allow: str = "s3:*", beside: dict[str, str] | None = None, **changes: Any
) -> None:
    cloud, files = found.cloud, {"train.py": script, **(beside or {})}
    role = make_role(cloud, "trainer", "sagemaker.amazonaws.com")
    statement = {"Effect": "Allow", "Action": allow, "Resource": "*"}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    cloud.client("iam").put_role_policy(RoleName="trainer", PolicyName="s3", PolicyDocument=policy)
    cloud.client("s3").put_object(Bucket=BUCKET, Key="code/source.tar.gz", Body=archive(files))
    request: dict[str, Any] = {
        "TrainingJobName": "job",
        "RoleArn": role,
        "AlgorithmSpecification": {
            "TrainingImage": IMAGE,
            "TrainingInputMode": "File",
            "MetricDefinitions": [{"Name": "auc", "Regex": "auc: ([0-9.]+)"}],
        },
        "HyperParameters": HYPERPARAMETERS,
        "InputDataConfig": [channel("train"), channel("validation")],
        "OutputDataConfig": {"S3OutputPath": f"s3://{BUCKET}/out"},
        "ResourceConfig": {"InstanceCount": 1, "InstanceType": "ml.m5.large", "VolumeSizeInGB": 1},
        "StoppingCondition": {"MaxRuntimeInSeconds": 600},
        "Environment": {"OWN": "mine"},
    }
    cloud.client("sagemaker").create_training_job(**{**request, **changes})


def channel(name: str) -> dict[str, Any]:
    source = {
        "S3DataType": "S3Prefix",
        "S3Uri": f"s3://{BUCKET}/data/{name}/",
        "S3DataDistributionType": "FullyReplicated",
    }
    return {"ChannelName": name, "DataSource": {"S3DataSource": source}}


def unpacked(found: Embedded, key: str) -> dict[str, bytes]:
    body = found.cloud.client("s3").get_object(Bucket=BUCKET, Key=key)["Body"].read()
    with tarfile.open(fileobj=io.BytesIO(body)) as tar:
        files = [(member.name, tar.extractfile(member)) for member in tar.getmembers() if member.isfile()]
        return {name: file.read() for name, file in files if file is not None}


def test_a_script_gets_its_channels_and_hyperparameters_and_leaves_its_artefacts(found: Embedded) -> None:
    # when
    job = train(found)
    # then
    assert (job["TrainingJobStatus"], job.get("FailureReason")) == ("Completed", None)
    assert job["ModelArtifacts"]["S3ModelArtifacts"] == f"s3://{BUCKET}/out/job/output/model.tar.gz"
    seen = json.loads(unpacked(found, "out/job/output/model.tar.gz")["seen.json"])
    assert seen["arguments"] == {"learning_rate": 0.1, "rounds": 5, "objective": "binary", "shuffle": "True"}
    assert seen["rows"] == {"train": "1,2", "validation": "3,4"}
    assert (seen["rounds"], seen["own"]) == ("5", "mine")
    assert "sagemaker_program" not in json.loads(seen["hps"])
    assert unpacked(found, "out/job/output/output.tar.gz") == {"plot.txt": b"a plot"}
    assert [(metric["MetricName"], metric["Value"]) for metric in job["FinalMetricDataList"]] == [("auc", 0.75)]


def test_a_job_passes_through_its_states_and_tells_of_each(found: Embedded) -> None:
    # when
    job = train(found)
    # then
    states = ["Starting", "Downloading", "Training", "Uploading", "Completed"]
    assert [transition["Status"] for transition in job["SecondaryStatusTransitions"]] == states
    told = [e["detail"] for e in found.events if e["detail-type"] == "SageMaker Training Job State Change"]
    assert sorted(detail["SecondaryStatus"] for detail in told) == sorted(states)
    assert {detail["TrainingJobName"] for detail in told} == {"job"}


def test_what_a_script_prints_is_logged(found: Embedded) -> None:
    # when
    train(found)
    # then
    logs = found.cloud.client("logs")
    (stream,) = logs.describe_log_streams(logGroupName="/aws/sagemaker/TrainingJobs")["logStreams"]
    assert stream["logStreamName"].startswith("job/algo-1")
    events = logs.get_log_events(logGroupName="/aws/sagemaker/TrainingJobs", logStreamName=stream["logStreamName"])[
        "events"
    ]
    assert [event["message"] for event in events] == ["auc: 0.5", "auc: 0.75;"]


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        ("raise ValueError('too few rows')", "ValueError: too few rows"),
        ("import sys; sys.exit('no positive class')", "no positive class"),
        (
            "import os\nopen(os.environ['SM_OUTPUT_DIR'] + '/failure', 'w').write('told so')\nraise SystemExit(3)",
            "told so",
        ),
    ],
)
def test_a_script_that_fails_fails_the_job_with_its_reason(found: Embedded, script: str, reason: str) -> None:
    # when
    job = train(found, script)
    # then
    assert job["TrainingJobStatus"] == "Failed"
    assert job["FailureReason"].startswith("AlgorithmError: ")
    assert reason in job["FailureReason"]
    assert "exit code: " in job["FailureReason"]


REQUIRED = "# what the script imports\n\npytest>=1  # is here\nnot-known-at-all; python_version < '3'\n"


@pytest.mark.parametrize(
    ("requirements", "lacking"),
    [
        (REQUIRED, ""),
        (REQUIRED + "pytest<1\n", "pytest<1"),
        ("not-known-at-all==1.0", "not-known-at-all==1.0"),
        ("pytest\n--index-url https://example.com", "--index-url https://example.com"),
    ],
)
def test_what_a_script_requires_must_be_installed_here(found: Embedded, requirements: str, lacking: str) -> None:
    # when
    job = train(found, "print('ran')", beside={"requirements.txt": requirements})
    # then
    assert job["TrainingJobStatus"] == ("Failed" if lacking else "Completed")
    assert job.get("FailureReason", "InstallRequirementsError").count("InstallRequirementsError") == 1
    assert lacking in job.get("FailureReason", "")


def test_a_channel_may_be_a_single_object(found: Embedded) -> None:
    # given
    one = channel("train")
    one["DataSource"]["S3DataSource"]["S3Uri"] += "part-0.csv"
    script = "import os\nprint(os.listdir(os.environ['SM_CHANNEL_TRAIN']))"
    # when
    job = train(found, script, InputDataConfig=[one])
    # then
    assert job["TrainingJobStatus"] == "Completed"
    logs = found.cloud.client("logs").get_log_events(
        logGroupName="/aws/sagemaker/TrainingJobs", logStreamName="job/algo-1"
    )
    assert [event["message"] for event in logs["events"]] == ["['part-0.csv']"]


def test_a_program_that_is_not_in_the_archive_fails_the_job(found: Embedded) -> None:
    # when
    job = train(found, HyperParameters={**HYPERPARAMETERS, "sagemaker_program": "other.py"})
    # then
    assert job["TrainingJobStatus"] == "Failed"
    assert "other.py" in job["FailureReason"]


def test_a_job_has_only_the_rights_of_its_role(found: Embedded) -> None:
    # when
    job = train(found, allow="s3:ListBucket")
    # then
    assert job["TrainingJobStatus"] == "Failed"
    assert "s3:GetObject" in job["FailureReason"]
    assert f"s3://{BUCKET}/data/train/part-0.csv" in job["FailureReason"]


def test_an_empty_channel_fails_the_job(found: Embedded) -> None:
    # when
    job = train(found, InputDataConfig=[channel("train"), channel("nothing")])
    # then
    assert job["TrainingJobStatus"] == "Failed"
    assert f"s3://{BUCKET}/data/nothing/" in job["FailureReason"]


def test_an_image_that_no_program_stands_for_fails_the_job(found: Embedded) -> None:
    # given
    algorithm = {"TrainingImage": "1.dkr.ecr.us-east-1.amazonaws.com/my-own:1", "TrainingInputMode": "File"}
    # when
    job = train(found, AlgorithmSpecification=algorithm)
    # then
    assert job["TrainingJobStatus"] == "Failed"
    assert "my-own" in job["FailureReason"]


def test_a_job_can_be_stopped_and_keeps_what_it_saved(found: Embedded) -> None:
    # given
    client = found.cloud.client("sagemaker")
    endless = """
import os, pathlib, threading
pathlib.Path(os.environ["SM_MODEL_DIR"], "half.txt").write_text("half")
print("saved")
threading.Event().wait()
"""
    saved = found.cloud.clock.signal()
    found.cloud.on_log_lines.append(lambda printed: saved.set() if "saved" in printed.lines else None)
    start(found, endless)
    saved.wait(60)
    # when
    client.stop_training_job(TrainingJobName="job")
    found.cloud.clock.settle()
    # then
    assert client.describe_training_job(TrainingJobName="job")["TrainingJobStatus"] == "Stopped"
    assert unpacked(found, "out/job/output/model.tar.gz") == {"half.txt": b"half"}
    with pytest.raises(ClientError, match="is in status Stopped"):
        client.stop_training_job(TrainingJobName="job")


def test_a_job_over_its_time_is_ended(found: Embedded) -> None:
    # when
    script = "import threading\nthreading.Event().wait()"
    job = train(found, script, StoppingCondition={"MaxRuntimeInSeconds": 1})
    # then
    assert (job["TrainingJobStatus"], job["SecondaryStatus"]) == ("Stopped", "MaxRuntimeExceeded")


def test_a_name_is_used_once(found: Embedded) -> None:
    # given
    train(found)
    # when / then
    with pytest.raises(ClientError, match="ResourceInUse"):
        start(found)


def test_a_job_whose_archive_is_broken_ends(found: Embedded) -> None:
    # given
    s3 = found.cloud.client("s3")
    whole = archive({"train.py": SCRIPT})
    s3.put_object(Bucket=BUCKET, Key="code/cut.tar.gz", Body=whole[: len(whole) // 2])
    code = {"sagemaker_submit_directory": f"s3://{BUCKET}/code/cut.tar.gz"}
    # when
    job = train(found, HyperParameters={**HYPERPARAMETERS, **code})
    # then
    assert job["TrainingJobStatus"] == "Failed"
    assert "code/cut.tar.gz" in job["FailureReason"]
