"""How much rows in bursts vary is known from the parts of a window, and makes a look as careful as it must be."""

from __future__ import annotations

import numpy as np
import pytest
from bias_support import Confusion, rows

from watchkeeper.bias import (
    BiasSettings,
    GroupBinning,
    GroupCounts,
    GroupSettings,
    Sensitive,
    dispersion,
    examine,
    merge_all,
)
from watchkeeper.errors import ProfileError

SHARES = np.array([0.32, 0.08, 0.12, 0.48])
BINNING = GroupBinning.fit(
    GroupSettings((Sensitive("sex"),)), rows({"Male": Confusion(2, 1, 1, 2), "Female": Confusion(1, 1, 1, 1)})
)
EMPTY = GroupCounts.empty(BINNING)


def parts(random: np.random.Generator, count: int, burst: int, n: int = 60) -> list[GroupCounts]:
    """Parts of n rows a group; every row is there `burst` times over."""
    found = []
    for _ in range(count):
        counts = GroupCounts.empty(BINNING)
        for group in (0, 1):
            counts.cells[group, 0] = burst * Confusion(*random.multinomial(n // burst, SHARES)).cells
        found.append(counts)
    return found


@pytest.mark.parametrize("burst", [1, 2, 5])
def test_rows_that_come_several_times_over_vary_so_many_times_as_much(burst):
    found = dispersion(parts(np.random.default_rng(1), 300, burst))
    assert found == pytest.approx(burst, rel=0.1)


def test_independent_rows_never_vary_less_than_they_can():
    assert dispersion(parts(np.random.default_rng(2), 20, 1)) >= 1
    assert dispersion([parts(np.random.default_rng(3), 1, 1)[0]] * 20) == 1


def test_labels_that_come_late_are_no_dependence():
    # given parts of which the newer half has no labels yet
    found = parts(np.random.default_rng(5), 300, 1)
    for part in found[150:]:
        part.cells[:, :, 0] += part.cells[:, :, 1:].sum(axis=2)
        part.cells[:, :, 1:] = 0

    # then
    assert dispersion(found) == pytest.approx(1, abs=0.1)


def test_healthy_windows_of_bursts_alarm_unless_it_is_known_how_much_they_vary():
    # given
    random = np.random.default_rng(4)
    learnt = BiasSettings(draws=501, dispersion=dispersion(parts(random, 200, 6)))
    alarms = {"independent": 0, "known": 0}

    # when
    for _ in range(40):
        baseline, window = merge_all(parts(random, 40, 6), EMPTY), merge_all(parts(random, 8, 6), EMPTY)
        alarms["independent"] += bool(examine(baseline, window, BiasSettings(draws=501)).drifted)
        alarms["known"] += bool(examine(baseline, window, learnt).drifted)

    # then
    assert alarms["independent"] >= 15
    assert alarms["known"] <= 2


def test_a_group_that_is_always_answered_alike_tells_nothing_of_how_much_rows_vary():
    same = GroupCounts.empty(BINNING)
    same.cells[:2, 0] = Confusion(50, 0, 0, 0).cells
    assert dispersion([same] * 12) == 1


def test_few_parts_and_parts_over_other_groups_are_refused():
    few = parts(np.random.default_rng(5), 9, 1)
    with pytest.raises(ProfileError, match="9 parts hold rows, and 10 are needed"):
        dispersion([*few, EMPTY])
    other = GroupBinning.fit(GroupSettings((Sensitive("sex"),)), rows({"Female": Confusion(1, 1, 1, 1)}))
    strange = GroupCounts.empty(other)
    strange.cells[0, 0, 1, 1] = 1
    with pytest.raises(ProfileError, match="their groups differ"):
        dispersion([*few, few[0], strange])
