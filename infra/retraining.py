"""The machine that trains a candidate, holds it against the champion, and lets it serve if it is good enough."""

from __future__ import annotations

from collections.abc import Mapping

from aws_cdk import aws_iam as iam
from constructs import Construct

from infra import grants
from infra import machine_steps as steps
from infra.endpoint import RESPONSE_TYPES, serving_settings
from infra.machine_steps import EXECUTION, NOW, Machine, State
from infra.rollout import Rollout
from infra.shared import ModelContext
from infra.tools import Tools
from infra.training import Training
from infra.transforms import answers, may_transform, transform
from watchkeeper import rollout
from watchkeeper.message import Kind
from watchkeeper.spec import Trigger

GATES = ("reason", "metric", "champion", "challenger", "rows", "lines")
"""What the gates say beside their verdict."""
GUARDED_HOURS = 10
"""The longest that assembling, transforms, gate and registration take together, beside training and rollout."""


class Retraining(Construct):
    """Admit, wait for labels, lock, begin, assemble, train, compare, register, roll out, unlock.

    Whatever fails in between, the champion goes on serving, the candidate is rejected, a message says why, and the lock
    is released. Input: `{"reason": "…", "trigger"?: name, "hyperparameters"?: {name: text}}`; of an event also
    `alarm` and `alarm_time`, or `scheduled_time`. Without a trigger it is a person who asks.
    """

    def __init__(self, scope: Construct, context: ModelContext, tools: Tools, rollout: Rollout) -> None:
        super().__init__(scope, "Retraining")
        self._context, self._state, self._jobs, self._notify = context, tools.state, tools.jobs, tools.notify
        self._deciders, self._serving_role, self._rollout = tools.deciders, tools.serving_role, rollout.machine
        self._training = Training(self, context)
        spec = context.spec.retraining
        self._held_seconds = GUARDED_HOURS * 3600 + self._training.longest_seconds + rollout.timeout_seconds
        self.machine = Machine(
            self,
            context,
            "retraining",
            role=self._role(),
            comment=f"Trains {context.name} anew and rolls it out if it is better",
            states=self._states(),
            timeout_seconds=self._held_seconds + 60 * spec.label_wait_minutes * (spec.label_wait_limit + 1),
        )

    def _states(self) -> dict[str, State]:
        work = {
            **self._begin("AssembleTrainingSet"),
            **self._assemble("CopySource"),
            **self._training.states("CreateChallenger"),
            **self._compare("Register"),
            **self._register("Rollout"),
            "Rollout": self._roll_out("NotifyDeployed"),
        }
        return {
            **steps.request_with_defaults(
                {
                    "reason": "",
                    "trigger": Trigger.PERSON.value,
                    "alarm": "",
                    "alarm_time": "",
                    "scheduled_time": "",
                    "hyperparameters": {},
                },
                "Admit",
                **{"run.$": steps.RUN_ID, "started.$": "$$.Execution.StartTime", "looks": 0},
            ),
            **self._admit("CheckLabels"),
            **self._wait_for_labels("AcquireLock"),
            "AcquireLock": steps.acquire_lock(
                self._state,
                "BeginRun",
                held_seconds=self._held_seconds,
                busy={"Next": "AnotherRunHoldsTheLock"},
            ),
            "AnotherRunHoldsTheLock": steps.end(),
            **steps.guarded(work, "Failed"),
            **self._ends(),
        }

    @property
    def _table(self) -> str:
        return self._state.table.table_name

    def _admit(self, then: str) -> dict[str, State]:
        """An event counts once, and a flapping alarm starts no storm of trainings."""
        admit = steps.invoke(
            self._deciders.admit_retraining,
            {"request.$": "$.request", "execution.$": EXECUTION, "now.$": NOW},
            "Admitted?",
            result="$.admission",
            keep=("admitted", "reason"),
        )
        return {
            **steps.guarded({"Admit": admit}, "FailedUnlocked"),
            "Admitted?": steps.choose(steps.when_true("$.admission.admitted", then), otherwise="NotAdmitted"),
            "NotAdmitted": steps.end(),
        }

    def _wait_for_labels(self, then: str) -> dict[str, State]:
        """Look for labels, and look again; the first wait is announced."""
        spec = self._context.spec.retraining
        check = steps.invoke(
            self._deciders.check_labels,
            {"now.$": NOW},
            "Labelled?",
            result="$.labels",
            keep=("ready", "labelled", "needed"),
        )
        return {
            **steps.guarded({"CheckLabels": check}, "FailedUnlocked"),
            "Labelled?": steps.choose(
                steps.when_true("$.labels.ready", then),
                {"Variable": "$.looks", "NumericGreaterThanEquals": spec.label_wait_limit, "Next": "NotifyGaveUp"},
                {"Variable": "$.looks", "NumericEquals": 0, "Next": "NotifyWaiting"},
                otherwise="WaitForLabels",
            ),
            "NotifyWaiting": steps.notify(
                self._notify,
                Kind.RETRAINING_WAITING,
                {"labelled.$": "$.labels.labelled", "needed.$": "$.labels.needed"},
                "WaitForLabels",
            ),
            "WaitForLabels": steps.wait(60 * spec.label_wait_minutes, "CountLook"),
            "CountLook": {
                "Type": "Pass",
                "Parameters": {"value.$": "States.MathAdd($.looks, 1)"},
                "ResultPath": "$.count",
                "Next": "TakeCount",
            },
            "TakeCount": {"Type": "Pass", "InputPath": "$.count.value", "ResultPath": "$.looks", "Next": "CheckLabels"},
            "NotifyGaveUp": steps.notify(
                self._notify,
                Kind.RETRAINING_FAILED,
                {
                    "reason.$": "$.request.reason",
                    "cause.$": "States.Format('{} of {} labelled rows came', $.labels.labelled, $.labels.needed)",
                },
                "GaveUpWaitingForLabels",
            ),
            "GaveUpWaitingForLabels": steps.end(),
            "FailedUnlocked": self._notify_failed("RetrainingFailed"),
        }

    def _begin(self, then: str) -> dict[str, State]:
        """Several alarms may have asked for the same retraining, and waited for the same labels."""
        return {
            "BeginRun": steps.invoke(
                self._deciders.begin_retraining,
                {
                    "request.$": "$.request",
                    "run.$": "$.run",
                    "started.$": "$.started",
                    "execution.$": EXECUTION,
                    "now.$": NOW,
                },
                "Superseded?",
                result="$.serving",
                keep=("go", "version", "model_name"),
            ),
            "Superseded?": steps.choose(steps.when_true("$.serving.go", then), otherwise="ReleaseSuperseded"),
        }

    def _assemble(self, then: str) -> dict[str, State]:
        return {
            "AssembleTrainingSet": steps.run_job(
                self._jobs.assemble.name, {"--RUN.$": "$.run", "--NOW.$": NOW}, "CheckTrainingSet"
            ),
            "CheckTrainingSet": steps.invoke(
                self._deciders.check_training_set,
                {"run.$": "$.run"},
                "Trainable?",
                result="$.set",
                keep=("ok", "reason", "train_rows", "holdout_rows"),
            ),
            "Trainable?": steps.choose(steps.when_true("$.set.ok", then), otherwise="Untrainable"),
            "Untrainable": _failure("UnfitTrainingSet", path="$.set.reason"),
        }

    def _compare(self, then: str) -> dict[str, State]:
        """Both models answer the same labelled holdout, and the gates decide."""
        create = self._context.config.endpoint.create
        environment = serving_settings(create).container_environment if create else rollout.BASE_ENVIRONMENT
        challenger = "$.challenger.name"
        branches = [
            {"StartAt": name, "States": {name: transform(self._context, role, model, None)}}
            for name, role, model in (
                ("AskChallenger", "challenger", challenger),
                ("AskChampion", "champion", "$.serving.model_name"),
            )
        ]
        return {
            "CreateChallenger": {
                "Type": "Pass",
                "Parameters": {"name.$": f"States.Format('{self._context.name}--{{}}-challenger', $.run)"},
                "ResultPath": "$.challenger",
                "Next": "CreateModel",
            },
            "CreateModel": steps.call(
                "aws-sdk:sagemaker:createModel",
                {
                    "ModelName.$": challenger,
                    "ExecutionRoleArn": self._serving_role.role_arn,
                    "PrimaryContainer": self._container(environment),
                },
                "AskBoth",
            ),
            "AskBoth": {"Type": "Parallel", "Branches": branches, "ResultPath": steps.LAST, "Next": "Evaluate"},
            "Evaluate": steps.invoke(
                self._deciders.evaluate_candidate,
                {
                    "run.$": "$.run",
                    "challenger.$": answers(self._context, "challenger"),
                    "champion.$": answers(self._context, "champion"),
                    "now.$": NOW,
                },
                "Passed?",
                result="$.gate",
                keep=("passed", *GATES),
            ),
            "Passed?": steps.choose(steps.when_true("$.gate.passed", then), otherwise="NotifyRejected"),
        }

    def _container(self, environment: Mapping[str, str]) -> State:
        return {
            "Image": self._training.image,
            "ModelDataUrl.$": "$.training.ModelArtifacts.S3ModelArtifacts",
            "Environment": dict(environment),
        }

    def _register(self, then: str) -> dict[str, State]:
        """The package's number is the version's; its baseline comes before its first request."""
        number = "States.ArrayGetItem(States.StringSplit($.package.ModelPackageArn, '/'), 2)"
        return {
            "Register": steps.call(
                "aws-sdk:sagemaker:createModelPackage",
                {
                    "ModelPackageGroupName": self._context.name,
                    "ModelPackageDescription.$": "States.Format('Run {}: {}', $.run, $.gate.reason)",
                    "ModelApprovalStatus": "Approved",
                    "InferenceSpecification": {
                        "Containers": [self._container(rollout.BASE_ENVIRONMENT)],
                        "SupportedContentTypes": [*rollout.CSV_CONTENT_TYPES, *rollout.JSON_CONTENT_TYPES],
                        "SupportedResponseMIMETypes": list(RESPONSE_TYPES),
                    },
                    "CustomerMetadataProperties": {
                        "run.$": "$.run",
                        "trigger.$": "$.request.trigger",
                        "metric.$": "$.gate.metric",
                        "champion.$": "States.Format('{}', $.gate.champion)",
                        "challenger.$": "States.Format('{}', $.gate.challenger)",
                    },
                },
                "NumberVersion",
                result="$.package",
            ),
            "NumberVersion": {
                "Type": "Pass",
                "Parameters": {"version.$": f"States.Format('v{{}}', {number})"},
                "ResultPath": "$.candidate",
                "Next": "BuildBaseline",
            },
            "BuildBaseline": steps.run_job(
                self._jobs.baseline.name,
                {
                    "--RUN.$": "$.run",
                    "--VERSION.$": "$.candidate.version",
                    "--PREDICTIONS.$": answers(self._context, "challenger"),
                    "--NOW.$": NOW,
                },
                "RecordCandidate",
            ),
            "RecordCandidate": steps.repeated("dynamodb:putItem", self._candidate(), then),
        }

    def _roll_out(self, then: str) -> State:
        request = {
            "version.$": "$.candidate.version",
            "reason.$": "$.request.reason",
            "lock_owner.$": EXECUTION,
        }
        # A rollout that failed has sent its own message, and rejected the candidate.
        told = {"ErrorEquals": ["States.TaskFailed"], "ResultPath": steps.FAILURE, "Next": "ReleaseFailed"}
        return steps.run_execution(self._rollout.arn, request, then, result="$.rollout") | {"Catch": [told]}

    def _candidate(self) -> State:
        return {
            "TableName": self._table,
            "Item": {
                "pk": {"S.$": "States.Format('version#{}', $.candidate.version)"},
                "version": {"S.$": "$.candidate.version"},
                "package_arn": {"S.$": "$.package.ModelPackageArn"},
                "model_name": {"S.$": "$.challenger.name"},
                "state": {"S": "candidate"},
                "created": {"S.$": NOW},
                "run": {"S.$": "$.run"},
                "reason": {"S.$": "$.request.reason"},
            },
        }

    def _ends(self) -> dict[str, State]:
        return {
            "NotifyDeployed": steps.notify(
                self._notify,
                Kind.VERSION_DEPLOYED,
                {
                    "version.$": "$.candidate.version",
                    "previous_version.$": "$.serving.version",
                    "reason.$": "$.request.reason",
                    "rows.$": "$.gate.rows",
                    "lines.$": "$.gate.lines",
                },
                "ReleaseDeployed",
            ),
            "ReleaseSuperseded": steps.release_lock(self._state, "SupersededByAnotherRun"),
            "SupersededByAnotherRun": steps.end(),
            "ReleaseDeployed": steps.release_lock(self._state, "Deployed"),
            "Deployed": steps.end(),
            "NotifyRejected": steps.notify(
                self._notify,
                Kind.CANDIDATE_REJECTED,
                {f"{name}.$": f"$.gate.{name}" for name in ("reason", "rows", "lines")},
                "ReleaseRejected",
            ),
            "ReleaseRejected": steps.release_lock(self._state, "CandidateRejected"),
            "CandidateRejected": steps.end(),
            "Failed": steps.choose(
                steps.when_present("$.package.ModelPackageArn", "RejectPackage"), otherwise="NotifyFailed"
            ),
            **steps.guarded(
                {"RejectPackage": steps.reject_package("$.package.ModelPackageArn", "Numbered?")}, "NotifyFailed"
            ),
            "Numbered?": steps.choose(
                steps.when_present("$.candidate.version", "RejectVersion"), otherwise="NotifyFailed"
            ),
            **steps.guarded(
                {"RejectVersion": steps.reject_version(self._state, "$.candidate.version", "NotifyFailed")},
                "NotifyFailed",
            ),
            "NotifyFailed": self._notify_failed("ReleaseFailed"),
            "ReleaseFailed": steps.release_lock(self._state, "RetrainingFailed"),
            "RetrainingFailed": steps.end(
                "RetrainingFailed", "The champion goes on serving. The message that was sent says why."
            ),
        }

    def _notify_failed(self, then: str) -> State:
        detail = {"reason.$": "$.request.reason", "cause.$": "$.failure.Cause"}
        return steps.notify(self._notify, Kind.RETRAINING_FAILED, detail, then)

    def _role(self) -> iam.Role:
        context = self._context
        role = steps.machine_role(self, context, "retraining")
        deciders = self._deciders
        steps.may_invoke(
            role,
            deciders.admit_retraining,
            deciders.begin_retraining,
            deciders.check_labels,
            deciders.check_training_set,
            deciders.evaluate_candidate,
            self._notify,
        )
        self._state.grant(role, ["DeleteItem", "PutItem", "UpdateItem"])
        for job in (self._jobs.assemble, self._jobs.baseline):
            steps.may_run_job(role, job.arn)
        self._training.may_be_run_by(role)
        may_transform(context, role)
        self._may_register(role)
        steps.may_run_execution(role, self._rollout, f"{context.name}--rollout")
        return role

    def _may_register(self, role: iam.Role) -> None:
        name = self._context.name
        grants.allow(role, ["sagemaker:CreateModel"], [grants.arn("sagemaker", f"model/{name}--*")], grants.BY_NAME)
        packages = [
            grants.arn("sagemaker", kind) for kind in (f"model-package-group/{name}", f"model-package/{name}/*")
        ]
        grants.allow(role, ["sagemaker:CreateModelPackage", "sagemaker:UpdateModelPackage"], packages, grants.BY_NAME)
        grants.pass_role(role, self._serving_role, "sagemaker.amazonaws.com")


def _failure(error: str, cause: str = "", *, path: str | None = None) -> State:
    """A failure of our own finding, in the form in which errors of tasks are caught."""
    why = {"Cause.$": path} if path else {"Cause": cause}
    return {"Type": "Pass", "Parameters": {"Error": error, **why}, "ResultPath": steps.FAILURE, "Next": "Failed"}
