"""What kept a look from seeing more: no labels, one outcome only, groups without rows, missing values."""

from __future__ import annotations

from collections.abc import Iterator

from watchkeeper.bias.attribute import OTHER
from watchkeeper.bias.counts import GroupCounts
from watchkeeper.bias.facet import Facet
from watchkeeper.bias.sides import Side
from watchkeeper.bias.trials import Integers


def notices(window: GroupCounts) -> Iterator[str]:
    """In words, what concerns all rows first."""
    if not window.rows:
        yield "The window has no rows."
        return
    yield from _of_outcomes(Side(window.cells[window.binning.slices[0]].sum(axis=0).astype(float)))
    for facet, part in zip(window.binning.facets, window.binning.slices, strict=True):
        yield from _of_groups(facet, window.cells[part].sum(axis=(1, 2, 3)))


def _of_outcomes(everyone: Side) -> Iterator[str]:
    for rows, what, others in (
        (everyone.labels, "label", "only predictions are compared"),
        (everyone.predictions, "prediction", "only labels are compared"),
    ):
        negative, positive = rows.tolist()
        if not negative + positive:
            yield f"No row has a {what}: {others}."
        elif not negative or not positive:
            only = "negative" if negative else "positive"
            yield f"Every {what} is {only}: groups cannot differ in it."


def _of_groups(facet: Facet, rows: Integers) -> Iterator[str]:
    *groups, missing = rows.tolist()
    present = [name for name, count in zip(facet.groups, groups, strict=True) if count]
    absent = [name for name, count in zip(facet.groups, groups, strict=True) if not count and name != OTHER]
    if len(present) < 2:
        only = f"are of one group ({present[0]})" if present else "lack a value"
        yield f"{facet.name}: all rows {only}, so there is nothing to compare."
    elif absent:
        yield f"{facet.name}: no rows of {', '.join(absent)}."
    if missing and present:
        share = missing / int(rows.sum()) * 100
        yield f"{facet.name}: {missing:,} rows ({share:.2g} %) lack a value; they are counted, not compared."
