"""Somebody else's endpoint: a model that was in service before Watchkeeper came, made with plain boto3."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from infra.archives import pack
from localcloud.client import LocalCloud
from localcloud.cloud import REGION
from watchkeeper.config import ModelConfig

ENDPOINT = "legacy-loans"
BUCKET = "loans-team"
CAPTURES = f"s3://{BUCKET}/monitoring/captured"
ARTEFACTS = f"s3://{BUCKET}/models/"
IMAGE = f"683313688378.dkr.ecr.{REGION}.amazonaws.com/sagemaker-scikit-learn:1.2-1-cpu-py3"
ROLE = "loans-team-sagemaker"


@dataclass(frozen=True)
class Owner:
    """Another team, with a bucket, a key and a role of its own."""

    cloud: LocalCloud
    key: str

    @classmethod
    def serving(cls, cloud: LocalCloud, model: ModelConfig, artefact: bytes) -> Owner:
        """Their endpoint is in service. Their bucket sends no events: nobody needed any."""
        owner = cls(cloud, cloud.client("kms").create_key(Description="loans team")["KeyMetadata"]["Arn"])
        owner._make_bucket(model, artefact)
        sagemaker = cloud.client("sagemaker")
        container = {
            "Image": IMAGE,
            "ModelDataUrl": f"{ARTEFACTS}model.tar.gz",
            # as the SageMaker SDK deploys a model with code of its own
            "Environment": {
                "SAGEMAKER_PROGRAM": "inference.py",
                "SAGEMAKER_SUBMIT_DIRECTORY": f"{ARTEFACTS}sourcedir.tar.gz",
            },
        }
        sagemaker.create_model(ModelName=ENDPOINT, ExecutionRoleArn=owner._make_role(), PrimaryContainer=container)
        variant = {
            "VariantName": "AllTraffic",
            "ModelName": ENDPOINT,
            "InstanceType": "ml.c5.large",
            "InitialInstanceCount": 2,
        }
        capture = {
            "EnableCapture": True,
            "InitialSamplingPercentage": 100,
            "DestinationS3Uri": CAPTURES,
            "KmsKeyId": owner.key,
            "CaptureOptions": [{"CaptureMode": "InputAndOutput"}],
        }
        sagemaker.create_endpoint_config(
            EndpointConfigName=ENDPOINT, ProductionVariants=[variant], DataCaptureConfig=capture
        )
        sagemaker.create_endpoint(EndpointName=ENDPOINT, EndpointConfigName=ENDPOINT)
        cloud.settle()
        return owner

    def switch_events_on(self) -> None:
        """What Watchkeeper needs of them, once."""
        self.cloud.client("s3").put_bucket_notification_configuration(
            Bucket=BUCKET, NotificationConfiguration={"EventBridgeConfiguration": {}}
        )

    def _make_bucket(self, model: ModelConfig, artefact: bytes) -> None:
        s3 = self.cloud.client("s3")
        s3.create_bucket(Bucket=BUCKET)
        encryption: dict[str, Any] = {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": self.key}
        s3.put_bucket_encryption(
            Bucket=BUCKET,
            ServerSideEncryptionConfiguration={"Rules": [{"ApplyServerSideEncryptionByDefault": encryption}]},
        )
        assert model.code_folder is not None
        for name, body in {"model": artefact, "sourcedir": pack(model.code_folder)}.items():
            s3.put_object(Bucket=BUCKET, Key=f"models/{name}.tar.gz", Body=body)

    def _make_role(self) -> str:
        iam = self.cloud.client("iam")
        trust = {"Effect": "Allow", "Principal": {"Service": "sagemaker.amazonaws.com"}, "Action": "sts:AssumeRole"}
        role = iam.create_role(RoleName=ROLE, AssumeRolePolicyDocument=json.dumps(_policy(trust)))["Role"]
        objects = {
            "Effect": "Allow",
            "Action": ["s3:GetObject", "s3:PutObject"],
            "Resource": f"arn:aws:s3:::{BUCKET}/*",
        }
        key = {"Effect": "Allow", "Action": ["kms:Decrypt", "kms:GenerateDataKey"], "Resource": self.key}
        iam.put_role_policy(RoleName=ROLE, PolicyName="serve", PolicyDocument=json.dumps(_policy(objects, key)))
        return str(role["Arn"])


def _policy(*statements: dict[str, Any]) -> dict[str, Any]:
    return {"Version": "2012-10-17", "Statement": list(statements)}
