"""Each tool in a process of its own on the files of a plan; what it said comes back as tables."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from benchmarks import process
from benchmarks.peers import environments
from benchmarks.process import ChildFailed, one_thread
from benchmarks.scenarios import SCENARIOS
from benchmarks.verdicts.windows import CALIBRATION, Plan

OWN = {"watchkeeper": "**Watchkeeper**", "model_monitor": "Model Monitor, robust L∞ > .1", "psi": "PSI ≥ .2"}
"""What runs in our own environment: ours, and two rules that are often used without a tool."""
TOOLS = OWN | {name: peer.title for name, peer in environments.PEERS.items() if name != "spark"}
_PROGRAMS = {"evidently": "evidently_tests"}
"""Where another program judges many windows: a whole report for each costs seconds."""


@dataclass(frozen=True)
class Said:
    """What a tool said of a scenario's windows beside one reference: a row a window, a column a column.

    Attributes
    ----------
    distances : how different, on the tool's own scale
    alerts : whether beyond the tool's own threshold
    """

    distances: pd.DataFrame
    alerts: pd.DataFrame


@dataclass(frozen=True)
class Statement:
    """All that a tool said: by scenario's name, a `Said` for each reference; or why there is nothing."""

    said: Mapping[str, list[Said]]
    cpu_seconds: float = 0.0
    failure: str = ""


def ask(tool: str, plan: Plan) -> Statement:
    """Have one tool judge all windows."""
    process.progress(TOOLS[tool], "on windows of", plan.rows)
    if tool in environments.PEERS and (reason := environments.install(tool)):
        return Statement({}, failure=reason)
    python = environments.PEERS[tool].python if tool in environments.PEERS else Path(sys.executable)
    said: dict[str, list[Said]] = {}
    seconds = 0.0
    for number in range(plan.references):
        scenarios = [CALIBRATION, *SCENARIOS]
        paths = [plan.file(number, scenario) for scenario in scenarios]
        program = [python, "-m", "benchmarks.peers.run", "verdicts", _PROGRAMS.get(tool, tool), plan.folder(number)]
        try:
            result = process.run([*program, *paths, "--rows", plan.rows], one_thread()).result
        except ChildFailed as error:
            return Statement({}, failure=str(error).strip().splitlines()[-1][:150])
        seconds += result["judging"]
        for scenario, path in zip(scenarios, paths, strict=True):
            judged = result["files"][path.stem]
            if "error" in judged:
                return Statement({}, failure=f"{scenario.name}: {judged['error']}")
            said.setdefault(scenario.name, []).append(_tables(judged))
    return Statement(said, seconds)


def _tables(judged: list[dict[str, Any]]) -> Said:
    distances = pd.DataFrame([one["distances"] for one in judged])
    raised = pd.DataFrame([dict.fromkeys(one["alerts"], True) for one in judged], index=distances.index)
    columns = distances.columns.union(raised.columns, sort=False)
    return Said(distances, raised.reindex(columns=columns).notna())
