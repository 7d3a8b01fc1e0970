"""Format 1 is still read: the golden files were written by the version that had it, with the figures it gave."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from watchkeeper.capture import Block
from watchkeeper.errors import BaselineError, ProfileError
from watchkeeper.profile import Baseline, CategoryProfile, NumberProfile, Profile, observe_column
from watchkeeper.table import CategoryColumn, NumberColumn

GOLDEN = Path(__file__).parent / "golden"
FIGURES = json.loads((GOLDEN / "figures-1.json").read_text())


@pytest.fixture(scope="module")
def base() -> Baseline:
    return Baseline.from_json((GOLDEN / "baseline-1.json").read_bytes())


@pytest.fixture(scope="module")
def window(base: Baseline) -> Profile:
    return base.read((GOLDEN / "profile-1.json").read_bytes())


@pytest.mark.parametrize("which", ["baseline", "profile"])
def test_an_old_profile_has_its_old_figures(base: Baseline, window: Profile, which: str):
    # given an old baseline's reference, and an old window
    profile, expected = (base.reference if which == "baseline" else window), FIGURES[which]
    assert (profile.rows, profile.unreadable) == (expected["rows"], expected["unreadable"])

    # when its columns are looked at
    for name, view in {**profile.features, **profile.predictions}.items():
        figures: dict[str, Any] = expected["columns"][name]

        # then counts are the same
        if isinstance(view, CategoryProfile):
            found = {"counts": view.counts.tolist(), "rare": view.rare, "new": view.new, "names": view.names}
            assert {**found, "missing": view.missing} == figures
            continue
        assert isinstance(view, NumberProfile)
        for figure in ("below", "above", "missing", "infinite", "invalid", "present", "least", "greatest"):
            assert getattr(view, figure) == figures[figure], (name, figure)
        assert view.counts[1:-1].sum() == figures["inner"]
        # and mean and deviation, to the grain of the new units
        if figures["present"] == 0:
            assert view.mean is view.deviation is None
        else:
            assert view.mean == pytest.approx(figures["mean"], abs=view.binning.cell / 64)
            assert view.deviation == pytest.approx(figures["deviation"], rel=1e-5, abs=view.binning.cell)


def test_bin_means_of_an_old_profile_lie_within_their_bins(base: Baseline):
    # given an old column
    income = base.reference.features["income"]
    assert isinstance(income, NumberProfile)

    # when the means of its bins are asked for
    means = income.bin_means()

    # then each lies in its bin
    edges, held = income.binning.cuts, income.counts > 0
    assert np.all(means[1:-1][held[1:-1]] >= edges[:-1][held[1:-1]])
    assert np.all(means[1:-1][held[1:-1]] <= edges[1:][held[1:-1]])


def test_new_rows_are_counted_against_an_old_baseline_and_merge_with_old_profiles(base: Baseline, window: Profile):
    # given an old window, and rows captured since, with a prediction that the old baseline does not know
    values = np.array([1000.0, 0.0, 1e9, 22_000.0])
    features = {
        "income": NumberColumn(values),
        "age": NumberColumn(np.full(4, 30.0)),
        "home": CategoryColumn.of(["rent", "boat", None, "rare 89"]),
        "none": NumberColumn(np.full(4, 0.25)),
        "same": NumberColumn(np.array([7.0, 7.0, 7.1, 6.9])),
    }
    scores = {"predicted score": NumberColumn(np.full(4, 0.5)), "confidence": NumberColumn(np.full(4, 0.5))}

    # when they are profiled and merged
    fresh = base.observe(Block(4, features, scores))
    merged = fresh.merge(window)

    # then old and new add up, and the bins are the old ones
    assert merged.rows == window.rows + 4
    assert merged.joint is None
    home, same = merged.features["home"], fresh.features["same"]
    assert isinstance(home, CategoryProfile)
    assert isinstance(same, NumberProfile)
    assert home.names["boat"] == 1
    assert (same.below, same.above, same.counts.tolist()) == (1, 1, [1, 2, 1])
    income = base.binning.features["income"]
    old_cuts = np.array(json.loads((GOLDEN / "baseline-1.json").read_text())["binning"]["features"]["income"]["cuts"])
    cuts_themselves = observe_column(income, NumberColumn(old_cuts))
    assert isinstance(cuts_themselves, NumberProfile)
    assert cuts_themselves.counts[1:-1].tolist() == [1] * len(old_cuts) + [0]  # closed on the right, as they were


def test_an_old_baseline_keeps_its_id_and_is_written_as_new(base: Baseline, window: Profile):
    # given an old baseline; when it is written and read again
    again = Baseline.from_json(base.to_json())

    # then profiles made against the old one are still its own
    assert again.id == base.id == json.loads((GOLDEN / "baseline-1.json").read_text())["id"]
    assert again == base
    assert again.read(window.to_json()) == window
    assert again.for_version("v2").id != base.id


def test_an_old_baseline_that_was_changed_is_refused():
    # given an old baseline changed by hand; when read; then that is refused
    text = (GOLDEN / "baseline-1.json").read_bytes()
    with pytest.raises(BaselineError, match="changed after it was made"):
        Baseline.from_json(text.replace(b'"rows":600', b'"rows":601'))


def test_an_old_profile_of_another_baseline_is_refused(base: Baseline):
    # given old profiles of another baseline, with its columns and with others
    text = (GOLDEN / "profile-1.json").read_bytes()
    random = np.random.default_rng(1)
    features = {"x": NumberColumn(random.normal(0, 1, 60))}
    blocks = [Block(60, features, {})]
    other = Baseline.build("m", "v1", datetime(2026, 1, 1, tzinfo=UTC), base.binning.fit(features, {}), blocks)

    # when read; then both are refused
    with pytest.raises(ProfileError, match=f"not '{base.id}'"):
        base.read(text.replace(base.id.encode(), b"0123456789abcdef"))
    with pytest.raises(ProfileError, match="differ in their columns"):
        other.read(text)
