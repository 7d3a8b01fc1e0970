"""Profiles: small, exactly mergeable summaries of rows, over bins that a baseline fixes.

`Binning.fit(features, predictions)` chooses the bins, `Baseline.observe(block) → Profile` counts rows in them,
`Profile.merge` adds profiles up: any window is a merge. `layout` says how a profile is one vector; each kind of column
has a module (`number`, `category`, `time`), and `joint` holds what several columns do together.
"""

from __future__ import annotations

from watchkeeper.profile.baseline import Baseline
from watchkeeper.profile.binning import Binning
from watchkeeper.profile.captures import CaptureProfile, Filing
from watchkeeper.profile.category import CategoryBinning, CategoryProfile
from watchkeeper.profile.column import ColumnBinning, ColumnProfile, fit_column, observe_column
from watchkeeper.profile.joint import JointBinning, JointProfile
from watchkeeper.profile.number import NumberBinning, NumberProfile
from watchkeeper.profile.observer import Observer, observe
from watchkeeper.profile.profile import Profile, merge_all
from watchkeeper.profile.time import TimeBinning, TimeProfile

__all__ = [
    "Baseline",
    "Binning",
    "CaptureProfile",
    "CategoryBinning",
    "CategoryProfile",
    "ColumnBinning",
    "ColumnProfile",
    "Filing",
    "JointBinning",
    "JointProfile",
    "NumberBinning",
    "NumberProfile",
    "Observer",
    "Profile",
    "TimeBinning",
    "TimeProfile",
    "fit_column",
    "merge_all",
    "observe",
    "observe_column",
]
