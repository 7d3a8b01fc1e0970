"""Glue jobs that run: the deployed script in a local Spark, with the job's role, arguments and time limit.

moto keeps job definitions and pretends that runs succeed. Here a run fetches the script and its `--extra-py-files` from
S3 with the job's role, and executes them in a child process whose PYTHONPATH, arguments and `awsglue` package are those
that Glue gives. The driver lives in virtual time; Spark's workers do not, so a job takes its time from its arguments.
"""

from __future__ import annotations

import copy
import os
import shutil
import sys
import threading
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from subprocess import Popen
from typing import Any, Literal

from botocore.exceptions import ClientError

from localcloud import child_time
from localcloud.cloud import Cloud
from localcloud.errors import LocalCloudError
from localcloud.java import require_java_home
from localcloud.operations import ApiError, Handler, Shape, answer

State = Literal["STARTING", "RUNNING", "STOPPING", "SUCCEEDED", "FAILED", "TIMEOUT", "STOPPED"]

RUNTIME = Path(__file__).parent / "glue_runtime"
MINUTE = timedelta(minutes=1)
_SERVICE = "glue.amazonaws.com"
_SESSION = "GlueJobRunnerSession"
_ENDED = ("SUCCEEDED", "FAILED", "TIMEOUT", "STOPPED")
_DEFAULT_TIMEOUT_MINUTES = 2880
# Arguments that Glue acts on itself and does not pass to the script.
_TAKEN_BY_GLUE = ("--extra-py-files", "--conf", "--custom-logGroup-prefix")
_NOT_SIMULATED = ("--additional-python-modules", "--extra-jars", "--extra-files", "--python-modules-installer-option")


class JobError(LocalCloudError):
    """A run cannot go on; the message becomes the run's ErrorMessage."""


@dataclass
class JobRun:
    """One run of a job.

    Attributes
    ----------
    job : moto's job, as it was defined when the run began
    arguments : the job's default arguments, overridden by the run's
    cut_short : the state that the run must end in, once it has been stopped or its time is over
    """

    id: str
    job: Any
    arguments: Mapping[str, str]
    timeout: timedelta
    started: datetime
    state: State = "STARTING"
    error: str | None = None
    changed: datetime | None = None
    process: Popen[bytes] | None = None
    cut_short: State | None = None
    lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def has_ended(self) -> bool:
        """Whether nothing more will come."""
        return self.state in _ENDED

    def as_api(self, now: datetime) -> Shape:
        """Return the run as GetJobRun shows it."""
        changed = self.changed or self.started
        shown: Shape = {
            "Id": self.id,
            "Attempt": 0,
            "JobName": self.job.name,
            "StartedOn": self.started,
            "LastModifiedOn": changed,
            "JobRunState": self.state,
            "Arguments": dict(self.arguments),
            "PredecessorRuns": [],
            "ExecutionTime": int(((changed if self.has_ended else now) - self.started).total_seconds()),
            "Timeout": int(self.timeout / MINUTE),
            "LogGroupName": "/aws-glue/jobs",
        }
        for member in ("WorkerType", "NumberOfWorkers", "MaxCapacity", "GlueVersion", "SecurityConfiguration"):
            value = self.job.as_dict().get(member)
            if value is not None:
                shown[member] = value
        if self.has_ended:
            shown["CompletedOn"] = changed
        return shown | ({"ErrorMessage": self.error} if self.error else {})


class GlueRuns:
    """The runs of all jobs."""

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud
        self._runs: dict[str, list[JobRun]] = {}
        self._lock = threading.Lock()

    def handlers(self) -> dict[str, Handler]:
        """Return the operations on runs."""
        now = self._cloud.clock.now
        return {
            "StartJobRun": self.start,
            "GetJobRun": lambda request: {"JobRun": self._find(request["JobName"], request["RunId"]).as_api(now())},
            "GetJobRuns": lambda request: {"JobRuns": [run.as_api(now()) for run in self._of(request["JobName"])]},
            "BatchStopJobRun": self.stop,
            "UpdateJob": self.update_job,
        }

    def start(self, request: Shape) -> Shape:
        """Begin a run."""
        job = self._job(request["JobName"])
        _refuse_unsupported(job)
        minutes = request.get("Timeout") or job.timeout or _DEFAULT_TIMEOUT_MINUTES
        arguments = {**job.default_arguments, **request.get("Arguments", {}), **(job.non_overridable_arguments or {})}
        run = JobRun(
            f"jr_{uuid.uuid4().hex}{uuid.uuid4().hex}",
            copy.copy(job),
            {name: str(value) for name, value in arguments.items()},
            int(minutes) * MINUTE,
            self._cloud.clock.now(),
        )
        limit = int((job.execution_property or {}).get("MaxConcurrentRuns", 1))
        with self._lock:
            runs = self._runs.setdefault(job.name, [])
            if sum(not other.has_ended for other in runs) >= limit:
                raise ApiError("ConcurrentRunsExceededException", f"Concurrent runs exceeded for {job.name}: {limit}.")
            runs.append(run)
        self._note(run)
        self._cloud.clock.spawn(lambda: self._live(run), f"glue job {job.name}")
        return {"JobRunId": run.id}

    def stop(self, request: Shape) -> Shape:
        """Stop runs; those that have ended already are reported as errors."""
        name = request["JobName"]
        submitted, errors = [], []
        for run_id in request["JobRunIds"]:
            run = self._find(name, run_id)
            if run.has_ended:
                detail = {"ErrorCode": "InvalidInputException", "ErrorMessage": f"The run is {run.state}."}
                errors.append({"JobName": name, "JobRunId": run_id, "ErrorDetail": detail})
                continue
            self._change(run, "STOPPING")
            self._cut_short(run, "STOPPED")
            submitted.append({"JobName": name, "JobRunId": run_id})
        return {"SuccessfulSubmissions": submitted, "Errors": errors}

    def update_job(self, request: Shape) -> Shape:
        """Define a job anew: what the update leaves out takes its default, as on AWS."""
        job, update = self._job(request["JobName"]), request["JobUpdate"]
        for member, default in _JOB_DEFAULTS.items():
            attribute = "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in member).lstrip("_")
            setattr(job, attribute, update.get(member, default))
        job.last_modified_on = self._cloud.clock.now()
        return {"JobName": request["JobName"]}

    # --- looking up -----------------------------------------------------------------------------------------------

    def _job(self, name: str) -> Any:
        from moto.glue.models import glue_backends

        return glue_backends[self._cloud.account][self._cloud.region].get_job(name)

    def _of(self, job: str) -> list[JobRun]:
        self._job(job)
        with self._lock:
            return list(reversed(self._runs.get(job, [])))

    def _find(self, job: str, run_id: str) -> JobRun:
        for run in self._of(job):
            if run.id == run_id:
                return run
        raise ApiError("EntityNotFoundException", f"Job run {run_id} of job {job} not found.")

    # --- a run's life ---------------------------------------------------------------------------------------------

    def _live(self, run: JobRun) -> None:
        folder = self._cloud.home / "glue" / run.id[:19]
        folder.mkdir(parents=True)
        limit = self._cloud.clock.at(run.started + run.timeout, lambda: self._cut_short(run, "TIMEOUT"), "glue timeout")
        error: str | None = None
        try:
            error = self._execute(run, folder)
        except (LocalCloudError, OSError) as refused:
            error = f"{type(refused).__name__}: {refused}"
        except Exception as mistake:  # a run never hangs: the mistake is ours, and the clock reports it
            error = f"InternalServiceException: {type(mistake).__name__}: {mistake}"
            raise
        finally:
            limit.cancel()
            try:
                self._write_logs(run, folder)
            finally:
                shutil.rmtree(folder, ignore_errors=True)
                self._end(run, error)

    def _end(self, run: JobRun, error: str | None) -> None:
        with run.lock:
            run.error = _CUT_SHORT.get(run.cut_short or "FAILED", error)
            ended: State = run.cut_short or ("FAILED" if error else "SUCCEEDED")
        self._change(run, ended)
        self._announce(run)

    def _execute(self, run: JobRun, folder: Path) -> str | None:
        """Run the script to its end; return what went wrong."""
        environment = self._environment(run, folder)
        script, archives = self._fetch(run, folder)
        environment["PYTHONPATH"] = os.pathsep.join(map(str, [*archives, RUNTIME]))
        failure = folder / "failure"
        command = [sys.executable, str(Path(child_time.__file__)), "run_script", str(failure), str(script)]
        with (folder / "output").open("wb") as output, (folder / "error").open("wb") as error, run.lock:
            if run.cut_short is None:
                run.process = self._cloud.children.start(
                    [*command, *_arguments(run)], environment=environment, folder=folder, stdout=output, stderr=error
                )
        if run.process is None:
            return None
        self._change(run, "RUNNING")
        code = run.process.wait()
        if code == 0:
            return None
        return failure.read_text() if failure.exists() else f"Command failed with exit code {code}"

    def _fetch(self, run: JobRun, folder: Path) -> tuple[Path, list[Path]]:
        """Download the script and the archives beside it."""
        s3 = self._cloud.client_as("s3", self._role(run), _SESSION, by=_SERVICE)

        def fetch(uri: str, to: Path) -> Path:
            bucket, _, key = uri.removeprefix("s3://").partition("/")
            if not uri.startswith("s3://") or not key:
                raise JobError(f"{uri!r} is not an S3 location: expected s3://bucket/key.")
            path = to / Path(key).name
            to.mkdir(exist_ok=True)
            try:
                path.write_bytes(s3.get_object(Bucket=bucket, Key=key)["Body"].read())
            except ClientError as error:
                found = error.response["Error"]
                raise JobError(f"Could not fetch {uri}: {found['Code']}: {found.get('Message', '')}") from error
            return path

        archives = filter(None, run.arguments.get("--extra-py-files", "").split(","))
        script = fetch(run.job.command["ScriptLocation"], folder / "script")
        return script, [fetch(uri.strip(), folder / f"archive-{place}") for place, uri in enumerate(archives)]

    def _environment(self, run: JobRun, folder: Path) -> dict[str, str]:
        conf = run.arguments.get("--conf")
        return {
            "PATH": os.environ.get("PATH", "/usr/bin:/bin"),
            "HOME": str(folder),
            "LANG": "C.UTF-8",
            "TZ": "UTC",
            "PYTHONUNBUFFERED": "1",
            "PYTHONDONTWRITEBYTECODE": "1",
            "JAVA_HOME": require_java_home(),
            "PYSPARK_PYTHON": sys.executable,
            "PYSPARK_DRIVER_PYTHON": sys.executable,
            "PYSPARK_SUBMIT_ARGS": f"--conf {conf} pyspark-shell" if conf else "pyspark-shell",
            "SPARK_CONF_DIR": str(RUNTIME / "conf"),
            "SPARK_LOCAL_DIRS": str(folder / "spark"),
            "SPARK_LOCAL_IP": "127.0.0.1",
            "SPARK_LOCAL_HOSTNAME": "localhost",
            **self._cloud.clock.environment(),
            **self._cloud.role_environment(self._role(run), _SESSION, by=_SERVICE),
        }

    def _role(self, run: JobRun) -> str:
        role = str(run.job.role)
        return role if role.startswith("arn:") else f"arn:aws:iam::{self._cloud.account}:role/{role}"

    def _cut_short(self, run: JobRun, state: State) -> None:
        with run.lock:
            if run.has_ended or run.cut_short:
                return
            run.cut_short, process = state, run.process
        if process is not None:
            self._cloud.children.stop(process)

    # --- telling --------------------------------------------------------------------------------------------------

    def _write_logs(self, run: JobRun, folder: Path) -> None:
        prefix = run.arguments.get("--custom-logGroup-prefix", "/aws-glue/jobs")
        for name in ("output", "error"):
            path = folder / name
            if path.exists():
                lines = path.read_text(errors="replace").splitlines()
                self._cloud.log_lines(f"{prefix}/{name}", run.id, [line for line in lines if line.strip()])

    def _change(self, run: JobRun, state: State) -> None:
        with run.lock:
            if run.has_ended or (run.cut_short and state not in _ENDED):
                return
            run.state, run.changed = state, self._cloud.clock.now()
        self._note(run)

    def _note(self, run: JobRun) -> None:
        self._cloud.note("glue", run.job.name, run=run.id, state=run.state, error=run.error)

    def _announce(self, run: JobRun) -> None:
        severity = {"SUCCEEDED": "INFO", "STOPPED": "INFO", "TIMEOUT": "WARN"}.get(run.state, "ERROR")
        message = run.error or f"Job run {run.state.lower()}"
        detail = {"jobName": run.job.name, "severity": severity, "state": run.state, "jobRunId": run.id}
        self._cloud.emit("aws.glue", "Glue Job State Change", {**detail, "message": message}, [])


_CUT_SHORT = {"TIMEOUT": "Job run timed out", "STOPPED": None}
_JOB_DEFAULTS: dict[str, Any] = {
    "Description": None,
    "LogUri": None,
    "Role": None,
    "ExecutionProperty": {},
    "Command": None,
    "DefaultArguments": {},
    "NonOverridableArguments": None,
    "Connections": None,
    "MaxRetries": None,
    "AllocatedCapacity": None,
    "Timeout": None,
    "MaxCapacity": None,
    "WorkerType": None,
    "NumberOfWorkers": None,
    "SecurityConfiguration": None,
    "NotificationProperty": None,
    "GlueVersion": None,
    "ExecutionClass": "STANDARD",
}


def _refuse_unsupported(job: Any) -> None:
    if job.command.get("Name") != "glueetl":
        raise ApiError("InvalidInputException", f"{job.command.get('Name')!r} jobs are not simulated: use glueetl.")
    if job.max_retries:
        raise ApiError("InvalidInputException", "MaxRetries is not simulated: let what starts the job retry it.")


def _arguments(run: JobRun) -> Iterator[str]:
    """The script's arguments, as Glue spells them."""
    unsupported = sorted(set(run.arguments) & set(_NOT_SIMULATED))
    if unsupported:
        raise JobError(f"{', '.join(unsupported)} cannot be acted on here: put what the job needs in --extra-py-files.")
    yield from ("--JOB_ID", f"j_{run.job.name}", "--JOB_RUN_ID", run.id, "--JOB_NAME", run.job.name)
    for name, value in run.arguments.items():
        if name not in _TAKEN_BY_GLUE:
            yield from (name, value)


def install(cloud: Cloud) -> None:
    """Run moto's jobs for real."""
    from moto.glue.responses import GlueResponse

    answer(GlueResponse, "glue", GlueRuns(cloud).handlers())
