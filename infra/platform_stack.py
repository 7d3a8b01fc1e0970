"""What all models share: the key, the data bucket, the alert topics, the layers. It does not know which models exist.

Other stacks reach these through named exports and SSM parameters, never through CDK references between stacks: adding
or removing a model changes nothing here, and a new layer version never waits for the stacks that use the old one.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path

import aws_cdk as cdk
from aws_cdk import aws_glue as glue
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_sns as sns
from aws_cdk import aws_ssm as ssm
from constructs import Construct

from infra.nag import acknowledge
from infra.shared import EXPORTS, GLUE_DATABASE, GLUE_SECURITY, LAYERS, RUNTIME
from watchkeeper import naming
from watchkeeper.errors import ConfigError

KEPT_PREFIXES = {
    "captures": ("capture/", "quarantine/", "staged/"),
    "labels": ("labels/", "joined/"),
    "predictions": ("predictions/", "ids/", "outcomes/", "groups/"),
    "profiles": ("profiles/", "compacted/", "memory/"),
    "findings": ("findings/",),
    "training": ("training/",),
}
"""Which prefixes of the data bucket each `retention` setting is for; baselines and incidents are kept for good."""
ACCESS_LOG_DAYS = 90
NONCURRENT_DAYS = 7
LAYER_MARKER = "python/watchkeeper-layer.json"


class PlatformStack(cdk.Stack):
    """Deployed once an account and region.

    Parameters
    ----------
    layers : folder that holds the built layers, `<layer>/python/…`
    retention : how long each kind of data is kept
    """

    def __init__(self, scope: Construct, *, layers: Path, retention: Mapping[str, timedelta]) -> None:
        super().__init__(
            scope,
            naming.PLATFORM_STACK,
            description="Watchkeeper: what all monitored models share",
            termination_protection=False,
        )
        self.key = self._key()
        self.bucket = self._data_bucket(retention)
        self._topic("WarningTopic", "Watchkeeper warnings")
        self._topic("CriticalTopic", "Watchkeeper critical alerts")
        self._glue()
        for layer in LAYERS:
            self._layer(layer, layers / layer)
        self._export("DataBucketName", self.bucket.bucket_name)
        self._export("KeyArn", self.key.key_arn)

    def _key(self) -> kms.Key:
        key = kms.Key(
            self,
            "Key",
            alias="alias/watchkeeper",
            description="Watchkeeper: data, queues, topics, state and logs of all monitored models",
            enable_key_rotation=True,
            removal_policy=cdk.RemovalPolicy.RETAIN,
        )
        key.add_to_resource_policy(
            iam.PolicyStatement(
                sid="LogGroupsOfThisAccount",
                # CloudWatch Logs, unlike other services, uses keys under the name that it has in its region.
                principals=[iam.ServicePrincipal(f"logs.{self.region}.{self.url_suffix}")],
                actions=["kms:Encrypt", "kms:Decrypt", "kms:ReEncrypt*", "kms:GenerateDataKey*", "kms:DescribeKey"],
                resources=["*"],
                conditions={
                    "ArnLike": {
                        "kms:EncryptionContext:aws:logs:arn": self.format_arn(
                            service="logs",
                            resource="log-group",
                            resource_name="*",
                            arn_format=cdk.ArnFormat.COLON_RESOURCE_NAME,
                        )
                    }
                },
            )
        )
        key.add_to_resource_policy(
            iam.PolicyStatement(
                sid="EventsToEncryptedQueues",
                principals=[iam.ServicePrincipal("events.amazonaws.com")],
                actions=["kms:Decrypt", "kms:GenerateDataKey"],
                resources=["*"],
                conditions={"StringEquals": {"aws:SourceAccount": self.account}},
            )
        )
        return key

    def _data_bucket(self, retention: Mapping[str, timedelta]) -> s3.Bucket:
        logs = s3.Bucket(
            self,
            "AccessLogs",
            encryption=s3.BucketEncryption.S3_MANAGED,  # the log delivery service writes under no other key
            enforce_ssl=True,
            block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
            object_ownership=s3.ObjectOwnership.BUCKET_OWNER_ENFORCED,
            lifecycle_rules=[s3.LifecycleRule(expiration=cdk.Duration.days(ACCESS_LOG_DAYS))],
            removal_policy=cdk.RemovalPolicy.RETAIN,
        )
        acknowledge(logs, {"AwsSolutions-S1": "This bucket receives the access logs; logging its own would never end."})
        bucket = s3.Bucket(
            self,
            "Data",
            encryption=s3.BucketEncryption.KMS,
            encryption_key=self.key,
            bucket_key_enabled=True,
            enforce_ssl=True,
            versioned=True,
            block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
            object_ownership=s3.ObjectOwnership.BUCKET_OWNER_ENFORCED,
            server_access_logs_bucket=logs,
            lifecycle_rules=[*_retention_rules(retention), *_housekeeping_rules()],
            removal_policy=cdk.RemovalPolicy.RETAIN,
        )
        resource = bucket.node.default_child
        assert isinstance(resource, s3.CfnBucket)
        # The L1 property, and not `event_bridge_enabled`, which would bring a custom resource along.
        resource.notification_configuration = s3.CfnBucket.NotificationConfigurationProperty(
            event_bridge_configuration=s3.CfnBucket.EventBridgeConfigurationProperty(event_bridge_enabled=True)
        )
        return bucket

    def _topic(self, name: str, display_name: str) -> None:
        topic = sns.Topic(self, name, display_name=display_name, master_key=self.key, enforce_ssl=True)
        self._export(f"{name}Arn", topic.topic_arn)

    def _glue(self) -> None:
        glue.CfnDatabase(
            self,
            "Database",
            catalog_id=self.account,
            database_input=glue.CfnDatabase.DatabaseInputProperty(
                name=GLUE_DATABASE, description="Predictions and findings of monitored models"
            ),
        )
        encryption = glue.CfnSecurityConfiguration.EncryptionConfigurationProperty(
            cloud_watch_encryption=glue.CfnSecurityConfiguration.CloudWatchEncryptionProperty(
                cloud_watch_encryption_mode="SSE-KMS", kms_key_arn=self.key.key_arn
            ),
            job_bookmarks_encryption=glue.CfnSecurityConfiguration.JobBookmarksEncryptionProperty(
                job_bookmarks_encryption_mode="CSE-KMS", kms_key_arn=self.key.key_arn
            ),
            s3_encryptions=[
                glue.CfnSecurityConfiguration.S3EncryptionProperty(
                    s3_encryption_mode="SSE-KMS", kms_key_arn=self.key.key_arn
                )
            ],
        )
        glue.CfnSecurityConfiguration(self, "JobSecurity", name=GLUE_SECURITY, encryption_configuration=encryption)

    def _layer(self, layer: str, folder: Path) -> None:
        if not (folder / "python").is_dir():
            raise ConfigError(f"The Lambda layer {layer!r} is not built: {folder} holds no python/. Run `make layers`.")
        marker = folder / LAYER_MARKER
        # The marker names lock, interpreter and platform: all that decides what is in the layer.
        fingerprint = hashlib.sha256(marker.read_bytes()).hexdigest() if marker.is_file() else None
        archive = folder.with_suffix(".zip")
        version = lambda_.LayerVersion(
            self,
            f"{layer.title()}Layer",
            code=lambda_.Code.from_asset(str(archive if archive.is_file() else folder), asset_hash=fingerprint),
            description=f"Watchkeeper: {layer} packages, from requirements.txt",
            compatible_runtimes=[RUNTIME],
            compatible_architectures=[lambda_.Architecture.ARM_64],
        )
        ssm.StringParameter(
            self,
            f"{layer.title()}LayerArn",
            parameter_name=naming.layer_parameter(layer),
            description=f"Newest version of the {layer} layer",
            string_value=version.layer_version_arn,
        )

    def _export(self, name: str, value: str) -> None:
        cdk.CfnOutput(self, name, value=value, export_name=EXPORTS[name])


def _retention_rules(retention: Mapping[str, timedelta]) -> list[s3.LifecycleRule]:
    return [
        s3.LifecycleRule(id=f"expire-{prefix.rstrip('/')}", prefix=prefix, expiration=cdk.Duration.days(kept.days))
        for kind, kept in retention.items()
        for prefix in KEPT_PREFIXES.get(kind, ())
    ]


def _housekeeping_rules() -> list[s3.LifecycleRule]:
    return [
        s3.LifecycleRule(
            id="forget-what-was-overwritten-or-never-finished",
            noncurrent_version_expiration=cdk.Duration.days(NONCURRENT_DAYS),
            abort_incomplete_multipart_upload_after=cdk.Duration.days(1),
            expired_object_delete_marker=True,
        ),
        s3.LifecycleRule(
            id="forget-what-models-were-asked-to-explain",
            prefix=naming.questions_prefix(),
            expiration=cdk.Duration.days(1),
            noncurrent_version_expiration=cdk.Duration.days(1),
        ),
    ]
