"""Batch transforms: one SageMaker model answers the rows that decide over it, or that tell what it goes by."""

from __future__ import annotations

from aws_cdk import aws_iam as iam

from infra import grants
from infra.machine_steps import State, may_run_sagemaker_jobs, resource
from infra.shared import ModelContext
from watchkeeper.spec import InputFormat

_FORMATS = {
    InputFormat.CSV: {"content": "text/csv", "accept": "text/csv", "strategy": "MultiRecord"},
    InputFormat.JSON: {"content": "application/json", "accept": "application/json", "strategy": "SingleRecord"},
}


def transform(context: ModelContext, role: str, model_name: str, then: str | None) -> State:
    """Let a model (a path) answer the holdout of run `$.run`; `role` is "challenger" or "champion"."""
    name = f"States.Format('{context.name}--{{}}-{role}', $.run)"
    return ask(context, model_name, in_run(context, "holdout/features/"), answers(context, role), then, name=name)


def ask(context: ModelContext, model_name: str, requests: str, answers: str, then: str | None, *, name: str) -> State:
    """Let a model answer all requests under a prefix; model, both prefixes and the job's name are paths or intrinsics.

    Nothing of it is captured: it is no traffic.
    """
    form = _FORMATS[context.spec.input_format]
    state: State = {
        "Type": "Task",
        "Resource": resource("sagemaker:createTransformJob.sync"),
        "Parameters": {
            "TransformJobName.$": name,
            "ModelName.$": model_name,
            "BatchStrategy": form["strategy"],
            "TransformInput": {
                "ContentType": form["content"],
                "SplitType": "Line",
                "DataSource": {
                    "S3DataSource": {
                        "S3DataType": "S3Prefix",
                        "S3Uri.$": requests,
                    }
                },
            },
            "TransformOutput": {
                "Accept": form["accept"],
                "AssembleWith": "Line",
                "S3OutputPath.$": answers,
                "KmsKeyId": context.platform.key.key_arn,
            },
            "TransformResources": {
                "InstanceType": context.config.retraining.training.instance_type,
                "InstanceCount": 1,
                "VolumeKmsKeyId": context.platform.key.key_arn,
            },
        },
        "ResultPath": "$.last",
    }
    return state | ({"End": True} if then is None else {"Next": then})


def in_run(context: ModelContext, path: str) -> str:
    """An intrinsic that gives the `s3://` URI of a path of run `$.run`."""
    return f"States.Format('{context.data_uri(f'training/{context.name}/')}{{}}/{path}', $.run)"


def answers(context: ModelContext, role: str) -> str:
    """Where a model's answers go."""
    return in_run(context, f"transform/{role}/")


def may_transform(context: ModelContext, role: iam.IRole) -> None:
    """Run transform jobs of this model and wait for them."""
    may_run_sagemaker_jobs(role, "transform", context.name)
    grants.use_key(context, role)
    grants.lend_key(context, role)
