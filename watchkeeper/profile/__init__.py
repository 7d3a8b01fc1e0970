"""Profiles: small, exactly mergeable summaries of rows, over bins that a baseline fixes.

`Baseline.binning.observe(block) → Profile`, `profile.merge(other) → Profile`; any window is a merge of profiles.
`number` and `category` hold one kind of column each; a new summary of a column touches that one file.
"""

from __future__ import annotations

from watchkeeper.profile.baseline import Baseline
from watchkeeper.profile.category import CategoryBinning, CategoryProfile
from watchkeeper.profile.number import NumberBinning, NumberProfile
from watchkeeper.profile.profile import Binning, Profile

__all__ = [
    "Baseline",
    "Binning",
    "CategoryBinning",
    "CategoryProfile",
    "NumberBinning",
    "NumberProfile",
    "Profile",
]
