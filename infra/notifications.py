"""From state changes to people: alarms → `notify` → a topic → those whom the model's file names."""

from __future__ import annotations

import aws_cdk as cdk
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from infra import grants
from infra.python_function import PythonFunction
from infra.shared import ModelContext
from watchkeeper import naming
from watchkeeper.message import Severity
from watchkeeper.naming import AlarmKind

TOPICS = {Severity.WARNING: ("warning", "critical"), Severity.CRITICAL: ("critical",)}
"""Which topics a subscriber with a least severity gets."""


class Notifications(Construct):
    """One readable message for each state change of an alarm, and for each thing a machine has to say."""

    def __init__(self, scope: Construct, context: ModelContext, dead_letters: sqs.IQueue) -> None:
        super().__init__(scope, "Notifications")
        self._context, self._dead_letters = context, dead_letters
        topics = context.platform.topics
        self.notify = PythonFunction(
            self,
            context,
            "notify",
            description=f"Says what happened to {context.name}, and what to do, in one message",
            timeout=cdk.Duration.seconds(60),
            environment={"TOPIC_WARNING": topics["warning"], "TOPIC_CRITICAL": topics["critical"]},
            dead_letters=dead_letters,
        )
        told = [naming.findings_prefix(context.name)]
        if context.spec.attribution.enabled:
            told.append(naming.importance_prefix(context.name, "*"))
        self.notify.reads(*told)
        grants.allow(self.notify.role, ["sns:Publish"], list(topics.values()))
        self._subscribe()

    def tell_alarms(self) -> events.Rule:
        """Send every change of every alarm to `notify`. The composite would only say the same again."""
        model = self._context.name
        names = [naming.alarm(model, kind) for kind in AlarmKind if kind is not AlarmKind.ATTENTION]
        rule = alarm_rule(self, "AlarmChanged", names, None, f"Changes of the alarms of {model}")
        rule.add_target(
            targets.LambdaFunction(self.notify.function, dead_letter_queue=self._dead_letters, retry_attempts=8)
        )
        return rule

    def _subscribe(self) -> None:
        context = self._context
        for number, subscriber in enumerate(context.config.alerts):
            for topic in TOPICS[Severity(subscriber.severity)]:
                identity = f"{subscriber.protocol.title()}{number}{topic.title()}"
                sns.CfnSubscription(
                    self,
                    identity,
                    topic_arn=context.platform.topics[topic],
                    protocol=subscriber.protocol,
                    endpoint=subscriber.address,
                    filter_policy={"model": [context.name]},
                )
                if subscriber.protocol == "lambda":
                    lambda_.CfnPermission(
                        self,
                        f"{identity}Permission",
                        action="lambda:InvokeFunction",
                        function_name=subscriber.address,
                        principal="sns.amazonaws.com",
                        source_arn=context.platform.topics[topic],
                    )


def alarm_rule(
    scope: Construct, construct_id: str, names: list[str], state: str | None, description: str
) -> events.Rule:
    """A rule for changes of named alarms, to one state or to any."""
    return events.Rule(
        scope,
        construct_id,
        description=description,
        event_pattern=events.EventPattern(
            source=["aws.cloudwatch"],
            detail_type=["CloudWatch Alarm State Change"],
            detail={"alarmName": names, **({"state": {"value": [state]}} if state else {})},
        ),
    )
