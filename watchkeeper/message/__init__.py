"""What people are told: one message for each thing that happened, short enough for a phone, whole enough to act on.

`layout` says what a message looks like, `alarms` speaks for CloudWatch alarms in the words of `texts`, `evidence` and
`quality` put findings and faults in words, `machines` speaks for the state machines. All pure: the function that sends
a message loads what it tells of.
"""

from __future__ import annotations

from watchkeeper.message.alarms import (
    AlarmChange,
    AttributionEvidence,
    EstimateEvidence,
    Evidence,
    PerformanceEvidence,
    QualityEvidence,
    alarm_message,
)
from watchkeeper.message.layout import Kind, Message, Severity
from watchkeeper.message.machines import Notice, machine_message
from watchkeeper.message.texts import SEVERITIES

__all__ = [
    "SEVERITIES",
    "AlarmChange",
    "AttributionEvidence",
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
