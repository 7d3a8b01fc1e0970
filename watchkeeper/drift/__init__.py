"""Drift: a window's profile against its baseline, with a verdict that needs evidence and size.

`compare.compare(baseline, profile, …) → Findings`. `evidence` holds the tests, `effect` the sizes, `aspects` what is
looked at in a column of each kind, `wording` says it in words.
"""

from __future__ import annotations

from watchkeeper.drift.compare import compare, suspect_version

__all__ = ["compare", "suspect_version"]
