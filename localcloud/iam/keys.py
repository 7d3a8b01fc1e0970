"""What a call needs of KMS keys besides its own action.

S3 decrypts and encrypts objects with the caller's rights to the key: reading an object that a customer's key encrypts
needs kms:Decrypt, writing one needs kms:GenerateDataKey (and kms:Decrypt for a multipart upload).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from localcloud.iam.actions import Need
from localcloud.wire import Call

_READS = ("GetObject", "HeadObject", "CopyObject")
_WRITES = ("PutObject", "CopyObject", "CreateMultipartUpload", "CompleteMultipartUpload", "UploadPart")


class Keys:
    """Looks up which key encrypts what."""

    def __init__(self, account: str, region: str) -> None:
        self._account, self._region = account, region

    def needs_of(self, call: Call) -> Iterator[Need]:
        """Yield the key actions that an S3 or SQS/SNS call needs."""
        if call.service == "s3" and "Bucket" in call.parameters:
            yield from self._for_objects(call)
        elif call.service == "sqs":
            queue = str(call.parameters.get("QueueUrl", "")).rsplit("/", 1)[-1]
            yield from self._for_messages(self.of_queue(queue), call, "sqs")
        elif call.service == "sns" and call.operation.startswith("Publish"):
            yield from self._for_messages(self.of_topic(str(call.parameters.get("TopicArn", ""))), call, "sns")
        elif call.service == "secretsmanager" and call.operation == "GetSecretValue":
            yield from self._for_secret(self.of_secret(str(call.parameters.get("SecretId", ""))))

    def of_secret(self, name: str) -> str | None:
        """Return the ARN of the customer's key that encrypts a secret, given by name or by ARN."""
        from moto.secretsmanager.models import secretsmanager_backends

        secret = secretsmanager_backends[self._account][self._region].secrets.get(name)
        return self.arn(getattr(secret, "kms_key_id", None))

    def of_queue(self, name: str) -> str | None:
        """Return the ARN of the customer's key that encrypts a queue."""
        from moto.sqs.models import sqs_backends

        queue = sqs_backends[self._account][self._region].queues.get(name)
        return self.arn(getattr(queue, "kms_master_key_id", None))

    def of_topic(self, arn: str) -> str | None:
        """Return the ARN of the customer's key that encrypts a topic."""
        from moto.sns.models import sns_backends

        topic = sns_backends[self._account][self._region].topics.get(arn)
        return self.arn(getattr(topic, "kms_master_key_id", None))

    def arn(self, key: Any) -> str | None:
        """Return the ARN of a customer's key given by id, ARN or alias; None for AWS's own keys and for none."""
        from moto.kms.models import kms_backends

        name = str(key or "").split(":alias/")[-1].removeprefix("alias/")
        if not name or name.startswith("aws/"):
            return None
        backend = kms_backends[self._account][self._region]
        key_id = backend.any_id_to_key_id(str(key))
        found = backend.keys.get(key_id)
        return str(found.arn) if found else None

    def policy(self, key_arn: str) -> Any:
        """Return the policy of a key, as text."""
        from moto.kms.models import kms_backends

        return kms_backends[self._account][self._region].keys[key_arn.rsplit("/", 1)[-1]].policy

    def _for_objects(self, call: Call) -> Iterator[Need]:
        context = {"kms:ViaService": f"s3.{self._region}.amazonaws.com", "kms:CallerAccount": self._account}
        if call.operation in _READS:
            bucket, key = call.parameters["Bucket"], call.parameters.get("Key")
            if call.operation == "CopyObject":
                bucket, _, key = str(call.parameters.get("CopySource", "")).lstrip("/").partition("/")
            used = self._of_object(str(bucket), str(key))
            if used:
                yield Need("kms:Decrypt", used, {**context, **_encryption_context(str(bucket))})
        if call.operation in _WRITES:
            bucket = str(call.parameters["Bucket"])
            used = self.arn(call.parameters.get("SSEKMSKeyId")) or self._of_bucket(bucket)
            if used:
                yield Need("kms:GenerateDataKey", used, {**context, **_encryption_context(bucket)})
                if call.operation in ("UploadPart", "CompleteMultipartUpload"):
                    yield Need("kms:Decrypt", used, {**context, **_encryption_context(bucket)})

    def _for_messages(self, key_arn: str | None, call: Call, service: str) -> Iterator[Need]:
        if key_arn is None:
            return
        context = {"kms:ViaService": f"{service}.{self._region}.amazonaws.com", "kms:CallerAccount": self._account}
        if call.operation.startswith(("SendMessage", "Publish")):
            yield Need("kms:GenerateDataKey", key_arn, context)
            yield Need("kms:Decrypt", key_arn, context)
        elif call.operation == "ReceiveMessage":
            yield Need("kms:Decrypt", key_arn, context)

    def _for_secret(self, key_arn: str | None) -> Iterator[Need]:
        if key_arn is not None:
            via = f"secretsmanager.{self._region}.amazonaws.com"
            yield Need("kms:Decrypt", key_arn, {"kms:ViaService": via, "kms:CallerAccount": self._account})

    def _of_object(self, bucket: str, key: str) -> str | None:
        from moto.s3.models import s3_backends

        found = s3_backends[self._account]["aws"].buckets.get(bucket)
        stored = found.keys.get(key) if found else None
        if stored is None or stored.encryption not in ("aws:kms", "aws:kms:dsse"):
            return None
        return self.arn(stored.kms_key_id)

    def _of_bucket(self, bucket: str) -> str | None:
        from moto.s3.models import s3_backends

        found = s3_backends[self._account]["aws"].buckets.get(bucket)
        if found is None or not found.encryption:
            return None
        rules = found.encryption["Rule"]
        rule = rules[0] if isinstance(rules, list) else rules
        return self.arn(rule.get("ApplyServerSideEncryptionByDefault", {}).get("KMSMasterKeyID"))


def _encryption_context(bucket: str) -> dict[str, str]:
    return {"kms:EncryptionContext:aws:s3:arn": f"arn:aws:s3:::{bucket}"}
