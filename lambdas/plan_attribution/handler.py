"""Says what a model is asked next, to find out what it goes by, and writes the requests for a batch transform.

A request of the machine is `{"scheduled_time": …}` for a look at a window, `{"explain": {…}}` for a single prediction,
or empty for what a version goes by on its baseline. Where nobody knows the last yet, it is asked first.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping
from datetime import datetime
from itertools import islice
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from lambdas.observed import logger, observed
from watchkeeper import naming
from watchkeeper.attribution import DriftSettings, Purpose, Question, RequestSample, explained_rows
from watchkeeper.aws import deployed
from watchkeeper.aws.captured_rows import CapturedRows, Place
from watchkeeper.errors import ExplanationError
from watchkeeper.spec import ModelSpec, Task, deployed_spec

LINES_IN_OBJECT = 20_000
NOTHING_DUE = {"due": False, "run": "", "model_name": ""}


@observed
def handler(event: Mapping[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Plan at most one question of an execution."""
    spec, request, now = deployed_spec(), event["request"], datetime.fromisoformat(event["now"])
    logger.append_keys(model=spec.name)
    question = _prediction(spec, request["explain"], now) if "explain" in request else _of_serving(spec, request, now)
    if question is None:
        return NOTHING_DUE
    record = deployed.registry().version(question.version)
    if record is None or not record.model_name:
        raise ExplanationError(f"Version {question.version} of {spec.name} has no model on record: nobody can ask it.")
    run = f"{question.purpose}-{hashlib.sha256(event['execution'].encode()).hexdigest()[:12]}"
    requests = _write(spec, run, question)
    logger.info("Planned", run=run, version=question.version, rows=len(question.rows), requests=requests)
    return {"due": True, "run": run, "model_name": record.model_name}


def _of_serving(spec: ModelSpec, request: Mapping[str, Any], now: datetime) -> Question | None:
    """What is not known of the version that serves: what it goes by on its baseline, else in the newest window."""
    serving = deployed.registry().serving()
    sample = None if serving is None else _sample(spec, serving.version)
    if serving is None or sample is None:
        logger.warning("There are no rows to compare with: run onboarding, or retrain a version of a time before this")
        return None
    version = serving.version
    background = tuple(sample.background(spec))
    if deployed.store().find(naming.importance_key(spec.name, version, sample.baseline)) is None:
        rows = sample.explained(spec)[: explained_rows(spec)]
        return Question(Purpose.BASELINE, version, sample.baseline, now, now, tuple(rows), background)
    if "scheduled_time" not in request:
        return None
    end = datetime.fromisoformat(request["scheduled_time"])
    hours = naming.window_hours(end, spec.attribution.window_hours)
    rows = _captured(spec).some(version, hours, explained_rows(spec))
    if len(rows) < DriftSettings().minimum_rows:
        logger.info("Too few captured rows to look at", version=version, rows=len(rows))
        return None
    return Question(Purpose.WINDOW, version, sample.baseline, hours[0], end, tuple(rows), background)


def _prediction(spec: ModelSpec, wanted: Mapping[str, Any], now: datetime) -> Question:
    """Why one row of a captured request was answered as it was, by the version that answered it.

    Raises
    ------
    ExplanationError
        The capture has gone, or there is nothing to compare its row with.
    """
    version, row = wanted["version"], wanted["row"]
    sample = _sample(spec, version)
    if sample is None:
        raise ExplanationError(
            f"There are no rows to compare with of version {version}: its baseline is of a time before explanations, "
            "or is missing. Onboard or retrain the model."
        )
    record = _captured(spec).record(Place(wanted["bucket"], wanted["key"], wanted["start"]), wanted["id"])
    if record is None or not 0 <= row < len(record.inputs):
        raise ExplanationError(f"{wanted['key']} does not hold row {row + 1} of the request any more: look it up anew.")
    score = math.nan if record.outputs is None or spec.task is Task.MULTICLASS else record.outputs[row].score
    at = record.time or now
    return Question(
        Purpose.EXPLANATION,
        version,
        sample.baseline,
        at,
        at,
        (record.inputs[row],),
        tuple(sample.background(spec)),
        None if math.isnan(score) else score,
    )


def _sample(spec: ModelSpec, version: str) -> RequestSample | None:
    stored = deployed.store().get(naming.sample_key(spec.name, version))
    return None if stored is None else RequestSample.from_json(stored)


def _captured(spec: ModelSpec) -> CapturedRows:
    return CapturedRows(spec, deployed.store, deployed.store().bucket)


def _write(spec: ModelSpec, run: str, question: Question) -> int:
    """Keep the question and its requests for as long as they are answered; how many requests that are."""
    made, store = question.plan(spec), deployed.store()
    store.put(naming.question_key(spec.name, run), question.to_json())
    lines, part = question.requests(spec, made), 0
    while some := list(islice(lines, LINES_IN_OBJECT)):
        store.put(naming.asked_key(spec.name, run, part), "\n".join(some).encode(), "text/plain")
        part += 1
    return len(made)
