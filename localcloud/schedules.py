"""Schedules that fire: those of EventBridge rules and of EventBridge Scheduler; moto stores both and fires neither."""

from __future__ import annotations

import inspect
import threading
import uuid
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from localcloud import cron
from localcloud.clock import Timer
from localcloud.cloud import Cloud
from localcloud.errors import DeliveryError, DeniedError
from localcloud.eventbridge import Rules

_SERVICE = "scheduler.amazonaws.com"
_FIRST_WAIT, _LONGEST_WAIT = timedelta(seconds=1), timedelta(minutes=10)


class Schedules:
    """Keeps one timer for each schedule that is on."""

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud
        self._rules = Rules(cloud)
        self._timers: dict[str, Timer] = {}
        self._lock = threading.Lock()

    def arm(
        self,
        arn: str,
        expression: cron.Rate | cron.At | cron.Cron,
        first: datetime | None,
        fire: Callable[[datetime], None],
    ) -> None:
        """Set a schedule's timer anew."""
        with self._lock:
            self._set(arn, expression, first, fire)

    def disarm(self, arn: str) -> None:
        """Forget a schedule's timer."""
        with self._lock:
            self._forget(arn)

    def _set(
        self,
        arn: str,
        expression: cron.Rate | cron.At | cron.Cron,
        when: datetime | None,
        fire: Callable[[datetime], None],
    ) -> None:
        """Replace a schedule's timer; the caller holds the lock."""
        self._forget(arn)
        if when is None:
            return

        def due() -> None:
            with self._lock:
                if self._timers.get(arn) is not timer:
                    return  # the schedule was changed or deleted in the moment in which it fired
                self._set(arn, expression, expression.after(when), fire)
            fire(when)

        self._timers[arn] = timer = self._cloud.clock.at(when, due, f"schedule {arn.rsplit('/', 1)[-1]}")

    def _forget(self, arn: str) -> None:
        timer = self._timers.pop(arn, None)
        if timer is not None:
            timer.cancel()

    def arm_rule(self, rule: Any) -> None:
        """Take up, or put down, the schedule of a rule."""
        if not rule.scheduled_expression or rule.state != "ENABLED":
            self.disarm(rule.arn)
            return
        expression = cron.parse(rule.scheduled_expression)
        first = expression.after(self._cloud.clock.now())
        self.arm(rule.arn, expression, first, lambda when: self._fire_rule(rule, when))

    def arm_schedule(self, schedule: Any) -> None:
        """Take up, or put down, a schedule of EventBridge Scheduler; a rate without a start date begins at once."""
        if schedule.state != "ENABLED":
            self.disarm(schedule.arn)
            return
        now = self._cloud.clock.now()
        expression = cron.parse(schedule.schedule_expression, schedule.schedule_expression_timezone)
        first = now if isinstance(expression, cron.Rate) else expression.after(now)
        self.arm(schedule.arn, expression, first, lambda when: self._fire_schedule(schedule, when))

    def _fire_rule(self, rule: Any, when: datetime) -> None:
        self._cloud.note("schedule", rule.name, due=when.isoformat())
        event = {
            "version": "0",
            "id": str(uuid.uuid4()),
            "detail-type": "Scheduled Event",
            "source": "aws.events",
            "account": self._cloud.account,
            "time": when.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "region": self._cloud.region,
            "resources": [rule.arn],
            "detail": {},
        }
        self._rules.send(rule, event)

    def _fire_schedule(self, schedule: Any, when: datetime) -> None:
        clock, target = self._cloud.clock, schedule.target
        self._cloud.note("schedule", schedule.name, due=when.isoformat())
        policy, execution = target.get("RetryPolicy") or {}, str(uuid.uuid4())
        ends = when + timedelta(seconds=int(policy.get("MaximumEventAgeInSeconds", 86400)))
        wait, attempt, limit = _FIRST_WAIT, 0, int(policy.get("MaximumRetryAttempts", 185))
        while True:
            body = _filled(target.get("Input") or "{}", schedule.arn, when, execution, attempt + 1)
            try:
                self._cloud.deliver(
                    target["Arn"], body, by=_SERVICE, source_arn=schedule.arn, role_arn=target.get("RoleArn")
                )
                return
            except DeliveryError as error:
                attempt += 1
                if isinstance(error, DeniedError) or attempt > limit or clock.now() + wait > ends:
                    self._give_up(schedule, body, error)
                    return
            clock.wait(wait)
            wait = min(wait * 2, _LONGEST_WAIT)

    def _give_up(self, schedule: Any, body: str, error: DeliveryError) -> None:
        target = schedule.target
        queue = (target.get("DeadLetterConfig") or {}).get("Arn")
        if queue is None:
            self._cloud.note("background-error", schedule.arn, error=f"invocation lost: {error}")
            return
        attributes = {
            "ERROR_CODE": type(error).__name__,
            "ERROR_MESSAGE": str(error)[:1000],
            "SCHEDULE_ARN": schedule.arn,
            "TARGET_ARN": target["Arn"],
        }
        self._cloud.deliver(
            queue, body, by=_SERVICE, source_arn=schedule.arn, role_arn=target.get("RoleArn"), attributes=attributes
        )
        self._cloud.note("dead-letter", schedule.arn, target=queue, body=body[:4000], why=str(error))


def _filled(text: str, arn: str, when: datetime, execution: str, attempt: int) -> str:
    values = {
        "<aws.scheduler.schedule-arn>": arn,
        "<aws.scheduler.scheduled-time>": when.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "<aws.scheduler.execution-id>": execution,
        "<aws.scheduler.attempt-number>": str(attempt),
    }
    for name, value in values.items():
        text = text.replace(name, value)
    return text


def install(cloud: Cloud) -> None:
    """Have every change of a rule or schedule set its timer."""
    from moto.events.models import EventsBackend
    from moto.scheduler.models import EventBridgeSchedulerBackend

    schedules = Schedules(cloud)
    for name in ("put_rule", "enable_rule", "disable_rule", "delete_rule"):
        setattr(EventsBackend, name, _then_rearm_rules(getattr(EventsBackend, name), schedules))
    for name in ("create_schedule", "update_schedule", "delete_schedule"):
        changed = _then_rearm_schedules(getattr(EventBridgeSchedulerBackend, name), schedules)
        setattr(EventBridgeSchedulerBackend, name, changed)


def _then_rearm_rules(method: Any, schedules: Schedules) -> Any:
    parameters = inspect.signature(method)

    def call(self: Any, *args: Any, **kwargs: Any) -> Any:
        given = parameters.bind(self, *args, **kwargs).arguments
        bus = self.event_buses.get(str(given.get("event_bus_arn") or "default").rsplit("/", 1)[-1])
        before = bus.rules.get(given["name"]) if bus else None
        answer = method(self, *args, **kwargs)
        after = bus.rules.get(given["name"]) if bus else None
        if after is not None:
            schedules.arm_rule(after)
        elif before is not None:
            schedules.disarm(before.arn)
        return answer

    return call


def _then_rearm_schedules(method: Any, schedules: Schedules) -> Any:
    parameters = inspect.signature(method)

    def call(self: Any, *args: Any, **kwargs: Any) -> Any:
        given = parameters.bind(self, *args, **kwargs).arguments
        group = self.schedule_groups.get(given.get("group_name") or "default")
        before = group.schedules.get(given["name"]) if group else None
        answer = method(self, *args, **kwargs)
        after = group.schedules.get(given["name"]) if group else None
        if after is not None:
            schedules.arm_schedule(after)
        elif before is not None:
            schedules.disarm(before.arn)
        return answer

    return call
