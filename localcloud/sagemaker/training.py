"""Training jobs: the user's script in the container contract, from channels in S3 to model.tar.gz in S3."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import ClassVar

from localcloud.cloud import Cloud
from localcloud.operations import ApiError, Shape
from localcloud.sagemaker.artefacts import Location, Store, folders, pack
from localcloud.sagemaker.containers import Container, ContainerSpec, last_words, new_root, program_of
from localcloud.sagemaker.jobs import Job, JobFailedError, Jobs, Noun
from localcloud.sagemaker.resources import Tags

LOG_GROUP = "/aws/sagemaker/TrainingJobs"
_DAY_SECONDS = 86400


@dataclass
class TrainingJob(Job):
    """A training job; `secondary` is the step that it is at, `transitions` those that it went through."""

    noun: ClassVar[Noun] = "Training"
    secondary: str = "Starting"
    modified: datetime | None = None
    transitions: list[Shape] = field(default_factory=list)
    metrics: list[Shape] = field(default_factory=list)
    root: Path | None = None
    container: Container | None = None

    @property
    def output(self) -> Location:
        """Where the job's artefacts go."""
        return Location.parse(self.request["OutputDataConfig"]["S3OutputPath"]) / self.name / "output"

    def describe(self) -> Shape:
        """Return the job as DescribeTrainingJob shows it."""
        seconds = int((self.ended - self.started).total_seconds()) if self.started and self.ended else None
        optional = {
            "TrainingTimeInSeconds": seconds,
            "BillableTimeInSeconds": seconds,
            "FinalMetricDataList": self.metrics or None,
        }
        return {
            **super().describe(),
            "SecondaryStatus": self.secondary,
            "SecondaryStatusTransitions": self.transitions,
            "LastModifiedTime": self.modified or self.created,
            "ModelArtifacts": {"S3ModelArtifacts": str(self.output / "model.tar.gz")},
            **{key: value for key, value in optional.items() if value is not None},
        }


class TrainingJobs(Jobs[TrainingJob]):
    """All training jobs of the account."""

    def __init__(self, cloud: Cloud, tags: Tags) -> None:
        super().__init__(cloud, tags, TrainingJob)

    def check(self, request: Shape) -> None:
        """Refuse algorithms of the marketplace."""
        if "TrainingImage" not in request["AlgorithmSpecification"]:
            raise ApiError("ValidationException", "Only AlgorithmSpecification.TrainingImage is simulated.")

    def announce(self, job: TrainingJob) -> None:
        """Tell of the job's beginning, or of its end."""
        if job.status == "InProgress":
            self._enter(job, "Starting", "Launching requested ML instances")
        else:
            secondary = job.cut_short if job.status == "Stopped" and job.cut_short else job.status
            self._enter(job, secondary, job.reason or f"Training job {job.status.lower()}")

    def halt(self, job: TrainingJob) -> None:
        """Kill the script; what it has left in the model folder is kept."""
        if job.container is not None:
            job.container.kill()

    def work(self, job: TrainingJob) -> None:
        """Prepare, train within the time limit, and upload."""
        spec = self._prepare(job)
        job.started = self._cloud.clock.now()
        limit = int(job.request.get("StoppingCondition", {}).get("MaxRuntimeInSeconds", _DAY_SECONDS))
        overtime = self._cloud.clock.after(
            timedelta(seconds=limit),
            lambda: self._overdue(job),
            f"time limit of training job {job.name}",
        )
        try:
            self._train(job, spec)
        finally:
            overtime.cancel()
        self._upload(job, spec)

    def clean_up(self, job: TrainingJob) -> None:
        """Remove the container's folder."""
        if job.root is not None:
            shutil.rmtree(job.root, ignore_errors=True)

    # --- steps ----------------------------------------------------------------------------------------------------

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
        if job.cut_short:
            return
        self._enter(job, "Training", "Training image download completed. Training in progress.")
        job.container = Container(self._cloud, spec, "train")
        job.container.read_output(on_line=lambda _: None, on_end=lambda: None)
        if job.cut_short:  # asked to end while the container was being started
            job.container.kill()
        code = job.container.wait()
        definitions = job.request["AlgorithmSpecification"].get("MetricDefinitions", [])
        job.metrics = final_metrics(definitions, job.container.lines, self._cloud.clock.now())
        if job.cut_short or code == 0:
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

    def _overdue(self, job: TrainingJob) -> None:
        self.cut_short(job, "MaxRuntimeExceeded")

    def _enter(self, job: TrainingJob, secondary: str, message: str) -> None:
        now = self._cloud.clock.now()
        if job.transitions:
            job.transitions[-1]["EndTime"] = now
        job.transitions.append({"Status": secondary, "StartTime": now, "StatusMessage": message})
        job.secondary, job.modified = secondary, now
        self._cloud.note("training", job.name, status=job.status, secondary=secondary, message=message)
        self.emit(job)


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
