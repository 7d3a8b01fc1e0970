"""A bounded number of alarms a model, whatever the number of features, and one composite over all of them.

Three jobs, kept apart: `model_metrics` says what is measured, `alarm_definitions` when it is too much and what to do,
and the construct turns both into alarms. Alarms send nothing themselves: `notify` makes a readable message of a state
change.
"""

from __future__ import annotations

from aws_cdk import aws_cloudwatch as cloudwatch
from constructs import Construct

from infra.alarm_definitions import Definition, Watched, definitions
from infra.shared import ModelContext
from watchkeeper import naming
from watchkeeper.message import SEVERITIES
from watchkeeper.naming import AlarmKind


class Alarms(Construct):
    """All alarms of a model.

    Attributes
    ----------
    by_kind : the metric alarms
    attention : the composite, in alarm while any of them is
    """

    def __init__(self, scope: Construct, context: ModelContext, watched: Watched) -> None:
        super().__init__(scope, "Alarms")
        self.by_kind: dict[AlarmKind, cloudwatch.Alarm] = {}
        for kind, definition in definitions(context, watched).items():
            self.by_kind[kind] = self._alarm(context, kind, definition)
        self.attention = cloudwatch.CompositeAlarm(
            self,
            "Attention",
            composite_alarm_name=naming.alarm(context.name, AlarmKind.ATTENTION),
            alarm_description=f"{context.name} needs a look: at least one of its alarms is in alarm.",
            alarm_rule=cloudwatch.AlarmRule.any_of(*self.by_kind.values()),
        )

    def _alarm(self, context: ModelContext, kind: AlarmKind, definition: Definition) -> cloudwatch.Alarm:
        name = naming.alarm(context.name, kind)
        definition.check(name)
        operators = cloudwatch.ComparisonOperator
        return cloudwatch.Alarm(
            self,
            "".join(word.title() for word in kind.value.split("-")),
            alarm_name=name,
            alarm_description=f"[{SEVERITIES[kind]}] {definition.todo}",
            metric=definition.metric,
            threshold=definition.threshold,
            comparison_operator=(
                operators.GREATER_THAN_OR_EQUAL_TO_THRESHOLD
                if definition.inclusive
                else operators.GREATER_THAN_THRESHOLD
            ),
            evaluation_periods=definition.of,
            datapoints_to_alarm=definition.points,
            treat_missing_data=definition.missing,
        )
