"""The fliptests of a version: one for each comparison of groups, made once, of the rows that the version was judged on.

Windows have none: only counts are kept of them, and a fliptest needs rows. So it belongs to the version, as its
baseline does, and every look at the version's windows says it again, beside what the windows say.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from watchkeeper.bias.attribute import OTHER
from watchkeeper.bias.binning import GroupBinning
from watchkeeper.bias.facet import Comparison
from watchkeeper.bias.flip import FlipSettings, FlipTest, flip_test, measurement
from watchkeeper.bias.result import Measurement
from watchkeeper.bias.settings import BiasSettings
from watchkeeper.outcomes.rows import Labelled

MOST_AT_FULL = 20
"""Comparisons that are made with all the rows that a single one may take; more of them share as many distances."""


@dataclass(frozen=True)
class Flips:
    """The outcomes by facet, group, and the name of what it is compared with."""

    tests: Mapping[tuple[str, str, str], FlipTest]

    @classmethod
    def of(cls, binning: GroupBinning, rows: Labelled, settings: FlipSettings | None = None) -> Flips:
        """Test all comparisons of some rows; their labels are not looked at.

        Raises
        ------
        DatasetError
            An attribute is none of the rows' columns, or the predictions are of the wrong kind.
        """
        comparisons = list(_comparisons(binning))
        shared = _shared(settings or FlipSettings(), len(comparisons))
        tests = {_name(each): flip_test(binning, each, rows, shared) for each in comparisons}
        return cls({name: test for name, test in tests.items() if test.n or name[1] != OTHER})

    def measurements(self, binning: GroupBinning, version: str, settings: BiasSettings) -> tuple[Measurement, ...]:
        """Each judged, and in words that say whose rows these were.

        All of them are surely what they are said to be, but for a chance of alpha: each gets its part of it
        (Bonferroni), for there is no telling how tests of other rows go together.
        """
        sure = replace(settings, alpha=settings.alpha / max(1, len(self.tests)))
        judged = (
            measurement(self.tests[_name(each)], each, sure)
            for each in _comparisons(binning)
            if _name(each) in self.tests
        )
        whose = f"of the holdout, when {version} was judged"
        return tuple(replace(each, summary=f"{each.summary}; {whose}") for each in judged)

    def to_document(self) -> list[dict[str, Any]]:
        """JSON form."""
        return [
            {"facet": facet, "group": group, "against": against, **asdict(test)}
            for (facet, group, against), test in self.tests.items()
        ]

    @classmethod
    def from_document(cls, document: Sequence[Mapping[str, Any]]) -> Flips:
        """Read what `to_document` wrote."""
        counts = ("upward", "downward", "n", "against_n")
        return cls(
            {
                (item["facet"], item["group"], item["against"]): FlipTest(*(int(item[name]) for name in counts))
                for item in document
            }
        )


def _comparisons(binning: GroupBinning) -> Iterator[Comparison]:
    return (comparison for facet in binning.facets for comparison in facet.comparisons)


def _name(comparison: Comparison) -> tuple[str, str, str]:
    return comparison.facet, comparison.group, comparison.against


def _shared(settings: FlipSettings, comparisons: int) -> FlipSettings:
    """Smaller samples where there are many comparisons, so that time is bounded, too."""
    part = math.sqrt(min(1.0, MOST_AT_FULL / max(1, comparisons)))
    return replace(
        settings,
        most_disfavoured=math.ceil(settings.most_disfavoured * part),
        most_favoured=math.ceil(settings.most_favoured * part),
    )
