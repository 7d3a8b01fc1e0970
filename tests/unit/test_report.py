"""The HTML report: what it says, that it needs nothing from outside, and that hostile text stays text."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from xml.etree import ElementTree

import numpy as np
import pytest

from watchkeeper.profile import fit_column, observe_column
from watchkeeper.report import Card, Event, Mail, Report, Series, distribution, render
from watchkeeper.table import CategoryColumn, NumberColumn

AT = datetime(2026, 11, 21, 9, tzinfo=UTC)


def numbers(values: object) -> NumberColumn:
    return NumberColumn(np.asarray(values, dtype=float), invalid=0)


def report(name: str = "income") -> Report:
    generator = np.random.default_rng(1)
    before = numbers(generator.normal(size=5000))
    binning = fit_column(before)
    after = observe_column(binning, numbers(before.values + 1))
    series = [Series("baseline", observe_column(binning, before)), Series("after", after)]
    return Report(
        model="credit-risk",
        subtitle="a test",
        verdict=["One feature drifted."],
        events=[Event(AT, "alarm credit-risk--drift: ALARM", "CloudWatch", "bad")],
        cards=[Card(name, "mean 0 → 1", True, 0.4, 1e-9, distribution(binning, series))],
        legend=[("baseline", "baseline")],
        mails=[Mail(AT, "subject", "body")],
    )


def test_the_page_holds_everything_and_asks_nothing_of_the_network() -> None:
    # when
    page = render(report())
    # then
    for part in ("credit-risk", "One feature drifted.", "21 Nov 09:00", "mean 0 → 1", "<svg", "subject", "body"):
        assert part in page
    assert "http" not in page
    assert "<script" not in page


def test_hostile_text_stays_text() -> None:
    # when
    page = render(report(name="<script>alert(1)</script>"))
    # then
    assert "<script>" not in page
    assert "&lt;script&gt;" in page


@pytest.mark.parametrize("values", [[], [1.0], [1.0] * 50, list(range(5)) * 9, [0.0, 1e300, -1e300] * 40])
def test_a_plot_of_any_numbers_is_well_formed(values: list[float]) -> None:
    # given
    binning = fit_column(numbers(values))
    # when
    svg = distribution(
        binning,
        [
            Series("baseline", observe_column(binning, numbers(values))),
            Series("after", observe_column(binning, numbers([]))),
        ],
    )
    # then
    assert ElementTree.fromstring(svg).tag == "svg"
    assert "nan" not in svg


def test_the_last_value_of_whole_numbers_is_no_spike() -> None:
    # given a column whose last bin holds its greatest value alone
    column = numbers(np.random.default_rng(1).poisson(9, 5000))
    binning = fit_column(column)
    # when
    plot = distribution(binning, [Series("baseline", observe_column(binning, column))])
    # then the highest point is where the most frequent values are, and no curve goes straight up at the end
    points = [tuple(map(float, point.split())) for point in re.findall(r"L([\d.]+ [\d.]+)", plot)]
    assert 0.2 < (min(points, key=lambda point: point[1])[0] - 6) / 328 < 0.8


def test_a_plot_of_categories_shows_the_largest_and_what_is_new() -> None:
    # given
    binning = fit_column(CategoryColumn.of(("rent",) * 80 + ("own & <co>",) * 20, invalid=0))
    window = observe_column(binning, CategoryColumn.of(("rent",) * 50 + ("van",) * 50, invalid=0))
    # when
    svg = distribution(
        binning, [Series("baseline", observe_column(binning, CategoryColumn.of([]))), Series("after", window)]
    )
    # then
    words = [element.text for element in ElementTree.fromstring(svg).iter("text")]
    assert words == ["rent", "new"]
