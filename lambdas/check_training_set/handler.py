"""Looks at a training set's manifest before a training job is paid for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from lambdas.observed import logger, observed
from watchkeeper import naming
from watchkeeper.aws import deployed
from watchkeeper.errors import DatasetError
from watchkeeper.spec import deployed_spec
from watchkeeper.trainingset import MANIFEST, Manifest, problem


@observed
def handler(event: Mapping[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Say whether the set of one run may be trained on, and why not."""
    spec = deployed_spec()
    logger.append_keys(model=spec.name, run=event["run"])
    key = naming.run_prefix(spec.name, event["run"]) + MANIFEST
    stored = deployed.store().get(key)
    if stored is None:
        raise DatasetError(f"There is no manifest {key}: the job that assembles the training set did not finish.")
    manifest = Manifest.from_json(stored)
    reason = problem(spec, manifest)
    logger.info("Checked", ok=reason is None, reason=reason, train_rows=manifest.train_rows)
    return {
        "ok": reason is None,
        "reason": reason or f"{manifest.train_rows} rows to train on, {manifest.holdout_rows} to judge by",
        "train_rows": manifest.train_rows,
        "holdout_rows": manifest.holdout_rows,
    }
