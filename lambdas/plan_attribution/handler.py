"""Says what a model is asked next, to find out what it goes by, and writes the requests for a batch transform.

A request of the machine is `{"scheduled_time": …}` for a look at a window, `{"explain": {…}}` for a single prediction,
or empty for what a version goes by on its baseline. Where nobody knows the last yet, it is asked first.

Where exact values are wanted, a job reads the version's artefact, and is asked first. A version that it has refused is
sampled from then on. If it failed in this execution (`inexact` says why), this execution samples, and the next one
tries again: a failure may pass. What is sampled is compared with a sampled baseline, what is exact with an exact one.
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
from watchkeeper.attribution import DriftSettings, ExactOutcome, Purpose, Question, RequestSample, explained_rows
from watchkeeper.aws import deployed, packages
from watchkeeper.aws.captured_rows import CapturedRows, Place
from watchkeeper.errors import ExplanationError
from watchkeeper.message.machines import plain_cause
from watchkeeper.spec import AttributionMethod, ModelSpec, Task, deployed_spec

LINES_IN_OBJECT = 20_000
NOTHING_DUE = {"due": False, "exact": False, "run": "", "model_name": "", "image": "", "artefact": ""}
NO_ARCHIVE = "SageMaker shows no model.tar.gz of the version."
LONGEST_REASON = 600


@observed
def handler(event: Mapping[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Plan at most one question of an execution."""
    spec = deployed_spec()
    logger.append_keys(model=spec.name)
    question, container = _question(spec, event, _told(event.get("inexact", {}))), None
    if question is not None and question.method is AttributionMethod.EXACT:
        container = packages.container(deployed.client("sagemaker"), _model_name(spec, question))
        question = question if container else _question(spec, event, NO_ARCHIVE)
    if question is None:
        return NOTHING_DUE
    run = f"{question.purpose}-{hashlib.sha256(event['execution'].encode()).hexdigest()[:12]}"
    deployed.store().put(naming.question_key(spec.name, run), question.to_json())
    requests = 0 if container else _write(spec, run, question)
    logger.info("Planned", run=run, version=question.version, rows=len(question.rows), requests=requests)
    return {
        "due": True,
        "exact": container is not None,
        "run": run,
        "model_name": _model_name(spec, question),
        "image": container.image if container else "",
        "artefact": container.artefact if container else "",
    }


def _question(spec: ModelSpec, event: Mapping[str, Any], inexact: str) -> Question | None:
    """What is to be found out next; by sampling, where it is said why not exactly."""
    request, now = event["request"], datetime.fromisoformat(event["now"])
    if "explain" in request:
        return _prediction(spec, request["explain"], now, inexact)
    return _of_serving(spec, request, now, inexact)


def _model_name(spec: ModelSpec, question: Question) -> str:
    """The SageMaker model of the version that is asked."""
    record = deployed.registry().version(question.version)
    if record is None or not record.model_name:
        raise ExplanationError(f"Version {question.version} of {spec.name} has no model on record: nobody can ask it.")
    return record.model_name


def _of_serving(spec: ModelSpec, request: Mapping[str, Any], now: datetime, inexact: str) -> Question | None:
    """What is not known of the version that serves: what it goes by on its baseline, else in the newest window."""
    serving = deployed.registry().serving()
    sample = None if serving is None else _sample(spec, serving.version)
    if serving is None or sample is None:
        logger.warning("There are no rows to compare with: run onboarding, or retrain a version of a time before this")
        return None
    version = serving.version
    background = tuple(sample.background(spec))
    method, because = _method(spec, version, sample.baseline, inexact)
    most, exact = explained_rows(spec, method), method is AttributionMethod.EXACT
    if deployed.store().find(naming.importance_key(spec.name, version, sample.baseline, exact=exact)) is None:
        rows = tuple(sample.explained(spec)[:most])
        start = end = now
        purpose = Purpose.BASELINE
    elif "scheduled_time" in request:
        end = datetime.fromisoformat(request["scheduled_time"])
        hours = naming.window_hours(end, spec.attribution.window_hours)
        rows, start = tuple(_captured(spec).some(version, hours, most)), hours[0]
        purpose = Purpose.WINDOW
        if len(rows) < DriftSettings().minimum_rows:
            logger.info("Too few captured rows to look at", version=version, rows=len(rows))
            return None
    else:
        return None
    return Question(purpose, version, sample.baseline, start, end, rows, background, method=method, because=because)


def _method(spec: ModelSpec, version: str, baseline: str, inexact: str) -> tuple[AttributionMethod, str]:
    """How to find it out, and why not exactly where that is wanted."""
    if spec.attribution.method is AttributionMethod.SAMPLING:
        return AttributionMethod.SAMPLING, ""
    refused = deployed.store().get(naming.inexact_key(spec.name, version, baseline))
    if not inexact and refused is not None:
        inexact = ExactOutcome.from_json(refused, (), 0).refused
    return (AttributionMethod.SAMPLING, inexact) if inexact else (AttributionMethod.EXACT, "")


def _told(inexact: Mapping[str, str]) -> str:
    """Why this execution has to sample: what the job failed of, or what it said."""
    cause = plain_cause(inexact.get("Cause", ""))[:LONGEST_REASON]
    return f"the job that explains exactly failed: {cause}" if inexact.get("Error") else cause


def _prediction(spec: ModelSpec, wanted: Mapping[str, Any], now: datetime, inexact: str) -> Question:
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
    method, because = _method(spec, version, sample.baseline, inexact)
    return Question(
        Purpose.EXPLANATION,
        version,
        sample.baseline,
        at,
        at,
        (record.inputs[row],),
        tuple(sample.background(spec)),
        None if math.isnan(score) else score,
        method,
        because,
    )


def _sample(spec: ModelSpec, version: str) -> RequestSample | None:
    stored = deployed.store().get(naming.sample_key(spec.name, version))
    return None if stored is None else RequestSample.from_json(stored)


def _captured(spec: ModelSpec) -> CapturedRows:
    return CapturedRows(spec, deployed.store, deployed.store().bucket)


def _write(spec: ModelSpec, run: str, question: Question) -> int:
    """Keep a question's requests for as long as they are answered; how many requests that are."""
    made, store = question.plan(spec), deployed.store()
    lines, part = question.requests(spec, made), 0
    while some := list(islice(lines, LINES_IN_OBJECT)):
        store.put(naming.asked_key(spec.name, run, part), "\n".join(some).encode(), "text/plain")
        part += 1
    return len(made)
