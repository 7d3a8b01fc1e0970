"""SageMaker Model Monitor's files, read and written, and its verdicts on our profiles.

A team that comes from Model Monitor brings its `constraints.json` along and gets the violations that Model Monitor
would have reported; a team that goes back takes `statistics.json` and `constraints.json` with it. `statistics`,
`constraints` and `violations` are the three files; `summarize` and `suggest` make the first two from a profile; `check`
gives verdicts. docs/data-quality.md says what is exact and what is approximated.
"""

from __future__ import annotations

from watchkeeper.modelmonitor.check import Report, check
from watchkeeper.modelmonitor.columns import Unchecked
from watchkeeper.modelmonitor.constraints import Constraints, FeatureConstraints, MonitoringConfig
from watchkeeper.modelmonitor.statistics import InferredType, Statistics
from watchkeeper.modelmonitor.suggest import suggest
from watchkeeper.modelmonitor.summarize import summarize
from watchkeeper.modelmonitor.violations import CheckType, Violation, Violations

__all__ = [
    "CheckType",
    "Constraints",
    "FeatureConstraints",
    "InferredType",
    "MonitoringConfig",
    "Report",
    "Statistics",
    "Unchecked",
    "Violation",
    "Violations",
    "check",
    "suggest",
    "summarize",
]
