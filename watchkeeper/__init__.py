"""Watchkeeper: the domain library. It imports no AWS SDK and no CDK, and does no I/O (only `watchkeeper.aws` does)."""

__version__ = "0.1.0"
