"""The gate: challenger against champion on the same labelled holdout."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from lambdas.observed import logger, observed
from watchkeeper import jsonio, naming
from watchkeeper.aws import deployed
from watchkeeper.aws.store import Store, split_uri
from watchkeeper.capture.prediction import Prediction
from watchkeeper.errors import DatasetError
from watchkeeper.gates import judge
from watchkeeper.holdout import answer_numbers, read_answers, truth_numbers
from watchkeeper.spec import ModelSpec, deployed_spec
from watchkeeper.trainingset import HOLDOUT_LABELS


@observed
def handler(event: Mapping[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Judge one run's candidate; the verdict is kept beside its data."""
    spec, run = deployed_spec(), event["run"]
    logger.append_keys(model=spec.name, run=run)
    data, prefix = deployed.store(), naming.run_prefix(spec.name, run)
    labels = [label for text in _texts(data, prefix + HOLDOUT_LABELS) for label in text.split("\n") if label]
    result = judge(
        spec.retraining.gate,
        truth_numbers(spec, labels),
        answer_numbers(spec, labels, _answers(spec, event["champion"], len(labels))),
        answer_numbers(spec, labels, _answers(spec, event["challenger"], len(labels))),
        seed=int(run, 16) if _is_hexadecimal(run) else 0,
    ).to_dict()
    data.put(naming.gate_key(spec.name, run), jsonio.dumps({**result, "run": run, "at": event["now"]}))
    logger.info("Judged", passed=result["passed"], reason=result["reason"])
    return result


def _answers(spec: ModelSpec, uri: str, expected: int) -> list[Prediction]:
    bucket, prefix = split_uri(uri)
    texts = _texts(deployed.store(bucket), prefix)
    if not texts:
        raise DatasetError(f"The transform job wrote nothing under {uri}: look into its log.")
    return read_answers(spec, texts, expected)


def _texts(store: Store, prefix: str) -> list[str]:
    return [data.decode() for data in store.get_many(store.keys(prefix))]


def _is_hexadecimal(text: str) -> bool:
    return bool(text) and set(text) <= set("0123456789abcdef")
