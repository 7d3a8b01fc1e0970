"""The gates: challenger against champion on the same labelled holdout."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from lambdas.observed import logger, observed
from watchkeeper import naming
from watchkeeper.aws import deployed, reference
from watchkeeper.gates import Contest, judge
from watchkeeper.outcomes import Labelled
from watchkeeper.spec import ModelSpec, deployed_spec


@observed
def handler(event: Mapping[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Judge one run's candidate; the verdicts are kept beside its data."""
    spec, run = deployed_spec(), event["run"]
    logger.append_keys(model=spec.name, run=run)
    contest = Contest(spec.task, *(_rows(spec, run, event[model]) for model in ("champion", "challenger")))
    found = judge(spec, contest, seed=int(run, 16) if _is_hexadecimal(run) else 0)
    deployed.store().put(naming.gate_key(spec.name, run), found.to_json())
    logger.info("Judged", passed=found.passed, failed=[each.gate for each in found.failed], reason=found.reason)
    main = found.gates[0]
    return {
        "passed": found.passed,
        "reason": found.reason,
        "metric": found.metric,
        "champion": main.champion,
        "challenger": main.challenger,
        "rows": found.rows,
        "lines": found.lines,
    }


def _rows(spec: ModelSpec, run: str, answers: str) -> Labelled:
    """The holdout's rows with a model's answers (an `s3://` prefix), in the order of its files."""
    holdout = reference.Run(deployed.store().bucket, run, answers).holdout(spec)
    return Labelled.together([rows for task in holdout for rows in reference.labelled(spec, task)])


def _is_hexadecimal(text: str) -> bool:
    return bool(text) and set(text) <= set("0123456789abcdef")
