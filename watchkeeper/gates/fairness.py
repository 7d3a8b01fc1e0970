"""Does the challenger treat groups of people worse than the champion?

Both models' answers to the same rows are counted by group, and judged as the bias monitor judges a window: the
champion's counts are the baseline. The gate is against a challenger that is biased where the champion is not, or that
is biased further than it by more than the model's file lets bias move. Unless the file says otherwise it looks at
errors only, which compare people alike in what became of them: where the world has changed for a group, a model that
learns it predicts that group otherwise, and is no more unjust for it. Intervals are those of independent rows; the rows
are the same, so a change is more certain than they say.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeAlias

from watchkeeper.bias import GroupBinning, GroupCounts, Measurement, bias_settings, examine, group_settings, observe
from watchkeeper.bias.metric import Basis
from watchkeeper.gates.contest import Contest
from watchkeeper.gates.result import GateResult, Status
from watchkeeper.spec import BiasMonitor, FairnessOf, Gate, ModelSpec

NAME = "fairness"
SHOWN = 3


def fairness(gate: Gate, spec: ModelSpec, contest: Contest) -> GateResult:
    """Compare every metric of every group that the model's file names.

    Raises
    ------
    ConfigError
        The rows do not have the groups that the file names.
    """
    monitor = spec.bias
    if gate.fairness is FairnessOf.NOTHING:
        return GateResult.not_applicable(NAME, "switched off")
    if monitor is None:
        return GateResult.not_applicable(NAME, "the model's file names no sensitive attributes")
    binning = GroupBinning.fit(group_settings(monitor, spec.task), contest.challenger_rows)
    before, after = (observe(binning, rows) for rows in (contest.champion_rows, contest.challenger_rows))
    biased_before, biased = (_biased(monitor, before, counts, gate.fairness) for counts in (before, after))
    worse = [each for key, each in biased.items() if key not in biased_before or _moved_away(biased_before[key], each)]
    if worse:
        headlines = _worst_of_each(worse)
        told = "; ".join(each.summary for each in headlines[:SHOWN])
        more = f"; and {len(headlines) - SHOWN} more" if len(headlines) > SHOWN else ""
        return GateResult(NAME, Status.FAILED, f"worse than the champion: {told}{more}")
    kept = f"; {len(biased)} measures are biased as they were with the champion" if biased else ""
    return GateResult(NAME, Status.PASSED, f"in {_WORDS[gate.fairness]}, no group fares worse than before{kept}")


_ByKey: TypeAlias = dict[tuple[str, str, str, str], Measurement]
_WORDS = {FairnessOf.ERRORS: "errors", FairnessOf.ALL: "errors and predictions"}


def _biased(monitor: BiasMonitor, champion: GroupCounts, counts: GroupCounts, of: FairnessOf) -> _ByKey:
    """What of a model's answers is biased: not what is of labels alone, which no model can help."""
    looked_at = (Basis.BOTH,) if of is FairnessOf.ERRORS else (Basis.BOTH, Basis.PREDICTIONS)
    found = examine(champion, counts, bias_settings(monitor)).biased
    return {(each.facet, each.group, each.against, each.metric): each for each in found if each.basis in looked_at}


def _worst_of_each(worse: Iterable[Measurement]) -> list[Measurement]:
    """Of each group that of the largest score: several metrics say the same."""
    first: dict[tuple[str, str], Measurement] = {}
    for each in sorted(worse, key=lambda each: -each.score):
        first.setdefault((each.facet, each.group), each)
    return list(first.values())


def _moved_away(before: Measurement, after: Measurement) -> bool:
    return after.drifted and after.score > before.score
