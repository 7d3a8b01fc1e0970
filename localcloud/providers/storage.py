"""AWS::S3::* and AWS::ECR::Repository."""

from __future__ import annotations

from typing import Any

from localcloud.cloudformation.resources import Aws, Existing, Properties, ResourceType, text
from localcloud.cloudformation.template import TemplateError

_RULE_NAMES = {"Id": "ID", "TagFilters": "Tags"}


def _create_bucket(aws: Aws, properties: Properties) -> Existing:
    name = properties["BucketName"]
    aws.client("s3").create_bucket(Bucket=name)
    return _configure_bucket(aws, Existing(name, {}, _bucket_attributes(aws, name)), properties)


def _bucket_attributes(aws: Aws, name: str) -> dict[str, str]:
    return {
        "Arn": f"arn:aws:s3:::{name}",
        "DomainName": f"{name}.s3.amazonaws.com",
        "RegionalDomainName": f"{name}.s3.{aws.cloud.region}.amazonaws.com",
    }


def _configure_bucket(aws: Aws, bucket: Existing, properties: Properties) -> Existing:
    """Apply every setting; each property of a bucket is an API operation of its own."""
    for name, value in properties.items():
        if name == "BucketName":
            continue
        if name not in _BUCKET_SETTINGS:
            raise TemplateError(
                f"localcloud does not apply {name} of AWS::S3::Bucket; it applies {', '.join(_BUCKET_SETTINGS)}."
            )
        _BUCKET_SETTINGS[name](aws, bucket.physical_id, value)
    return Existing(bucket.physical_id, properties, bucket.attributes)


def _encrypt(aws: Aws, bucket: str, value: Any) -> None:
    rules = [
        {("ApplyServerSideEncryptionByDefault" if key == "ServerSideEncryptionByDefault" else key): item}
        | {other: rule[other] for other in rule if other != key}
        for rule in value["ServerSideEncryptionConfiguration"]
        for key, item in rule.items()
        if key == "ServerSideEncryptionByDefault"
    ]
    aws.call("s3", "put_bucket_encryption", {"Bucket": bucket, "ServerSideEncryptionConfiguration": {"Rules": rules}})


def _set_lifecycle(aws: Aws, bucket: str, value: Any) -> None:
    rules = [_lifecycle_rule(rule) for rule in value["Rules"]]
    configuration = {"Bucket": bucket, "LifecycleConfiguration": {"Rules": rules}}
    aws.call("s3", "put_bucket_lifecycle_configuration", configuration)


def _lifecycle_rule(rule: dict[str, Any]) -> dict[str, Any]:
    made: dict[str, Any] = {"Filter": {"Prefix": rule.get("Prefix", "")}}
    for name, value in rule.items():
        if name == "ExpirationInDays":
            made["Expiration"] = {"Days": value}
        elif name == "ExpiredObjectDeleteMarker":
            made["Expiration"] = {"ExpiredObjectDeleteMarker": value}
        elif name == "NoncurrentVersionExpirationInDays":
            made["NoncurrentVersionExpiration"] = {"NoncurrentDays": value}
        elif name == "Transitions":
            made[name] = [{"Days": t["TransitionInDays"], "StorageClass": t["StorageClass"]} for t in value]
        elif name == "NoncurrentVersionTransitions":
            made[name] = [{"NoncurrentDays": t["TransitionInDays"], "StorageClass": t["StorageClass"]} for t in value]
        elif name != "Prefix":
            made[_RULE_NAMES.get(name, name)] = value
    return made


def _block_public_access(aws: Aws, bucket: str, value: Any) -> None:
    aws.call("s3", "put_public_access_block", {"Bucket": bucket, "PublicAccessBlockConfiguration": value})


def _version(aws: Aws, bucket: str, value: Any) -> None:
    aws.call("s3", "put_bucket_versioning", {"Bucket": bucket, "VersioningConfiguration": value})


def _own(aws: Aws, bucket: str, value: Any) -> None:
    aws.call("s3", "put_bucket_ownership_controls", {"Bucket": bucket, "OwnershipControls": value})


def _tag(aws: Aws, bucket: str, value: Any) -> None:
    aws.call("s3", "put_bucket_tagging", {"Bucket": bucket, "Tagging": {"TagSet": value}})


def _notify(aws: Aws, bucket: str, value: Any) -> None:
    if set(value) - {"EventBridgeConfiguration"}:
        raise TemplateError("localcloud sends a bucket's events to EventBridge only: use EventBridgeConfiguration.")
    enabled = value["EventBridgeConfiguration"].get("EventBridgeEnabled", True)
    configuration: dict[str, Any] = {"EventBridgeConfiguration": {}} if str(enabled).lower() == "true" else {}
    aws.client("s3").put_bucket_notification_configuration(Bucket=bucket, NotificationConfiguration=configuration)


def _log_access(aws: Aws, bucket: str, value: Any) -> None:
    """Note the logging settings on moto's bucket: its API wants the log bucket's policy to be there already."""
    from moto.s3.models import s3_backends

    backend = s3_backends[aws.cloud.account]["aws"]
    target = value.get("DestinationBucketName", bucket)
    backend.get_bucket(target)
    backend.get_bucket(bucket).logging = {"TargetBucket": target, "TargetPrefix": value.get("LogFilePrefix", "")}


def _set_canned_acl(aws: Aws, bucket: str, value: Any) -> None:
    names = {"LogDeliveryWrite": "log-delivery-write", "Private": "private"}
    if value not in names:
        raise TemplateError(f"localcloud gives a bucket only the canned lists {', '.join(names)}, not {value!r}.")
    aws.client("s3").put_bucket_acl(Bucket=bucket, ACL=names[value])


_BUCKET_SETTINGS = {
    "AccessControl": _set_canned_acl,
    "BucketEncryption": _encrypt,
    "LifecycleConfiguration": _set_lifecycle,
    "LoggingConfiguration": _log_access,
    "NotificationConfiguration": _notify,
    "OwnershipControls": _own,
    "PublicAccessBlockConfiguration": _block_public_access,
    "Tags": _tag,
    "VersioningConfiguration": _version,
}


def _put_bucket_policy(aws: Aws, properties: Properties) -> Existing:
    bucket = properties["Bucket"]
    aws.client("s3").put_bucket_policy(Bucket=bucket, Policy=text(properties["PolicyDocument"]))
    return Existing(bucket, properties)


def _create_repository(aws: Aws, properties: Properties) -> Existing:
    name = properties["RepositoryName"]
    later = ("LifecyclePolicy", "RepositoryPolicyText")
    aws.call("ecr", "create_repository", properties, ignore=later)
    if "LifecyclePolicy" in properties:
        policy = properties["LifecyclePolicy"]["LifecyclePolicyText"]
        aws.client("ecr").put_lifecycle_policy(repositoryName=name, lifecyclePolicyText=text(policy))
    if "RepositoryPolicyText" in properties:
        policy = text(properties["RepositoryPolicyText"])
        aws.client("ecr").set_repository_policy(repositoryName=name, policyText=policy)
    address = f"{aws.cloud.account}.dkr.ecr.{aws.cloud.region}.amazonaws.com/{name}"
    return Existing(name, properties, {"Arn": aws.arn("ecr", f"repository/{name}"), "RepositoryUri": address})


TYPES = (
    ResourceType(
        "AWS::S3::Bucket",
        create=_create_bucket,
        update=_configure_bucket,
        delete=lambda aws, it: aws.client("s3").delete_bucket(Bucket=it.physical_id),
        name="BucketName",
        name_limit=63,
        lower=True,
    ),
    ResourceType(
        "AWS::S3::BucketPolicy",
        create=_put_bucket_policy,
        update=lambda aws, _, properties: _put_bucket_policy(aws, properties),
        delete=lambda aws, it: aws.client("s3").delete_bucket_policy(Bucket=it.physical_id),
        replaced_by=frozenset({"Bucket"}),
    ),
    ResourceType(
        "AWS::ECR::Repository",
        create=_create_repository,
        delete=lambda aws, it: aws.client("ecr").delete_repository(repositoryName=it.physical_id, force=True),
        update=lambda _, it, properties: Existing(it.physical_id, properties, it.attributes),
        name="RepositoryName",
        lower=True,
    ),
)
