"""Which version serves, what became of the others, and the lock: one small DynamoDB table a model."""

from __future__ import annotations

from collections.abc import Sequence

import aws_cdk as cdk
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_iam as iam
from constructs import Construct

from infra import grants
from infra.python_function import PythonFunction
from infra.shared import ModelContext


class ModelState(Construct):
    """The table. It is retained when the stack is deleted: it is the only record of which version served when."""

    def __init__(self, scope: Construct, context: ModelContext) -> None:
        super().__init__(scope, "State")
        self._context = context
        self.table = dynamodb.Table(
            self,
            "Table",
            partition_key=dynamodb.Attribute(name="pk", type=dynamodb.AttributeType.STRING),
            billing_mode=dynamodb.BillingMode.PAY_PER_REQUEST,
            encryption=dynamodb.TableEncryption.CUSTOMER_MANAGED,
            encryption_key=context.platform.key,
            point_in_time_recovery_specification=dynamodb.PointInTimeRecoverySpecification(
                point_in_time_recovery_enabled=True
            ),
            time_to_live_attribute="expires_at",  # of locks that were never released, and events that came
            removal_policy=cdk.RemovalPolicy.RETAIN,
        )

    def read_by(self, function: PythonFunction, actions: Sequence[str] = ("GetItem",)) -> None:
        """Let a function read records, and tell it the table's name."""
        function.function.add_environment("TABLE", self.table.table_name)
        self.grant(function.role, actions)

    def grant(self, role: iam.IRole, actions: Sequence[str]) -> None:
        """Let a role do named things with the table's items."""
        grants.allow(role, [f"dynamodb:{action}" for action in actions], [self.table.table_arn])
        grants.use_key(self._context, role)
