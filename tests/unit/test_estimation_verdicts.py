"""What is made of estimates: alarms of falls before labels come, and trust in them after."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from scipy import stats

from tests.unit.outcome_support import REGRESSION, SPEC, drawn_binary, drawn_numbers
from watchkeeper.errors import ProfileError
from watchkeeper.estimation import (
    Assessment,
    AssessSettings,
    Estimate,
    EstimateFindings,
    EstimateVerdict,
    Estimator,
    Trust,
    assess,
    estimate,
    examine,
)
from watchkeeper.estimation.assess import at_least
from watchkeeper.estimation.examine import p_value
from watchkeeper.outcomes import OutcomeBinning, Outcomes, observe
from watchkeeper.performance import Metric, Name, Performance, measure


@cache
def baseline() -> tuple[OutcomeBinning, Estimator, Outcomes]:
    rows = drawn_binary(20_000, seed=1)
    binning = OutcomeBinning.fit(SPEC, rows)
    return binning, Estimator.fit(binning, rows), observe(binning, rows)


def estimated(rows: int, seed: int, **world: float) -> tuple[Estimate, Performance]:
    binning, estimator, _ = baseline()
    window = observe(binning, drawn_binary(rows, seed, **world))
    return estimate(estimator, window), measure(window)


def test_a_fall_is_estimated_before_any_label_comes():
    # given a window of rows that are harder to tell apart, without a label
    found, _ = estimated(10_000, seed=2, moved=0.8, labelled=0.0)
    # when it is held to the baseline
    look = examine(found, baseline()[2])
    # then accuracy is estimated to have fallen
    assert look.verdict is EstimateVerdict.WORSE
    assert Name.ACCURACY in {each.name for each in look.fell}
    assert "accuracy 0.7" in look.summary
    assert EstimateFindings.from_json(look.to_json()) == look


def test_a_window_like_the_baseline_rarely_is_an_alarm():
    looks = [examine(estimated(1000, seed=100 + seed)[0], baseline()[2]) for seed in range(60)]
    assert sum(look.verdict is EstimateVerdict.WORSE for look in looks) <= 2


def test_an_estimate_that_must_not_be_trusted_is_no_alarm_of_a_fall():
    look = examine(estimated(2000, seed=3, moved=3.0)[0], baseline()[2])
    assert look.verdict is EstimateVerdict.UNSUPPORTED
    assert "'age'" in look.summary


def test_too_few_rows_are_no_verdict():
    look = examine(estimated(20, seed=4)[0], baseline()[2])
    assert look.verdict is EstimateVerdict.INSUFFICIENT_DATA
    assert "20 row(s)" in look.summary


def test_an_estimate_over_other_bins_is_not_compared():
    rows = drawn_binary(500, seed=5)
    other = observe(OutcomeBinning.fit(SPEC, rows), rows)
    with pytest.raises(ProfileError, match="estimator of its version"):
        examine(estimated(500, seed=5)[0], other)


def test_a_loss_of_regression_that_grows_is_a_fall():
    # given errors that are larger for large predictions
    rows = drawn_numbers(20_000, seed=1, slope=5.0)
    binning = OutcomeBinning.fit(REGRESSION, rows)
    estimator = Estimator.fit(binning, rows)
    window = observe(binning, drawn_numbers(3000, seed=2, slope=5.0, moved=1.0, labelled=0.0))
    # when ages move to where they are
    look = examine(estimate(estimator, window), observe(binning, rows))
    # then the losses are estimated to have grown
    assert {each.name for each in look.fell} == {Name.MAE, Name.RMSE}


@pytest.mark.parametrize("name", [Name.ACCURACY, Name.LOG_LOSS])
def test_p_values_take_the_halves_of_the_intervals_between(name):
    # given intervals of one and of two standard errors around .8 and .7
    before = Metric(name, 0.8, 0.8 - 1.96 * 0.03, 0.8 + 1.96 * 0.05, 100, 0.95)
    after = Metric(name, 0.7, 0.7 - 1.96 * 0.06, 0.7 + 1.96 * 0.04, 100, 0.95)
    # then z = .1/√(.03² + .04²) = 2, a fall of accuracy and a gain of the loss
    worse = stats.norm.sf(2.0)
    assert p_value(before, after) == pytest.approx(worse if name is Name.ACCURACY else 1 - worse, rel=1e-3)


def test_estimates_that_came_true_are_trustworthy():
    # given ten windows under covariate shift, estimated, and labelled later
    estimates, realised = zip(*(estimated(2000, seed=10 + k, moved=0.1 * k) for k in range(10)), strict=True)
    # when they are compared
    found = assess(estimates, realised)
    # then they are to be trusted
    assert found.trust is Trust.TRUSTWORTHY
    assert found[Name.ACCURACY].windows == 10
    assert found[Name.ACCURACY].inside >= 0.8
    assert "of 10 windows" in found.summary
    assert Assessment.from_json(found.to_json()) == found


def test_estimates_of_a_world_that_changed_are_off_and_say_so():
    # given windows in which labels follow features otherwise than ever
    estimates, realised = zip(*(estimated(2000, seed=30 + k, slope=-0.5) for k in range(6)), strict=True)
    found = assess(estimates, realised)
    # then every estimate was too high, and further ones are not to be acted on
    assert found.trust is Trust.OFF
    assert found[Name.ACCURACY].bias == pytest.approx(found[Name.ACCURACY].error)
    assert found.summary.startswith("Do not act on the estimates")
    assert "mostly too high" in found.summary


def test_windows_that_warned_or_lack_labels_do_not_count():
    far, early, usual = (
        estimated(2000, seed=41, moved=3.0),
        estimated(2000, seed=42, labelled=0.02),
        estimated(2000, seed=43),
    )
    found = assess(*zip(far, early, usual, strict=True))
    assert (found.warned, found.unlabelled) == (1, 1)
    assert {each.windows for each in found.metrics} == {1}
    assert found.trust is Trust.UNKNOWN
    assert assess([], []).trust is Trust.UNKNOWN


def test_a_sample_of_the_labels_may_differ_by_its_own_luck():
    # given windows of which a tenth is labelled
    pairs = [estimated(5000, seed=50 + k, labelled=0.1) for k in range(40)]
    found = assess(*zip(*pairs, strict=True))
    # then they lie in the widened intervals about as often as promised, and too rarely in those of all labels
    within = [one[Name.ACCURACY].low <= other[Name.ACCURACY].value <= one[Name.ACCURACY].high for one, other in pairs]
    assert found[Name.ACCURACY].inside > 0.85 > np.mean(within)


def test_many_small_misses_are_no_reason_for_distrust():
    # given estimates whose intervals are never right, but by less than matters
    metric = Metric(Name.ACCURACY, 0.8, 0.799, 0.801, 1000, 0.95)
    one, other = estimated(1000, seed=60)
    estimates = [replace(one, metrics=(metric,))] * 9
    realised = [replace(other, metrics=(replace(metric, value=0.81, low=0.80, high=0.82),))] * 9
    assert assess(estimates, realised)[Name.ACCURACY].trust is Trust.TRUSTWORTHY
    strict = AssessSettings(floors={Name.ACCURACY: 0.005})
    assert assess(estimates, realised, strict)[Name.ACCURACY].trust is Trust.OFF


@pytest.mark.parametrize(("hits", "n", "chance"), [(0, 5, 0.05), (3, 20, 0.05), (20, 20, 0.05), (40, 300, 0.1)])
def test_binomial_tails_are_those_of_scipy(hits, n, chance):
    assert at_least(hits, n, chance) == pytest.approx(stats.binom.sf(hits - 1, n, chance), rel=1e-9)


@pytest.mark.parametrize("kind", [Assessment, EstimateFindings])
def test_texts_of_another_format_are_refused(kind):
    with pytest.raises(ProfileError, match="written anew"):
        kind.from_json(b'{"format": 0}')
