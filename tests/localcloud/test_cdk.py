"""The real CDK command line against the embedded AWS: bootstrap, deploy with assets and exports, change, destroy."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from cloud_templates import describe, exists, outputs

from localcloud.client import LocalCloud
from localcloud.errors import DeployError

cdk = pytest.importorskip("aws_cdk")

pytestmark = pytest.mark.slow


def assembly(folder: Path, *, greeting: str, broken: bool = False) -> Path:
    """Synthesize two stacks: one with a bucket, one with a function from an asset that is told of it."""
    from aws_cdk import aws_lambda, aws_s3, aws_sqs

    code = folder / "code"
    code.mkdir(parents=True)
    (code / "main.py").write_text(
        "import os\ndef handler(e, c):\n    return os.environ['SAYS'] + os.environ['BUCKET']\n"
    )
    app = cdk.App(outdir=str(folder / "cdk.out"), analytics_reporting=False)
    environment = cdk.Environment(account="123456789012", region="us-east-1")
    data = cdk.Stack(app, "Data", env=environment)
    bucket = aws_s3.Bucket(
        data,
        "Bucket",
        encryption=aws_s3.BucketEncryption.KMS,
        enforce_ssl=True,
        versioned=True,
        block_public_access=aws_s3.BlockPublicAccess.BLOCK_ALL,
        event_bridge_enabled=False,
        removal_policy=cdk.RemovalPolicy.DESTROY,
        lifecycle_rules=[aws_s3.LifecycleRule(expiration=cdk.Duration.days(30), prefix="tmp/")],
    )
    compute = cdk.Stack(app, "Compute", env=environment)
    function = aws_lambda.Function(
        compute,
        "Function",
        function_name="deployed",
        runtime=aws_lambda.Runtime.PYTHON_3_13,
        architecture=aws_lambda.Architecture.ARM_64,
        handler="main.handler",
        code=aws_lambda.Code.from_asset(str(code)),
        environment={"SAYS": greeting, "BUCKET": bucket.bucket_name},
        timeout=cdk.Duration.seconds(20),
        dead_letter_queue=aws_sqs.Queue(compute, "Dead", enforce_ssl=True),
    )
    bucket.grant_read(function)
    if broken:
        cdk.CfnResource(compute, "Broken", type="AWS::Nothing::Known")
    app.synth()
    return folder / "cdk.out"


@pytest.fixture(scope="module")
def bootstrapped(local: LocalCloud) -> LocalCloud:
    local.bootstrap()
    return local


def answer(local: LocalCloud) -> Any:
    return json.loads(local.client("lambda").invoke(FunctionName="deployed")["Payload"].read())


def test_stacks_are_deployed_changed_and_destroyed_by_the_cdk_command_line(
    bootstrapped: LocalCloud, tmp_path: Path
) -> None:
    # given
    local, lines = bootstrapped, list[str]()
    first = assembly(tmp_path / "first", greeting="hello ")
    second = assembly(tmp_path / "second", greeting="bye ")
    # when
    local.deploy(first, on_line=lines.append)
    bucket = outputs(describe(local, "Data")).popitem()[1]
    said_first = answer(local)
    local.deploy(second)
    said_second = answer(local)
    local.destroy(second)
    # then
    assert any("Compute" in line for line in lines)
    assert said_first == f"hello {bucket}"
    assert said_second == f"bye {bucket}"
    assert not exists(local.client("s3").head_bucket, Bucket=bucket)
    assert not exists(local.client("lambda").get_function, FunctionName="deployed")


def test_a_deployment_that_fails_says_why(bootstrapped: LocalCloud, tmp_path: Path) -> None:
    # given
    broken = assembly(tmp_path / "broken", greeting="", broken=True)
    # when
    with pytest.raises(DeployError) as caught:
        bootstrapped.deploy(broken)
    # then
    assert "no provider for AWS::Nothing::Known" in str(caught.value)
