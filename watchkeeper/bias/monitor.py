"""What a model's file says of bias, as this library's settings."""

from __future__ import annotations

from watchkeeper.bias.attribute import Sensitive
from watchkeeper.bias.binning import GroupSettings
from watchkeeper.bias.positive import BINARY, BINARY_REVERSED, Positive
from watchkeeper.bias.settings import BiasSettings, Tolerance
from watchkeeper.capture.prediction import POSITIVE
from watchkeeper.spec import BiasLimits, BiasMonitor, Label, Task

MOST_ALPHA = 0.05
QUESTIONS = 2
"""A look asks whether there is bias, and whether there is another than before: they share the budget."""


def group_settings(monitor: BiasMonitor, task: Task) -> GroupSettings:
    """How the rows of a model are grouped."""
    return GroupSettings(
        sensitive=tuple(Sensitive(each.name, each.cuts, each.favoured) for each in monitor.attributes),
        positive=_positive(monitor, task),
        stratum=None if monitor.conditioned_on is None else Sensitive(monitor.conditioned_on),
        intersections=monitor.intersections,
    )


def bias_settings(monitor: BiasMonitor, dispersion: float = 1.0) -> BiasSettings:
    """How a look judges, at the rate of false alarms that the file allows."""
    return BiasSettings(
        tolerated=_tolerance(monitor.tolerated),
        change=_tolerance(monitor.change),
        alpha=min(MOST_ALPHA, monitor.false_alarms_per_month / monitor.looks_per_month / QUESTIONS),
        minimum_rows=monitor.minimum_rows,
        dispersion=dispersion,
    )


def favourable(monitor: BiasMonitor, task: Task, label: Label) -> str:
    """The favourable outcome in words."""
    if task is Task.REGRESSION:
        return f"{label.name} is {monitor.favourable_from:g} or more"
    if task is Task.MULTICLASS:
        return f"{label.name} is {' or '.join(monitor.favourable)}"
    return f"{label.name} is {'' if POSITIVE in monitor.favourable else 'not '}{label.positive}"


def _positive(monitor: BiasMonitor, task: Task) -> Positive:
    if task is Task.REGRESSION:
        assert monitor.favourable_from is not None  # the model's file is refused without it: see watchkeeper.config
        return Positive.at_least(monitor.favourable_from)
    if task is Task.MULTICLASS:
        return Positive.classes(*monitor.favourable)
    return BINARY if POSITIVE in monitor.favourable else BINARY_REVERSED


def _tolerance(limits: BiasLimits) -> Tolerance:
    return Tolerance(limits.share, limits.ratio, limits.counts)
