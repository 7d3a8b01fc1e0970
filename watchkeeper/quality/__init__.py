"""Data quality: whether a window's rows are what the model's file and its baseline say they must be.

`examine(Look(…))` holds every expectation against one window and gives a typed `Quality`: columns (`schema`), their
values (`values`), the captures (`captures`), skew between training and serving (`skew`), and a team's own Model Monitor
constraints. All from profiles alone: what a summary cannot tell is listed as unchecked.
"""

from __future__ import annotations

from watchkeeper.quality.examine import Examination, examine
from watchkeeper.quality.look import Look
from watchkeeper.quality.result import Check, Fault, Quality, Severity, Verdict
from watchkeeper.quality.traffic import Traffic

__all__ = [
    "Check",
    "Examination",
    "Fault",
    "Look",
    "Quality",
    "Severity",
    "Traffic",
    "Verdict",
    "examine",
]
