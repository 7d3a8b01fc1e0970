"""The functions that decide for the machines: each looks, says what it found, and changes as little as it can."""

from __future__ import annotations

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from constructs import Construct

from infra import grants
from infra.python_function import PythonFunction
from infra.shared import ModelContext
from infra.state import ModelState
from watchkeeper import naming
from watchkeeper.spec import Trigger


class Deciders(Construct):
    """One function a decision."""

    def __init__(self, scope: Construct, context: ModelContext, state: ModelState, serving_role: iam.IRole) -> None:
        super().__init__(scope, "Deciders")
        self._context, self._state = context, state
        self.plan_rollout = self._plan_rollout(serving_role)
        self.verify_rollout = self._verify_rollout()
        self.find_last_good = self._find_last_good()
        self.record_incident = self._record_incident()
        self.all = [self.plan_rollout, self.verify_rollout, self.find_last_good, self.record_incident]
        if context.config.code_folder is not None:
            self.admit_retraining = self._admit_retraining()
            self.begin_retraining = self._begin_retraining()
            self.check_labels = self._check_labels()
            self.check_training_set = self._check_training_set()
            self.evaluate_candidate = self._evaluate_candidate()
            self.all += [self.admit_retraining, self.begin_retraining]
            self.all += [self.check_labels, self.check_training_set, self.evaluate_candidate]

    def _plan_rollout(self, serving_role: iam.IRole) -> PythonFunction:
        context = self._context
        settings = naming.serving_parameter(context.name)
        function = PythonFunction(
            self,
            context,
            "plan_rollout",
            description="Says what a rollout sends to SageMaker",
            timeout=cdk.Duration.seconds(60),
            environment={
                "EXECUTION_ROLE_ARN": serving_role.role_arn,
                "KMS_KEY_ARN": context.platform.key.key_arn,
            },
        )
        self._state.read_by(function, ["GetItem", "PutItem"])
        baselines = naming.baseline_prefix(context.name)
        function.reads(baselines)
        function.writes(baselines)
        if not context.attached:
            grants.allow(function.role, ["ssm:GetParameter"], [grants.arn("ssm", f"parameter{settings}")])
        endpoint = grants.arn("sagemaker", f"endpoint/{context.spec.endpoint}")
        configs = "*" if context.attached else f"{context.name}--*"
        grants.allow(function.role, ["sagemaker:DescribeEndpoint"], [endpoint])
        grants.allow(
            function.role,
            ["sagemaker:DescribeEndpointConfig"],
            [grants.arn("sagemaker", f"endpoint-config/{configs}")],
            grants.BY_NAME,
        )
        models = "*" if context.attached else f"{context.name}--*"
        grants.allow(
            function.role, ["sagemaker:DescribeModel"], [grants.arn("sagemaker", f"model/{models}")], grants.BY_NAME
        )
        self._may_describe_versions(function)
        return function

    def _may_describe_versions(self, function: PythonFunction) -> None:
        packages = grants.arn("sagemaker", f"model-package/{self._context.name}")
        function.function.add_environment("PACKAGES_ARN", packages)
        grants.allow(function.role, ["sagemaker:DescribeModelPackage"], [f"{packages}/*"], "All versions of the model.")

    def _verify_rollout(self) -> PythonFunction:
        function = PythonFunction(
            self,
            self._context,
            "verify_rollout",
            description="Asks the endpoint what the version was asked before, and compares the answers",
            timeout=cdk.Duration.minutes(3),
        )
        self._state.read_by(function)
        function.reads(naming.baseline_prefix(self._context.name))
        endpoint = grants.arn("sagemaker", f"endpoint/{self._context.spec.endpoint}")
        grants.allow(function.role, ["sagemaker:DescribeEndpoint", "sagemaker:InvokeEndpoint"], [endpoint])
        configs = "*" if self._context.attached else f"{self._context.name}--*"
        grants.allow(
            function.role,
            ["sagemaker:DescribeEndpointConfig"],
            [grants.arn("sagemaker", f"endpoint-config/{configs}")],
            grants.BY_NAME,
        )
        return function

    def _find_last_good(self) -> PythonFunction:
        function = PythonFunction(
            self,
            self._context,
            "find_last_good",
            description="Finds the version to go back to",
            timeout=cdk.Duration.seconds(60),
        )
        self._state.read_by(function, ["GetItem", "Scan"])
        self._may_describe_versions(function)
        return function

    def _record_incident(self) -> PythonFunction:
        function = PythonFunction(
            self,
            self._context,
            "record_incident",
            description="Writes down what went wrong, with the evidence, and what was done",
            timeout=cdk.Duration.seconds(60),
        )
        self._state.read_by(function)
        function.reads(naming.findings_prefix(self._context.name))
        function.writes(f"incidents/{self._context.name}/")
        return function

    def _admit_retraining(self) -> PythonFunction:
        counts_labels = Trigger.LABELS in self._context.spec.retraining.triggers
        function = PythonFunction(
            self,
            self._context,
            "admit_retraining",
            description="Says whether a retraining that was asked for may go on",
            timeout=cdk.Duration.minutes(5),
            memory_mb=1024 if counts_labels else 256,
            layers=("core", "parser") if counts_labels else ("core",),
        )
        self._state.read_by(function, ["GetItem", "PutItem"])
        if counts_labels:
            function.reads(naming.labels_prefix(self._context.name), naming.baseline_prefix(self._context.name))
        return function

    def _begin_retraining(self) -> PythonFunction:
        function = PythonFunction(
            self,
            self._context,
            "begin_retraining",
            description="Finds the champion, and puts on record why a retraining begins",
            timeout=cdk.Duration.seconds(60),
        )
        self._state.read_by(function, ["GetItem", "PutItem"])
        function.writes(f"training/{self._context.name}/")
        return function

    def _check_labels(self) -> PythonFunction:
        function = PythonFunction(
            self,
            self._context,
            "check_labels",
            description="Counts labelled rows, until there are enough to train on",
            timeout=cdk.Duration.minutes(5),
            memory_mb=1024,
            layers=("core", "parser"),
        )
        function.reads(naming.labels_prefix(self._context.name), naming.baseline_prefix(self._context.name))
        return function

    def _check_training_set(self) -> PythonFunction:
        function = PythonFunction(
            self,
            self._context,
            "check_training_set",
            description="Looks at a training set before a training job is paid for",
            timeout=cdk.Duration.seconds(60),
        )
        function.reads(f"training/{self._context.name}/")
        return function

    def _evaluate_candidate(self) -> PythonFunction:
        function = PythonFunction(
            self,
            self._context,
            "evaluate_candidate",
            description="Holds challenger against champion on the same labelled rows",
            timeout=cdk.Duration.minutes(10),
            memory_mb=2048,
            layers=("core", "analysis"),
        )
        function.reads(f"training/{self._context.name}/")
        function.writes(f"training/{self._context.name}/")
        return function
