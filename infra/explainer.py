"""The training job that explains a version exactly: our script, in the container in which the version was fitted."""

from __future__ import annotations

from aws_cdk import aws_iam as iam
from aws_cdk import aws_s3_assets as assets
from constructs import Construct

from infra import archives, grants
from infra import machine_steps as steps
from infra.machine_steps import State
from infra.shared import ModelContext
from infra.training import resources
from watchkeeper import naming

RUNTIME_SECONDS = 3600
"""Minutes are the rule: most of the job is its start."""


class Explainer(Construct):
    """A state that explains the question of run `$.plan.run`, and the role under which that happens.

    The role may read the model's artefacts and its questions, and write answers: the job unpickles the artefact and
    runs the user's code, which nothing else here does under a role that may do more.
    """

    def __init__(self, scope: Construct, context: ModelContext) -> None:
        super().__init__(scope, "Explainer")
        self._context = context
        source = archives.stage_explainer(context.config, context.staging)
        self._source = assets.Asset(self, "Source", path=str(source))
        self._role = iam.Role(
            self,
            "Role",
            assumed_by=iam.ServicePrincipal("sagemaker.amazonaws.com"),
            description=f"Watchkeeper: explains {context.name} exactly",
        )
        name, bucket = context.name, context.platform.bucket
        artefacts = f"training/{name}/"
        grants.allow(
            self._role, ["s3:GetObject"], [bucket.arn_for_objects(f"{artefacts}*/model.tar.gz")], grants.BY_PREFIX
        )
        grants.allow(self._role, ["s3:GetObject"], [self._source.bucket.arn_for_objects(self._source.s3_object_key)])
        grants.find(context, self._role, artefacts)
        grants.read(context, self._role, naming.questions_prefix(name))
        grants.write(context, self._role, naming.exact_prefix(name, "*"))
        grants.pull_images(self._role)
        grants.log_containers(self._role)

    def may_be_run_by(self, role: iam.IRole) -> None:
        """Let a machine's role do what the state does."""
        steps.may_run_sagemaker_jobs(role, "training", self._context.name)
        grants.pass_role(role, self._role, "sagemaker.amazonaws.com")

    def state(self, then: str, *, failed: str) -> State:
        """Explain; whatever fails goes to `failed`, with the reason at `$.inexact`."""
        context = self._context
        questions = context.data_uri(naming.questions_prefix(context.name))
        return {
            "Type": "Task",
            "Resource": steps.resource("sagemaker:createTrainingJob.sync"),
            "Parameters": {
                "TrainingJobName.$": f"States.Format('{context.name}--{{}}', $.plan.run)",
                "RoleArn": self._role.role_arn,
                "AlgorithmSpecification": {"TrainingImage.$": "$.plan.image", "TrainingInputMode": "File"},
                "HyperParameters": {
                    "sagemaker_program": archives.EXPLAINER.name,
                    "sagemaker_submit_directory": self._source.s3_object_url,
                },
                "InputDataConfig": [
                    _channel("model", "$.plan.artefact"),
                    _channel("question", f"States.Format('{questions}{{}}/question.json', $.plan.run)"),
                ],
                "OutputDataConfig": {
                    "S3OutputPath.$": f"States.Format('{questions}{{}}/exact/', $.plan.run)",
                    "KmsKeyId": context.platform.key.key_arn,
                },
                **resources(context, RUNTIME_SECONDS),
                **self._environment(),
            },
            "ResultPath": steps.LAST,
            "Catch": [{"ErrorEquals": ["States.ALL"], "ResultPath": "$.inexact", "Next": failed}],
            "Next": then,
        }

    def _environment(self) -> State:
        """That in which the model is served, for `model_fn` may read it."""
        create = self._context.config.endpoint.create
        assert create is not None  # only a created endpoint is explained exactly: see watchkeeper.config
        return {"Environment": dict(create.environment)} if create.environment else {}


def _channel(name: str, uri: str) -> State:
    return {
        "ChannelName": name,
        "DataSource": {
            "S3DataSource": {"S3DataType": "S3Prefix", "S3DataDistributionType": "FullyReplicated", "S3Uri.$": uri}
        },
    }
