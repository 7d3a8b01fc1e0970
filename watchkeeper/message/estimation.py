"""What is estimated of predictions without labels, in words."""

from __future__ import annotations

from watchkeeper.estimation import EstimateLook
from watchkeeper.message.layout import listed, moment
from watchkeeper.performance.findings import MetricFinding

SHOWN = 5
HEADLINE_ROOM = 45


def headline(look: EstimateLook) -> str:
    """What is estimated to have fallen: the metric that stands for all, if it did, then the worst."""
    fell = [f"{each.name.replace('_', ' ')} {each.before:.2f} to {each.after:.2f}" for each in _fell(look)]
    return listed(fell, HEADLINE_ROOM)


def lines(look: EstimateLook) -> list[str]:
    """The metrics with what they are expected to be, then how far the estimate is supported."""
    fell = _fell(look)
    rest = [f"and {len(fell) - SHOWN} more metrics"] if len(fell) > SHOWN else []
    return [*(each.summary for each in fell[:SHOWN]), *rest, support(look)]


def support(look: EstimateLook) -> str:
    """Whether the baseline had rows like these."""
    beyond = [f"{each.feature} {each.share:.0%}" for each in look.estimate.unsupported[:SHOWN] if each.share >= 0.005]
    if not beyond:
        return "The baseline had rows like these."
    return f"Share of the rows of which the baseline says little, by feature: {', '.join(beyond)}."


def _fell(look: EstimateLook) -> list[MetricFinding]:
    return sorted(look.findings.fell, key=lambda each: each.name != look.primary.name)


def window(look: EstimateLook) -> str:
    """Which predictions were looked at."""
    return f"{look.estimate.rows} predictions of {look.version} from {moment(look.start)} to {moment(look.end)}"
