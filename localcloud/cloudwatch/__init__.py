"""CloudWatch that evaluates: metrics, metric math, alarms with actions and events, and metrics embedded in logs.

moto keeps metrics and alarm definitions but judges nothing. `store` holds the metrics, `expressions` is metric math,
`evaluation` judges one alarm by AWS's documented rules, `rules` reads composite alarms, `alarms` runs them all once a
virtual minute, `notices` spells what an alarm sends, `queries` answers the metric API and `embedded` reads EMF.
"""

from __future__ import annotations

from localcloud.cloudwatch.bridge import install

__all__ = ["install"]
