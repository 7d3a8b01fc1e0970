"""What came of a model's predictions, as tables: for the console and for the report page."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from rich.table import Table
from rich.text import Text

from cli.demo.records import Records
from watchkeeper.bias import ALL_OTHERS, BiasLook, Row, flip
from watchkeeper.estimation import EstimateLook
from watchkeeper.performance import Metric, Performance
from watchkeeper.report import Line, Sheet

SHOWN_METRICS = ("(DPPL)", "(DI)", "(RD)", "(SD)", "(AD)", "(FT)")
"""Of bias, those that a table has room for."""
STYLES = {"plain": "", "act": "yellow", "bad": "red"}
MOST_UNKNOWN = 3
"""Features that are named for which the baseline had no such rows."""
ESTIMATED_SHARE = 0.8
"""Of a window's rows, that must have been there when its look was taken: its last hour still went on."""


def told(records: Records) -> list[Sheet]:
    """All there is to tell by now."""
    look = records.bias()
    found = [of_estimates(records), of_labels(records), None if look is None else of_bias(look)]
    return [sheet for sheet in found if sheet is not None and sheet.lines]


def of_estimates(records: Records) -> Sheet:
    """Windows that do not overlap: what was estimated when they ended, and what their labels said later."""
    lines = [_estimated(look, realised) for look, realised in _come_true(records)]
    return Sheet(
        "Estimated without labels, and what labels said later",
        ("hours (UTC)", "rows; with label", "estimated", "labels say", "inside", "judged on such rows"),
        tuple(lines),
        "Each estimate was made in the last of its hours, without labels, with the interval that the true value was to "
        "lie in. One of rows unlike those that the version was judged on is not to be trusted: docs/estimation.md",
    )


def _come_true(records: Records) -> Iterator[tuple[EstimateLook, Performance]]:
    """Oldest first, as far as labels have come."""
    until = None
    for look in reversed(list(records.estimates())):
        if until is None or look.start >= until:
            realised = records.realised(look)
            if realised is None or look.estimate.rows < ESTIMATED_SHARE * realised.rows:
                continue
            if realised.labelled:
                until = look.end
                yield look, realised


def _estimated(look: EstimateLook, realised: Performance) -> Line:
    expected, found = look.primary, realised[look.primary.name]
    inside = _inside(expected, found)
    unknown = [f"{each.feature} ({each.share:.0%})" for each in look.estimate.unsupported[:MOST_UNKNOWN]]
    warning = ("no: " + ", ".join(unknown)).removesuffix(": ")
    return Line(
        (
            f"{look.version}, {look.start:%d %b %H:%M} to {look.end + timedelta(hours=1):%H:00}",
            f"{realised.rows:,}; {realised.labelled:,}",
            in_words(expected),
            in_words(found),
            {None: "", True: "yes", False: "no"}[inside],
            "yes" if look.estimate.supported else warning,
        ),
        "plain" if inside is not False else "bad" if look.estimate.supported else "act",
    )


def _inside(expected: Metric, found: Metric) -> bool | None:
    if found.value is None or expected.low is None or expected.high is None:
        return None
    return expected.low <= found.value <= expected.high


def of_labels(records: Records) -> Sheet:
    """What each look of the performance monitor made of the labels it knew, oldest first."""
    lines = [
        Line(
            (
                f"{look.version}, {look.end:%d %b %H:%M}",
                f"{look.performance.labelled:,} of {look.performance.rows:,}",
                in_words(look.primary),
                str(look.findings.verdict),
                look.findings.concept.summary if look.findings.concept else "",
            ),
            "bad" if look.fall > 1 or look.concept_changed else "plain",
        )
        for look in reversed(list(records.performances()))
    ]
    return Sheet(
        "What labels say",
        ("look (UTC)", "labelled", "measured", "verdict", "whether labels follow predictions as they did"),
        tuple(lines),
        "Each look is at all predictions of its window, beside the rows that the version was judged on: "
        "docs/performance.md",
    )


def of_bias(look: BiasLook) -> Sheet:
    """How groups of people fare, by the metrics that most ask for; intersections of two groups are in the look."""
    shown = [
        row
        for row in look.table
        if row.metric.endswith(SHOWN_METRICS) and "&" not in row.group and row.against != ALL_OTHERS
    ]
    return Sheet(
        "Bias",
        ("group", "metric", "value", "95 %", "when judged", "verdict"),
        tuple(map(_compared, shown)),
        f"{look.findings.rows:,} predictions of {look.version}; positive means that {look.favourable}. FT is of the "
        "rows that the version was judged on. What the metrics mean: docs/bias.md",
    )


def _compared(row: Row) -> Line:
    """The fliptest is of the rows that the version was judged on, so it stands where their values do."""
    metric = row.metric.rpartition("(")[2].removesuffix(")")
    judged = f"{row.value} ({row.interval})" if row.value else ""
    values = ("", "", judged) if metric == flip.SHORT else (row.value, row.interval, row.baseline)
    return Line(
        (f"{row.group} against {row.against}", metric, *values, row.verdict),
        "bad" if "biased" in row.verdict else "plain",
    )


def in_words(metric: Metric) -> str:
    """A metric with its interval."""
    if metric.value is None:
        return f"{metric.name.replace('_', ' ')} unknown"
    between = "" if metric.low is None or metric.high is None else f" ({metric.low:.3f} to {metric.high:.3f})"
    return f"{metric.name.replace('_', ' ')} {metric.value:.3f}{between}"


def drawn(sheet: Sheet) -> Table:
    """For the console."""
    table = Table(*sheet.headings, title=sheet.title, title_justify="left", caption=sheet.note, header_style="bold")
    table.caption_justify = "left"
    for line in sheet.lines:
        table.add_row(*map(Text, line.cells), style=STYLES[line.tone])
    return table
