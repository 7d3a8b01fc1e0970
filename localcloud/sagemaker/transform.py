"""Batch transform jobs: a model asked for every line or file under a prefix, its answers written beside in S3."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from localcloud.cloud import Cloud
from localcloud.errors import LocalCloudError
from localcloud.operations import ApiError, Handler, Shape
from localcloud.sagemaker.artefacts import Location, Store, relative_name
from localcloud.sagemaker.containers import ModelServer
from localcloud.sagemaker.fleet import start_model
from localcloud.sagemaker.resources import Models, Shelf, Tags

LOG_GROUP = "/aws/sagemaker/TransformJobs"
MOST_ROWS = 1000  # of a MultiRecord request; SageMaker itself limits only its size
_MEGABYTE = 1024 * 1024
_PLAIN_PROCESSING = {"InputFilter": "$", "OutputFilter": "$", "JoinSource": "None"}


class TransformFailedError(LocalCloudError):
    """The job cannot go on; the message is its FailureReason."""


@dataclass
class TransformJob:
    """One job: what was asked for, and how far it is."""

    request: Shape
    arn: str
    created: datetime
    status: str = "InProgress"
    reason: str | None = None
    started: datetime | None = None
    ended: datetime | None = None
    stopping: bool = False

    @property
    def name(self) -> str:
        """The job's name."""
        return str(self.request["TransformJobName"])

    def describe(self) -> Shape:
        """Return the job as DescribeTransformJob shows it."""
        optional = {
            "FailureReason": self.reason,
            "TransformStartTime": self.started,
            "TransformEndTime": self.ended,
        }
        return {
            **{key: value for key, value in self.request.items() if key != "Tags"},
            "TransformJobArn": self.arn,
            "TransformJobStatus": self.status,
            "CreationTime": self.created,
            **{key: value for key, value in optional.items() if value is not None},
        }


class TransformJobs:
    """All transform jobs of the account."""

    def __init__(self, cloud: Cloud, models: Models, tags: Tags) -> None:
        self._cloud, self._models, self._tags = cloud, models, tags
        self._shelf = Shelf(cloud, "transform-job", "TransformJobName")
        self._jobs: dict[str, TransformJob] = {}

    def handlers(self) -> dict[str, Handler]:
        """Return the operations on transform jobs."""
        return {
            "CreateTransformJob": self.create,
            "DescribeTransformJob": lambda request: self._get(request["TransformJobName"]).describe(),
            "StopTransformJob": self.stop,
            "ListTransformJobs": self._list,
        }

    def create(self, request: Shape) -> Shape:
        """Start a job."""
        name = request["TransformJobName"]
        if name in self._jobs:
            raise ApiError("ResourceInUse", f"Transform job names must be unique: {name!r} exists.")
        self._models.get(request["ModelName"])
        check_transform(request)
        job = TransformJob(request, self._shelf.arn(name), self._cloud.clock.now())
        self._jobs[name] = job
        self._tags.keep(job.arn, request)
        self._announce(job)
        self._cloud.clock.spawn(lambda: self._run(job), f"transform job {name}")
        return {"TransformJobArn": job.arn}

    def stop(self, request: Shape) -> None:
        """End a job after the request that it is at."""
        job = self._get(request["TransformJobName"])
        if job.status != "InProgress":
            raise ApiError("ValidationException", f"The request was rejected: {job.name} is in status {job.status}.")
        job.stopping, job.status = True, "Stopping"

    def _get(self, name: str) -> TransformJob:
        if name not in self._jobs:
            raise ApiError("ValidationException", "Requested resource not found.")
        return self._jobs[name]

    def _list(self, request: Shape) -> Shape:
        wanted, status = request.get("NameContains", ""), request.get("StatusEquals")
        jobs = [j for name, j in self._jobs.items() if wanted in name and status in (None, j.status)]
        return {"TransformJobSummaries": [job.describe() for job in reversed(jobs)]}

    # --- the work -------------------------------------------------------------------------------------------------

    def _run(self, job: TransformJob) -> None:
        try:
            self._transform(job)
        except LocalCloudError as error:
            self._end(job, "Failed", str(error))
        except Exception as error:  # a job never hangs: the mistake is ours, and the clock reports it
            self._end(job, "Failed", f"InternalServerError: {type(error).__name__}: {error}")
            raise
        else:
            self._end(job, "Stopped" if job.stopping else "Completed")

    def _end(self, job: TransformJob, status: str, reason: str | None = None) -> None:
        job.ended, job.status, job.reason = self._cloud.clock.now(), status, reason
        self._announce(job)

    def _transform(self, job: TransformJob) -> None:
        request = job.request
        role = self._models.get(request["ModelName"])["ExecutionRoleArn"]
        store = Store(self._cloud, role, job.name)
        under = Location.parse(request["TransformInput"]["DataSource"]["S3DataSource"]["S3Uri"])
        inputs = store.keys(under)
        job.started = self._cloud.clock.now()
        server = start_model(
            self._cloud,
            self._models,
            request["ModelName"],
            log_group=LOG_GROUP,
            log_stream=f"{job.name}/algo-1",
            environment=request.get("Environment"),
        )
        output = request["TransformOutput"]
        target = Location.parse(output["S3OutputPath"])
        try:
            for at in inputs:
                answers = [
                    _ask(server, request, payload) for payload in payloads(request, store.read(at)) if not job.stopping
                ]
                if job.stopping:
                    return
                key = output.get("KmsKeyId") or None
                store.write(target / f"{relative_name(at, under)}.out", assemble(output, answers), key)
        finally:
            server.retire()

    def _announce(self, job: TransformJob) -> None:
        reason = {"reason": job.reason} if job.reason else {}
        self._cloud.note("training", job.name, status=job.status, type="transform", **reason)
        detail = json.loads(json.dumps(job.describe(), default=_milliseconds))
        self._cloud.emit("aws.sagemaker", "SageMaker Transform Job State Change", detail, [job.arn])


def check_transform(request: Shape) -> None:
    """Refuse a job that could not be run as asked.

    Raises
    ------
    ApiError
        The job uses what is not simulated.
    """
    source, split = request["TransformInput"], request["TransformInput"].get("SplitType", "None")
    assembled = request["TransformOutput"].get("AssembleWith", "None")
    if source["DataSource"]["S3DataSource"]["S3DataType"] != "S3Prefix" or split not in ("None", "Line"):
        raise ApiError("ValidationException", "Only S3Prefix inputs with SplitType None or Line are simulated.")
    if source.get("CompressionType", "None") != "None":
        raise ApiError("ValidationException", "Compressed inputs of transform jobs are not simulated.")
    if assembled not in ("None", "Line"):
        raise ApiError("ValidationException", f"AssembleWith {assembled!r} is not simulated: use None or Line.")
    processing = {**_PLAIN_PROCESSING, **request.get("DataProcessing", {})}
    if processing != _PLAIN_PROCESSING or "DataCaptureConfig" in request:
        raise ApiError("ValidationException", "DataProcessing filters, joins and DataCaptureConfig are not simulated.")


def payloads(request: Shape, body: bytes) -> Iterator[bytes]:
    """Cut an object into the requests that the job sends for it.

    Raises
    ------
    TransformFailedError
        A record is larger than a request may be.
    """
    megabytes = int(request.get("MaxPayloadInMB", 6))
    most_bytes = megabytes * _MEGABYTE or len(body) + 1  # 0 sets no limit
    is_split = request["TransformInput"].get("SplitType", "None") == "Line"
    records = body.split(b"\n") if is_split else [body]
    if max(map(len, records)) > most_bytes:
        raise TransformFailedError(
            f"ClientError: a record is larger than MaxPayloadInMB ({megabytes}): raise it, or split the input by line."
        )
    if not is_split:
        yield body
        return
    lines = [line for line in records if line.strip()]
    single = request.get("BatchStrategy", "MultiRecord") == "SingleRecord"
    most_rows = 1 if single else MOST_ROWS
    batch: list[bytes] = []
    size = 0
    for line in lines:
        if batch and (len(batch) >= most_rows or size + len(line) + 1 > most_bytes):
            yield b"\n".join(batch)
            batch, size = [], 0
        batch.append(line)
        size += len(line) + 1
    if batch:
        yield b"\n".join(batch)


def assemble(output: Shape, answers: Sequence[bytes]) -> bytes:
    """Join the answers of one object into its output."""
    if output.get("AssembleWith", "None") == "Line":
        return b"".join(answer.rstrip(b"\n") + b"\n" for answer in answers)
    return b"".join(answers)


def _ask(server: ModelServer, request: Shape, payload: bytes) -> bytes:
    headers = {"Content-Type": request["TransformInput"].get("ContentType", "application/json")}
    if "Accept" in request["TransformOutput"]:
        headers["Accept"] = request["TransformOutput"]["Accept"]
    answer = server.invoke(payload, headers)
    if answer.status >= 400:
        said = answer.body.decode(errors="replace")[:500]
        raise TransformFailedError(f"ClientError: the model answered a record with {answer.status}: {said}")
    return answer.body


def _milliseconds(value: Any) -> Any:
    return int(value.timestamp() * 1000) if isinstance(value, datetime) else str(value)
