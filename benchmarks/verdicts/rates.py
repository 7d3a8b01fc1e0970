"""Shares of windows with any alert, as shipped and with thresholds moved to a false-alarm rate.

Moving: each column's threshold becomes mean plus k deviations of its distance on healthy windows, with the one k at
which a share `alpha` of these windows raises an alert. That is kinder than one factor for all columns: a column whose
distance is always large (200 levels at 1,000 rows) does not drown the rest.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd

from benchmarks.verdicts.judges import Said

Rule = Callable[[Said], pd.DataFrame]
"""Tells of each window and column whether there is an alert."""


def as_shipped(said: Said) -> pd.DataFrame:
    """The tool's own threshold."""
    return said.alerts


def moved(healthy: Said, alpha: float) -> Rule:
    """Thresholds at which a share `alpha` of healthy windows raises an alert."""
    centre, spread = healthy.distances.mean(), healthy.distances.std().replace(0.0, np.inf)
    largest = ((healthy.distances - centre) / spread).max(axis=1).sort_values(ascending=False)
    limit = largest.iloc[max(1, round(alpha * (len(largest) + 1))) - 1]
    return lambda said: (said.distances - centre) / spread > limit


def any_alert(said: Sequence[Said], rules: Sequence[Rule], ignored: frozenset[str] = frozenset()) -> float:
    """Share of windows with an alert in any column but the ignored ones; a rule for each reference."""
    raised = [rule(one).drop(columns=list(ignored), errors="ignore") for one, rule in zip(said, rules, strict=True)]
    return float(np.concatenate([table.any(axis=1).to_numpy() for table in raised]).mean())
