"""The machine that gives version 1 its baseline and puts it on record as serving."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from aws_cdk import aws_iam as iam
from constructs import Construct

from infra import grants
from infra import machine_steps as steps
from infra.endpoint import FIRST_VERSION, RESPONSE_TYPES
from infra.machine_steps import EXECUTION, NOW, Machine, State
from infra.shared import ModelContext
from infra.tools import Tools
from infra.transforms import answers, may_transform, transform
from watchkeeper import naming, rollout
from watchkeeper.message import Kind

TIMEOUT_SECONDS = 6 * 3600
EXISTS = "DynamoDb.TransactionCanceledException"


@dataclass(frozen=True)
class FirstVersion:
    """Version 1 as the template made it; an attached endpoint's is looked up when the machine runs."""

    model_name: str
    package_arn: str


class Onboarding(Construct):
    """Data in, baseline out: assemble, transform, build, record, say so. May be repeated with newer data.

    Input: `{"data": "s3://…csv or parquet", "version": "v1"}`.
    """

    def __init__(
        self,
        scope: Construct,
        context: ModelContext,
        tools: Tools,
        first: FirstVersion | None,
    ) -> None:
        super().__init__(scope, "Onboarding")
        self._context, self._state, self._jobs, self._notify = context, tools.state, tools.jobs, tools.notify
        self._serving_role, self._first = tools.serving_role, first
        self.machine = Machine(
            self,
            context,
            "onboarding",
            role=self._role(),
            comment=f"Makes the baseline of {context.name}'s version 1",
            states=self._states(),
            timeout_seconds=TIMEOUT_SECONDS,
        )

    def _states(self) -> dict[str, State]:
        first = self._first
        model, package, config = "$.model.ModelName", "$.package.ModelPackageArn", "$.endpoint.EndpointConfigName"
        work: dict[str, State] = {
            "AssembleTrainingSet": self._assemble("HoldTemplateFacts" if first else "DescribeEndpoint")
        }
        if first:
            work["HoldTemplateFacts"] = _facts(
                {
                    "model": {"ModelName": first.model_name},
                    "package": {"ModelPackageArn": first.package_arn},
                    "endpoint": {"EndpointConfigName": naming.first_version_resource(self._context.name)},
                },
                "Transform",
            )
        else:
            work |= self._look_up_attached("Transform")
        work["Transform"] = transform(self._context, "champion", model, "BuildBaseline")
        work["BuildBaseline"] = self._build_baseline("GetServing")
        work["GetServing"] = steps.repeated(
            "dynamodb:getItem",
            {"TableName": self._table, "Key": {"pk": {"S": "serving"}}, "ConsistentRead": True},
            "Known?",
            result="$.serving",
        )
        work["Known?"] = steps.choose(
            steps.when_present("$.serving.Item", "NotifyOnboarded"),
            otherwise="RecordServing" if first else "RegisterVersion",
        )
        if not first:
            work["RegisterVersion"] = self._register("RecordServing")
        work["RecordServing"] = self._record_serving(model, package, config)
        steps.guarded(work, "Failed")
        return {
            **steps.request_with_defaults({"version": FIRST_VERSION}, "FirstVersion?", **{"run.$": _RUN}),
            "FirstVersion?": steps.choose(
                steps.when_text("$.request.version", FIRST_VERSION, "AssembleTrainingSet"), otherwise="LaterVersion"
            ),
            **work,
            "NotifyOnboarded": steps.notify(self._notify, Kind.ONBOARDED, {"version": FIRST_VERSION}, "Onboarded"),
            "Onboarded": steps.end(),
            "Failed": {"Type": "Fail", "Error": "OnboardingFailed", "CausePath": "$.failure.Cause"},
            "LaterVersion": steps.end(
                "OnlyFirstVersion", "Later versions get their baseline from retraining. Give version v1."
            ),
        }

    @property
    def _table(self) -> str:
        return self._state.table.table_name

    def _assemble(self, then: str) -> State:
        arguments = {"--RUN.$": "$.run", "--NOW.$": NOW, "--SOURCE.$": "$.request.data"}
        return steps.run_job(self._jobs.assemble.name, arguments, then)

    def _build_baseline(self, then: str) -> State:
        arguments = {
            "--RUN.$": "$.run",
            "--VERSION": FIRST_VERSION,
            "--PREDICTIONS.$": answers(self._context, "champion"),
            "--NOW.$": NOW,
        }
        return steps.run_job(self._jobs.baseline.name, arguments, then)

    def _look_up_attached(self, then: str) -> dict[str, State]:
        """Find out what the attached endpoint serves, and make a model of it that our role may run."""
        ours = f"{self._context.name}--v1-attached"
        container = "$.served.PrimaryContainer"
        return {
            "DescribeEndpoint": steps.repeated(
                "aws-sdk:sagemaker:describeEndpoint",
                {"EndpointName": self._context.spec.endpoint},
                "DescribeEndpointConfig",
                result="$.endpoint",
            ),
            "DescribeEndpointConfig": steps.repeated(
                "aws-sdk:sagemaker:describeEndpointConfig",
                {"EndpointConfigName.$": "$.endpoint.EndpointConfigName"},
                "DescribeModel",
                result="$.config",
            ),
            "DescribeModel": steps.repeated(
                "aws-sdk:sagemaker:describeModel",
                {"ModelName.$": "$.config.ProductionVariants[0].ModelName"},
                "CreateModel",
                result="$.served",
            ),
            "CreateModel": steps.call(
                "aws-sdk:sagemaker:createModel",
                {
                    "ModelName": ours,
                    "ExecutionRoleArn": self._serving_role.role_arn,
                    "PrimaryContainer": {
                        "Image.$": f"{container}.Image",
                        "ModelDataUrl.$": f"{container}.ModelDataUrl",
                        "Environment.$": f"{container}.Environment",
                    },
                },
                "HoldModelName",
                tolerate=["SageMaker.SageMakerException"],
            ),
            "HoldModelName": {
                "Type": "Pass",
                "Result": {"ModelName": ours},
                "ResultPath": "$.model",
                "Next": then,
            },
        }

    def _register(self, then: str) -> State:
        container = "$.served.PrimaryContainer"
        return steps.call(
            "aws-sdk:sagemaker:createModelPackage",
            {
                "ModelPackageGroupName": self._context.name,
                "ModelPackageDescription": "Version 1, found on the attached endpoint",
                "ModelApprovalStatus": "Approved",
                "InferenceSpecification": {
                    "Containers": [
                        {
                            "Image.$": f"{container}.Image",
                            "ModelDataUrl.$": f"{container}.ModelDataUrl",
                            "Environment.$": f"{container}.Environment",
                        }
                    ],
                    "SupportedContentTypes": [*rollout.CSV_CONTENT_TYPES, *rollout.JSON_CONTENT_TYPES],
                    "SupportedResponseMIMETypes": list(RESPONSE_TYPES),
                },
            },
            then,
            result="$.package",
        )

    def _record_serving(self, model: str, package: str, config: str) -> State:
        """Version 1 serves, without probation: there is nothing to go back to."""
        version = {
            "pk": {"S": f"version#{FIRST_VERSION}"},
            "version": {"S": FIRST_VERSION},
            "package_arn": {"S.$": package},
            "model_name": {"S.$": model},
            "state": {"S": "serving"},
            "created": {"S.$": NOW},
            "served_since": {"S.$": NOW},
        }
        serving = {
            "pk": {"S": "serving"},
            "version": {"S": FIRST_VERSION},
            "model_name": {"S.$": model},
            "endpoint_config": {"S.$": config},
            "since": {"S.$": NOW},
            "probation_until": {"S.$": NOW},
            "recorded_by": {"S.$": EXECUTION},
        }
        puts = [
            {"Put": {"TableName": self._table, "Item": item, "ConditionExpression": "attribute_not_exists(pk)"}}
            for item in (version, serving)
        ]
        return steps.call(
            "aws-sdk:dynamodb:transactWriteItems", {"TransactItems": puts}, "NotifyOnboarded", tolerate=[EXISTS]
        )

    def _role(self) -> iam.Role:
        context = self._context
        role = steps.machine_role(self, context, "onboarding")
        for job in (self._jobs.assemble, self._jobs.baseline):
            steps.may_run_job(role, job.arn)
        may_transform(context, role)
        self._state.grant(role, ["GetItem", "PutItem"])
        steps.may_invoke(role, self._notify)
        if self._first is None:
            grants.allow(
                role, ["sagemaker:DescribeEndpoint"], [grants.arn("sagemaker", f"endpoint/{context.spec.endpoint}")]
            )
            unknown = "What an attached endpoint's config and model are called is not in the model's file."
            grants.allow(
                role, ["sagemaker:DescribeEndpointConfig"], [grants.arn("sagemaker", "endpoint-config/*")], unknown
            )
            grants.allow(role, ["sagemaker:DescribeModel"], [grants.arn("sagemaker", "model/*")], unknown)
            grants.allow(
                role, ["sagemaker:CreateModel"], [grants.arn("sagemaker", f"model/{context.name}--*")], grants.BY_NAME
            )
            packages = [f"model-package-group/{context.name}", f"model-package/{context.name}/*"]
            grants.allow(
                role,
                ["sagemaker:CreateModelPackage"],
                [grants.arn("sagemaker", package) for package in packages],
                grants.BY_NAME,
            )
            grants.pass_role(role, self._serving_role, "sagemaker.amazonaws.com")
        return role


_RUN = f"States.Format('initial-{{}}', {steps.RUN_ID})"


def _facts(facts: dict[str, Any], then: str) -> State:
    return {
        "Type": "Pass",
        "Parameters": {"run.$": "$.run", "request.$": "$.request", **facts},
        "Next": then,
    }
