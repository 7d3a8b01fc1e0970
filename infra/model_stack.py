"""The stack of one model: which parts there are, and what each is given."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import aws_cdk as cdk
from aws_cdk import aws_sagemaker as sagemaker
from constructs import Construct

from infra.alarm_definitions import Watched
from infra.alarms import Alarms
from infra.attachment import Attachment
from infra.attribution import Attribution
from infra.bias import Bias
from infra.capture import Capture
from infra.cards import Cards
from infra.dashboard import Dashboard
from infra.deciders import Deciders
from infra.endpoint import Endpoint, ServingRole
from infra.estimation import Estimation
from infra.feedback import Feedback
from infra.labelling import Labelling
from infra.machines import Machines
from infra.monitors import Monitors
from infra.notifications import Notifications
from infra.onboarding import FirstVersion
from infra.python_function import PythonFunction
from infra.queues import dead_letter_queue
from infra.schedules import Schedules
from infra.shared import ModelContext
from infra.spark_jobs import SparkJobs
from infra.state import ModelState
from infra.tools import Tools
from infra.triggers import Triggers
from watchkeeper import naming
from watchkeeper.config import ModelConfig
from watchkeeper.naming import AlarmKind
from watchkeeper.rollout import deployment_config

NEVER_TAGGED = [
    "aws:cdk:stack",
    "AWS::SageMaker::Model",
    "AWS::SageMaker::EndpointConfig",
    "AWS::SageMaker::Endpoint",
    "AWS::SageMaker::ModelPackage",
]
"""A changed tag must not be a change of what is served: see `infra.endpoint.Endpoint`."""


class ModelStack(cdk.Stack):
    """Everything that watches one model, and puts it right.

    Parameters
    ----------
    staging : folder for what is uploaded at deployment
    """

    def __init__(self, scope: Construct, config: ModelConfig, *, staging: Path) -> None:
        super().__init__(scope, naming.model_stack(config.name), description=f"Watchkeeper: {config.name}")
        deployment_config(config.spec().rollout, [])  # refuses now what SageMaker would refuse months later
        context = ModelContext.of(self, config, staging)
        undelivered = dead_letter_queue(self, context, "Undelivered", "undelivered")

        # What serves, and the record of it.
        state = ModelState(self, context)
        serving = ServingRole(self, context)
        versions = self._versions(config.name)
        create = config.endpoint.create
        endpoint = Endpoint(self, context, create, serving.role) if create else None

        # What looks at the traffic, tells people, and is told.
        jobs = SparkJobs(self, context)
        jobs.tell_failures(undelivered)
        capture = Capture(self, context, jobs.backfill)
        schedules = Schedules(self, context, undelivered)
        monitors = Monitors(self, context, state, jobs.merge, schedules, undelivered)
        labelling = Labelling(self, context, state, jobs.join, schedules, undelivered)
        estimation = Estimation(self, context, state, schedules, undelivered)
        attribution = Attribution(self, context, state, schedules) if context.spec.attribution.enabled else None
        cards = Cards(self, context, undelivered)
        bias = Bias(self, context, context.spec.bias, state, schedules, undelivered) if context.spec.bias else None
        notifications = Notifications(self, context, undelivered)
        feedback = Feedback(self, context, api) if (api := config.labels.feedback_api) else None

        # What acts.
        deciders = Deciders(self, context, state, serving.role)
        tools = Tools(state, jobs, deciders, notifications.notify, serving.role)
        machines = Machines.of(self, context, tools, self._first_version(context, endpoint, versions, tools))
        triggers = Triggers(self, context, machines, schedules, undelivered)
        if attribution is not None:
            attribution.follow([machines.onboarding, machines.rollout], undelivered)

        # What watches over all of these.
        working = [capture.function, labelling.join, cards.function, notifications.notify]
        monitoring = [monitors.drift, monitors.quality, labelling.performance, estimation.function]
        monitoring += [bias.function] if bias else []
        watched = Watched(
            functions=[f.name for f in (*working, *_functions(feedback))],
            monitors=[f.name for f in monitoring],
            deciders=[f.name for f in (*deciders.all, *_functions(attribution))],
            machines={
                **{name: machine.arn for name, machine in machines.by_name.items()},
                **({"Attribution": attribution.machine.arn} if attribution else {}),
            },
            dead_letter_queues=[capture.dead_letters.queue_name, undelivered.queue_name],
        )
        alarms = Alarms(self, context, watched)
        if endpoint is not None:  # whose deployment config names the alarm
            endpoint.endpoint.node.add_dependency(alarms.by_kind[AlarmKind.SERVER_ERRORS])
        # An alarm may fire as soon as it exists: whom it tells and what it starts must be ready by then.
        alarms.node.add_dependency(notifications.tell_alarms(), *triggers.on_alarms)
        Dashboard(self, context, alarms, watched)
        self._outputs(context, state, watched, feedback.outputs if feedback else {})
        for name, value in config.tags.items():
            cdk.Tags.of(self).add(name, value, exclude_resource_types=NEVER_TAGGED)

    def _versions(self, model: str) -> sagemaker.CfnModelPackageGroup:
        """The model registry's group; it outlives the stack, for it says which version was good."""
        group = sagemaker.CfnModelPackageGroup(
            self,
            "Versions",
            model_package_group_name=model,
            model_package_group_description=f"Versions of {model}; package n is version vn",
        )
        group.apply_removal_policy(cdk.RemovalPolicy.RETAIN)
        return group

    def _outputs(self, context: ModelContext, state: ModelState, watched: Watched, more: Mapping[str, str]) -> None:
        outputs = {
            "EndpointName": context.spec.endpoint,
            "StateTableName": state.table.table_name,
            "DashboardUrl": f"https://console.{cdk.Aws.URL_SUFFIX}/cloudwatch/home?region={cdk.Aws.REGION}"
            f"#dashboards:name=Watchkeeper-{context.name}",
            **{f"{name}MachineArn": arn for name, arn in watched.machines.items()},
            **more,
        }
        for name, value in outputs.items():
            cdk.CfnOutput(self, name, value=value)

    def _first_version(
        self,
        context: ModelContext,
        endpoint: Endpoint | None,
        versions: sagemaker.CfnModelPackageGroup,
        tools: Tools,
    ) -> FirstVersion | Attachment:
        if context.spec.attached is not None:
            return Attachment(self, context, context.spec.attached, tools)
        assert endpoint is not None  # exactly one of the two is given: see watchkeeper.config
        package = endpoint.register_first_version(versions)
        config = naming.first_version_resource(context.name)
        return FirstVersion(endpoint.first_model_name, package.attr_model_package_arn, config)


def _functions(part: Attribution | Feedback | None) -> tuple[PythonFunction, ...]:
    """Those of a part that a model may do without."""
    return () if part is None else tuple(part.functions)
