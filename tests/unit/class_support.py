"""Captures, labels and a baseline of a model that answers a probability for each of three classes."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from tests.support import capture_record, label_record, model_spec
from watchkeeper.capture import Block, CaptureReader
from watchkeeper.curated import Predictions
from watchkeeper.labels import LabelReader, Source
from watchkeeper.outcomes import Labelled, OutcomeBaseline, OutcomeBinning, observe
from watchkeeper.spec import Output, Task

CLASSES = ("cat", "dog", "7")
SPEC = model_spec(task=Task.MULTICLASS, output=Output(classes=CLASSES))
HOUR = datetime(2026, 11, 21, 10, tzinfo=UTC)


@dataclass(frozen=True)
class Traffic:
    """Requests with their answers, and what turned out to be true.

    Attributes
    ----------
    chances : float64 of shape (rows, classes), as they were answered
    truth : one of the classes a row
    """

    names: list[str]
    chances: NDArray[np.float64]
    truth: list[str]
    captured: bytes
    labels: bytes

    def block(self) -> Block:
        """The rows as they are read."""
        (block,) = CaptureReader(SPEC, identified=True).blocks([self.captured])
        return block

    def labelled(self) -> Labelled:
        """The rows beside their labels."""
        rows = Predictions.together([Predictions.of_block(self.block(), SPEC.task, "a", 0)])
        return rows.joined(
            LabelReader(SPEC).read(Source("a.jsonl", HOUR, HOUR), [self.labels])[0]
        ).predictions.labelled()


def drawn(rows: int, seed: int) -> Traffic:
    """Calibrated answers, printed with six digits, of which some hold JSON."""
    random = np.random.default_rng(seed)
    chances = np.maximum(random.dirichlet((1.5, 1.0, 0.6), rows), 1e-3).round(6)
    chances[:, 0] = (1 - chances[:, 1:].sum(axis=1)).round(6)
    told = (random.random(rows)[:, None] > np.cumsum(chances, axis=1)[:, :-1]).sum(axis=1)
    names, truth = [f"{seed}-{row}" for row in range(rows)], [CLASSES[place] for place in told.tolist()]
    captured = []
    for row, (name, each) in enumerate(zip(names, chances.tolist(), strict=True)):
        request = f"{random.integers(18, 80)},{random.normal(50, 10):.2f},{random.choice(['own', 'rent'])}"
        time = f"{HOUR + timedelta(seconds=row % 3600):%Y-%m-%dT%H:%M:%SZ}"
        answer, encoding = ",".join(f"{share:.6f}" for share in each), "CSV"
        if row % 50 == 0:
            answer, encoding = json.dumps({"probabilities": dict(zip(CLASSES, each, strict=True))}), "JSON"
        captured.append(capture_record(request, answer, event_id=name, time=time, answer_encoding=encoding))
    labels = b"\n".join(label_record(name, each) for name, each in zip(names, truth, strict=True))
    return Traffic(names, chances, truth, b"\n".join(captured), labels)


def baseline(traffic: Traffic, *, shares: bool = True) -> OutcomeBaseline:
    """What the labels of a version's holdout say; without `shares` it was read before the classes were named."""
    rows = traffic.labelled() if shares else replace(traffic.labelled(), shares={})
    return OutcomeBaseline("v1", observe(OutcomeBinning.fit(SPEC, rows), rows))
