"""Events that services put on the bus and moto does not: SSM's "Parameter Store Change"; S3's, as AWS spells them.

moto also keeps to itself whether a bucket sends events: it takes the setting and does not show it.
"""

from __future__ import annotations

import uuid
from typing import Any

from localcloud.cloud import Cloud


def install(cloud: Cloud) -> None:
    """Emit the events."""
    _emit_parameter_changes(cloud)
    _emit_object_events(cloud)
    _show_who_sends_events()


def _emit_parameter_changes(cloud: Cloud) -> None:
    from moto.ssm.models import SimpleSystemManagerBackend as Backend

    put, delete = Backend.put_parameter, Backend.delete_parameter

    def changed(operation: str, name: str, kind: str) -> None:
        arn = f"arn:aws:ssm:{cloud.region}:{cloud.account}:parameter/{name.lstrip('/')}"
        detail = {"operation": operation, "name": name, "type": kind}
        cloud.emit("aws.ssm", "Parameter Store Change", detail, [arn])

    def put_parameter(self: Any, name: str, *args: Any, **kwargs: Any) -> Any:
        answer = put(self, name, *args, **kwargs)
        found = self.get_parameter(name)
        changed("Create" if found.version == 1 else "Update", name, found.parameter_type)
        return answer

    def delete_parameter(self: Any, name: str) -> Any:
        found = self.get_parameter(name)
        answer = delete(self, name)
        if found is not None:
            changed("Delete", name, found.parameter_type)
        return answer

    Backend.put_parameter = put_parameter
    Backend.delete_parameter = delete_parameter


_REASONS = {
    "s3:ObjectCreated:Put": ("Object Created", "PutObject"),
    "s3:ObjectCreated:Post": ("Object Created", "POST Object"),
    "s3:ObjectCreated:Copy": ("Object Created", "CopyObject"),
    "s3:ObjectCreated:CompleteMultipartUpload": ("Object Created", "CompleteMultipartUpload"),
    "s3:ObjectRemoved:Delete": ("Object Deleted", "DeleteObject"),
    "s3:ObjectRemoved:DeleteMarkerCreated": ("Object Deleted", "DeleteObject"),
}


def _emit_object_events(cloud: Cloud) -> None:
    """Replace moto's sender, which puts another payload on the bus and hides its own failures."""
    from moto.s3 import models, notifications

    def send_event(account_id: str, event_name: Any, bucket: Any, key: Any) -> None:
        configuration = bucket.notification_configuration
        known = _REASONS.get(str(getattr(event_name, "value", event_name)))
        if configuration is None or configuration.event_bridge is None or known is None:
            return
        detail_type, reason = known
        thing: dict[str, Any] = {"key": key.name, "sequencer": uuid.uuid4().hex[:16].upper()}
        if detail_type == "Object Created":
            thing |= {"size": key.contentsize, "etag": key.etag.strip('"')}
        if bucket.is_versioned:
            thing["version-id"] = str(key.version_id)
        detail = {
            "version": "0",
            "bucket": {"name": bucket.name},
            "object": thing,
            "request-id": uuid.uuid4().hex[:16].upper(),
            "requester": cloud.account,
            "source-ip-address": "127.0.0.1",
            "reason": reason,
        }
        cloud.emit("aws.s3", detail_type, detail, [f"arn:aws:s3:::{bucket.name}"])

    notifications.send_event = send_event
    models.notifications.send_event = send_event


def _show_who_sends_events() -> None:
    from moto.core.responses import ActionResult
    from moto.s3.responses import S3Response

    answer = S3Response.get_bucket_notification

    def get_bucket_notification(self: Any) -> Any:
        configuration = self.backend.get_bucket_notification_configuration(self.bucket_name)
        if configuration is not None and configuration.event_bridge is not None:
            serialize = self.serialized
            self.serialized = lambda shown: serialize(ActionResult({**shown.result, "EventBridgeConfiguration": {}}))
        return answer(self)

    S3Response.get_bucket_notification = get_bucket_notification
