"""Step Functions: moto's interpreter of Amazon States Language, brought to virtual time and to AWS's own behaviour.

The interpreter is good; around it a few things are missing, and each module here adds one: `interpreter_time` makes its
waits, timeouts and threads live on the virtual clock, `role_clients` makes its calls with the state machine's role,
`integrations` adds SageMaker and repairs `.sync`, `definitions` refuses broken machines, `lifecycle` tells events,
metrics and the timeline what executions do, `jsonata` evaluates JSONata.
"""

from __future__ import annotations

from localcloud.cloud import Cloud
from localcloud.stepfunctions import definitions, integrations, interpreter_time, jsonata, lifecycle, role_clients


def install(cloud: Cloud) -> None:
    """Install Step Functions."""
    interpreter_time.install(cloud)
    role_clients.install(cloud)
    integrations.install()
    definitions.install()
    jsonata.install()
    lifecycle.install(cloud)
