"""The machine that gives version 1 its baseline and puts it on record as serving."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from aws_cdk import aws_iam as iam
from constructs import Construct

from infra import machine_steps as steps
from infra.attachment import Attachment
from infra.machine_steps import EXECUTION, NOW, Machine, State
from infra.shared import ModelContext
from infra.tools import Tools
from infra.transforms import answers, may_transform, transform
from watchkeeper.message import Kind
from watchkeeper.naming import FIRST_VERSION

TIMEOUT_SECONDS = 6 * 3600
EXISTS = "DynamoDb.TransactionCanceledException"


@dataclass(frozen=True)
class FirstVersion:
    """Version 1 as the template made it."""

    model_name: str
    package_arn: str
    endpoint_config: str

    def facts(self, then: str) -> State:
        """Leave them where an attached endpoint's are left once they are known."""
        return {"Type": "Pass", "Result": asdict(self), "ResultPath": "$.first", "Next": then}


class Onboarding(Construct):
    """Data in, baseline out: assemble, transform, build, record, say so. May be repeated with newer data.

    Input: `{"data": "s3://…csv or parquet", "version": "v1"}`.
    """

    def __init__(
        self,
        scope: Construct,
        context: ModelContext,
        tools: Tools,
        first: FirstVersion | Attachment,
    ) -> None:
        super().__init__(scope, "Onboarding")
        self._context, self._state, self._jobs, self._notify = context, tools.state, tools.jobs, tools.notify
        self._first = first
        self.machine = Machine(
            self,
            context,
            "onboarding",
            role=self._role(),
            comment=f"Makes the baseline of {context.name}'s version 1",
            states=self._states(),
            timeout_seconds=TIMEOUT_SECONDS,
        )

    def _states(self) -> dict[str, State]:
        first = self._first
        if isinstance(first, Attachment):
            opening, registration = first.states("AssembleTrainingSet"), first.registration("RecordServing")
        else:
            opening, registration = {"HoldTemplateFacts": first.facts("AssembleTrainingSet")}, {}
        work = {**opening, "AssembleTrainingSet": self._assemble("Transform")}
        work["Transform"] = transform(self._context, "champion", "$.first.model_name", "BuildBaseline")
        work["BuildBaseline"] = self._build_baseline("GetServing")
        work["GetServing"] = steps.repeated(
            "dynamodb:getItem",
            {"TableName": self._table, "Key": {"pk": {"S": "serving"}}, "ConsistentRead": True},
            "Known?",
            result="$.serving",
        )
        work["Known?"] = steps.choose(
            steps.when_present("$.serving.Item", "NotifyOnboarded"),
            otherwise=next(iter(registration), "RecordServing"),
        )
        work |= {**registration, "RecordServing": self._record_serving()}
        steps.guarded(work, "Failed")
        return {
            **steps.request_with_defaults({"version": FIRST_VERSION}, "FirstVersion?", **{"run.$": _RUN}),
            "FirstVersion?": steps.choose(
                steps.when_text("$.request.version", FIRST_VERSION, next(iter(opening))), otherwise="LaterVersion"
            ),
            **work,
            "NotifyOnboarded": steps.notify(self._notify, Kind.ONBOARDED, {"version": FIRST_VERSION}, "Onboarded"),
            "Onboarded": steps.end(),
            "Failed": {"Type": "Fail", "Error": "OnboardingFailed", "CausePath": "$.failure.Cause"},
            "LaterVersion": steps.end(
                "OnlyFirstVersion", "Later versions get their baseline from retraining. Give version v1."
            ),
        }

    @property
    def _table(self) -> str:
        return self._state.table.table_name

    def _assemble(self, then: str) -> State:
        arguments = {"--RUN.$": "$.run", "--NOW.$": NOW, "--SOURCE.$": "$.request.data"}
        return steps.run_job(self._jobs.assemble.name, arguments, then)

    def _build_baseline(self, then: str) -> State:
        arguments = {
            "--RUN.$": "$.run",
            "--VERSION": FIRST_VERSION,
            "--PREDICTIONS.$": answers(self._context, "champion"),
            "--NOW.$": NOW,
        }
        return steps.run_job(self._jobs.baseline.name, arguments, then)

    def _record_serving(self) -> State:
        """Version 1 serves, without probation: there is nothing to go back to."""
        version = {
            "pk": {"S": f"version#{FIRST_VERSION}"},
            "version": {"S": FIRST_VERSION},
            "package_arn": {"S.$": "$.first.package_arn"},
            "model_name": {"S.$": "$.first.model_name"},
            "state": {"S": "serving"},
            "created": {"S.$": NOW},
            "served_since": {"S.$": NOW},
        }
        serving = {
            "pk": {"S": "serving"},
            "version": {"S": FIRST_VERSION},
            "model_name": {"S.$": "$.first.model_name"},
            "endpoint_config": {"S.$": "$.first.endpoint_config"},
            "since": {"S.$": NOW},
            "probation_until": {"S.$": NOW},
            "recorded_by": {"S.$": EXECUTION},
        }
        puts = [
            {"Put": {"TableName": self._table, "Item": item, "ConditionExpression": "attribute_not_exists(pk)"}}
            for item in (version, serving)
        ]
        return steps.call(
            "aws-sdk:dynamodb:transactWriteItems", {"TransactItems": puts}, "NotifyOnboarded", tolerate=[EXISTS]
        )

    def _role(self) -> iam.Role:
        context = self._context
        role = steps.machine_role(self, context, "onboarding")
        for job in (self._jobs.assemble, self._jobs.baseline):
            steps.may_run_job(role, job.arn)
        may_transform(context, role)
        self._state.grant(role, ["GetItem", "PutItem"])
        steps.may_invoke(role, self._notify)
        if isinstance(self._first, Attachment):
            self._first.granted_to(role)
        return role


_RUN = f"States.Format('initial-{{}}', {steps.RUN_ID})"
