"""Model cards: written by a function, whenever something is learned of a version."""

from __future__ import annotations

import aws_cdk as cdk
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from infra import grants
from infra.python_function import PythonFunction
from infra.shared import ModelContext
from watchkeeper import naming


def telling(model: str) -> list[str]:
    """Patterns of the keys of objects that complete what is known of a version."""
    return [naming.baseline_key(model, "*"), naming.importance_key(model, "*", "*")]


class Cards(Construct):
    """The function `write_card`, and the rule that starts it."""

    def __init__(self, scope: Construct, context: ModelContext, dead_letters: sqs.IQueue) -> None:
        super().__init__(scope, "Cards")
        model = context.name
        packages, jobs = (
            grants.arn("sagemaker", kind) for kind in (f"model-package/{model}", f"training-job/{model}--")
        )
        self.function = PythonFunction(
            self,
            context,
            "write_card",
            description=f"Writes the model card of each version of {model}",
            timeout=cdk.Duration.minutes(2),
            memory_mb=512,
            layers=("core", "page"),
            environment={"PACKAGES_ARN": packages, "JOBS_ARN": jobs},
            dead_letters=dead_letters,
        )
        self.function.reads(naming.baseline_prefix(model), naming.cards_prefix(model))
        self.function.writes(naming.cards_prefix(model))
        role = self.function.role
        grants.allow(role, ["sagemaker:DescribeModelPackage"], [f"{packages}/*"], "All versions of the model.")
        grants.allow(role, ["sagemaker:DescribeTrainingJob"], [f"{jobs}*"], grants.BY_NAME)
        grants.allow(
            role,
            ["sagemaker:CreateModelCard", "sagemaker:DescribeModelCard", "sagemaker:UpdateModelCard"],
            [grants.arn("sagemaker", f"model-card/{model}--*")],
            grants.BY_NAME,
        )
        rule = events.Rule(
            self,
            "Learned",
            description=f"Something is learned of a version of {model}",
            event_pattern=events.EventPattern(
                source=["aws.s3"],
                detail_type=["Object Created"],
                detail={
                    "bucket": {"name": [context.platform.bucket.bucket_name]},
                    "object": {"key": [{"wildcard": key} for key in telling(model)]},
                },
            ),
        )
        rule.add_target(targets.LambdaFunction(self.function.function, dead_letter_queue=dead_letters))
