"""The tables of the demo: which windows they tell of, and what they say of each."""

from __future__ import annotations

import io
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from rich.console import Console

from cli.demo import sheets
from watchkeeper.estimation.support import Unsupported
from watchkeeper.performance import Metric
from watchkeeper.performance.metric import Name
from watchkeeper.report import Line, Sheet

START = datetime(2026, 11, 21, 8, tzinfo=UTC)
HOUR = timedelta(hours=1)


def auc(value: float, reach: float = 0.01) -> Metric:
    return Metric(Name.ROC_AUC, value, value - reach, value + reach, 1000, 0.95)


def estimate(ended: int, value: float = 0.8, unsupported: tuple[Unsupported, ...] = (), rows: int = 3400) -> Any:
    """A look at the six hours up to `ended`, as far as a table reads it."""
    end = START + ended * HOUR - timedelta(minutes=40)
    found = SimpleNamespace(supported=not unsupported, unsupported=unsupported, rows=rows)
    return SimpleNamespace(version="v1", start=START + (ended - 6) * HOUR, end=end, primary=auc(value), estimate=found)


class FakeRecords:
    """Looks, newest first, and the labels of windows by when these ended."""

    def __init__(self, looks: list[Any], labelled: dict[int, tuple[int, float]]) -> None:
        self._looks, self._labelled = looks, labelled

    def estimates(self) -> Iterator[Any]:
        return iter(sorted(self._looks, key=lambda look: look.end, reverse=True))

    def realised(self, look: Any) -> Any:
        labelled, value = self._labelled.get(int((look.start - START) / HOUR) + 6, (0, 0.5))
        return type("Realised", (), {"rows": 3600, "labelled": labelled, "__getitem__": lambda *_: auc(value)})()


def test_of_looks_whose_windows_overlap_the_first_is_told_whose_labels_have_come() -> None:
    # given hourly looks at six hours each; the labels of the last window have not come
    looks = [estimate(ended) for ended in range(6, 20)]
    records = FakeRecords(looks, dict.fromkeys(range(6, 18), (3000, 0.8)))
    # when
    sheet = sheets.of_estimates(records)  # type: ignore[arg-type]  # a fake
    # then
    assert [line.cells[0] for line in sheet.lines] == ["v1, 21 Nov 08:00 to 14:00", "v1, 21 Nov 14:00 to 20:00"]
    assert sheet.lines[0].cells[1:] == (
        "3,600; 3,000",
        "roc auc 0.800 (0.790 to 0.810)",
        "roc auc 0.800 (0.790 to 0.810)",
        "yes",
        "yes",
    )


def test_a_look_at_a_window_that_had_just_begun_is_passed_over() -> None:
    # given a first look when few of its rows were there
    looks = [estimate(6, rows=200), estimate(7), estimate(8)]
    records = FakeRecords(looks, dict.fromkeys(range(6, 9), (3600, 0.8)))
    # when
    (line,) = sheets.of_estimates(records).lines  # type: ignore[arg-type]  # a fake
    # then
    assert line.cells[0] == "v1, 21 Nov 09:00 to 15:00"


def test_what_came_otherwise_is_marked_and_what_the_baseline_did_not_know_is_named() -> None:
    # given
    odd = (Unsupported("income", 0.4), Unsupported("home", 0.1))
    records = FakeRecords([estimate(6, unsupported=odd)], {6: (3600, 0.7)})
    # when
    (warned,) = sheets.of_estimates(records).lines  # type: ignore[arg-type]  # a fake
    (wrong,) = sheets.of_estimates(FakeRecords([estimate(6)], {6: (3600, 0.7)})).lines  # type: ignore[arg-type]  # a fake
    # then it is worse where nobody was warned
    assert (warned.tone, wrong.tone) == ("act", "bad")
    assert warned.cells[-2:] == ("no", "no: income (40%), home (10%)")
    assert wrong.cells[-2:] == ("no", "yes")


@pytest.mark.parametrize("cells", [("[red]a[/]", "1"), ("a" * 300, "")])
def test_a_sheet_is_drawn_as_it_is_whatever_its_texts(cells: tuple[str, str]) -> None:
    # given
    console = Console(width=60, record=True, file=io.StringIO())
    # when
    console.print(sheets.drawn(Sheet("A title", ("one", "two"), (Line(cells, "bad"),), "A note")))
    # then
    shown = "".join(console.export_text().split())
    assert cells[0][:20] in shown
    assert "Atitle" in shown
    assert "Anote" in shown
