"""The training job of a retraining run: the user's `train.py`, in SageMaker's script mode."""

from __future__ import annotations

from aws_cdk import aws_iam as iam
from aws_cdk import aws_s3_assets as assets
from constructs import Construct

from infra import archives, grants
from infra import machine_steps as steps
from infra.images import training_image
from infra.machine_steps import State
from infra.shared import ModelContext
from infra.transforms import in_run
from watchkeeper import rollout


class Training(Construct):
    """States that train on a run's data, and the role under which that happens.

    Attributes
    ----------
    image : of the container that trains, and that serves what was trained
    longest_seconds : that a job may take, waiting for spot capacity included
    """

    def __init__(self, scope: Construct, context: ModelContext) -> None:
        super().__init__(scope, "Training")
        self._context = context
        source = archives.stage_source(context.config, context.staging)
        assert source is not None  # a model without code has no retraining: see model_stack
        self._source = assets.Asset(self, "Source", path=str(source))
        schema = archives.stage_schema(context.config, context.staging)
        self._schema = assets.Asset(self, "Schema", path=str(schema))
        self.image = training_image(self, context.config.code)
        self.longest_seconds = 2 * int(context.config.retraining.training.max_runtime.total_seconds())
        self._role = iam.Role(
            self,
            "Role",
            assumed_by=iam.ServicePrincipal("sagemaker.amazonaws.com"),
            description=f"Watchkeeper: trains {context.name}",
        )
        training = f"training/{context.name}/"
        grants.read(context, self._role, training)
        grants.write(context, self._role, training)
        grants.pull_images(self._role)
        grants.log_containers(self._role)

    def may_be_run_by(self, role: iam.IRole) -> None:
        """Let a machine's role do what the states do."""
        name = self._context.name
        for asset in (self._source, self._schema):
            grants.allow(role, ["s3:GetObject"], [asset.bucket.arn_for_objects(asset.s3_object_key)])
        grants.write(self._context, role, f"training/{name}/")
        steps.may_run_sagemaker_jobs(role, "training", name)
        grants.pass_role(role, self._role, "sagemaker.amazonaws.com")

    def states(self, then: str) -> dict[str, State]:
        """Train on the run's own copy of script and schema: the run's prefix holds everything that went into it."""
        return {
            "CopySource": self._copy(self._source, "code/sourcedir.tar.gz", "CopySchema"),
            "CopySchema": self._copy(self._schema, "schema/schema.json", "MergeHyperparameters"),
            "MergeHyperparameters": {
                "Type": "Pass",
                "Parameters": {
                    "fixed": {"sagemaker_program": "train.py", **self._context.spec.retraining.hyperparameters},
                    "run": {"sagemaker_submit_directory.$": in_run(self._context, "code/sourcedir.tar.gz")},
                },
                "ResultPath": "$.hyperparameters",
                "Next": "Train",
            },
            "Train": self._training_job(then),
        }

    def _copy(self, asset: assets.Asset, path: str, then: str) -> State:
        return steps.repeated(
            "aws-sdk:s3:copyObject",
            {
                "CopySource": f"{asset.s3_bucket_name}/{asset.s3_object_key}",
                "Bucket": self._context.platform.bucket.bucket_name,
                "Key.$": f"States.Format('training/{self._context.name}/{{}}/{path}', $.run)",
            },
            then,
        )

    def _training_job(self, then: str) -> State:
        context = self._context
        key = context.platform.key.key_arn
        merged = "States.JsonMerge($.hyperparameters.fixed, $.request.hyperparameters, false)"
        return {
            "Type": "Task",
            "Resource": steps.resource("sagemaker:createTrainingJob.sync"),
            "Parameters": {
                "TrainingJobName.$": f"States.Format('{context.name}--{{}}', $.run)",
                "RoleArn": self._role.role_arn,
                "AlgorithmSpecification": {"TrainingImage": self.image, "TrainingInputMode": "File"},
                "HyperParameters.$": f"States.JsonMerge({merged}, $.hyperparameters.run, false)",
                "InputDataConfig": [
                    self._channel("train", "train/", "text/csv"),
                    self._channel("schema", "schema/", "application/json"),
                ],
                "OutputDataConfig": {"S3OutputPath.$": in_run(context, "output/"), "KmsKeyId": key},
                **resources(context, int(context.config.retraining.training.max_runtime.total_seconds())),
            },
            "ResultPath": "$.training",
            "Next": then,
        }

    def _channel(self, name: str, path: str, content_type: str) -> State:
        return {
            "ChannelName": name,
            "ContentType": content_type,
            "DataSource": {
                "S3DataSource": {
                    "S3DataType": "S3Prefix",
                    "S3DataDistributionType": "FullyReplicated",
                    "S3Uri.$": in_run(self._context, path),
                }
            },
        }


def resources(context: ModelContext, seconds: int) -> State:
    """The part of a training job's request that is about its instance, which a model's file describes.

    Parameters
    ----------
    seconds : that it may run; on spot instances it may wait as long again for capacity
    """
    training, key = context.config.retraining.training, context.platform.key.key_arn
    return {
        "ResourceConfig": {
            "InstanceType": training.instance_type,
            "InstanceCount": 1,
            "VolumeSizeInGB": training.volume_gb,
            **({"VolumeKmsKeyId": key} if rollout.takes_volume_key(training.instance_type) else {}),
        },
        "EnableManagedSpotTraining": training.spot,
        "StoppingCondition": {
            "MaxRuntimeInSeconds": seconds,
            **({"MaxWaitTimeInSeconds": 2 * seconds} if training.spot else {}),
        },
    }
