"""May a candidate replace the champion? Gates, each with a verdict and a reason, over the same labelled rows.

A `Contest` holds both models' answers to the recent holdout, and `judge` asks every gate of it: `performance` (the
metric that the model's file names, bootstrapped in pairs), `decisions` (McNemar), `segments` (no part of the traffic
may lose much), `calibration` and `fairness`. Each is against a challenger only with evidence and by more than is
tolerated; a `Judgement` is what they found, kept beside the run's data.
"""

from __future__ import annotations

from watchkeeper.gates.contest import Answers, Contest
from watchkeeper.gates.judge import judge
from watchkeeper.gates.result import GateResult, Judgement, Status

__all__ = ["Answers", "Contest", "GateResult", "Judgement", "Status", "judge"]
