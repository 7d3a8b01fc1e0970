"""Keys of what belongs to a version: its baseline, the run that trained it, the record of its end."""

from __future__ import annotations

from datetime import datetime


def baseline_prefix(model: str, version: str | None = None) -> str:
    """Prefix of a version's baseline: `baselines/<model>/[<version>/]`."""
    return f"baselines/{model}/" + (f"{version}/" if version else "")


def version_of(model: str, key: str) -> str:
    """The version that an object under `baseline_prefix` belongs to."""
    return key.removeprefix(baseline_prefix(model)).partition("/")[0]


def baseline_key(model: str, version: str) -> str:
    """The baseline itself: the binning and the reference profile."""
    return baseline_prefix(model, version) + "baseline.json"


def calibration_key(model: str, version: str) -> str:
    """How much windows vary, as far as the baseline's own rows tell."""
    return baseline_prefix(model, version) + "calibration.json"


def outcome_baseline_key(model: str, version: str) -> str:
    """What the labels of the rows say that the version was judged on."""
    return baseline_prefix(model, version) + "outcomes.json"


def lineage_key(model: str, version: str) -> str:
    """Where a version comes from."""
    return baseline_prefix(model, version) + "lineage.json"


def cards_prefix(model: str) -> str:
    """Prefix of the model's cards."""
    return f"cards/{model}/"


def card_key(model: str, version: str, form: str) -> str:
    """Where the model card of a version is kept; `form` is `json` or `html`."""
    return f"{cards_prefix(model)}{version}.{form}"


def run_key(model: str, run: str) -> str:
    """Why one retraining run began, and against which champion."""
    return run_prefix(model, run) + "run.json"


def gate_key(model: str, run: str) -> str:
    """The gate's verdict over the candidate of one retraining run."""
    return run_prefix(model, run) + "gate.json"


def estimator_key(model: str, version: str) -> str:
    """What these rows say of performance without labels; a version may have none."""
    return baseline_prefix(model, version) + "estimator.json"


def group_baseline_key(model: str, version: str) -> str:
    """How those rows are divided into groups of people, and what was predicted and true of each group."""
    return baseline_prefix(model, version) + "groups.json"


def label_values_key(model: str) -> str:
    """The labels that the model's first training data had."""
    return baseline_prefix(model) + "labels.json"


def verification_key(model: str, version: str) -> str:
    """Recorded requests with the answers that the version gave, to verify a rollout."""
    return baseline_prefix(model, version) + "verification.json"


def run_prefix(model: str, run: str) -> str:
    """Prefix of everything one retraining run reads and writes.

    `train/` and `holdout/labels/` hold CSV without a header (label first in `train/`), `holdout/features/` the requests
    in the model's own input format, one row a line and in the same order as the labels; `manifest.json` describes them.
    """
    return f"training/{model}/{run}/"


def incident_key(model: str, at: datetime, execution: str) -> str:
    """Where the record of one rollback is kept."""
    return f"incidents/{model}/{at:%Y-%m-%dT%H%M%SZ}-{execution}.json"
