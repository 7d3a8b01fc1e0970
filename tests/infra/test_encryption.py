"""Everything at rest is encrypted with the one key, everything in transit with TLS, and nothing is public."""

from __future__ import annotations

import json

from tests.infra.conftest import Assembly, Template, of_type, only, text

KEY = "Watchkeeper-KeyArn"


def test_the_key_is_rotated_and_kept(shipped: Assembly) -> None:
    # given
    (key,) = of_type(shipped.platform, "AWS::KMS::Key").values()
    # then
    assert key["Properties"]["EnableKeyRotation"] is True
    assert key["DeletionPolicy"] == "Retain"


def test_the_key_lets_the_logs_of_its_region_use_it(shipped: Assembly) -> None:
    # given CloudWatch Logs, which comes to a key under its regional name only
    (key,) = of_type(shipped.platform, "AWS::KMS::Key").values()
    (statement,) = (
        s for s in key["Properties"]["KeyPolicy"]["Statement"] if "logs" in text(s["Principal"].get("Service", ""))
    )
    # then
    assert text(statement["Principal"]["Service"]) == "logs.<AWS::Region>.<AWS::URLSuffix>"
    assert "kms:EncryptionContext:aws:logs:arn" in statement["Condition"]["ArnLike"]


def test_buckets_are_private_encrypted_and_refuse_plain_http(shipped: Assembly) -> None:
    # given
    buckets = of_type(shipped.platform, "AWS::S3::Bucket")
    policies = {text(p["Properties"]["Bucket"]): p for p in of_type(shipped.platform, "AWS::S3::BucketPolicy").values()}
    # then
    assert len(buckets) == 2
    for name, bucket in buckets.items():
        blocked = bucket["Properties"]["PublicAccessBlockConfiguration"]
        assert len(blocked) == 4
        assert all(blocked.values())
        assert bucket["Properties"]["BucketEncryption"]
        assert refuses_http(policies[f"<{name}>"])


def test_the_data_bucket_has_versions_logs_events_and_the_key(shipped: Assembly) -> None:
    # given
    (bucket,) = (
        b["Properties"] for n, b in of_type(shipped.platform, "AWS::S3::Bucket").items() if n.startswith("Data")
    )
    (rule,) = bucket["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    # then
    assert rule["ServerSideEncryptionByDefault"]["SSEAlgorithm"] == "aws:kms"
    assert bucket["VersioningConfiguration"] == {"Status": "Enabled"}
    assert bucket["LoggingConfiguration"]["DestinationBucketName"]
    assert bucket["NotificationConfiguration"] == {"EventBridgeConfiguration": {"EventBridgeEnabled": True}}
    prefixes = {rule.get("Prefix") for rule in bucket["LifecycleConfiguration"]["Rules"]}
    assert {"capture/", "labels/", "profiles/", "findings/", "quarantine/", "training/"} <= prefixes


def test_topics_queues_tables_and_logs_use_the_key(shipped: Assembly) -> None:
    # given
    model = shipped.model()
    # then
    assert all(t["Properties"]["KmsMasterKeyId"] for t in of_type(shipped.platform, "AWS::SNS::Topic").values())
    assert all(text(q["Properties"]["KmsMasterKeyId"]) == KEY for q in of_type(model, "AWS::SQS::Queue").values())
    assert all(text(g["Properties"]["KmsKeyId"]) == KEY for g in of_type(model, "AWS::Logs::LogGroup").values())
    assert text(only(model, "AWS::DynamoDB::Table")["SSESpecification"]["KMSMasterKeyId"]) == KEY


def test_queues_and_topics_refuse_plain_http(shipped: Assembly) -> None:
    # given
    queues = of_type(shipped.model(), "AWS::SQS::Queue")
    policies = of_type(shipped.model(), "AWS::SQS::QueuePolicy").values()
    covered = {text(queue).strip("<>") for policy in policies for queue in policy["Properties"]["Queues"]}
    # then
    assert covered == set(queues)
    assert all(refuses_http(policy) for policy in policies)
    assert len(of_type(shipped.platform, "AWS::SNS::TopicPolicy")) == 2
    assert all(refuses_http(policy) for policy in of_type(shipped.platform, "AWS::SNS::TopicPolicy").values())


def test_captures_answers_artefacts_and_disks_of_sagemaker_use_the_key(shipped: Assembly) -> None:
    # given
    config = only(shipped.model(), "AWS::SageMaker::EndpointConfig")
    definitions = json.dumps(
        [m["Properties"] for m in of_type(shipped.model(), "AWS::StepFunctions::StateMachine").values()]
    )
    # then
    assert text(config["DataCaptureConfig"]["KmsKeyId"]) == KEY
    assert config["KmsKeyId"]["Fn::If"][1] == {"Fn::ImportValue": KEY}
    assert definitions.count("VolumeKmsKeyId") == 5  # four transforms, one training job
    assert definitions.count("S3OutputPath") == definitions.count('KmsKeyId\\":') - definitions.count(
        'VolumeKmsKeyId\\":'
    )


def refuses_http(policy: Template) -> bool:
    return any(
        statement["Effect"] == "Deny" and statement.get("Condition") == {"Bool": {"aws:SecureTransport": "false"}}
        for statement in policy["Properties"]["PolicyDocument"]["Statement"]
    )
