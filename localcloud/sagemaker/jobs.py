"""What training and transform jobs share: each is created once, runs as work of its own, and ends in one of three ways.

A job that is stopped ends as soon as it can; whatever else happens to it, it ends.
"""

from __future__ import annotations

import json
import threading
from abc import ABC, abstractmethod
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar, Generic, Literal, TypeVar

from localcloud.cloud import Cloud
from localcloud.errors import LocalCloudError
from localcloud.operations import ApiError, Handler, Shape
from localcloud.sagemaker.resources import Shelf, Tags

Noun = Literal["Training", "Transform"]


class JobFailedError(LocalCloudError):
    """The job cannot go on; the message is its FailureReason."""


@dataclass
class Job:
    """One job: what was asked for, and how far it is.

    Attributes
    ----------
    cut_short : why it is to end before its work is done: "Stopped", or "MaxRuntimeExceeded"
    """

    noun: ClassVar[Noun]
    request: Shape
    arn: str
    created: datetime
    status: str = "InProgress"
    reason: str | None = None
    started: datetime | None = None
    ended: datetime | None = None
    cut_short: str | None = None

    @property
    def name(self) -> str:
        """The job's name."""
        return str(self.request[f"{self.noun}JobName"])

    def describe(self) -> Shape:
        """Return the job as the API shows it."""
        optional = {
            "FailureReason": self.reason,
            f"{self.noun}StartTime": self.started,
            f"{self.noun}EndTime": self.ended,
        }
        return {
            **{key: value for key, value in self.request.items() if key != "Tags"},
            f"{self.noun}JobArn": self.arn,
            f"{self.noun}JobStatus": self.status,
            "CreationTime": self.created,
            **{key: value for key, value in optional.items() if value is not None},
        }


AnyJob = TypeVar("AnyJob", bound=Job)


class Jobs(ABC, Generic[AnyJob]):
    """All jobs of one kind in the account."""

    def __init__(self, cloud: Cloud, tags: Tags, kind: type[AnyJob]) -> None:
        self._cloud, self._tags, self._kind, self._noun = cloud, tags, kind, kind.noun
        self._key = f"{self._noun}JobName"
        self._shelf = Shelf(cloud, f"{self._noun.lower()}-job", self._key)
        self._jobs: dict[str, AnyJob] = {}
        self._lock = threading.Lock()

    @abstractmethod
    def check(self, request: Shape) -> None:
        """Refuse, with an ApiError, a job that could not be run as asked."""

    @abstractmethod
    def work(self, job: AnyJob) -> None:
        """Do what the job is there for, or return early once it is cut short."""

    @abstractmethod
    def halt(self, job: AnyJob) -> None:
        """Have the work of a job that was cut short end soon."""

    @abstractmethod
    def announce(self, job: AnyJob) -> None:
        """Tell of a job's status."""

    def clean_up(self, job: AnyJob) -> None:
        """Remove what an ended job leaves behind."""

    # --- the API --------------------------------------------------------------------------------------------------

    def handlers(self) -> dict[str, Handler]:
        """Return the operations on these jobs."""
        return {
            f"Create{self._noun}Job": self.create,
            f"Describe{self._noun}Job": lambda request: self._get(request).describe(),
            f"Stop{self._noun}Job": self.stop,
            f"List{self._noun}Jobs": self._list,
        }

    def create(self, request: Shape) -> Shape:
        """Start a job."""
        name = request[self._key]
        self.check(request)
        job = self._kind(request, self._shelf.arn(name), self._cloud.clock.now())
        with self._lock:
            if name in self._jobs:
                raise ApiError("ResourceInUse", f"{self._noun} job names must be unique: {name!r} exists.")
            self._jobs[name] = job
        self._tags.keep(job.arn, request)
        self.announce(job)
        self._cloud.clock.spawn(lambda: self._run(job), f"{self._noun.lower()} job {name}")
        return {f"{self._noun}JobArn": job.arn}

    def stop(self, request: Shape) -> None:
        """End a job early; what it has saved is kept."""
        job = self._get(request)
        if not self.cut_short(job, "Stopped"):
            raise ApiError("ValidationException", f"The request was rejected: {job.name} is in status {job.status}.")

    def _get(self, request: Shape) -> AnyJob:
        name = request[self._key]
        if name not in self._jobs:
            raise ApiError("ValidationException", "Requested resource not found.")
        return self._jobs[name]

    def _list(self, request: Shape) -> Shape:
        wanted, status = request.get("NameContains", ""), request.get("StatusEquals")
        jobs = [job for name, job in self._jobs.items() if wanted in name and status in (None, job.status)]
        return {f"{self._noun}JobSummaries": [job.describe() for job in reversed(jobs)]}

    # --- a job's life ---------------------------------------------------------------------------------------------

    def cut_short(self, job: AnyJob, why: str) -> bool:
        """Have a job end before its work is done; False if it is ending already."""
        with self._lock:
            if job.status != "InProgress":
                return False
            job.status, job.cut_short = "Stopping", why
        self.halt(job)
        return True

    def _run(self, job: AnyJob) -> None:
        try:
            self.work(job)
        except LocalCloudError as error:
            self._end(job, "Failed", str(error))
        except Exception as error:  # a job never hangs: the mistake is ours, and the clock reports it
            self._end(job, "Failed", f"InternalServerError: {type(error).__name__}: {error}")
            raise
        else:
            self._end(job, "Completed")
        finally:
            self.clean_up(job)

    def _end(self, job: AnyJob, status: str, reason: str | None = None) -> None:
        with self._lock:
            stopped = job.cut_short is not None and status == "Completed"
            job.status, job.reason = "Stopped" if stopped else status, reason
            job.ended = self._cloud.clock.now()
        self.announce(job)

    def emit(self, job: AnyJob) -> None:
        """Put the job's event on the bus."""
        detail = json.loads(json.dumps(job.describe(), default=_as_event))
        self._cloud.emit("aws.sagemaker", f"SageMaker {self._noun} Job State Change", detail, [job.arn])


def _as_event(value: Any) -> Any:
    return int(value.timestamp() * 1000) if isinstance(value, datetime) else str(value)
