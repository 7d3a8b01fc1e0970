"""How good predictions probably are, before their labels come."""

from __future__ import annotations

import aws_cdk as cdk
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from infra.python_function import PythonFunction
from infra.schedules import Schedules
from infra.shared import ModelContext
from infra.state import ModelState
from watchkeeper import naming


class Estimation(Construct):
    """Estimates performance on a schedule.

    Attributes
    ----------
    function : `estimate_performance`
    """

    def __init__(
        self,
        scope: Construct,
        context: ModelContext,
        state: ModelState,
        schedules: Schedules,
        dead_letters: sqs.IQueue,
    ) -> None:
        super().__init__(scope, "Estimation")
        model = context.name
        self.function = PythonFunction(
            self,
            context,
            "estimate_performance",
            description=f"Estimates how good {model}'s latest predictions are, before their labels come",
            timeout=cdk.Duration.minutes(5),
            memory_mb=1024,
            dead_letters=dead_letters,
        )
        self.function.reads(naming.outcomes_prefix(model), naming.baseline_prefix(model))
        self.function.writes(naming.findings_prefix(model))
        state.read_by(self.function)
        schedule = context.spec.estimated_performance.schedule
        schedules.add("estimated-performance", self.function, schedule, f"Estimates {model}'s performance")
