"""All gates that the model's file asks for, of one candidate."""

from __future__ import annotations

from watchkeeper.gates.calibration import calibration
from watchkeeper.gates.contest import Contest
from watchkeeper.gates.decisions import decisions
from watchkeeper.gates.fairness import fairness
from watchkeeper.gates.performance import performance
from watchkeeper.gates.result import Judgement
from watchkeeper.gates.segments import segments
from watchkeeper.spec import ModelSpec


def judge(spec: ModelSpec, contest: Contest, seed: int = 0) -> Judgement:
    """Hold a challenger against the champion; every gate is asked, also after one has failed.

    Raises
    ------
    DatasetError
        The answers or the labels do not allow the metric that the file names.
    ConfigError
        The rows do not have the groups that the file names.
    """
    gate = spec.retraining.gate
    results = (
        performance(gate, contest, seed),
        decisions(gate, contest),
        segments(gate, contest),
        calibration(gate, contest, seed),
        fairness(gate, spec, contest),
    )
    return Judgement(gate.metric, contest.rows, results)
