"""One tree of errors for the embedded AWS. A message says which value, where, and what to do about it."""

from __future__ import annotations


class LocalCloudError(Exception):
    """Base of every error that localcloud raises on purpose."""


class StuckClockError(LocalCloudError):
    """Virtual time cannot move on, because some work does not end."""


class DeliveryError(LocalCloudError):
    """A message was not accepted by its target: no such target, no permission, or throttled."""


class DeniedError(DeliveryError):
    """A resource policy, a role's policy or its trust policy does not allow a service to do what it was told to."""


class RuntimeUnavailableError(LocalCloudError):
    """What a Lambda function runs on (runtime, layer built for this host) is missing or of another lock."""


class DeployError(LocalCloudError):
    """The CDK command line failed; the message ends with what it printed last."""


class StartError(LocalCloudError):
    """The server did not come up; the message ends with what it printed last."""
