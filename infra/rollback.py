"""The machine that goes back to the last good version, at once."""

from __future__ import annotations

from aws_cdk import aws_iam as iam
from constructs import Construct

from infra import grants
from infra import machine_steps as steps
from infra.machine_steps import EXECUTION, NOW, Machine, State
from infra.python_function import PythonFunction
from infra.rollout import Rollout
from infra.shared import ModelContext
from infra.state import ModelState
from watchkeeper.message import Kind
from watchkeeper.rollout import INSTANT

LOCK_WAIT_SECONDS, LOCK_LOOKS = 60, 240
GUARDED_SECONDS = 3600


class Rollback(Construct):
    """Find the last good version, let it serve, reject the bad one, write down what happened, say so.

    Safe to start twice: the second finds that the version is gone and ends well. Input:
    `{"reason": "…", "alarm"?: name, "alarm_time"?: when it fired}`.
    """

    def __init__(
        self,
        scope: Construct,
        context: ModelContext,
        *,
        state: ModelState,
        find: PythonFunction,
        record: PythonFunction,
        notify: PythonFunction,
        rollout_machine: Rollout,
    ) -> None:
        super().__init__(scope, "Rollback")
        self._context, self._state, self._rollout = context, state, rollout_machine
        self._find, self._record, self._notify = find, record, notify
        self._held_seconds = GUARDED_SECONDS + rollout_machine.timeout_seconds
        machine = Machine(
            self,
            context,
            "rollback",
            role=self._role(),
            comment=f"Goes back to the last good version of {context.name}",
            states=self._states(),
            timeout_seconds=self._held_seconds + LOCK_WAIT_SECONDS * LOCK_LOOKS,
        )
        self.machine, self.arn = machine.machine, machine.arn

    def _states(self) -> dict[str, State]:
        find = steps.invoke(
            self._find,
            {"now.$": NOW, "alarm_time.$": "$.request.alarm_time", "started.$": "$$.Execution.StartTime"},
            "Needed?",
            result="$.found",
            keep=("needed", "found", "version", "bad_version", "bad_package_arn", "reason"),
        )
        work = {
            "FindLastGood": find,
            "Needed?": steps.choose(steps.when_true("$.found.needed", "Found?"), otherwise="ReleaseUnneeded"),
            "Found?": steps.choose(steps.when_true("$.found.found", "Rollout"), otherwise="NotifyImpossible"),
            "Rollout": steps.run_execution(
                self._rollout.arn,
                {
                    "version.$": "$.found.version",
                    "strategy": INSTANT,
                    "reason.$": "$.request.reason",
                    "lock_owner.$": EXECUTION,
                },
                "RejectPackage",
                result="$.rollout",
            ),
            "RejectPackage": steps.reject_package("$.found.bad_package_arn", "RejectVersion"),
            "RejectVersion": steps.reject_version(self._state, "$.found.bad_version", "RecordIncident"),
            "RecordIncident": steps.invoke(
                self._record,
                {
                    "now.$": NOW,
                    "execution.$": EXECUTION,
                    "reason.$": "$.request.reason",
                    "alarm.$": "$.request.alarm",
                    "alarm_time.$": "$.request.alarm_time",
                    "version.$": "$.found.version",
                    "bad_version.$": "$.found.bad_version",
                },
                "NotifyRolledBack",
                result="$.incident",
                keep=("key",),
            ),
        }
        steps.guarded(work, "NotifyFailed")
        retry = {"IntervalSeconds": LOCK_WAIT_SECONDS, "MaxAttempts": LOCK_LOOKS, "BackoffRate": 1}
        return {
            **steps.request_with_defaults({"reason": "", "alarm": "", "alarm_time": ""}, "AcquireLock"),
            "AcquireLock": steps.acquire_lock(
                self._state, "FindLastGood", held_seconds=self._held_seconds, busy=None, retry=retry
            ),
            **work,
            "NotifyRolledBack": steps.notify(
                self._notify,
                Kind.ROLLED_BACK,
                {
                    "version.$": "$.found.version",
                    "bad_version.$": "$.found.bad_version",
                    "reason.$": "$.request.reason",
                    "incident.$": "$.incident.key",
                },
                "ReleaseDone",
            ),
            "ReleaseDone": steps.release_lock(self._state, "RolledBack"),
            "RolledBack": steps.end(),
            "ReleaseUnneeded": steps.release_lock(self._state, "AlreadyRolledBack"),
            "AlreadyRolledBack": steps.end(),
            "NotifyImpossible": steps.notify(
                self._notify,
                Kind.ROLLBACK_IMPOSSIBLE,
                {"reason.$": "$.found.reason", "bad_version.$": "$.found.bad_version"},
                "ReleaseImpossible",
            ),
            "ReleaseImpossible": steps.release_lock(self._state, "NoGoodVersion"),
            "NoGoodVersion": steps.end("NoGoodVersion", "No version before this one may serve. A person must decide."),
            "NotifyFailed": steps.notify(
                self._notify, Kind.ROLLBACK_IMPOSSIBLE, {"reason.$": "$.failure.Cause"}, "ReleaseFailed"
            ),
            "ReleaseFailed": steps.release_lock(self._state, "RollbackFailed"),
            "RollbackFailed": steps.end("RollbackFailed", "The message that was sent says why. A person must decide."),
        }

    def _role(self) -> iam.Role:
        context = self._context
        role = steps.machine_role(self, context, "rollback")
        steps.may_invoke(role, self._find, self._record, self._notify)
        self._state.grant(role, ["DeleteItem", "PutItem", "UpdateItem"])
        packages = grants.arn("sagemaker", f"model-package/{context.name}/*")
        grants.allow(role, ["sagemaker:UpdateModelPackage"], [packages], grants.BY_NAME)
        steps.may_run_execution(role, self._rollout.machine, f"{context.name}--rollout")
        return role
