"""What people are told: one message for each thing that happened, short enough for a phone, whole enough to act on.

`layout` says what a message looks like, `alarms` speaks for CloudWatch alarms in the words of `texts`; `drift`,
`quality`, `performance`, `estimation`, `bias` and `attribution` put in words what monitors found, each as an `account`;
`machines` speaks for the state machines. All pure: the function that sends a message loads what it tells of.
"""

from __future__ import annotations

from watchkeeper.message.account import Account, Evidence
from watchkeeper.message.alarms import AlarmChange, alarm_message
from watchkeeper.message.attribution import AttributionEvidence
from watchkeeper.message.bias import BiasEvidence
from watchkeeper.message.drift import DriftEvidence
from watchkeeper.message.estimation import EstimateEvidence
from watchkeeper.message.layout import Kind, Message, Severity
from watchkeeper.message.machines import Notice, machine_message
from watchkeeper.message.performance import PerformanceEvidence
from watchkeeper.message.quality import QualityEvidence
from watchkeeper.message.texts import SEVERITIES

__all__ = [
    "SEVERITIES",
    "Account",
    "AlarmChange",
    "AttributionEvidence",
    "BiasEvidence",
    "DriftEvidence",
    "EstimateEvidence",
    "Evidence",
    "Kind",
    "Message",
    "Notice",
    "PerformanceEvidence",
    "QualityEvidence",
    "Severity",
    "alarm_message",
    "machine_message",
]
