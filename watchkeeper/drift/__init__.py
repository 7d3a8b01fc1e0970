"""Drift: a window's profile against its baseline, with a verdict that needs evidence and size.

`compare.compare(baseline, profile, …) → Findings` is one look; `sequential.compare_scales` looks at several lengths of
time at once, and `Calibration.learn` finds out how much healthy windows vary. Inside, `look` puts the columns side by
side, `numbers`, `categories` and `joint` test them with the tests of `evidence`, `effect` says how large a change is,
`budget` spends the false alarms that are allowed, `wording` says what changed.
"""

from __future__ import annotations

from watchkeeper.drift.calibration import Calibration
from watchkeeper.drift.compare import compare, suspect_version
from watchkeeper.drift.memory import Memory, next_look
from watchkeeper.drift.sequential import Increment, closing, compare_scales

__all__ = ["Calibration", "Increment", "Memory", "closing", "compare", "compare_scales", "next_look", "suspect_version"]
