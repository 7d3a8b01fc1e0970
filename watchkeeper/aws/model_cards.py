"""Model cards: what is on record of a version, put together, and SageMaker's own copy of its card."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

from watchkeeper import naming
from watchkeeper.attribution import Importance, RequestSample
from watchkeeper.aws import importances
from watchkeeper.aws.packages import described, found_by
from watchkeeper.aws.store import Store
from watchkeeper.bias import GroupBaseline, Row, bias_settings, examine, table
from watchkeeper.card import Facts, Package
from watchkeeper.lineage import Lineage
from watchkeeper.outcomes import OutcomeBaseline
from watchkeeper.performance import CompareSettings, measure
from watchkeeper.performance.segments import weakest
from watchkeeper.spec import AttributionMethod, ModelSpec

if TYPE_CHECKING:
    from mypy_boto3_sagemaker import SageMakerClient

STATUS = {"Approved": "Approved", "Rejected": "Archived"}
"""A card's status, by the approval of its version; PendingReview otherwise."""
_SAGEMAKERS_OWN = "sagemaker_"
"""Beginning of the hyperparameters that are SageMaker's, not the script's."""


def known(store: Store, spec: ModelSpec, version: str, package: Package | None, now: datetime) -> Facts:
    """Everything that is on record of a version."""
    lineage = store.get(naming.lineage_key(spec.name, version))
    stored = store.get(naming.outcome_baseline_key(spec.name, version))
    outcomes = None if stored is None else OutcomeBaseline.from_json(stored).outcomes
    importance = _importance(store, spec, version)
    return Facts(
        spec=spec,
        version=version,
        written=now,
        package=package,
        lineage=None if lineage is None else Lineage.from_json(lineage),
        performance=None if outcomes is None else measure(outcomes),
        segments=() if outcomes is None else weakest(outcomes, CompareSettings()),
        bias=_fairness(store, spec, version),
        importance=() if importance is None else importance.ranking(),
        method=AttributionMethod.SAMPLING if importance is None else importance.method,
    )


def _fairness(store: Store, spec: ModelSpec, version: str) -> tuple[Row, ...]:
    """The bias table of the rows that the version was judged on; none where nobody is to be watched."""
    stored = store.get(naming.group_baseline_key(spec.name, version))
    if spec.bias is None or stored is None:
        return ()
    baseline, settings = GroupBaseline.from_json(stored), bias_settings(spec.bias)
    return table(baseline.beside(examine(None, baseline.counts, settings), settings))


def _importance(store: Store, spec: ModelSpec, version: str) -> Importance | None:
    """What a version goes by on its baseline of now."""
    sample = store.get(naming.sample_key(spec.name, version))
    if sample is None:
        return None
    return importances.on_baseline(store, spec, version, RequestSample.from_json(sample).baseline)


def describe(client: SageMakerClient, packages: str, jobs: str, version: str) -> Package | None:
    """A version in the registry, with the job that trained it; None when it is not registered.

    Parameters
    ----------
    packages : beginning of the ARNs of the model's packages
    jobs : beginning of the ARNs of the model's training jobs
    """
    found = described(client, packages, version)
    if found is None:
        return None
    container: Mapping[str, Any] = next(iter(found.get("InferenceSpecification", {}).get("Containers", ())), {})
    run = found.get("CustomerMetadataProperties", {}).get("run", "")
    name = f"{jobs.rpartition('/')[2]}{run}"
    job = found_by(client.describe_training_job, TrainingJobName=name) if run else None
    settings = {} if job is None else job.get("HyperParameters", {})
    return Package(
        arn=found["ModelPackageArn"],
        approval=found.get("ModelApprovalStatus", "PendingManualApproval"),
        created=found["CreationTime"],
        image=container.get("Image", ""),
        artefact=container.get("ModelDataUrl", ""),
        training_job="" if job is None else job["TrainingJobArn"],
        hyperparameters=tuple(
            (key, value.strip('"')) for key, value in sorted(settings.items()) if not key.startswith(_SAGEMAKERS_OWN)
        ),
    )


def publish(client: SageMakerClient, name: str, content: bytes, package: Package | None) -> None:
    """Have SageMaker show the card, as a new version of it where there is one."""
    status = STATUS.get(package.approval if package else "", "PendingReview")
    shown = found_by(client.describe_model_card, ModelCardName=name)
    if shown is None:
        try:
            client.create_model_card(ModelCardName=name, Content=content.decode(), ModelCardStatus=status)  # type: ignore[arg-type]  # one of the literals
        except client.exceptions.ConflictException:  # somebody else was faster
            client.update_model_card(ModelCardName=name, Content=content.decode())
        return
    client.update_model_card(ModelCardName=name, Content=content.decode())
    if shown["ModelCardStatus"] != status:  # SageMaker takes content and status in calls of their own
        client.update_model_card(ModelCardName=name, ModelCardStatus=status)  # type: ignore[arg-type]  # the same
