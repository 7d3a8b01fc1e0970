"""The machine that goes back to the last good version, at once."""

from __future__ import annotations

from aws_cdk import aws_iam as iam
from constructs import Construct

from infra import grants
from infra import machine_steps as steps
from infra.machine_steps import EXECUTION, NOW, Machine, State
from infra.rollout import Rollout
from infra.shared import ModelContext
from infra.tools import Tools
from watchkeeper.message import Kind
from watchkeeper.rollout import INSTANT

LOCK_WAIT_SECONDS, LOCK_LOOKS = 60, 240
GUARDED_SECONDS = 3600


class Rollback(Construct):
    """Find the last good version, let it serve, reject the bad one, write down what happened, say so.

    Safe to start twice: the second finds that the version is gone and ends well. Input:
    `{"reason": "…", "alarm"?: name, "alarm_time"?: when it fired}`.
    """

    def __init__(self, scope: Construct, context: ModelContext, tools: Tools, rollout: Rollout) -> None:
        super().__init__(scope, "Rollback")
        self._context, self._state, self._rollout = context, tools.state, rollout.machine
        self._find, self._record = tools.deciders.find_last_good, tools.deciders.record_incident
        self._notify = tools.notify
        self._held_seconds = GUARDED_SECONDS + rollout.timeout_seconds
        self.machine = Machine(
            self,
            context,
            "rollback",
            role=self._role(),
            comment=f"Goes back to the last good version of {context.name}",
            states=self._states(),
            timeout_seconds=self._held_seconds + LOCK_WAIT_SECONDS * LOCK_LOOKS,
        )

    def _states(self) -> dict[str, State]:
        retry = {"IntervalSeconds": LOCK_WAIT_SECONDS, "MaxAttempts": LOCK_LOOKS, "BackoffRate": 1}
        work = {**self._choose("Rollout"), **self._restore("RejectPackage"), **self._close("NotifyRolledBack")}
        return {
            **steps.request_with_defaults({"reason": "", "alarm": "", "alarm_time": ""}, "AcquireLock"),
            "AcquireLock": steps.acquire_lock(
                self._state, "FindLastGood", held_seconds=self._held_seconds, busy=None, retry=retry
            ),
            **steps.guarded(work, "NotifyFailed"),
            **self._ends(),
        }

    def _choose(self, then: str) -> dict[str, State]:
        """What to go back to, and whether that is still needed."""
        return {
            "FindLastGood": steps.invoke(
                self._find,
                {"now.$": NOW, "alarm_time.$": "$.request.alarm_time", "started.$": "$$.Execution.StartTime"},
                "Needed?",
                result="$.found",
                keep=("needed", "found", "version", "bad_version", "bad_package_arn", "reason"),
            ),
            "Needed?": steps.choose(steps.when_true("$.found.needed", "Found?"), otherwise="ReleaseUnneeded"),
            "Found?": steps.choose(steps.when_true("$.found.found", then), otherwise="NotifyImpossible"),
        }

    def _restore(self, then: str) -> dict[str, State]:
        return {
            "Rollout": steps.run_execution(
                self._rollout.arn,
                {
                    "version.$": "$.found.version",
                    "strategy": INSTANT,
                    "reason.$": "$.request.reason",
                    "lock_owner.$": EXECUTION,
                },
                then,
                result="$.rollout",
            )
        }

    def _close(self, then: str) -> dict[str, State]:
        """The bad version must not come back; what happened is written down while it is known."""
        return {
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
                then,
                result="$.incident",
                keep=("key",),
            ),
        }

    def _ends(self) -> dict[str, State]:
        rolled_back = {
            "version.$": "$.found.version",
            "bad_version.$": "$.found.bad_version",
            "reason.$": "$.request.reason",
            "incident.$": "$.incident.key",
        }
        impossible = {"reason.$": "$.found.reason", "bad_version.$": "$.found.bad_version"}
        failed = {"reason.$": "$.failure.Cause"}
        return {
            "NotifyRolledBack": steps.notify(self._notify, Kind.ROLLED_BACK, rolled_back, "ReleaseDone"),
            "ReleaseDone": steps.release_lock(self._state, "RolledBack"),
            "RolledBack": steps.end(),
            "ReleaseUnneeded": steps.release_lock(self._state, "AlreadyRolledBack"),
            "AlreadyRolledBack": steps.end(),
            "NotifyImpossible": steps.notify(self._notify, Kind.ROLLBACK_IMPOSSIBLE, impossible, "ReleaseImpossible"),
            "ReleaseImpossible": steps.release_lock(self._state, "NoGoodVersion"),
            "NoGoodVersion": steps.end("NoGoodVersion", "No version before this one may serve. A person must decide."),
            "NotifyFailed": steps.notify(self._notify, Kind.ROLLBACK_IMPOSSIBLE, failed, "ReleaseFailed"),
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
        steps.may_run_execution(role, self._rollout, f"{context.name}--rollout")
        return role
