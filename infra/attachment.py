"""Takes over what an endpoint serves that is not ours: looked at when onboarding runs, for only SageMaker knows it."""

from __future__ import annotations

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from constructs import Construct

from infra import grants
from infra import machine_steps as steps
from infra.endpoint import RESPONSE_TYPES
from infra.machine_steps import State
from infra.python_function import PythonFunction
from infra.shared import ModelContext
from infra.tools import Tools
from watchkeeper import rollout
from watchkeeper.spec import Attached

FACTS = ("ok", "reason", "endpoint_config", "container", "model_name", "model", "package_arn")
_DESCRIBED = {
    "sagemaker:DescribeEndpointConfig": "endpoint-config",
    "sagemaker:DescribeModel": "model",
    "sagemaker:DescribeModelPackage": "model-package",
}
_UNKNOWN = "What an attached endpoint's config, model and package are called is not in the model's file."


class Attachment(Construct):
    """States of the onboarding machine, and the function that they ask.

    A copy of the owner's model serves as version 1 from the first rollout on: it runs under our role, captures to the
    data bucket, and stays when its owner tidies up. The endpoint itself is left as it is until then. The function needs
    no alarm of its own: when it fails the onboarding fails, which has one.
    """

    def __init__(self, scope: Construct, context: ModelContext, attached: Attached, tools: Tools) -> None:
        super().__init__(scope, "Attachment")
        self._context, self._serving_role = context, tools.serving_role
        packages = grants.arn("sagemaker", f"model-package/{context.name}")
        self.inspect = PythonFunction(
            self,
            context,
            "inspect_attached",
            description=f"Looks at endpoint {attached.endpoint} before {context.name}'s onboarding",
            timeout=cdk.Duration.seconds(60),
            environment={"EXECUTION_ROLE_ARN": tools.serving_role.role_arn, "PACKAGES_ARN": packages},
        )
        tools.state.read_by(self.inspect)
        endpoint = grants.arn("sagemaker", f"endpoint/{attached.endpoint}")
        grants.allow(self.inspect.role, ["sagemaker:DescribeEndpoint"], [endpoint])
        for action, kind in _DESCRIBED.items():
            grants.allow(self.inspect.role, [action], [grants.arn("sagemaker", f"{kind}/*")], _UNKNOWN)
        bucket = grants.arn("s3", attached.bucket, region="", account="")
        grants.allow(self.inspect.role, ["s3:GetBucketNotification"], [bucket])

    def states(self, then: str) -> dict[str, State]:
        """Inspect the endpoint and leave version 1's facts at `$.first`; its model exists afterwards."""
        return {
            "InspectAttached": steps.invoke(self.inspect, {}, "MayBeAttached?", result="$.first", keep=FACTS),
            "MayBeAttached?": steps.choose(steps.when_true("$.first.ok", "ModelMade?"), otherwise="NotAttachable"),
            "NotAttachable": {
                "Type": "Pass",
                "Parameters": {"Error": "NotAttachable", "Cause.$": "$.first.reason"},
                "ResultPath": steps.FAILURE,
                "Next": "Failed",
            },
            "ModelMade?": steps.choose(
                {"Variable": "$.first.model", "IsNull": True, "Next": then}, otherwise="CreateModel"
            ),
            "CreateModel": steps.passed_on("aws-sdk:sagemaker:createModel", "first.model", then),
        }

    def registration(self, then: str) -> dict[str, State]:
        """Register version 1, unless an onboarding before this one has; its ARN is at `$.first.package_arn`."""
        return {
            "Registered?": steps.choose(
                {"Variable": "$.first.package_arn", "IsNull": True, "Next": "RegisterVersion"}, otherwise=then
            ),
            "RegisterVersion": steps.call(
                "aws-sdk:sagemaker:createModelPackage",
                {
                    "ModelPackageGroupName": self._context.name,
                    "ModelPackageDescription": "Version 1, found on the attached endpoint",
                    "ModelApprovalStatus": "Approved",
                    "InferenceSpecification": {
                        "Containers.$": "States.Array($.first.container)",
                        "SupportedContentTypes": [*rollout.CSV_CONTENT_TYPES, *rollout.JSON_CONTENT_TYPES],
                        "SupportedResponseMIMETypes": list(RESPONSE_TYPES),
                    },
                },
                "TakePackage",
                result="$.package",
            ),
            "TakePackage": {
                "Type": "Pass",
                "InputPath": "$.package.ModelPackageArn",
                "ResultPath": "$.first.package_arn",
                "Next": then,
            },
        }

    def granted_to(self, role: iam.IRole) -> None:
        """Let a machine's role do what the states do."""
        name = self._context.name
        steps.may_invoke(role, self.inspect)
        grants.allow(role, ["sagemaker:CreateModel"], [grants.arn("sagemaker", f"model/{name}--*")], grants.BY_NAME)
        packages = [f"model-package-group/{name}", f"model-package/{name}/*"]
        grants.allow(
            role,
            ["sagemaker:CreateModelPackage"],
            [grants.arn("sagemaker", package) for package in packages],
            grants.BY_NAME,
        )
        grants.pass_role(role, self._serving_role, "sagemaker.amazonaws.com")
