"""The stack of one model: which parts there are, and what each is given."""

from __future__ import annotations

from pathlib import Path

import aws_cdk as cdk
from aws_cdk import aws_sagemaker as sagemaker
from constructs import Construct

from infra.alarms import Alarms, Watched
from infra.capture import Capture
from infra.dashboard import Dashboard
from infra.deciders import Deciders
from infra.endpoint import Endpoint, ServingRole
from infra.monitors import Monitors
from infra.notifications import Notifications
from infra.onboarding import FirstVersion, Onboarding
from infra.queues import dead_letter_queue
from infra.retraining import Retraining
from infra.rollback import Rollback
from infra.rollout import Rollout
from infra.shared import ModelContext
from infra.spark_jobs import SparkJobs
from infra.state import ModelState
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
        deployment_config(config.spec().rollout, [])  # refuses what SageMaker would refuse months later
        context = ModelContext.of(self, config, staging)
        undelivered = dead_letter_queue(self, context, "Undelivered", "undelivered")
        state = ModelState(self, context)
        serving = ServingRole(self, context)
        group = sagemaker.CfnModelPackageGroup(
            self,
            "Versions",
            model_package_group_name=config.name,
            model_package_group_description=f"Versions of {config.name}; package n is version vn",
        )
        group.apply_removal_policy(cdk.RemovalPolicy.RETAIN)
        endpoint = Endpoint(self, context, config.endpoint.create, serving.role) if config.endpoint.create else None
        capture = Capture(self, context)
        monitors = Monitors(self, context, state, undelivered)
        notifications = Notifications(self, context, undelivered)
        notify = notifications.notify
        jobs = SparkJobs(self, context)
        deciders = Deciders(self, context, state, serving.role)
        onboarding = Onboarding(
            self,
            context,
            state=state,
            jobs=jobs,
            notify=notify,
            serving_role=serving.role,
            first=_first_version(endpoint, group),
        )
        rollout = Rollout(
            self,
            context,
            state=state,
            plan=deciders.plan_rollout,
            verify=deciders.verify_rollout,
            notify=notify,
            serving_role=serving.role,
        )
        rollback = Rollback(
            self,
            context,
            state=state,
            find=deciders.find_last_good,
            record=deciders.record_incident,
            notify=notify,
            rollout_machine=rollout,
        )
        machines = {"Onboarding": onboarding.machine, "Rollout": rollout.machine.machine, "Rollback": rollback.machine}
        functions = [capture.function, monitors.drift, monitors.quality, notify]
        triggers = Triggers(self, context, undelivered)
        if config.code_folder is not None:
            retraining = Retraining(
                self,
                context,
                state=state,
                jobs=jobs,
                check_labels=deciders.check_labels,
                check_training_set=deciders.check_training_set,
                evaluate=deciders.evaluate_candidate,
                notify=notify,
                serving_role=serving.role,
                rollout_machine=rollout,
            )
            machines["Retraining"] = retraining.machine
            if context.spec.retraining.on_drift:
                triggers.on_alarm(AlarmKind.DRIFT, retraining.machine, "the drift alarm fired")
        if config.rollback.automatic:
            triggers.on_alarm(AlarmKind.SUSPECT_VERSION, rollback.machine, "the new version's predictions are suspect")
        if endpoint is not None:
            triggers.on_serving_settings(rollout.machine.machine)
        watched = Watched(
            functions=[function.function.function_name for function in functions],
            machines={name: machine.state_machine_arn for name, machine in machines.items()},
            dead_letter_queues=[capture.dead_letters.queue_name, undelivered.queue_name],
        )
        alarms = Alarms(self, context, watched)
        if endpoint is not None:  # whose deployment config names the alarm
            endpoint.endpoint.node.add_dependency(alarms.by_kind[AlarmKind.SERVER_ERRORS])
        notifications.on_alarms(context, undelivered)
        dashboard = Dashboard(self, context, alarms, watched)
        self._outputs(context, state, watched, dashboard)
        for name, value in config.tags.items():
            cdk.Tags.of(self).add(name, value, exclude_resource_types=NEVER_TAGGED)

    def _outputs(self, context: ModelContext, state: ModelState, watched: Watched, dashboard: Dashboard) -> None:
        outputs = {
            "EndpointName": context.spec.endpoint,
            "StateTableName": state.table.table_name,
            "DashboardUrl": f"https://console.{cdk.Aws.URL_SUFFIX}/cloudwatch/home?region={cdk.Aws.REGION}"
            f"#dashboards:name=Watchkeeper-{context.name}",
            **{f"{name}MachineArn": arn for name, arn in watched.machines.items()},
        }
        for name, value in outputs.items():
            cdk.CfnOutput(self, name, value=value)


def _first_version(endpoint: Endpoint | None, group: sagemaker.CfnModelPackageGroup) -> FirstVersion | None:
    if endpoint is None:
        return None
    package = endpoint.register_first_version(group)
    return FirstVersion(endpoint.first_model_name, package.attr_model_package_arn)
