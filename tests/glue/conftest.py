"""A fake S3 and a way to run a job as Glue does: its script in a process of its own, the library in a zip beside it."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import boto3
import pytest
from moto.core.base_backend import BackendDict
from moto.server import ThreadedMotoServer

from localcloud.java import require_java_home
from watchkeeper.spec import ModelSpec

ROOT = Path(__file__).resolve().parents[2]
BUCKET = "data"
Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def s3() -> Iterator[object]:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    server.start()
    BackendDict.reset()  # moto keeps its state in the process, whatever server showed it last
    host, port = server.get_host_and_port()
    client = boto3.client(
        "s3",
        endpoint_url=f"http://{host}:{port}",
        region_name="eu-west-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",
    )
    client.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    yield client
    server.stop()


@pytest.fixture
def run_job(s3, tmp_path: Path) -> Callable[[ModelSpec], Run]:
    def for_model(spec: ModelSpec) -> Run:
        archive = tmp_path / "archive.zip"
        with zipfile.ZipFile(archive, "w") as zipped:
            for folder in ("watchkeeper", "glue_jobs"):
                for path in (ROOT / folder).rglob("*.py"):
                    zipped.write(path, path.relative_to(ROOT))
            zipped.writestr("watchkeeper_model/__init__.py", "")
            zipped.writestr("watchkeeper_model/model.json", spec.to_json())
        environment = os.environ | {
            "PYTHONPATH": str(archive),
            "JAVA_HOME": require_java_home(),
            "PYSPARK_PYTHON": sys.executable,
            "AWS_ENDPOINT_URL": s3.meta.endpoint_url,
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_DEFAULT_REGION": "eu-west-1",
            "SPARK_LOCAL_IP": "127.0.0.1",
            "PYSPARK_SUBMIT_ARGS": "--master local[2] --conf spark.ui.enabled=false "
            "--conf spark.sql.shuffle.partitions=4 pyspark-shell",
        }

        def run(script: str, **arguments: str) -> subprocess.CompletedProcess[str]:
            given = [item for name, value in arguments.items() for item in (f"--{name}", value)]
            command = [sys.executable, str(ROOT / "glue_jobs" / script), "--JOB_NAME", "test", *given]
            return subprocess.run(command, env=environment, cwd=tmp_path, capture_output=True, text=True, timeout=300)

        return run

    return for_model
