"""Reads what a model answered to a question: what it goes by, whether that has drifted, or why one prediction is so.

A question that a job should answer exactly may come back refused: the machine is told to ask it by sampling then.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from lambdas.observed import logger, observed
from watchkeeper import naming
from watchkeeper.attribution import (
    AttributionLook,
    Attributions,
    DriftSettings,
    ExactOutcome,
    Importance,
    Purpose,
    Question,
    Verdict,
    examine,
    explained,
    explanation,
)
from watchkeeper.attribution.outcome import LARGEST
from watchkeeper.aws import deployed
from watchkeeper.aws.looks import ATTRIBUTION
from watchkeeper.aws.metrics import emit
from watchkeeper.errors import ExplanationError
from watchkeeper.holdout import read_answers
from watchkeeper.naming import Metric
from watchkeeper.spec import AttributionMethod, ModelSpec, deployed_spec


@observed
def handler(event: Mapping[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Read the answers of one run; where a baseline was missing, the window is still to be looked at."""
    spec, run = deployed_spec(), event["run"]
    logger.append_keys(model=spec.name, run=run)
    stored = deployed.store().get(naming.question_key(spec.name, run))
    if stored is None:
        raise ExplanationError(f"The question of run {run} has gone: it is kept for a day. Start the machine anew.")
    question = Question.from_json(stored)
    exactly = question.method is AttributionMethod.EXACT
    found, requests = (_explained_by_job(spec, run, question), 0) if exactly else _answered(spec, run, question)
    if isinstance(found, str):
        logger.warning("Not explained exactly", purpose=question.purpose, version=question.version, because=found)
        return {"more": False, "stored": "", "again": True, "refused": found}
    key = _kept(spec, run, question, found, requests)
    logger.info("Read", purpose=question.purpose, version=question.version, requests=requests, stored=key)
    more = question.purpose is Purpose.BASELINE and "scheduled_time" in event["request"]
    return {"more": more, "stored": key, "again": False, "refused": ""}


def _kept(spec: ModelSpec, run: str, question: Question, found: Attributions, requests: int) -> str:
    """Keep what was found out; its key."""
    match question.purpose:
        case Purpose.BASELINE:
            key = _baseline_key(spec, question)
            deployed.store().put(key, Importance.of(found, question.because).to_json())
            emit(spec.name, question.end, {Metric.ATTRIBUTION_DRIFT: 0})  # with this ends the alarm of a version before
        case Purpose.WINDOW:
            key = _look(spec, question, Importance.of(found, question.because))
        case Purpose.EXPLANATION:
            key = naming.explanation_key(spec.name, run)
            (row,) = question.rows
            profiled = [value for value, feature in zip(row, spec.features, strict=True) if not feature.personal]
            told = explanation(
                "",
                spec.profiled_features,
                profiled,
                found,
                answered=question.answered,
                requests=requests,
                because=question.because,
            )
            deployed.store().put(key, told.to_json())
    return key


def _baseline_key(spec: ModelSpec, question: Question) -> str:
    exactly = question.method is AttributionMethod.EXACT
    return naming.importance_key(spec.name, question.version, question.baseline, exact=exactly)


def _answered(spec: ModelSpec, run: str, question: Question) -> tuple[Attributions, int]:
    """What the answers say, and how many there are."""
    store, made = deployed.store(), question.plan(spec)
    texts = [data.decode() for data in store.get_many(store.keys(naming.answers_prefix(spec.name, run)))]
    return explained(spec.task, made, read_answers(spec, texts, len(made))), len(made)


def _explained_by_job(spec: ModelSpec, run: str, question: Question) -> Attributions | str:
    """What the job found, or why it found nothing.

    That a version cannot be explained exactly is kept, so that no job is paid for again. Not when a single prediction
    was refused, for others may be explained; and not when the outcome cannot be read, for that is no verdict.
    """
    store, key = deployed.store(), naming.exact_key(spec.name, run)
    left = store.find(key)
    archive = store.get(key) if left is not None and left.size <= LARGEST else None
    if archive is None:
        return f"The job that explains exactly left no {key}, or one above {LARGEST:,} bytes."
    try:
        features = tuple(feature.name for feature in spec.profiled_features)
        outcome = ExactOutcome.from_archive(archive, features, len(question.rows))
    except ExplanationError as error:
        return str(error)
    if outcome.found is None and question.purpose is not Purpose.EXPLANATION:
        store.put(naming.inexact_key(spec.name, question.version, question.baseline), outcome.to_json())
    return outcome.refused if outcome.found is None else outcome.found


def _look(spec: ModelSpec, question: Question, window: Importance) -> str:
    """Compare a window with the baseline, keep the look and publish its metrics."""
    stored = deployed.store().get(_baseline_key(spec, question))
    if stored is None:
        raise ExplanationError(f"What {question.version} goes by on its baseline is gone: the next look asks it anew.")
    findings = examine(Importance.from_json(stored), window, DriftSettings(limit=spec.attribution.limit))
    look = AttributionLook(
        spec.name, question.version, question.baseline, question.start, question.end, findings, window
    )
    key = naming.findings_key(spec.name, ATTRIBUTION, question.end)
    deployed.store().put(key, look.to_json())
    logger.info("Looked", version=look.version, verdict=findings.verdict.value, ndcg=findings.ndcg)
    if findings.verdict is not Verdict.INSUFFICIENT_DATA:  # else an alarm holds its last state
        emit(
            spec.name,
            question.end,
            {Metric.ATTRIBUTION_NDCG: findings.ndcg, Metric.ATTRIBUTION_DRIFT: int(look.drifted)},
        )
    return key
