"""Batch transform jobs: a model asked for every line or file under a prefix, its answers written beside in S3."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from localcloud.cloud import Cloud
from localcloud.operations import ApiError, Shape
from localcloud.sagemaker.artefacts import Location, Store, relative_name
from localcloud.sagemaker.containers import ModelServer
from localcloud.sagemaker.fleet import start_model
from localcloud.sagemaker.jobs import Job, JobFailedError, Jobs, Noun
from localcloud.sagemaker.resources import Models, Tags

LOG_GROUP = "/aws/sagemaker/TransformJobs"
MOST_ROWS = 1000  # of a MultiRecord request; SageMaker itself limits only its size
_MEGABYTE = 1024 * 1024
_PLAIN_PROCESSING = {"InputFilter": "$", "OutputFilter": "$", "JoinSource": "None"}


@dataclass
class TransformJob(Job):
    """A batch transform job."""

    noun: ClassVar[Noun] = "Transform"


class TransformJobs(Jobs[TransformJob]):
    """All transform jobs of the account."""

    def __init__(self, cloud: Cloud, models: Models, tags: Tags) -> None:
        super().__init__(cloud, tags, TransformJob)
        self._models = models

    def check(self, request: Shape) -> None:
        """Refuse a job without a model, and what is not simulated."""
        self._models.get(request["ModelName"])
        check_transform(request)

    def announce(self, job: TransformJob) -> None:
        """Tell of the job's status."""
        reason = {"reason": job.reason} if job.reason else {}
        self._cloud.note("training", job.name, status=job.status, type="transform", **reason)
        self.emit(job)

    def halt(self, job: TransformJob) -> None:
        """Nothing to do: the work looks before every request whether it is cut short."""

    def work(self, job: TransformJob) -> None:
        """Ask the model for every object, and write its answers."""
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
                    _ask(server, request, payload) for payload in payloads(request, store.read(at)) if not job.cut_short
                ]
                if job.cut_short:
                    return
                key = output.get("KmsKeyId") or None
                store.write(target / answers_name(at, under), assemble(output, answers), key)
            if "DataCaptureConfig" in request:
                hour = self._cloud.clock.now().strftime("%Y/%m/%d/%H")
                written = [target / answers_name(at, under) for at in inputs]
                capture(store, request["DataCaptureConfig"], hour, job.name, {"input": inputs, "output": written})
        finally:
            server.retire()


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
    if processing != _PLAIN_PROCESSING or request.get("DataCaptureConfig", {}).get("GenerateInferenceId"):
        raise ApiError(
            "ValidationException", "DataProcessing filters, joins and GenerateInferenceId are not simulated."
        )


def payloads(request: Shape, body: bytes) -> Iterator[bytes]:
    """Cut an object into the requests that the job sends for it.

    Raises
    ------
    JobFailedError
        A record is larger than a request may be.
    """
    megabytes = int(request.get("MaxPayloadInMB", 6))
    most_bytes = megabytes * _MEGABYTE or len(body) + 1  # 0 sets no limit
    is_split = request["TransformInput"].get("SplitType", "None") == "Line"
    records = body.split(b"\n") if is_split else [body]
    if max(map(len, records)) > most_bytes:
        raise JobFailedError(
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


def answers_name(at: Location, under: Location) -> str:
    """What the answers to an object are called."""
    return f"{relative_name(at, under)}.out"


def capture(store: Store, config: Shape, hour: str, name: str, files: Mapping[str, Sequence[Location]]) -> None:
    """Leave a manifest of each side's files under the capture destination."""
    for side, named in files.items():
        bucket = named[0].bucket  # all of a side lie in one place
        manifest = [{"prefix": f"s3://{bucket}/"}, *(at.key for at in named)]
        at = Location.parse(config["DestinationS3Uri"]) / f"{side}/{hour}/{name}.jsonl"
        store.write(at, json.dumps(manifest).encode(), config.get("KmsKeyId"))


def _ask(server: ModelServer, request: Shape, payload: bytes) -> bytes:
    headers = {"Content-Type": request["TransformInput"].get("ContentType", "application/json")}
    if "Accept" in request["TransformOutput"]:
        headers["Accept"] = request["TransformOutput"]["Accept"]
    answer = server.invoke(payload, headers)
    if answer.status >= 400:
        said = answer.body.decode(errors="replace")[:500]
        raise JobFailedError(f"ClientError: the model answered a record with {answer.status}: {said}")
    return answer.body
