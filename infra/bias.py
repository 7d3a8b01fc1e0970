"""How groups of people fare: a look on a schedule at what joining labels has counted of them."""

from __future__ import annotations

import aws_cdk as cdk
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from infra.python_function import PythonFunction
from infra.schedules import Schedules
from infra.shared import ModelContext
from infra.state import ModelState
from watchkeeper import naming
from watchkeeper.spec import BiasMonitor


class Bias(Construct):
    """The bias monitor; a model without sensitive attributes has none.

    Attributes
    ----------
    function : `monitor_bias`
    """

    def __init__(
        self,
        scope: Construct,
        context: ModelContext,
        monitor: BiasMonitor,
        state: ModelState,
        schedules: Schedules,
        dead_letters: sqs.IQueue,
    ) -> None:
        super().__init__(scope, "Bias")
        model = context.name
        self.function = PythonFunction(
            self,
            context,
            "monitor_bias",
            description=f"Compares what {model} predicts of groups of people, and how often rightly",
            timeout=cdk.Duration.minutes(5),
            memory_mb=1024,
            dead_letters=dead_letters,
        )
        self.function.reads(naming.groups_prefix(model), naming.baseline_prefix(model))
        self.function.writes(naming.findings_prefix(model))
        state.read_by(self.function)
        schedules.add("bias", self.function, monitor.schedule, f"Compares how groups of people fare with {model}")
