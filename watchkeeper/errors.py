"""One tree of errors. A message names the value, the place and the remedy; nothing else is raised on purpose."""

from __future__ import annotations


class WatchkeeperError(Exception):
    """Base of every error that this project raises on purpose."""


class ConfigError(WatchkeeperError):
    """A model's YAML file, or a setting in it, is wrong."""


class CaptureError(WatchkeeperError):
    """A captured record, or a capture object's key, cannot be read."""


class LabelError(WatchkeeperError):
    """A file of labels cannot be read."""


class ProfileError(WatchkeeperError):
    """A profile cannot be read, or cannot be merged or compared with another."""


class WindowTooLargeError(ProfileError):
    """A window has more profiles to read than its reader may."""


class BaselineError(WatchkeeperError):
    """A baseline is missing, too small or of another version."""


class DatasetError(WatchkeeperError):
    """A training or holdout set is missing, too small or malformed."""


class ExplanationError(WatchkeeperError):
    """A prediction, or what a model goes by, cannot be explained."""


class RolloutError(WatchkeeperError):
    """A version cannot be rolled out or rolled back."""


class ModelMonitorError(WatchkeeperError):
    """A file in one of Model Monitor's formats cannot be read."""


class FeedbackError(WatchkeeperError):
    """Labels that an application sent cannot be taken."""


class FeedbackTooLargeError(FeedbackError):
    """An application sent more labels in one request than a request may hold."""
