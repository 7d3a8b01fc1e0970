"""What starts the machines by itself: alarms, labels, schedules, and a change of the serving settings."""

from __future__ import annotations

from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from infra.machine_steps import Machine
from infra.machines import Machines
from infra.notifications import alarm_rule
from infra.schedules import Schedules
from infra.shared import ModelContext
from watchkeeper import naming
from watchkeeper.admission import ALARMS
from watchkeeper.naming import AlarmKind
from watchkeeper.spec import Trigger

LABEL_LOOK = "rate(6 hours)"
"""How often new labels are counted, where a number of them starts a retraining."""


class Triggers(Construct):
    """What starts machines. Each start may happen twice: the machines make sure that it does no harm.

    Attributes
    ----------
    on_alarms : those that an alarm sets off
    """

    def __init__(
        self,
        scope: Construct,
        context: ModelContext,
        machines: Machines,
        schedules: Schedules,
        dead_letters: sqs.IQueue,
    ) -> None:
        super().__init__(scope, "Triggers")
        self._context, self._dead_letters = context, dead_letters
        self.on_alarms: list[events.Rule] = []
        if machines.retraining is not None:
            self._retrain(machines.retraining, schedules)
        if context.config.rollback.automatic:
            suspect = "the new version's predictions are suspect"
            self._on_alarm(AlarmKind.SUSPECT_VERSION, machines.rollback, suspect)
        if not context.attached:
            self._on_serving_settings(machines.rollout)

    def _retrain(self, machine: Machine, schedules: Schedules) -> None:
        retraining, model = self._context.spec.retraining, self._context.name
        for trigger in retraining.triggers:
            if trigger in ALARMS:
                kind = ALARMS[trigger]
                self._on_alarm(kind, machine, f"the {kind} alarm fired", trigger=trigger)
        if Trigger.LABELS in retraining.triggers:
            request = {"trigger": Trigger.LABELS, "reason": f"{retraining.new_labels} labelled rows came"}
            schedules.start("retrain-on-labels", machine, LABEL_LOOK, f"Trains {model} when labels came", request)
        if retraining.schedule is not None:
            request = {"trigger": Trigger.SCHEDULE, "reason": f"it is due: {retraining.schedule}"}
            schedules.start("retrain", machine, retraining.schedule, f"Trains {model} on a schedule", request)

    def _on_alarm(self, kind: AlarmKind, machine: Machine, reason: str, **request: str) -> None:
        """Start a machine when an alarm fires."""
        name = naming.alarm(self._context.name, kind)
        identity = "".join(word.title() for word in kind.value.split("-"))
        rule = alarm_rule(self, f"On{identity}", [name], "ALARM", f"{name} fires: {reason}")
        self.on_alarms.append(rule)
        field = events.EventField.from_path
        self._start(
            rule,
            machine,
            {"reason": reason, "alarm": field("$.detail.alarmName"), "alarm_time": field("$.time"), **request},
        )

    def _on_serving_settings(self, machine: Machine) -> None:
        """Start a machine when the model's file has other serving settings than before."""
        parameter = naming.serving_parameter(self._context.name)
        rule = events.Rule(
            self,
            "OnServingSettings",
            description=f"{parameter} changed: apply it to the version that serves",
            event_pattern=events.EventPattern(
                source=["aws.ssm"],
                detail_type=["Parameter Store Change"],
                detail={"name": [parameter], "operation": ["Update"]},
            ),
        )
        self._start(rule, machine, {"reason": "serving settings changed"})

    def _start(self, rule: events.Rule, machine: Machine, request: dict[str, str]) -> None:
        rule.add_target(
            targets.SfnStateMachine(
                machine.machine,
                input=events.RuleTargetInput.from_object(request),
                dead_letter_queue=self._dead_letters,
                retry_attempts=8,
            )
        )
        # An event that comes before the rule's role may start the machine is lost to the dead letters.
        rule.node.add_dependency(machine.machine.node.find_child("EventsRole"))
