"""Every name that two parts of the system must agree on: S3 keys, metrics, alarms, resources.

The stacks (`infra`), the functions, the Spark jobs and the command line take names from here and nowhere else, so an
alarm cannot watch a metric that nobody emits. Pure string functions; `--` separates a model's name from what follows,
and a model's name never holds `--`, so `<model>--*` in a policy can never match another model's resources.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from watchkeeper.errors import CaptureError

NAMESPACE = "Watchkeeper"
"""CloudWatch namespace of every metric emitted here; the one dimension is `Model`."""

MODEL_DIMENSION = "Model"
VARIANT = "AllTraffic"
"""SageMaker refuses to update an endpoint whose variant changes its name, so it never changes."""

FIRST_VERSION = "v1"
"""The version that the template makes, or that an attached endpoint serves when it is attached."""

PLATFORM_STACK = "Watchkeeper-Platform"


class Metric(StrEnum):
    """The bounded list of metrics a model publishes, however many features it has."""

    ROWS_PROFILED = "RowsProfiled"
    UNREADABLE_RECORDS = "UnreadableRecords"
    WINDOW_ROWS = "WindowRows"
    DRIFTED_FEATURES = "DriftedFeatures"
    DRIFT_SCORE = "DriftScore"
    PREDICTION_DRIFT = "PredictionDrift"
    SUSPECT_VERSION = "SuspectVersion"
    QUALITY_VIOLATIONS = "QualityViolations"
    COMPLETENESS = "Completeness"
    SKEWED_FEATURES = "SkewedFeatures"
    CAPTURE_LAG = "CaptureLag"
    CAPTURE_GAP = "CaptureGap"
    LABELS_JOINED = "LabelsJoined"
    UNUSABLE_LABELS = "UnusableLabels"
    LABEL_LAG = "LabelLag"
    LABEL_COVERAGE = "LabelCoverage"
    PERFORMANCE = "Performance"
    PERFORMANCE_FALL = "PerformanceFall"
    CONCEPT_DRIFT = "ConceptDrift"


class AlarmKind(StrEnum):
    """One alarm a model for each kind; the alarm's name is `<model>--<kind>`."""

    DRIFT = "drift"
    PREDICTION_DRIFT = "prediction-drift"
    SUSPECT_VERSION = "suspect-version"
    DATA_QUALITY = "data-quality"
    TRAIN_SERVE_SKEW = "train-serve-skew"
    UNREADABLE_CAPTURE = "unreadable-capture"
    MISSING_CAPTURE = "missing-capture"
    PERFORMANCE = "performance"
    CONCEPT_DRIFT = "concept-drift"
    UNUSABLE_LABELS = "unusable-labels"
    DEAD_LETTERS = "dead-letters"
    FUNCTION_ERRORS = "function-errors"
    AUTOMATION_FAILED = "automation-failed"
    SERVER_ERRORS = "server-errors"
    ATTENTION = "attention"


def model_stack(model: str) -> str:
    """Name of the CloudFormation stack of one model."""
    return f"Watchkeeper-{model}"


def alarm(model: str, kind: AlarmKind) -> str:
    """CloudWatch alarm name of one kind for one model."""
    return f"{model}--{kind}"


def canary_alarm(endpoint_config: str) -> str:
    """Alarm over one endpoint config's own errors, made for the time of its rollout."""
    return f"{endpoint_config}--canary"


def function(model: str, name: str) -> str:
    """Lambda function name of `lambdas/<name>/`."""
    return f"{model}--{name.replace('_', '-')}"


def first_version_resource(model: str) -> str:
    """SageMaker model and endpoint config name of the version that the template deploys."""
    return f"{model}--v1"


def endpoint_config(model: str, version: str, settings: str) -> str:
    """Endpoint config name of a version under the serving settings `settings` (their canonical JSON)."""
    return f"{model}--{version}-{hashlib.sha256(settings.encode()).hexdigest()[:8]}"


def serving_parameter(model: str) -> str:
    """SSM parameter that holds the serving settings of the YAML file last deployed."""
    return f"/watchkeeper/{model}/serving"


def layer_parameter(layer: str) -> str:
    """SSM parameter that holds the ARN of the newest version of a Lambda layer."""
    return f"/watchkeeper/platform/layers/{layer}"


# --- S3 layout of the one data bucket -----------------------------------------------------------------------------


def capture_prefix(model: str, version: str | None = None) -> str:
    """Prefix under which SageMaker writes captures: `capture/<model>/[<version>/]`."""
    return f"capture/{model}/" + (f"{version}/" if version else "")


def labels_prefix(model: str) -> str:
    """Prefix under which users write ground truth, by the hour in which it was collected."""
    return f"labels/{model}/"


def feedback_key(model: str, received: datetime, batch: str) -> str:
    """Where the labels of one request to the feedback API are kept; `received` is in UTC, `batch` names its content."""
    return f"{labels_prefix(model)}{received:%Y/%m/%d/%H}/feedback-{batch}.jsonl"


def label_hour(model: str, key: str, written: datetime) -> datetime | None:
    """Start of the UTC hour under which a file of labels is filed; of one that lies loose, when it was written.

    None of a file in any other folder: nobody reads it.
    """
    filed = key.removeprefix(labels_prefix(model))
    if "/" not in filed:
        return written
    match = re.fullmatch(_HOUR, filed)
    try:
        return None if match is None else _hour(match)
    except ValueError:
        return None


def joined_prefix(model: str) -> str:
    """Prefix of the accounts of which label files were joined with predictions."""
    return f"joined/{model}/"


def joined_key(model: str, label_key: str) -> str:
    """Where the account of one label file is kept, filed as the file itself is."""
    folder, _, name = label_key.removeprefix(labels_prefix(model)).rpartition("/")
    return f"{joined_prefix(model)}{folder}/{hashlib.sha256(name.encode()).hexdigest()[:20]}.json"


def staged_prefix(model: str, day: datetime | None = None) -> str:
    """Prefix of the rows of captured objects that wait to be filed with their hour; of one UTC day."""
    return f"staged/{model}/" + (f"{day:%Y/%m/%d}/" if day else "")


def staged_key(model: str, capture: CaptureKey, start: int = 0) -> str:
    """Where the rows of one captured object are staged, or of the piece of it that begins at a byte."""
    name = f"{capture.version}--{capture.part_name}" + (f"-{start}" if start else "")
    return f"{staged_prefix(model)}{capture.hour:%Y/%m/%d/%H}/{name}.arrow"


def predictions_prefix(model: str, day: datetime | None = None) -> str:
    """Prefix of the curated predictions, a Glue table's partitions; of one UTC day."""
    return f"predictions/{model}/" + (f"dt={day:%Y-%m-%d}/" if day else "")


def predictions_key(model: str, version: str, hour: datetime) -> str:
    """Where the curated predictions of one version and UTC hour are kept."""
    return f"{predictions_prefix(model, hour)}hr={hour:%H}/{version}.parquet"


def outcomes_prefix(model: str, day: datetime | None = None) -> str:
    """Prefix of the outcomes of curated predictions; of one UTC day."""
    return f"outcomes/{model}/" + (f"{day:%Y/%m/%d}/" if day else "")


def outcomes_key(model: str, version: str, binning: str, hour: datetime) -> str:
    """Where the outcomes of one version's predictions of a UTC hour are kept, counted over these bins."""
    return f"{outcomes_prefix(model)}{hour:%Y/%m/%d/%H}/{version}--{binning}.json"


def parse_predictions_key(model: str, key: str) -> tuple[datetime, str]:
    """Hour and version of a file of curated predictions."""
    day, hour, name = key.removeprefix(predictions_prefix(model)).split("/")
    start = datetime.strptime(f"{day} {hour}", "dt=%Y-%m-%d hr=%H").replace(tzinfo=UTC)
    return start, name.removesuffix(".parquet")


def predictions_table(model: str) -> str:
    """Name of the Glue table of the curated predictions."""
    return f"{model.replace('-', '_')}_predictions"


def ids_prefix(model: str, day: datetime | None = None) -> str:
    """Prefix of the ids of curated predictions; of one UTC day."""
    return f"ids/{model}/" + (f"{day:%Y/%m/%d}/" if day else "")


def ids_key(model: str, version: str, hour: datetime) -> str:
    """Where the ids of one version's curated predictions of a UTC hour are kept: digests, in ascending order."""
    return f"{ids_prefix(model)}{hour:%Y/%m/%d/%H}/{version}"


def baseline_prefix(model: str, version: str | None = None) -> str:
    """Prefix of a version's baseline: `baselines/<model>/[<version>/]`."""
    return f"baselines/{model}/" + (f"{version}/" if version else "")


def baseline_key(model: str, version: str) -> str:
    """The baseline itself: the binning and the reference profile."""
    return baseline_prefix(model, version) + "baseline.json"


def calibration_key(model: str, version: str) -> str:
    """How much windows vary, as far as the baseline's own rows tell."""
    return baseline_prefix(model, version) + "calibration.json"


def outcome_baseline_key(model: str, version: str) -> str:
    """What the labels of the rows say that the version was judged on."""
    return baseline_prefix(model, version) + "outcomes.json"


def label_values_key(model: str) -> str:
    """The labels that the model's first training data had."""
    return baseline_prefix(model) + "labels.json"


def memory_prefix(model: str) -> str:
    """Prefix of what monitors keep from one look to the next."""
    return f"memory/{model}/"


def memory_key(model: str, baseline_id: str, monitor: str) -> str:
    """What a monitor keeps from one look at this baseline to the next."""
    return f"{memory_prefix(model)}{baseline_id}/{monitor}.json"


def verification_key(model: str, version: str) -> str:
    """Recorded requests with the answers that the version gave, to verify a rollout."""
    return baseline_prefix(model, version) + "verification.json"


def profiles_prefix(model: str, baseline_id: str | None = None) -> str:
    """Prefix of the profiles made against one baseline."""
    return f"profiles/{model}/" + (f"{baseline_id}/" if baseline_id else "")


def findings_prefix(model: str) -> str:
    """Prefix of every verdict, with its evidence."""
    return f"findings/{model}/"


def findings_key(model: str, monitor: str, end: datetime) -> str:
    """Where the findings of the window that ends at `end` (UTC) are kept."""
    return f"{findings_prefix(model)}{monitor}/{end:%Y/%m/%d}/{end:%Y-%m-%dT%H%M%SZ}.json"


def first_look_key(model: str, baseline_id: str) -> str:
    """What the data-quality monitor saw when it first looked at traffic against a baseline."""
    return f"{findings_prefix(model)}first-look/{baseline_id}.json"


def model_monitor_key(model: str, end: datetime, file: str) -> str:
    """Where a file in Model Monitor's formats is kept for the window that ends at `end` (UTC)."""
    return f"{findings_prefix(model)}model-monitor/{end:%Y/%m/%d}/{end:%Y-%m-%dT%H%M%SZ}/{file}"


def quarantine_prefix(model: str) -> str:
    """Prefix of all unreadable records."""
    return f"quarantine/{model}/"


def quarantine_key(model: str, capture_key: str) -> str:
    """Where the unreadable records of one capture object are kept, with their reasons."""
    return f"{quarantine_prefix(model)}{capture_key.removeprefix('capture/')}"


def run_prefix(model: str, run: str) -> str:
    """Prefix of everything one retraining run reads and writes.

    `train/` and `holdout/labels/` hold CSV without a header (label first in `train/`), `holdout/features/` the requests
    in the model's own input format, one row a line and in the same order as the labels; `manifest.json` describes them.
    """
    return f"training/{model}/{run}/"


def incident_key(model: str, at: datetime, execution: str) -> str:
    """Where the record of one rollback is kept."""
    return f"incidents/{model}/{at:%Y-%m-%dT%H%M%SZ}-{execution}.json"


@dataclass(frozen=True)
class CaptureKey:
    """What the key of a capture object says.

    Attributes
    ----------
    version : the version that made every record in the object ("v1", "v2", …)
    hour : start of the UTC hour under which SageMaker filed it
    """

    key: str
    version: str
    hour: datetime

    @property
    def part_name(self) -> str:
        """A name derived from the whole key, so that repeats of one object write one profile."""
        return hashlib.sha256(self.key.encode()).hexdigest()[:20]


@dataclass(frozen=True)
class BatchKey:
    """What the key of an object in a batch transform job's folder says.

    Attributes
    ----------
    folder : the job's own: `capture/<model>/<version>/batch_transform/<job>/`
    side : `input` or `output` for a manifest; None for one of the files that manifests name
    hour : start of the UTC hour under which a manifest is filed; None for a file
    """

    key: str
    version: str
    folder: str
    side: str | None
    hour: datetime | None


BATCH_FOLDER = "batch_transform"
"""Where batch transform jobs capture to, among the endpoints of a version: an endpoint's name cannot hold `_`."""
BATCH_INPUT, BATCH_OUTPUT = "input", "output"
"""The folders in which a job leaves its manifests."""

_HOUR = r"(?P<y>\d{4})/(?P<m>\d{2})/(?P<d>\d{2})/(?P<h>\d{2})/[^/]+"
_ATTACHED = re.compile(_HOUR)
_OURS = re.compile(r"(?P<version>v[1-9]\d*)/[A-Za-z0-9-]+/[^/]+/" + _HOUR)
_OF_BATCH = re.compile(rf"(?P<version>v[1-9]\d*)/{BATCH_FOLDER}/(?P<job>[^/]+)/(?P<rest>.+)")
_MANIFEST = re.compile(rf"(?P<side>{BATCH_INPUT}|{BATCH_OUTPUT})/{_HOUR}")


def attached_prefix(destination: str, endpoint: str) -> str:
    """Prefix under which an endpoint that is not ours captures; `destination` is the prefix that its config names."""
    return "/".join(filter(None, [destination.strip("/"), endpoint, VARIANT])) + "/"


def parse_capture_key(model: str, key: str, attached: str | None = None) -> CaptureKey:
    """Read a capture object's key.

    Keys are `capture/<model>/<version>/<endpoint>/<variant>/yyyy/mm/dd/hh/<file>`. An endpoint that Watchkeeper did not
    create captures what it serves at first, version 1, to `<attached>yyyy/mm/dd/hh/<file>` instead: see
    `attached_prefix`.

    Raises
    ------
    CaptureError
        The key is not of either form.
    """
    version, match = FIRST_VERSION, None
    if key.startswith(capture_prefix(model)):
        match = _OURS.fullmatch(key.removeprefix(capture_prefix(model)))
        version = match["version"] if match else version
    elif attached is not None and key.startswith(attached):
        match = _ATTACHED.fullmatch(key.removeprefix(attached))
    if match is None:
        raise CaptureError(
            f"The key {key!r} is not a capture of model {model!r}: expected "
            f"'{capture_prefix(model)}<version>/<endpoint>/<variant>/yyyy/mm/dd/hh/<file>'. "
            "Write nothing else under the capture prefix."
        )
    try:
        return CaptureKey(key=key, version=version, hour=_hour(match))
    except ValueError as error:
        raise CaptureError(f"The key {key!r} holds no such hour ({error}).") from error


def batch_folder(model: str, version: str, job: str) -> str:
    """Folder of one batch transform job: its capture destination, and where its files lie."""
    return f"{capture_prefix(model, version)}{BATCH_FOLDER}/{job}/"


def parse_batch_key(model: str, key: str) -> BatchKey | None:
    """Read the key of an object in a batch transform job's folder; None when it is in none.

    Manifests are `<folder>input/yyyy/mm/dd/hh/<file>` and `<folder>output/yyyy/mm/dd/hh/<file>`; whatever else is in
    the folder are files that they may name.
    """
    match = _OF_BATCH.fullmatch(key.removeprefix(capture_prefix(model)))
    if match is None or not key.startswith(capture_prefix(model)):
        return None
    folder = batch_folder(model, match["version"], match["job"])
    manifest = _MANIFEST.fullmatch(match["rest"])
    try:
        hour = None if manifest is None else _hour(manifest)
    except ValueError:  # no such hour: no job filed it
        manifest = hour = None
    return BatchKey(key, match["version"], folder, None if manifest is None else manifest["side"], hour)


def _hour(match: re.Match[str]) -> datetime:
    return datetime(int(match["y"]), int(match["m"]), int(match["d"]), int(match["h"]), tzinfo=UTC)


def profile_key(model: str, baseline_id: str, capture: CaptureKey) -> str:
    """Where the profile of one capture object is kept."""
    return part_key(model, baseline_id, capture.hour, capture.part_name)


def part_key(model: str, baseline_id: str, hour: datetime, name: str) -> str:
    """Where one of the profiles of a UTC hour is kept; those made elsewhere have names of their own."""
    return f"{hour_prefix(model, baseline_id, hour)}{name}.json"


def hour_prefix(model: str, baseline_id: str, hour: datetime) -> str:
    """Prefix of the profiles of one UTC hour."""
    return f"{profiles_prefix(model, baseline_id)}{hour:%Y/%m/%d/%H}/"


def day_prefix(model: str, baseline_id: str, day: datetime) -> str:
    """Prefix of the profiles of one UTC day."""
    return f"{profiles_prefix(model, baseline_id)}{day:%Y/%m/%d}/"


def compacted_prefix(model: str, baseline_id: str | None = None) -> str:
    """Prefix of the hours whose profiles were put together, of one baseline."""
    return f"compacted/{model}/" + (f"{baseline_id}/" if baseline_id else "")


def compacted_key(model: str, baseline_id: str, hour: datetime) -> str:
    """Where all the profiles of one closed UTC hour are kept as one."""
    return f"{compacted_prefix(model, baseline_id)}{hour:%Y/%m/%d/%H}.json"


def window_hours(end: datetime, hours: int) -> list[datetime]:
    """Starts of the UTC hours that the window of `hours` hours before `end` touches, oldest first."""
    last = (end - timedelta(microseconds=1)).replace(minute=0, second=0, microsecond=0)
    return [last - timedelta(hours=back) for back in reversed(range(hours))]
