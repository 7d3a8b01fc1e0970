"""What the measurements of estimates stand on: whole windows, realised values of their rows, errors that add up."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from benchmarks.data import CATEGORIES, NUMBERS, make
from benchmarks.estimation import ours
from benchmarks.estimation.said import Said, score
from benchmarks.estimation.worlds import ANSWER, LABEL, PREDICTED, World, pieces
from watchkeeper.performance import Name


@pytest.fixture(scope="module")
def world() -> World:
    table = make(6000, seed=3)
    answered = table.rename(columns={"score": ANSWER}).assign(**{PREDICTED: (table["score"] >= 0.3).astype(int)})
    return World("test", False, NUMBERS, CATEGORIES, answered, {"none": pieces(answered, 2500)})


def test_windows_are_whole_and_in_order():
    found = pieces(pd.DataFrame({LABEL: range(7)}), 3)
    assert [each[LABEL].tolist() for each in found] == [[0, 1, 2], [3, 4, 5]]


def test_estimates_are_made_of_rows_without_labels(world):
    # given a reference, and windows that are parts of it
    said = ours.watchkeeper(world)
    assert ours.rows(world, world.reference, labelled=False).truth.codes.max() == -1
    # when their estimates are scored
    truths = [ours.realised(world, table) for table in world.windows["none"]]
    found = score(said, "none", truths, ours.names(world), dict.fromkeys(Name, 1.0))
    # then they are near
    assert len(said.windows["none"]) == 2
    assert found.error < 0.04
    assert said.warned == {"none": 0}


def test_a_score_is_the_mean_error_in_its_scale_and_the_share_inside():
    said = Said({"none": [{Name.MAE: (2.0, 1.0, 3.0)}, {Name.MAE: (2.0, 1.9, 2.1)}]})
    found = score(said, "none", [{Name.MAE: 3.0}, {Name.MAE: 2.5}], [Name.MAE], {Name.MAE: 2.0})
    assert found.error == pytest.approx(np.mean([0.5, 0.25]))
    assert found.inside == 0.5
