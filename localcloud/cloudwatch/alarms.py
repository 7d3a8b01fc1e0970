"""All alarms of the account: their definitions, their states, and the judging of each once a virtual minute."""

from __future__ import annotations

import functools
import json
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from localcloud.cloudwatch.evaluation import (
    COMPARISONS,
    Settings,
    State,
    Verdict,
    datapoints,
    evaluation_window,
    judge,
)
from localcloud.cloudwatch.queries import Window, check_queries
from localcloud.cloudwatch.rules import Rule, parse_rule
from localcloud.cloudwatch.store import MetricId, MetricStore, check_period, check_statistic
from localcloud.operations import ApiError, Shape

_NOT_SIMULATED = ("ThresholdMetricId", "ActionsSuppressor", "EvaluationCriteria")


@dataclass(frozen=True)
class Standing:
    """The state of an alarm, and why and since when it is in it."""

    value: State
    reason: str
    data: str
    updated: datetime


@dataclass
class Alarm:
    """One alarm: `definition` made it; a composite alarm has a `rule`, any other has `settings`."""

    arn: str
    definition: Shape
    configured: datetime
    standing: Standing
    rule: Rule | None = None
    settings: Settings | None = None
    actions_enabled: bool = True

    @property
    def name(self) -> str:
        """The alarm's name."""
        return str(self.definition["AlarmName"])

    def actions(self, state: State) -> list[str]:
        """Return the ARNs to tell when the alarm enters a state."""
        key = {"ALARM": "AlarmActions", "OK": "OKActions", "INSUFFICIENT_DATA": "InsufficientDataActions"}[state]
        return list(self.definition.get(key, []))

    def as_api(self) -> Shape:
        """Return the alarm as DescribeAlarms shows it."""
        shown = {key: value for key, value in self.definition.items() if key != "Tags"}
        for key in ("AlarmActions", "OKActions", "InsufficientDataActions"):
            shown.setdefault(key, [])
        if self.rule is None and "Metrics" not in shown:
            shown.setdefault("Dimensions", [])
        return {
            **shown,
            "AlarmArn": self.arn,
            "ActionsEnabled": self.actions_enabled,
            "AlarmConfigurationUpdatedTimestamp": self.configured,
            "StateValue": self.standing.value,
            "StateReason": self.standing.reason,
            "StateReasonData": self.standing.data,
            "StateUpdatedTimestamp": self.standing.updated,
            "StateTransitionedTimestamp": self.standing.updated,
        }


@dataclass(frozen=True)
class Change:
    """An alarm has entered another state."""

    alarm: Alarm
    before: Standing
    after: Standing


@dataclass
class AlarmBook:
    """The alarms by name, in the order of their making.

    Attributes
    ----------
    on_change : told of each change of state
    on_error : told of an alarm that could not be evaluated; the others go on
    """

    store: MetricStore
    arn_prefix: str
    now: Callable[[], datetime]
    on_change: Callable[[Change], None]
    on_error: Callable[[str, Exception], None]
    _alarms: dict[str, Alarm] = field(default_factory=dict)
    _lock: threading.RLock = field(default_factory=threading.RLock)

    # --- definitions ----------------------------------------------------------------------------------------------

    def put_metric_alarm(self, request: Shape) -> None:
        """Make or change an alarm on a metric or on metric math; a changed one keeps its state."""
        check_metric_alarm(request)
        self._put(request, settings=Settings.read(request))

    def put_composite_alarm(self, request: Shape) -> None:
        """Make or change an alarm over other alarms."""
        _refuse_unsimulated(request)
        rule = parse_rule(request["AlarmRule"])
        with self._lock:
            missing = sorted(rule.alarms - self._alarms.keys())
        if missing:
            raise ApiError("ValidationError", f"AlarmRule refers to alarms that do not exist: {', '.join(missing)}")
        self._put(request, rule=rule)

    def delete(self, names: Iterable[str]) -> None:
        """Forget alarms; like AWS, refuse while a composite alarm that stays refers to one of them."""
        gone = set(names)
        with self._lock:
            for alarm in self._alarms.values():
                used = gone & alarm.rule.alarms if alarm.rule and alarm.name not in gone else None
                if used:
                    raise ApiError(
                        "ValidationError", f"{', '.join(sorted(used))} cannot be deleted: {alarm.name} depends on it."
                    )
            for name in gone & self._alarms.keys():
                del self._alarms[name]

    def enable_actions(self, names: Iterable[str], enabled: bool) -> None:
        """Turn the actions of alarms on or off."""
        for alarm in self.find(names):
            alarm.actions_enabled = enabled

    def find(self, names: Iterable[str] | None = None) -> list[Alarm]:
        """Return the named alarms that exist, or all."""
        with self._lock:
            if names is None:
                return list(self._alarms.values())
            return [self._alarms[name] for name in names if name in self._alarms]

    # --- states ---------------------------------------------------------------------------------------------------

    def set_state(self, name: str, value: State, reason: str, data: str = "") -> None:
        """Put an alarm in a state, as SetAlarmState does; the next evaluation may change it again."""
        with self._lock:
            alarm = self._alarms.get(name)
        if alarm is None:
            raise ApiError("ResourceNotFound", f"There is no alarm {name!r}.")
        self._enter(alarm, value, reason, data)
        self._evaluate_composites()

    def evaluate(self) -> None:
        """Judge every alarm now."""
        now = int(self.now().timestamp())
        for alarm in self.find():
            if alarm.settings is not None:
                self._guarded(alarm, functools.partial(self._judge, alarm, now))
        self._evaluate_composites()

    def _judge(self, alarm: Alarm, now: int) -> None:
        assert alarm.settings is not None
        window = evaluation_window(alarm.settings, now // 60 * 60)
        found = datapoints(self.store, alarm.definition, window)
        verdict = judge(alarm.settings, found, window, alarm.standing.value)
        if verdict.state != alarm.standing.value:
            self._enter(alarm, verdict.state, verdict.reason, self._reason_data(alarm, verdict, window))

    def _evaluate_composites(self) -> None:
        """Judge composite alarms until none changes: one may refer to another."""
        composites = [alarm for alarm in self.find() if alarm.rule is not None]
        for _ in composites:
            changed = [self._guarded(alarm, functools.partial(self._apply_rule, alarm)) for alarm in composites]
            if not any(changed):
                return

    def _apply_rule(self, alarm: Alarm) -> bool:
        assert alarm.rule is not None
        states = {child.name: child.standing.value for child in self.find(alarm.rule.alarms)}
        value: State = "ALARM" if alarm.rule.holds(states.get) else "OK"
        if value == alarm.standing.value:
            return False
        listed = ", ".join(f"{name} is {state}" for name, state in sorted(states.items()))
        triggers = [{"arn": child.arn, "state": {"value": child.standing.value}} for child in self.find(states)]
        reason = f"{alarm.arn} transitioned to {value}: {listed}"
        self._enter(alarm, value, reason, json.dumps({"triggeringAlarms": triggers}))
        return True

    def _enter(self, alarm: Alarm, value: State, reason: str, data: str) -> None:
        with self._lock:
            if self._alarms.get(alarm.name) is not alarm:
                return  # deleted, or defined anew, while it was judged
            before, after = alarm.standing, Standing(value, reason, data, self.now())
            alarm.standing = after
        if before.value != value:
            self.on_change(Change(alarm, before, after))

    def _guarded(self, alarm: Alarm, work: Callable[[], bool | None]) -> bool:
        try:
            return bool(work())
        except Exception as error:  # an alarm that cannot be judged must not keep the others from being judged
            self.on_error(alarm.name, error)
            return False

    def _put(self, request: Shape, settings: Settings | None = None, rule: Rule | None = None) -> None:
        now = self.now()
        new = Standing("INSUFFICIENT_DATA", "Unchecked: Initial alarm creation", "", now)
        with self._lock:
            known = self._alarms.get(request["AlarmName"])
            if known is not None and (known.rule is None) != (rule is None):
                raise ApiError("ValidationError", f"Alarm {known.name!r} exists and is of the other type.")
            self._alarms[request["AlarmName"]] = Alarm(
                arn=self.arn_prefix + request["AlarmName"],
                definition=request,
                configured=now,
                standing=known.standing if known else new,
                rule=rule,
                settings=settings,
                actions_enabled=bool(request.get("ActionsEnabled", True)),
            )

    def _reason_data(self, alarm: Alarm, verdict: Verdict, window: Window) -> str:
        definition = alarm.definition
        simple = "MetricName" in definition
        counts = (
            self.store.sample_counts(MetricId.from_api(definition), window.period, window.start, window.end)
            if simple
            else {}
        )
        evaluated: list[dict[str, Any]] = []
        for time, value in sorted(verdict.points.items(), reverse=True):
            point: dict[str, Any] = {"timestamp": timestamp(datetime.fromtimestamp(time, UTC))}
            if value is not None:
                point |= {"value": value} | ({"sampleCount": counts[time]} if time in counts else {})
            evaluated.append(point)
        recent = [point["value"] for point in reversed(evaluated) if "value" in point]
        data = {"version": "1.0", "queryDate": timestamp(self.now())}
        if recent:
            data["startDate"] = timestamp(datetime.fromtimestamp(min(verdict.points), UTC))
        statistic = {"statistic": definition.get("Statistic") or definition.get("ExtendedStatistic")} if simple else {}
        return json.dumps(
            data
            | statistic
            | {
                "period": window.period,
                "recentDatapoints": recent,
                "threshold": definition["Threshold"],
                "evaluatedDatapoints": evaluated,
            }
        )


def timestamp(at: datetime) -> str:
    """Return a time as CloudWatch writes it in what it sends."""
    return at.strftime("%Y-%m-%dT%H:%M:%S.") + f"{at.microsecond // 1000:03d}+0000"


def check_metric_alarm(request: Mapping[str, Any]) -> None:
    """Refuse an alarm that could never be judged.

    Raises
    ------
    ApiError
        The definition is not valid, or uses what is not simulated.
    """
    _refuse_unsimulated(request)
    name = request["AlarmName"]
    if request.get("ComparisonOperator") not in COMPARISONS:
        raise ApiError(
            "ValidationError",
            f"Alarm {name!r}: the ComparisonOperator {request.get('ComparisonOperator')!r} is not simulated; "
            f"use one of {', '.join(COMPARISONS)}.",
        )
    if "Threshold" not in request:
        raise ApiError("ValidationError", f"Alarm {name!r} has no Threshold.")
    needed, of = request.get("DatapointsToAlarm", request["EvaluationPeriods"]), request["EvaluationPeriods"]
    if not 1 <= needed <= of:
        raise ApiError("ValidationError", f"Alarm {name!r}: DatapointsToAlarm {needed} is not within 1 to {of}.")
    treatment = request.get("TreatMissingData", "missing")
    if treatment not in ("missing", "ignore", "breaching", "notBreaching"):
        raise ApiError("ValidationError", f"Alarm {name!r}: TreatMissingData {treatment!r} is unknown.")
    if "Metrics" in request:
        check_queries(request["Metrics"])
        returned = [query["Id"] for query in request["Metrics"] if query.get("ReturnData", True)]
        if len(returned) != 1:
            raise ApiError("ValidationError", f"Alarm {name!r}: exactly one query must return data, not {returned}.")
        return
    missing = [key for key in ("Namespace", "MetricName", "Period") if key not in request]
    if missing or ("Statistic" in request) == ("ExtendedStatistic" in request):
        raise ApiError(
            "ValidationError",
            f"Alarm {name!r} needs Namespace, MetricName, Period and one of Statistic and ExtendedStatistic.",
        )
    check_period(int(request["Period"]))
    check_statistic(request.get("Statistic") or request["ExtendedStatistic"])


def _refuse_unsimulated(request: Mapping[str, Any]) -> None:
    for key in _NOT_SIMULATED:
        if key in request:
            raise ApiError("ValidationError", f"Alarm {request['AlarmName']!r}: {key} is not simulated.")
