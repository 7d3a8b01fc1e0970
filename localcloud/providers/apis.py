"""AWS::ApiGatewayV2::*, as far as `localcloud.http_apis` serves it."""

from __future__ import annotations

from collections.abc import Callable

from localcloud.cloud import APIS_PREFIX
from localcloud.cloudformation.resources import Aws, Existing, Properties, ResourceType
from localcloud.cloudformation.template import TemplateError

_AUTHORIZATIONS = ("NONE", "AWS_IAM", "CUSTOM")


def _refuse_unless(holds: bool, what: str) -> None:
    if not holds:
        raise TemplateError(f"localcloud does not serve {what}: see localcloud/http_apis.py for what it serves.")


def _create_api(aws: Aws, properties: Properties) -> Existing:
    _refuse_unless(properties["ProtocolType"] == "HTTP", f"{properties['ProtocolType']} APIs")
    api = aws.call("apigatewayv2", "create_api", properties)["ApiId"]
    return Existing(api, properties, {"ApiId": api, "ApiEndpoint": f"{aws.cloud.url}{APIS_PREFIX}{api}"})


def _update_api(aws: Aws, api: Existing, properties: Properties) -> Existing:
    given = {name: value for name, value in properties.items() if name not in ("ProtocolType", "Tags")}
    aws.call("apigatewayv2", "update_api", {**given, "ApiId": api.physical_id})
    return Existing(api.physical_id, properties, api.attributes)


def _create_stage(aws: Aws, properties: Properties) -> Existing:
    _refuse_unless(properties["StageName"] == "$default", f"the stage {properties['StageName']}")
    _refuse_unless("RouteSettings" not in properties, "settings of single routes")
    aws.call("apigatewayv2", "create_stage", properties)
    return Existing(properties["StageName"], properties)


def _delete_stage(aws: Aws, stage: Existing) -> None:
    aws.client("apigatewayv2").delete_stage(ApiId=stage.properties["ApiId"], StageName=stage.physical_id)


def _update_stage(aws: Aws, stage: Existing, properties: Properties) -> Existing:
    """Put a new stage in the place of the old one: moto updates none, and nothing else knows of it."""
    _delete_stage(aws, stage)
    return _create_stage(aws, properties)


def _check_route(properties: Properties) -> None:
    _refuse_unless("{" not in properties["RouteKey"], f"the route {properties['RouteKey']}")
    kind = properties.get("AuthorizationType", "NONE")
    _refuse_unless(kind in _AUTHORIZATIONS, f"the authorization {kind}")


def _check_integration(properties: Properties) -> None:
    kind = (properties["IntegrationType"], properties.get("PayloadFormatVersion"))
    _refuse_unless(kind == ("AWS_PROXY", "2.0"), f"the integration {kind[0]} with payloads of format {kind[1]}")


def _check_authorizer(properties: Properties) -> None:
    wanted = {"AuthorizerType": "REQUEST", "AuthorizerPayloadFormatVersion": "2.0", "EnableSimpleResponses": True}
    for name, value in wanted.items():
        found = properties.get(name)
        _refuse_unless(str(found).lower() == str(value).lower(), f"authorizers with {name} {found!r}")
    for source in properties.get("IdentitySource", ()):
        _refuse_unless(source.startswith("$request.header."), f"the identity source {source}")


def _part(kind: str, check: Callable[[Properties], None]) -> ResourceType:
    """A part of an API (route, integration, authorizer), which has an id of its own."""
    identity = f"{kind}Id"

    def create(aws: Aws, properties: Properties) -> Existing:
        check(properties)
        made = aws.call("apigatewayv2", f"create_{kind.lower()}", properties)[identity]
        return Existing(made, properties, {identity: made})

    def update(aws: Aws, part: Existing, properties: Properties) -> Existing:
        check(properties)
        aws.call("apigatewayv2", f"update_{kind.lower()}", {**properties, identity: part.physical_id})
        return Existing(part.physical_id, properties, part.attributes)

    def delete(aws: Aws, part: Existing) -> None:
        remove = getattr(aws.client("apigatewayv2"), f"delete_{kind.lower()}")
        remove(**{"ApiId": part.properties["ApiId"], identity: part.physical_id})

    return ResourceType(
        f"AWS::ApiGatewayV2::{kind}",
        create=create,
        update=update,
        delete=delete,
        replaced_by=frozenset({"ApiId"}),
    )


TYPES = (
    ResourceType(
        "AWS::ApiGatewayV2::Api",
        create=_create_api,
        update=_update_api,
        delete=lambda aws, it: aws.client("apigatewayv2").delete_api(ApiId=it.physical_id),
        replaced_by=frozenset({"ProtocolType"}),
    ),
    ResourceType(
        "AWS::ApiGatewayV2::Stage",
        create=_create_stage,
        update=_update_stage,
        delete=_delete_stage,
        replaced_by=frozenset({"ApiId", "StageName"}),
    ),
    _part("Route", _check_route),
    _part("Integration", _check_integration),
    _part("Authorizer", _check_authorizer),
)
