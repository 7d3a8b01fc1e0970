"""What a model goes by: the machine that asks it, the functions that plan and read, and when they run."""

from __future__ import annotations

import aws_cdk as cdk
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_iam as iam
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from infra import grants
from infra import machine_steps as steps
from infra.explainer import Explainer
from infra.machine_steps import EXECUTION, NOW, Machine, State
from infra.python_function import PythonFunction
from infra.schedules import Schedules
from infra.shared import ModelContext
from infra.state import ModelState
from infra.transforms import ask, may_transform
from watchkeeper import naming
from watchkeeper.attribution import DriftSettings, explained_rows, requests_at_most
from watchkeeper.attribution.question import PAIRS_OF_MANY
from watchkeeper.errors import ConfigError
from watchkeeper.spec import AttributionMethod, ModelSpec

TIMEOUT_SECONDS = 12 * 3600
FUNCTION_TIMEOUT = cdk.Duration.minutes(15)
MEMORY_MB = 3008


class Attribution(Construct):
    """Plan, let a batch transform answer, read; once more if a baseline had to be asked before a window.

    Where exact values are wanted, a job is asked first; if it refuses or fails, what is planned next is sampled, and
    `$.inexact` says why.

    Input: `{"scheduled_time": …}` looks at a window, `{}` only asks for what is missing of the version that serves, and
    `{"explain": {…}}` explains a prediction. Nothing else waits for it, and it takes no lock: it changes nothing that
    serves.

    Attributes
    ----------
    functions : `plan_attribution` and `read_attribution`
    """

    def __init__(self, scope: Construct, context: ModelContext, state: ModelState, schedules: Schedules) -> None:
        super().__init__(scope, "Attribution")
        self._context = context
        _check(context.spec)
        exact = context.spec.attribution.method is AttributionMethod.EXACT
        self._explainer = Explainer(self, context) if exact else None
        self._plan, self._read = self._planner(state), self._reader()
        self.functions = (self._plan, self._read)
        self.machine = Machine(
            self,
            context,
            "attribution",
            role=self._role(),
            comment=f"Finds out what {context.name} goes by",
            states=self._states(),
            timeout_seconds=TIMEOUT_SECONDS,
        )
        schedule = context.spec.attribution.schedule
        schedules.start("attribution", self.machine, schedule, f"Looks at what {context.name} goes by")

    def follow(self, machines: list[Machine], dead_letters: sqs.IQueue) -> None:
        """Ask what a version goes by as soon as one of these machines has let it serve."""
        rule = events.Rule(
            self,
            "VersionServes",
            description=f"A version of {self._context.name} may serve for the first time: ask what it goes by",
            event_pattern=events.EventPattern(
                source=["aws.states"],
                detail_type=["Step Functions Execution Status Change"],
                detail={"stateMachineArn": [machine.arn for machine in machines], "status": ["SUCCEEDED"]},
            ),
        )
        rule.add_target(
            targets.SfnStateMachine(
                self.machine.machine,
                input=events.RuleTargetInput.from_object({}),
                dead_letter_queue=dead_letters,
                retry_attempts=8,
            )
        )
        rule.node.add_dependency(self.machine.machine.node.find_child("EventsRole"))

    def _states(self) -> dict[str, State]:
        place = self._context.data_uri(naming.questions_prefix(self._context.name))
        work = {
            "Plan": steps.invoke(
                self._plan,
                {"request.$": "$.request", "execution.$": EXECUTION, "now.$": NOW, "inexact.$": "$.inexact"},
                "Due?",
                result="$.plan",
                keep=("due", "exact", "run", "model_name", "image", "artefact"),
            ),
            "Due?": steps.choose(
                *([steps.when_true("$.plan.exact", "Explain")] if self._explainer else []),
                steps.when_true("$.plan.due", "Ask"),
                otherwise="Done",
            ),
            "Ask": ask(
                self._context,
                "$.plan.model_name",
                f"States.Format('{place}{{}}/requests/', $.plan.run)",
                f"States.Format('{place}{{}}/answers/', $.plan.run)",
                "Read",
                name=f"States.Format('{self._context.name}--{{}}', $.plan.run)",
            ),
            "Read": steps.invoke(
                self._read,
                {"request.$": "$.request", "run.$": "$.plan.run"},
                "More?",
                result="$.found",
                keep=("more", "stored", "again", "refused"),
            ),
            "More?": steps.choose(
                *([steps.when_true("$.found.again", "Refused")] if self._explainer else []),
                steps.when_true("$.found.more", "Plan"),
                otherwise="Done",
            ),
        }
        inexact = {"Error": "", "Cause": ""}
        return {
            "Begin": {"Type": "Pass", "Parameters": {"request.$": "$", "inexact": inexact}, "Next": "Plan"},
            **steps.guarded(work, "Failed"),
            **self._exactly(self._explainer),
            "Done": steps.end(),
            # Whoever asked for an explanation is told why there is none; nobody else need be.
            "Failed": steps.choose(steps.when_present("$.request.explain", "Unexplained"), otherwise="NotKnown"),
            "Unexplained": steps.end(),
            "NotKnown": {"Type": "Fail", "ErrorPath": "$.failure.Error", "CausePath": "$.failure.Cause"},
        }

    def _exactly(self, explainer: Explainer | None) -> dict[str, State]:
        """Explain by a job. No failure of it is the machine's: what is planned next is sampled."""
        if explainer is None:
            return {}
        return {
            "Explain": explainer.state("Read", failed="Plan"),
            "Refused": {
                "Type": "Pass",
                "Parameters": {"Error": "", "Cause.$": "$.found.refused"},
                "ResultPath": "$.inexact",
                "Next": "Plan",
            },
        }

    def _planner(self, state: ModelState) -> PythonFunction:
        context, model = self._context, self._context.name
        function = PythonFunction(
            self,
            context,
            "plan_attribution",
            description=f"Says what to ask {model} to find out what it goes by",
            timeout=FUNCTION_TIMEOUT,
            memory_mb=MEMORY_MB,
        )
        function.reads(naming.baseline_prefix(model), naming.capture_prefix(model))
        grants.read_attached(context, function.role)
        function.writes(naming.questions_prefix(model))
        state.read_by(function)
        if self._explainer is not None:
            models, packages = (
                grants.arn("sagemaker", name) for name in (f"model/{model}--*", f"model-package/{model}/*")
            )
            grants.allow(function.role, ["sagemaker:DescribeModel"], [models], grants.BY_NAME)
            grants.allow(function.role, ["sagemaker:DescribeModelPackage"], [packages], "All versions of the model.")
        return function

    def _reader(self) -> PythonFunction:
        model = self._context.name
        function = PythonFunction(
            self,
            self._context,
            "read_attribution",
            description=f"Reads what {model} goes by out of what it answered",
            timeout=FUNCTION_TIMEOUT,
            memory_mb=MEMORY_MB,
        )
        kept = naming.questions_prefix(model), naming.importance_prefix(model, "*")
        function.reads(*kept)
        function.writes(*kept, naming.findings_prefix(model))
        if self._explainer is not None:
            function.writes(naming.inexact_prefix(model, "*"))
        return function

    def _role(self) -> iam.Role:
        role = steps.machine_role(self, self._context, "attribution")
        may_transform(self._context, role)
        steps.may_invoke(role, *self.functions)
        if self._explainer is not None:
            self._explainer.may_be_run_by(role)
        return role


def _check(spec: ModelSpec) -> None:
    """Refuse now what would find nothing out later.

    Raises
    ------
    ConfigError
        So few requests explain too few rows for a verdict.
    """
    features, least = len(spec.profiled_features), DriftSettings().minimum_rows
    if (rows := explained_rows(spec)) < least:
        raise ConfigError(
            f"Model {spec.name}: monitors.attribution.requests is {spec.attribution.requests}, which explains {rows} "
            f"rows of {features} features; a verdict needs {least}. Set it to "
            f"{requests_at_most(least, features, PAIRS_OF_MANY)}, or set monitors.attribution.enabled to false."
        )
