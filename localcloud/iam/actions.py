"""What IAM calls an API call: the actions that it needs, and the resources that they are on.

From AWS's Service Authorization Reference, for the services that our templates use. A call of another service, or one
whose action has no resource type, is on `*`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from localcloud.wire import Call

# IAM's prefix where it is not botocore's service name.
_PREFIX = {"stepfunctions": "states", "sagemaker-runtime": "sagemaker", "resourcegroupstaggingapi": "tag"}
# Actions whose name is not the API operation's.
_ACTION = {
    ("lambda", "Invoke"): "lambda:InvokeFunction",
    ("lambda", "PublishLayerVersion"): "lambda:PublishLayerVersion",
    ("sqs", "SendMessageBatch"): "sqs:SendMessage",
    ("sqs", "DeleteMessageBatch"): "sqs:DeleteMessage",
    ("sqs", "ChangeMessageVisibilityBatch"): "sqs:ChangeMessageVisibility",
    ("sns", "PublishBatch"): "sns:Publish",
    ("s3", "ListObjects"): "s3:ListBucket",
    ("s3", "ListObjectsV2"): "s3:ListBucket",
    ("s3", "HeadBucket"): "s3:ListBucket",
    ("s3", "HeadObject"): "s3:GetObject",
    ("s3", "ListBuckets"): "s3:ListAllMyBuckets",
    ("s3", "ListObjectVersions"): "s3:ListBucketVersions",
    ("s3", "ListMultipartUploads"): "s3:ListBucketMultipartUploads",
    ("s3", "ListParts"): "s3:ListMultipartUploadParts",
    ("s3", "DeleteObjects"): "s3:DeleteObject",
    ("s3", "CreateMultipartUpload"): "s3:PutObject",
    ("s3", "UploadPart"): "s3:PutObject",
    ("s3", "UploadPartCopy"): "s3:PutObject",
    ("s3", "CompleteMultipartUpload"): "s3:PutObject",
    ("s3", "CopyObject"): "s3:PutObject",
    ("s3", "GetBucketEncryption"): "s3:GetEncryptionConfiguration",
    ("s3", "GetBucketLifecycleConfiguration"): "s3:GetLifecycleConfiguration",
    ("s3", "GetBucketNotificationConfiguration"): "s3:GetBucketNotification",
    ("s3", "PutBucketNotificationConfiguration"): "s3:PutBucketNotification",
}
# What a caller may do without a policy.
_FREE = {"sts:GetCallerIdentity", "sts:GetSessionToken"}


@dataclass(frozen=True)
class Need:
    """One action on one resource that a call needs, with the condition keys that belong to it."""

    action: str
    resource: str
    context: Mapping[str, str | list[str]] = field(default_factory=dict)


@dataclass(frozen=True)
class Place:
    """Where the account is; ARNs are made of it."""

    account: str
    region: str

    def arn(self, service: str, resource: str) -> str:
        """Return an ARN in this account and region."""
        return f"arn:aws:{service}:{self.region}:{self.account}:{resource}"

    def full(self, service: str, prefix: str, name: str) -> str:
        """Return the ARN of a resource given by name or by ARN."""
        return name if name.startswith("arn:") else self.arn(service, prefix + name)


def needs_of(call: Call, place: Place) -> list[Need]:
    """Return what a call needs, apart from keys and passed roles."""
    prefix = _PREFIX.get(call.service, call.service)
    action = _ACTION.get((call.service, call.operation), f"{prefix}:{call.operation}")
    if action in _FREE:
        return []
    if call.service == "dynamodb" and call.operation in _DYNAMODB_MANY:
        return list(_dynamodb_needs(call, place))
    if call.service == "s3":
        return list(_s3_needs(call, action))
    name_resource = _RESOURCES.get(call.service)
    resource = name_resource(call, place) if name_resource else "*"
    needs = [Need(action, resource, dict(_context(call)))]
    if call.service == "sagemaker":
        needs += _more_of_sagemaker(call, action, resource, place)
    return needs


def _context(call: Call) -> Iterator[tuple[str, str]]:
    parameters = call.parameters
    if call.service == "cloudwatch" and parameters.get("Namespace"):
        yield "cloudwatch:namespace", str(parameters["Namespace"])
    if call.service == "sagemaker" and parameters.get("ModelApprovalStatus"):
        yield "sagemaker:ModelApprovalStatus", str(parameters["ModelApprovalStatus"])
    if call.service == "events" and call.operation == "PutEvents":
        entry = parameters["Entries"][0]
        yield "events:source", str(entry.get("Source", ""))
        yield "events:detail-type", str(entry.get("DetailType", ""))


def _s3_needs(call: Call, action: str) -> Iterator[Need]:
    bucket, key = call.parameters.get("Bucket"), call.parameters.get("Key")
    if bucket is None:
        yield Need(action, "*")
        return
    arn = f"arn:aws:s3:::{bucket}"
    if action == "s3:DeleteObject" and key is None:
        yield Need(action, f"{arn}/*")
        return
    if key is not None and "versionId" in call.parameters and action in ("s3:GetObject", "s3:DeleteObject"):
        action += "Version"
    context: dict[str, str | list[str]] = {}
    if action in ("s3:ListBucket", "s3:ListBucketVersions"):
        context["s3:prefix"] = str(call.parameters.get("prefix", ""))
    yield Need(action, arn if key is None else f"{arn}/{key}", context)
    source = call.parameters.get("CopySource")
    if source:
        yield Need("s3:GetObject", f"arn:aws:s3:::{str(source).lstrip('/')}")


_DYNAMODB_MANY = ("BatchGetItem", "BatchWriteItem", "TransactGetItems", "TransactWriteItems")


def _dynamodb_needs(call: Call, place: Place) -> Iterator[Need]:
    if call.operation.startswith("Batch"):
        for table in call.parameters["RequestItems"]:
            yield Need(f"dynamodb:{call.operation}", place.full("dynamodb", "table/", table))
        return
    actions = {"Put": "PutItem", "Update": "UpdateItem", "Delete": "DeleteItem", "Get": "GetItem"}
    for item in call.parameters["TransactItems"]:
        for kind, body in item.items():
            action = actions.get(kind, "ConditionCheckItem")
            yield Need(f"dynamodb:{action}", place.full("dynamodb", "table/", body["TableName"]))


def _dynamodb(call: Call, place: Place) -> str:
    arn = place.full("dynamodb", "table/", call.parameters.get("TableName", "*"))
    index = call.parameters.get("IndexName")
    return f"{arn}/index/{index}" if index else arn


def _lambda(call: Call, place: Place) -> str:
    name = call.parameters.get("FunctionName")
    return place.full("lambda", "function:", name) if name else "*"


def _sns(call: Call, _: Place) -> str:
    return str(call.parameters.get("TopicArn") or call.parameters.get("TargetArn") or "*")


def _sqs(call: Call, place: Place) -> str:
    url = call.parameters.get("QueueUrl") or call.parameters.get("QueueName")
    return place.arn("sqs", str(url).rsplit("/", 1)[-1]) if url else "*"


def _states(call: Call, _: Place) -> str:
    return str(call.parameters.get("stateMachineArn") or call.parameters.get("executionArn") or "*")


def _kms(call: Call, place: Place) -> str:
    key = str(call.parameters.get("KeyId") or "")
    if not key:
        return "*"
    return place.full("kms", "" if key.startswith("alias/") else "key/", key)


_SAGEMAKER = {
    "EndpointName": "endpoint/",
    "EndpointConfigName": "endpoint-config/",
    "TrainingJobName": "training-job/",
    "TransformJobName": "transform-job/",
    "ProcessingJobName": "processing-job/",
    "ModelName": "model/",
    "ModelPackageGroupName": "model-package-group/",
    "ModelPackageName": "model-package/",
    "ModelPackageArn": "",
    "ModelCardName": "model-card/",
}


def _sagemaker(call: Call, place: Place) -> str:
    if call.operation.startswith("List") and call.operation != "ListTags":
        return "*"
    if call.operation == "CreateModelPackage" and "ModelPackageGroupName" in call.parameters:
        group = str(call.parameters["ModelPackageGroupName"]).rsplit("/", 1)[-1]
        return place.arn("sagemaker", f"model-package/{group}/*")
    for name, prefix in _SAGEMAKER.items():
        if call.parameters.get(name):
            return place.full("sagemaker", prefix, str(call.parameters[name]))
    return str(call.parameters.get("ResourceArn") or "*")


def _more_of_sagemaker(call: Call, action: str, resource: str, place: Place) -> Iterator[Need]:
    """What a call needs beside the action on its first resource."""
    if call.operation in ("CreateEndpoint", "UpdateEndpoint"):
        config = str(call.parameters["EndpointConfigName"])
        yield Need(action, place.full("sagemaker", _SAGEMAKER["EndpointConfigName"], config))
    if call.operation.startswith("Create") and call.parameters.get("Tags"):
        yield Need("sagemaker:AddTags", resource)


def _glue(call: Call, place: Place) -> str:
    name = call.parameters.get("JobName") or (call.parameters.get("Name") if "Job" in call.operation else None)
    return place.arn("glue", f"job/{name}") if name else "*"


def _events(call: Call, place: Place) -> str:
    if call.operation == "PutEvents":
        bus = call.parameters["Entries"][0].get("EventBusName") or "default"
        return place.full("events", "event-bus/", bus)
    name = call.parameters.get("Rule") or call.parameters.get("Name")
    return place.arn("events", f"rule/{name}") if name else "*"


def _scheduler(call: Call, place: Place) -> str:
    name = call.parameters.get("Name")
    return place.arn("scheduler", f"schedule/{call.parameters.get('GroupName', 'default')}/{name}") if name else "*"


def _logs(call: Call, place: Place) -> str:
    group, stream = call.parameters.get("logGroupName"), call.parameters.get("logStreamName")
    if not group:
        return "*"
    return place.arn("logs", f"log-group:{group}:log-stream:{stream}" if stream else f"log-group:{group}")


_ALARM_ACTIONS = ("SetAlarmState", "PutMetricAlarm", "PutCompositeAlarm", "EnableAlarmActions", "DisableAlarmActions")


def _cloudwatch(call: Call, place: Place) -> str:
    """Many CloudWatch actions have no resource type; those on alarms do."""
    names = call.parameters.get("AlarmNames") or []
    name = call.parameters.get("AlarmName") or (names[0] if names else None)
    if call.operation in (*_ALARM_ACTIONS, "DeleteAlarms", "DescribeAlarms", "DescribeAlarmHistory"):
        return place.arn("cloudwatch", f"alarm:{name or '*'}")
    return "*"


def _ssm(call: Call, place: Place) -> str:
    if call.operation == "DescribeParameters":
        return "*"
    names = call.parameters.get("Names") or []
    name = call.parameters.get("Name") or call.parameters.get("Path") or (names[0] if names else None)
    return place.arn("ssm", f"parameter/{str(name).lstrip('/')}") if name else "*"


def _secretsmanager(call: Call, place: Place) -> str:
    name = call.parameters.get("SecretId")
    return place.full("secretsmanager", "secret:", str(name)) if name else "*"


def _iam(call: Call, place: Place) -> str:
    name = call.parameters.get("RoleName")
    return f"arn:aws:iam::{place.account}:role/{name}" if name else "*"


def _sts(call: Call, _: Place) -> str:
    return str(call.parameters.get("RoleArn") or "*")


_RESOURCES: dict[str, Callable[[Call, Place], str]] = {
    "cloudwatch": _cloudwatch,
    "dynamodb": _dynamodb,
    "events": _events,
    "glue": _glue,
    "iam": _iam,
    "kms": _kms,
    "lambda": _lambda,
    "logs": _logs,
    "sagemaker": _sagemaker,
    "sagemaker-runtime": _sagemaker,
    "scheduler": _scheduler,
    "secretsmanager": _secretsmanager,
    "sns": _sns,
    "sqs": _sqs,
    "ssm": _ssm,
    "stepfunctions": _states,
    "sts": _sts,
}

# Operations that hand a role to a service: the parameter that names it, and the service that will take it on.
PASSED_ROLES: dict[tuple[str, str], tuple[str, str]] = {
    ("sagemaker", "CreateModel"): ("ExecutionRoleArn", "sagemaker.amazonaws.com"),
    ("sagemaker", "CreateEndpointConfig"): ("ExecutionRoleArn", "sagemaker.amazonaws.com"),
    ("sagemaker", "CreateTrainingJob"): ("RoleArn", "sagemaker.amazonaws.com"),
    ("sagemaker", "CreateProcessingJob"): ("RoleArn", "sagemaker.amazonaws.com"),
    ("glue", "CreateJob"): ("Role", "glue.amazonaws.com"),
    ("lambda", "CreateFunction"): ("Role", "lambda.amazonaws.com"),
    ("stepfunctions", "CreateStateMachine"): ("roleArn", "states.amazonaws.com"),
    ("stepfunctions", "UpdateStateMachine"): ("roleArn", "states.amazonaws.com"),
    ("events", "PutRule"): ("RoleArn", "events.amazonaws.com"),
    ("scheduler", "CreateSchedule"): ("Target.RoleArn", "scheduler.amazonaws.com"),
    ("scheduler", "UpdateSchedule"): ("Target.RoleArn", "scheduler.amazonaws.com"),
}


def passed_role(call: Call, place: Place) -> Need | None:
    """Return the iam:PassRole that a call needs, if it hands a role to a service."""
    rule = PASSED_ROLES.get((call.service, call.operation))
    if rule is None:
        return None
    path, service = rule
    value: Any = call.parameters
    for part in path.split("."):
        value = value.get(part) if isinstance(value, Mapping) else None
    if not value:
        return None
    arn = value if str(value).startswith("arn:") else f"arn:aws:iam::{place.account}:role/{value}"
    return Need("iam:PassRole", arn, {"iam:PassedToService": service})
