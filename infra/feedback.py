"""The feedback API: `POST /labels` over HTTPS → `receive_labels` → ground truth under the model's labels prefix.

API Gateway asks nobody but the route's one authorizer, and throttles before a function is paid for. Its access log says
who called and how it ended, and holds no body: ids and labels may be personal.
"""

from __future__ import annotations

import json

import aws_cdk as cdk
from aws_cdk import aws_apigatewayv2 as apigateway
from aws_cdk import aws_apigatewayv2_authorizers as authorizers
from aws_cdk import aws_apigatewayv2_integrations as integrations
from aws_cdk import aws_secretsmanager as secrets
from constructs import Construct

from infra import grants
from infra.nag import acknowledge
from infra.python_function import PythonFunction, log_group
from infra.shared import ModelContext
from watchkeeper import naming
from watchkeeper.config.labels import FeedbackApi

PATH = "/labels"
KEY_HEADER = "x-api-key"
KEY_LENGTH = 40
AUTHORIZED_FOR = cdk.Duration.minutes(5)
"""How long API Gateway remembers whether a key is right; the function that it asks remembers the key for a minute."""
ACCESS_LOG = {
    "requestId": "$context.requestId",
    "requestTime": "$context.requestTime",
    "sourceIp": "$context.identity.sourceIp",
    "user": "$context.identity.userArn",
    "route": "$context.routeKey",
    "status": "$context.status",
    "responseLength": "$context.responseLength",
    "integrationLatency": "$context.integrationLatency",
    "error": "$context.error.message",
    "authorizerError": "$context.authorizer.error",
}


class Feedback(Construct):
    """An HTTP API with one route, and what is behind it.

    Attributes
    ----------
    functions : what runs when somebody posts labels
    outputs : where to post them and, unless callers sign with AWS credentials, which secret holds the key
    """

    def __init__(self, scope: Construct, context: ModelContext, settings: FeedbackApi) -> None:
        super().__init__(scope, "Feedback")
        self._context = context
        receive = self._receive()
        self.functions, self.outputs = [receive], dict[str, str]()
        api = apigateway.HttpApi(
            self,
            "Api",
            api_name=f"{context.name}--feedback",
            description=f"Takes labels for {context.name}",
            create_default_stage=False,
        )
        api.add_routes(
            path=PATH,
            methods=[apigateway.HttpMethod.POST],
            integration=integrations.HttpLambdaIntegration("Receive", receive.function),
            authorizer=authorizers.HttpIamAuthorizer() if settings.auth == "iam" else self._key_authorizer(),
        )
        self._stage(api, settings)
        self.outputs["FeedbackUrl"] = f"{api.api_endpoint}{PATH}"

    def _receive(self) -> PythonFunction:
        function = PythonFunction(
            self,
            self._context,
            "receive_labels",
            description=f"Takes the labels that applications post for {self._context.name}",
            timeout=cdk.Duration.seconds(10),
            memory_mb=512,
        )
        function.writes(naming.labels_prefix(self._context.name))
        return function

    def _key_authorizer(self) -> authorizers.HttpLambdaAuthorizer:
        context = self._context
        key = secrets.Secret(
            self,
            "Key",
            description=f"Key of the feedback API of {context.name}: put a new value to replace it",
            encryption_key=context.platform.key,
            generate_secret_string=secrets.SecretStringGenerator(
                password_length=KEY_LENGTH, exclude_punctuation=True, include_space=False
            ),
        )
        reason = "Only people can hand a new key to those who call: they replace it when they are ready."
        acknowledge(key, {"AwsSolutions-SMG4": reason})
        function = PythonFunction(
            self,
            context,
            "authorize_labels",
            description=f"Looks at the key of those who post labels for {context.name}",
            timeout=cdk.Duration.seconds(5),
            environment={"SECRET_ARN": key.secret_arn},
        )
        grants.allow(function.role, ["secretsmanager:GetSecretValue"], [key.secret_arn])
        grants.allow(function.role, ["kms:Decrypt"], [context.platform.key.key_arn])
        self.functions.append(function)
        self.outputs["FeedbackKeyArn"] = key.secret_arn
        return authorizers.HttpLambdaAuthorizer(
            "KeyAuthorizer",
            function.function,
            authorizer_name="key",
            identity_source=[f"$request.header.{KEY_HEADER}"],
            response_types=[authorizers.HttpLambdaResponseType.SIMPLE],
            results_cache_ttl=AUTHORIZED_FOR,
        )

    def _stage(self, api: apigateway.HttpApi, settings: FeedbackApi) -> None:
        name = f"/aws/vendedlogs/apis/{self._context.name}--feedback"
        group = log_group(self, self._context, "feedback", group_name=name)
        apigateway.CfnStage(
            self,
            "Stage",
            api_id=api.api_id,
            stage_name="$default",
            auto_deploy=True,
            default_route_settings=apigateway.CfnStage.RouteSettingsProperty(
                throttling_rate_limit=settings.rate, throttling_burst_limit=settings.burst
            ),
            access_log_settings=apigateway.CfnStage.AccessLogSettingsProperty(
                destination_arn=group.log_group_arn, format=json.dumps(ACCESS_LOG)
            ),
        )
