"""Training jobs: the user's script in the container contract, from channels in S3 to model.tar.gz in S3."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from localcloud.cloud import Cloud
from localcloud.errors import LocalCloudError
from localcloud.operations import ApiError, Handler, Shape
from localcloud.sagemaker.artefacts import Location, Store, folders, pack
from localcloud.sagemaker.containers import Container, ContainerSpec, last_words, new_root, program_of
from localcloud.sagemaker.resources import Shelf, Tags

LOG_GROUP = "/aws/sagemaker/TrainingJobs"
_DAY_SECONDS = 86400


class JobFailedError(LocalCloudError):
    """The job cannot go on; the message is its FailureReason."""


@dataclass
class TrainingJob:
    """One job: what was asked for, and how far it is."""

    request: Shape
    arn: str
    created: datetime
    status: str = "InProgress"
    secondary: str = "Starting"
    reason: str | None = None
    started: datetime | None = None
    ended: datetime | None = None
    modified: datetime | None = None
    transitions: list[Shape] = field(default_factory=list)
    metrics: list[Shape] = field(default_factory=list)
    root: Path | None = None
    container: Container | None = None
    end_as: tuple[str, str] | None = None

    @property
    def name(self) -> str:
        """The job's name."""
        return str(self.request["TrainingJobName"])

    @property
    def output(self) -> Location:
        """Where the job's artefacts go."""
        return Location.parse(self.request["OutputDataConfig"]["S3OutputPath"]) / self.name / "output"

    def describe(self) -> Shape:
        """Return the job as DescribeTrainingJob shows it."""
        seconds = int((self.ended - self.started).total_seconds()) if self.started and self.ended else None
        optional = {
            "FailureReason": self.reason,
            "TrainingStartTime": self.started,
            "TrainingEndTime": self.ended,
            "TrainingTimeInSeconds": seconds,
            "BillableTimeInSeconds": seconds,
            "FinalMetricDataList": self.metrics or None,
        }
        return {
            **{key: value for key, value in self.request.items() if key != "Tags"},
            "TrainingJobArn": self.arn,
            "TrainingJobStatus": self.status,
            "SecondaryStatus": self.secondary,
            "SecondaryStatusTransitions": self.transitions,
            "CreationTime": self.created,
            "LastModifiedTime": self.modified or self.created,
            "ModelArtifacts": {"S3ModelArtifacts": str(self.output / "model.tar.gz")},
            **{key: value for key, value in optional.items() if value is not None},
        }


class TrainingJobs:
    """All training jobs of the account."""

    def __init__(self, cloud: Cloud, tags: Tags) -> None:
        self._cloud, self._tags = cloud, tags
        self._shelf = Shelf(cloud, "training-job", "TrainingJobName")
        self._jobs: dict[str, TrainingJob] = {}

    def handlers(self) -> dict[str, Handler]:
        """Return the operations on training jobs."""
        return {
            "CreateTrainingJob": self.create,
            "DescribeTrainingJob": lambda request: self._get(request["TrainingJobName"]).describe(),
            "StopTrainingJob": self.stop,
            "ListTrainingJobs": self._list,
        }

    def create(self, request: Shape) -> Shape:
        """Start a job."""
        name = request["TrainingJobName"]
        if name in self._jobs:
            raise ApiError("ResourceInUse", f"Training job names must be unique: {name!r} exists.")
        if "TrainingImage" not in request["AlgorithmSpecification"]:
            raise ApiError("ValidationException", "Only AlgorithmSpecification.TrainingImage is simulated.")
        job = TrainingJob(request, self._shelf.arn(name), self._cloud.clock.now())
        self._jobs[name] = job
        self._tags.keep(job.arn, request)
        self._enter(job, "Starting", "Launching requested ML instances")
        self._cloud.clock.spawn(lambda: self._run(job), f"training job {name}")
        return {"TrainingJobArn": job.arn}

    def stop(self, request: Shape) -> None:
        """End a job early; what it has saved is kept."""
        job = self._get(request["TrainingJobName"])
        if job.status != "InProgress":
            raise ApiError("ValidationException", f"The request was rejected: {job.name} is in status {job.status}.")
        self._end_early(job, "Stopped", "Stopped")

    def _get(self, name: str) -> TrainingJob:
        if name not in self._jobs:
            raise ApiError("ValidationException", "Requested resource not found.")
        return self._jobs[name]

    def _list(self, request: Shape) -> Shape:
        wanted, status = request.get("NameContains", ""), request.get("StatusEquals")
        jobs = [j for name, j in self._jobs.items() if wanted in name and status in (None, j.status)]
        return {"TrainingJobSummaries": [job.describe() for job in reversed(jobs)]}

    # --- the work -------------------------------------------------------------------------------------------------

    def _run(self, job: TrainingJob) -> None:
        limit = int(job.request.get("StoppingCondition", {}).get("MaxRuntimeInSeconds", _DAY_SECONDS))
        try:
            spec = self._prepare(job)
            job.started = self._cloud.clock.now()
            overtime = self._cloud.clock.after(
                timedelta(seconds=limit),
                lambda: self._end_early(job, "Stopped", "MaxRuntimeExceeded"),
                f"time limit of training job {job.name}",
            )
            try:
                self._train(job, spec)
            finally:
                overtime.cancel()
            self._upload(job, spec)
        except LocalCloudError as error:
            self._end(job, "Failed", "Failed", str(error))
        except Exception as error:  # a job never hangs: the mistake is ours, and the clock reports it
            self._end(job, "Failed", "Failed", f"InternalServerError: {type(error).__name__}: {error}")
            raise
        else:
            self._end(job, *(job.end_as or ("Completed", "Completed")))
        finally:
            if job.root is not None:
                shutil.rmtree(job.root, ignore_errors=True)

    def _prepare(self, job: TrainingJob) -> ContainerSpec:
        """Lay out /opt/ml: configuration, channels and the script."""
        request = job.request
        image, role = request["AlgorithmSpecification"]["TrainingImage"], request["RoleArn"]
        program_of(image, "train")
        store = Store(self._cloud, role, job.name)
        self._enter(job, "Downloading", "Downloading input data")
        job.root = root = new_root(self._cloud, job.name)
        config, data, *_ = folders(root, "input/config", "input/data", "model", "output/data", "code")
        hyperparameters = request.get("HyperParameters", {})
        (config / "hyperparameters.json").write_text(json.dumps(hyperparameters))
        channels = {channel["ChannelName"]: channel for channel in request.get("InputDataConfig", [])}
        (config / "inputdataconfig.json").write_text(json.dumps(channels))
        for name, channel in channels.items():
            store.download(Location.parse(_channel_uri(name, channel)), data / name)
        code = str(hyperparameters.get("sagemaker_submit_directory", "")).strip('"')
        if code.startswith("s3://"):
            store.extract(Location.parse(code), root / "code")
        environment = {"TRAINING_JOB_NAME": job.name, "TRAINING_JOB_ARN": job.arn, **request.get("Environment", {})}
        return ContainerSpec(job.name, image, role, root, environment, LOG_GROUP, f"{job.name}/algo-1")

    def _train(self, job: TrainingJob, spec: ContainerSpec) -> None:
        if job.end_as:
            return
        self._enter(job, "Training", "Training image download completed. Training in progress.")
        job.container = Container(self._cloud, spec, "train")
        job.container.read_output(on_line=lambda _: None, on_end=lambda: None)
        if job.end_as:  # asked to end while the container was being started
            job.container.kill()
        code = job.container.wait()
        definitions = job.request["AlgorithmSpecification"].get("MetricDefinitions", [])
        job.metrics = final_metrics(definitions, job.container.lines, self._cloud.clock.now())
        if job.end_as or code == 0:
            return
        failure = spec.root / "output" / "failure"
        said = failure.read_text() if failure.exists() else last_words(job.container.lines)
        raise JobFailedError(f"AlgorithmError: {said[:900]}, exit code: {code}")

    def _upload(self, job: TrainingJob, spec: ContainerSpec) -> None:
        self._enter(job, "Uploading", "Uploading generated training model")
        store = Store(self._cloud, spec.role_arn, job.name)
        key = job.request["OutputDataConfig"].get("KmsKeyId") or None
        store.write(job.output / "model.tar.gz", pack(spec.root / "model"), key)
        if any((spec.root / "output/data").iterdir()):
            store.write(job.output / "output.tar.gz", pack(spec.root / "output/data"), key)

    def _end_early(self, job: TrainingJob, status: str, secondary: str) -> None:
        job.end_as = (status, secondary)
        if job.container is not None:
            job.container.kill()

    def _end(self, job: TrainingJob, status: str, secondary: str, reason: str | None = None) -> None:
        job.ended, job.status, job.reason = self._cloud.clock.now(), status, reason
        self._enter(job, secondary, reason or f"Training job {status.lower()}")

    def _enter(self, job: TrainingJob, secondary: str, message: str) -> None:
        now = self._cloud.clock.now()
        if job.transitions:
            job.transitions[-1]["EndTime"] = now
        job.transitions.append({"Status": secondary, "StartTime": now, "StatusMessage": message})
        job.secondary, job.modified = secondary, now
        self._cloud.note("training", job.name, status=job.status, secondary=secondary, message=message)
        detail = json.loads(json.dumps(job.describe(), default=_milliseconds))
        self._cloud.emit("aws.sagemaker", "SageMaker Training Job State Change", detail, [job.arn])


def final_metrics(definitions: Sequence[Shape], lines: Sequence[str], at: datetime) -> list[Shape]:
    """Return the last value that each metric's pattern finds in the log."""
    found: list[Shape] = []
    for definition in definitions:
        values = [match[1] for line in lines for match in re.finditer(definition["Regex"], line)]
        try:
            if values:
                found.append({"MetricName": definition["Name"], "Value": float(values[-1]), "Timestamp": at})
        except ValueError:
            continue  # as on SageMaker, what is no number is no metric
    return found


def _channel_uri(name: str, channel: Shape) -> str:
    source = channel["DataSource"].get("S3DataSource")
    if source is None or source["S3DataType"] != "S3Prefix":
        raise JobFailedError(f"ClientError: channel {name!r}: only an S3DataSource of type S3Prefix is simulated.")
    return str(source["S3Uri"])


def _milliseconds(value: Any) -> Any:
    return int(value.timestamp() * 1000) if isinstance(value, datetime) else str(value)
