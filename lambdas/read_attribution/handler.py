"""Reads what a model answered to a question: what it goes by, whether that has drifted, or why one prediction is so."""

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
    Importance,
    Purpose,
    Question,
    Verdict,
    examine,
    explained,
    explanation,
)
from watchkeeper.aws import deployed
from watchkeeper.aws.looks import ATTRIBUTION
from watchkeeper.aws.metrics import emit
from watchkeeper.errors import ExplanationError
from watchkeeper.holdout import read_answers
from watchkeeper.naming import Metric
from watchkeeper.spec import ModelSpec, deployed_spec


@observed
def handler(event: Mapping[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Read the answers of one run; where a baseline was missing, the window is still to be looked at."""
    spec, run = deployed_spec(), event["run"]
    logger.append_keys(model=spec.name, run=run)
    stored = deployed.store().get(naming.question_key(spec.name, run))
    if stored is None:
        raise ExplanationError(f"The question of run {run} has gone: it is kept for a day. Start the machine anew.")
    question = Question.from_json(stored)
    found, requests = _answered(spec, run, question)
    match question.purpose:
        case Purpose.BASELINE:
            key = naming.importance_key(spec.name, question.version, question.baseline)
            deployed.store().put(key, Importance.of(found).to_json())
        case Purpose.WINDOW:
            key = _look(spec, question, Importance.of(found))
        case Purpose.EXPLANATION:
            key = naming.explanation_key(spec.name, run)
            (row,) = question.rows
            profiled = [value for value, feature in zip(row, spec.features, strict=True) if not feature.personal]
            told = explanation(
                "", spec.profiled_features, profiled, found, answered=question.answered, requests=requests
            )
            deployed.store().put(key, told.to_json())
    logger.info("Read", purpose=question.purpose, version=question.version, requests=requests, stored=key)
    return {"more": question.purpose is Purpose.BASELINE and "scheduled_time" in event["request"], "stored": key}


def _answered(spec: ModelSpec, run: str, question: Question) -> tuple[Attributions, int]:
    """What the answers say, and how many there are."""
    store, made = deployed.store(), question.plan(spec)
    texts = [data.decode() for data in store.get_many(store.keys(naming.answers_prefix(spec.name, run)))]
    return explained(spec.task, made, read_answers(spec, texts, len(made))), len(made)


def _look(spec: ModelSpec, question: Question, window: Importance) -> str:
    """Compare a window with the baseline, keep the look and publish its metrics."""
    stored = deployed.store().get(naming.importance_key(spec.name, question.version, question.baseline))
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
