"""The files that all tools judge: a folder for each reference, in it a file for each scenario, with all its windows."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd

from benchmarks import data, files, model
from benchmarks.process import ROOT
from benchmarks.scenarios import NONE, SCENARIOS, Scenario

SCORE = "score"
REFERENCE = replace(NONE, name="reference")
CALIBRATION = replace(NONE, name="calibration")
"""Healthy windows for moving thresholds: no rate is measured on them."""
CALIBRATED_ON = 200
"""So many of them beside each reference: 1 % of fewer cannot be told."""


@dataclass(frozen=True)
class Plan:
    """How many windows of how many rows.

    Attributes
    ----------
    windows : of each drift; of the healthy ones there are twice as many
    references : independent references, each with its share of the windows, so that no table hangs on one of them
    """

    rows: int
    windows: int
    seed: int
    references: int = 2

    @property
    def reference_rows(self) -> int:
        """At least 20,000, and ten windows: some peers need chunks to learn from."""
        return max(20_000, 10 * self.rows)

    def count(self, scenario: Scenario) -> int:
        """Windows of a scenario beside each reference."""
        if scenario is CALIBRATION:
            return CALIBRATED_ON
        return self.windows * (2 if scenario.drift is None else 1) // self.references

    def folder(self, reference: int) -> Path:
        """Where the files of one reference are."""
        name = f"{self.rows}-rows-{self.windows}-windows-seed-{self.seed}"
        return ROOT / "build" / "bench" / "verdicts" / name / str(reference)

    def file(self, reference: int, scenario: Scenario) -> Path:
        """Where its windows are."""
        return self.folder(reference) / f"{scenario.name.replace(' ', '_')}.parquet"


def prepare(plan: Plan) -> None:
    """Make what is not there."""
    for number in range(plan.references):
        folder = plan.folder(number)
        folder.mkdir(parents=True, exist_ok=True)
        columns: Mapping[str, tuple[str, ...]] = {"numbers": (*data.NUMBERS, SCORE), "categories": data.CATEGORIES}
        (folder / "columns.json").write_text(json.dumps(columns))
        (folder / "model.json").write_text(model.spec().to_json())
        if not plan.file(number, REFERENCE).exists():
            files.write_parquet(REFERENCE.window(plan.reference_rows, plan.seed, number), plan.file(number, REFERENCE))
        for scenario in (CALIBRATION, *SCENARIOS):
            path, count = plan.file(number, scenario), plan.count(scenario)
            if not path.exists():
                windows = [scenario.window(plan.rows, plan.seed, number * count + place) for place in range(count)]
                files.write_parquet(pd.concat(windows, ignore_index=True), path)
