"""Small models in SageMaker's archive format, for tests: no framework, so that they start in a moment."""

from __future__ import annotations

import io
import json
import tarfile
from typing import Any

from localcloud.cloud import Cloud

IMAGE = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-scikit-learn:1.4-2-cpu-py3"
BUCKET = "models"
INFERENCE = """
import json, os
def model_fn(model_dir):
    found = json.load(open(os.path.join(model_dir, "model.json")))
    if found.get("broken"):
        raise RuntimeError("this model cannot be loaded")
    return found
def input_fn(body, content_type):
    if content_type != "text/csv":
        raise ValueError("only CSV, not " + content_type)
    return [[float(value) for value in line.split(",")] for line in body.splitlines() if line]
def predict_fn(rows, model):
    if model.get("failing"):
        raise RuntimeError("this model cannot answer")
    return [sum(row) + model["offset"] for row in rows]
def output_fn(predictions, accept):
    return "\\n".join(str(value) for value in predictions), "text/csv"
"""


def archive(files: dict[str, str]) -> bytes:
    """Return a tar.gz of texts by name."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        for name, text in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(text.encode())
            tar.addfile(entry, io.BytesIO(text.encode()))
    return buffer.getvalue()


def make_role(cloud: Cloud, name: str, service: str) -> str:
    """Make a role that a service may take on, and return its ARN."""
    statement = {"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"}
    trust = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    iam = cloud.client("iam")
    try:
        return str(iam.create_role(RoleName=name, AssumeRolePolicyDocument=trust)["Role"]["Arn"])
    except iam.exceptions.EntityAlreadyExistsException:
        return str(iam.get_role(RoleName=name)["Role"]["Arn"])


def make_model(cloud: Cloud, name: str, **content: Any) -> None:
    """Put an archive in S3 and make a model and an endpoint config of the same name, capturing CSV."""
    role = make_role(cloud, "sagemaker", "sagemaker.amazonaws.com")
    s3, client = cloud.client("s3"), cloud.client("sagemaker")
    s3.create_bucket(Bucket=BUCKET)
    body = archive({"model.json": json.dumps({"offset": 0.0, **content}), "code/inference.py": INFERENCE})
    s3.put_object(Bucket=BUCKET, Key=f"{name}/model.tar.gz", Body=body)
    client.create_model(
        ModelName=name,
        ExecutionRoleArn=role,
        PrimaryContainer={
            "Image": IMAGE,
            "ModelDataUrl": f"s3://{BUCKET}/{name}/model.tar.gz",
            "Environment": {"SAGEMAKER_PROGRAM": "inference.py"},
        },
    )
    client.create_endpoint_config(
        EndpointConfigName=name,
        ProductionVariants=[
            {
                "VariantName": "AllTraffic",
                "ModelName": name,
                "InitialInstanceCount": 1,
                "InstanceType": "ml.m5.large",
                "InitialVariantWeight": 1,
            }
        ],
        DataCaptureConfig={
            "EnableCapture": True,
            "InitialSamplingPercentage": 100,
            "DestinationS3Uri": f"s3://{BUCKET}/capture/{name}",
            "CaptureOptions": [{"CaptureMode": "Input"}, {"CaptureMode": "Output"}],
            "CaptureContentTypeHeader": {"CsvContentTypes": ["text/csv"]},
        },
    )
