"""How bad it is: which alarm and which event of a machine goes to the warning topic, and which to the critical one.

Data, in one place: the alarms' descriptions, the messages and the subscriptions read it from here.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from watchkeeper.naming import AlarmKind


class Severity(StrEnum):
    """Where a message goes. A subscriber to warnings gets critical messages as well."""

    WARNING = "warning"
    CRITICAL = "critical"


OF_ALARM: Mapping[AlarmKind, Severity] = {
    AlarmKind.DRIFT: Severity.WARNING,
    AlarmKind.PREDICTION_DRIFT: Severity.WARNING,
    AlarmKind.SUSPECT_VERSION: Severity.CRITICAL,
    AlarmKind.UNREADABLE_CAPTURE: Severity.WARNING,
    AlarmKind.MISSING_CAPTURE: Severity.CRITICAL,
    AlarmKind.DEAD_LETTERS: Severity.WARNING,
    AlarmKind.FUNCTION_ERRORS: Severity.WARNING,
    AlarmKind.AUTOMATION_FAILED: Severity.CRITICAL,
    AlarmKind.SERVER_ERRORS: Severity.CRITICAL,
    AlarmKind.ATTENTION: Severity.WARNING,
}

OF_EVENT: Mapping[str, Severity] = {
    "onboarded": Severity.WARNING,
    "onboarding-failed": Severity.CRITICAL,
    "retraining-waiting": Severity.WARNING,
    "retraining-gave-up": Severity.WARNING,
    "retraining-failed": Severity.CRITICAL,
    "candidate-rejected": Severity.WARNING,
    "version-deployed": Severity.WARNING,
    "rollout-failed": Severity.CRITICAL,
    "rolled-back": Severity.CRITICAL,
    "rollback-impossible": Severity.CRITICAL,
    "rollback-failed": Severity.CRITICAL,
}
"""Kinds of message that the state machines send."""
