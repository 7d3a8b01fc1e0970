"""Performance without labels: what counts alone tell is what labels show later, and it is said when they cannot."""

from __future__ import annotations

import math
from functools import cache

import numpy as np
import pytest
from scipy import stats

from tests.unit.outcome_support import (
    MULTICLASS,
    REGRESSION,
    SPEC,
    drawn_binary,
    drawn_classes,
    drawn_numbers,
    from_scores,
)
from watchkeeper.errors import DatasetError, ProfileError
from watchkeeper.estimation import Estimate, EstimateSettings, Estimator, FitSettings, estimate
from watchkeeper.estimation.classification import of_decisions, tilted
from watchkeeper.estimation.within import carried
from watchkeeper.outcomes import Labelled, OutcomeBinning, Outcomes, observe
from watchkeeper.performance import Name, measure
from watchkeeper.spec import ModelSpec
from watchkeeper.table import CategoryColumn, Column, NumberColumn

ROWS = 20_000


def learnt(spec: ModelSpec, rows: Labelled, settings: FitSettings | None = None) -> tuple[OutcomeBinning, Estimator]:
    binning = OutcomeBinning.fit(spec, rows)
    return binning, Estimator.fit(binning, rows, settings or FitSettings())


@cache
def of_binary(rent: float = 0.0) -> tuple[OutcomeBinning, Estimator]:
    return learnt(SPEC, drawn_binary(ROWS, seed=1, rent=rent))


def moved_home(rows: Labelled, share: float) -> Labelled:
    """The rows of home "rent", and so many of the others that they are that share of all."""
    codes = rows.features["home"].codes  # type: ignore[union-attr]
    rent, others = np.flatnonzero(codes == 1), np.flatnonzero(codes != 1)
    kept = np.sort(np.concatenate([rent, others[: round(len(rent) * (1 - share) / share)]]))

    def take(column: Column) -> Column:
        if isinstance(column, NumberColumn):
            return NumberColumn(column.values[kept])
        assert isinstance(column, CategoryColumn)
        return CategoryColumn(column.codes[kept], column.levels)

    return Labelled(
        len(kept),
        {name: take(column) for name, column in rows.features.items()},
        {name: take(column) for name, column in rows.predictions.items()},
        take(rows.truth),
    )


def test_metrics_of_expected_counts_agree_with_a_hand_worked_table():
    # given 10 rows predicted negative, of which 2 are positive, and 10 predicted positive, of which 6 are
    rows, hits = np.array([[10], [10]]), np.array([[[2.0], [6.0]]])
    # when metrics are computed
    found = {name: float(values[0]) for name, values in of_decisions(rows, hits, beta=1.0).items()}
    # then TP = 6, FP = 4, FN = 2, TN = 8
    assert found == pytest.approx(
        {
            Name.ACCURACY: 14 / 20,
            Name.BALANCED_ACCURACY: (6 / 8 + 8 / 12) / 2,
            Name.PRECISION: 6 / 10,
            Name.RECALL: 6 / 8,
            Name.SPECIFICITY: 8 / 12,
            Name.F_BETA: 12 / 18,
            Name.MCC: (6 * 8 - 4 * 2) / math.sqrt(10 * 8 * 12 * 10),
        }
    )


def test_expected_counts_are_those_of_the_calibration_by_hand():
    # given a score of .25 that is positive in 1 of 4 rows, and one of .75 that is in 3 of 4
    scores = np.repeat([0.25, 0.75], 4000)
    truth = np.concatenate([np.tile([1, 0, 0, 0], 1000), np.tile([1, 1, 1, 0], 1000)])
    binning, estimator = learnt(SPEC, from_scores(scores, truth))
    # when a window without labels has 100 rows of the first and 300 of the second
    window = observe(binning, from_scores(np.repeat([0.25, 0.75], [100, 300]), np.full(400, -1)))
    found = estimate(estimator, window)
    # then TP = 225, FP = 75, FN = 25, TN = 75
    assert found[Name.ACCURACY].value == pytest.approx(300 / 400, abs=1e-3)
    assert found[Name.PRECISION].value == pytest.approx(225 / 300, abs=1e-3)
    assert found[Name.RECALL].value == pytest.approx(225 / 250, abs=1e-3)
    assert found[Name.BRIER].value == pytest.approx(0.25 * 0.75, abs=2e-3)


@pytest.mark.parametrize("moved", [0.0, 0.5, 1.0])
def test_estimates_come_true_under_covariate_shift(moved):
    # given a model that knows the world, and a large window whose ages moved
    binning, estimator = of_binary()
    rows = drawn_binary(100_000, seed=2, moved=moved)
    # when performance is estimated from a window without its labels, and measured with them
    hidden = Labelled(rows.rows, rows.features, rows.predictions, type(rows.truth)(rows.truth.codes * 0 - 1, ("0",)))
    found, truth = estimate(estimator, observe(binning, hidden)), measure(observe(binning, rows))
    # then every metric is near
    assert len(found.known) == 11
    for each in found.metrics:
        assert each.value == pytest.approx(truth[each.name].value, abs=0.02), each.name


def test_labels_that_came_already_change_no_estimate():
    binning, estimator = of_binary()
    some, none = (observe(binning, drawn_binary(2000, seed=3, labelled=share)) for share in (0.5, 0.0))
    first, second = estimate(estimator, some), estimate(estimator, none)
    assert [each.n for each in first.metrics] == [each.n for each in second.metrics]
    assert first.metrics[0].value == pytest.approx(second.metrics[0].value, abs=0.02)
    assert none.scores.labelled == 0


def test_features_correct_what_scores_do_not_know():
    # given a world in which rented homes default more often than their scores say, and a window of mostly rented ones
    binning, estimator = of_binary(rent=1.5)
    window = observe(binning, moved_home(drawn_binary(60_000, seed=4, rent=1.5), share=0.9))
    plain = Estimator.fit(binning, drawn_binary(ROWS, seed=1, rent=1.5), FitSettings(most_features=0))
    # when performance is estimated with features and by scores alone
    truth = measure(window)
    errors = {
        name: [abs(estimate(each, window)[name].value - truth[name].value) for each in (estimator, plain)]
        for name in (Name.ACCURACY, Name.PRECISION, Name.RECALL, Name.LOG_LOSS)
    }
    # then the first are at least twice as near
    assert all(corrected < uncorrected / 2 for corrected, uncorrected in errors.values()), errors


def test_features_that_tell_nothing_correct_nothing():
    assert not of_binary()[1].additive.corrects
    assert of_binary(rent=1.5)[1].additive.corrects


def test_a_tilt_adds_the_rows_that_are_asked_for():
    rows, chances = np.array([[100, 50], [10, 80]]), np.array([[[0.1, 0.3], [0.6, 0.9]]])
    moved = tilted(rows, chances, np.array([[7.0, -5.0]]))
    assert (rows * moved).sum(axis=2) == pytest.approx((rows * chances).sum(axis=2) + np.array([7, -5]), abs=1e-3)


@pytest.mark.slow
@pytest.mark.parametrize("moved", [0.0, 0.7])
def test_intervals_hold_what_they_promise(moved):
    # given 30 baselines of 4,000 rows, and 10 windows of 1,000 for each
    inside: dict[Name, list[bool]] = {}
    for seed in range(30):
        binning, estimator = learnt(SPEC, drawn_binary(4000, seed=seed, rent=0.5))
        for number in range(10):
            window = observe(binning, drawn_binary(1000, seed=1000 + 10 * seed + number, moved=moved, rent=0.5))
            truth = measure(window)
            # when estimates with 95 % intervals are held to what labels show
            for each in estimate(estimator, window).known:
                inside.setdefault(each.name, []).append(each.low <= truth[each.name].value <= each.high)
    # then nearly so many do
    shares = {name: float(np.mean(held)) for name, held in inside.items()}
    assert min(shares.values()) > 0.88, shares
    assert 0.92 < np.mean(list(shares.values())) < 0.995, shares


def test_errors_of_a_regression_are_estimated_by_where_they_are_large():
    # given errors that are larger for rented homes
    binning, estimator = learnt(REGRESSION, drawn_numbers(ROWS, seed=1, rent=6.0))
    window = observe(binning, moved_home(drawn_numbers(60_000, seed=5, rent=6.0), share=0.8))
    # when a window of mostly rented ones is estimated
    found, truth, usual = estimate(estimator, window), measure(window), estimator.additive.means[0]
    # then their losses are expected, and not the baseline's
    for name in (Name.MAE, Name.RMSE):
        assert found[name].value == pytest.approx(truth[name].value, rel=0.03)
    assert found[Name.MAE].value > 1.3 * usual[0]


def test_intervals_of_a_regression_hold_what_they_promise():
    inside = []
    for seed in range(40):
        binning, estimator = learnt(REGRESSION, drawn_numbers(3000, seed=seed))
        for number in range(5):
            window = observe(binning, drawn_numbers(500, seed=1000 + 5 * seed + number))
            truth = measure(window)
            inside += [each.low <= truth[each.name].value <= each.high for each in estimate(estimator, window).metrics]
    assert 0.91 < np.mean(inside) < 0.985


def test_the_accuracy_of_many_classes_is_the_mean_of_calibrated_confidences():
    binning, estimator = learnt(MULTICLASS, drawn_classes(ROWS, seed=1))
    window = observe(binning, drawn_classes(50_000, seed=2, moved=0.7))
    found = estimate(estimator, window)
    assert [each.name for each in found.metrics] == [Name.ACCURACY]
    assert found[Name.ACCURACY].value == pytest.approx(measure(window)[Name.ACCURACY].value, abs=0.015)


def test_rows_beyond_the_baseline_are_a_warning():
    # given windows as the baseline, and far from it
    binning, estimator = of_binary()
    usual, far = (estimate(estimator, observe(binning, drawn_binary(2000, seed=6, moved=m))) for m in (0.0, 3.0))
    # then only of the second the estimate is not to be trusted, and the feature is named
    assert usual.supported
    assert not far.supported
    assert any("'age'" in warning for warning in far.warnings)


def test_decisions_at_another_threshold_are_estimated_as_well():
    binning, estimator = of_binary()
    window = observe(binning, drawn_binary(50_000, seed=7, threshold=0.3))
    found, truth = estimate(estimator, window), measure(window)
    assert found.supported
    assert found[Name.RECALL].value == pytest.approx(truth[Name.RECALL].value, abs=0.02)


def test_decisions_that_follow_no_threshold_are_a_warning():
    rows = drawn_binary(5000, seed=8)
    label = rows.predictions["predicted label"]
    turned = {**rows.predictions, "predicted label": type(label)(label.codes[::-1].copy(), label.levels)}
    binning, estimator = of_binary()
    found = estimate(estimator, observe(binning, Labelled(rows.rows, rows.features, turned, rows.truth)))
    assert any("threshold" in warning for warning in found.warnings)


def test_too_few_rows_and_rows_without_scores_have_no_estimate():
    binning, estimator = of_binary()
    few = observe(binning, drawn_binary(50, seed=9))
    unscored = observe(binning, from_scores(np.full(500, np.nan), np.full(500, -1)))
    for window in (few, unscored, Outcomes.empty(binning)):
        found = estimate(estimator, window)
        assert not found.known
        assert all("at least 100" in each.reason for each in found.metrics)


def test_one_class_of_labels_and_of_predictions_is_survived():
    binning, estimator = learnt(SPEC, from_scores(np.full(300, 0.9), np.ones(300, int)))
    found = estimate(estimator, observe(binning, from_scores(np.full(300, 0.9), np.full(300, -1))))
    assert found[Name.ACCURACY].value > 0.99
    assert found[Name.BALANCED_ACCURACY].value is None


def test_margins_rank_but_are_no_probabilities():
    random = np.random.default_rng(0)
    margins = random.normal(0, 3, 8000)
    truth = (random.random(8000) < 1 / (1 + np.exp(-margins))).astype(int)
    binning, estimator = learnt(SPEC, from_scores(margins, truth, threshold=0.0))
    names = {each.name for each in estimate(estimator, observe(binning, from_scores(margins, truth, 0.0))).known}
    assert Name.ROC_AUC in names
    assert Name.LOG_LOSS not in names


def test_estimators_and_estimates_survive_json():
    for spec, draw in ((SPEC, drawn_binary), (REGRESSION, drawn_numbers)):
        binning, estimator = learnt(spec, draw(3000, seed=1, rent=2.0))
        read = Estimator.from_json(estimator.to_json())
        window = observe(binning, draw(1000, seed=2, rent=2.0))
        assert read.to_json() == estimator.to_json()
        assert estimate(read, window) == estimate(estimator, window)
        assert Estimate.from_json(estimate(read, window).to_json()) == estimate(read, window)
    for read_as in (Estimator, Estimate):
        with pytest.raises(ProfileError, match="format"):
            read_as.from_json(b'{"format": 0}')


def test_an_estimator_of_other_bins_is_refused():
    _, estimator = of_binary()
    rows = drawn_binary(500, seed=10)
    with pytest.raises(ProfileError, match="fit the estimator"):
        estimate(estimator, observe(OutcomeBinning.fit(SPEC, rows), rows))


def test_an_estimator_needs_labels():
    rows = drawn_binary(500, seed=11)
    with pytest.raises(DatasetError, match="both a label and a score"):
        Estimator.fit(OutcomeBinning.fit(SPEC, rows), drawn_binary(500, seed=11, labelled=0.0))


def test_equal_rows_give_equal_estimates_and_confidence_widens_them():
    binning, estimator = of_binary()
    window = observe(binning, drawn_binary(1000, seed=12))
    narrow, wide = (estimate(estimator, window, EstimateSettings(confidence=c)) for c in (0.8, 0.99))
    assert estimate(estimator, window) == estimate(estimator, window)
    assert all(b.low < a.low <= a.value <= a.high < b.high for a, b in zip(narrow.known, wide.known, strict=True))


@pytest.mark.parametrize(("centre", "spread"), [(0.0, 1.0), (0.5, 1.0), (-0.4, 1.2), (1.0, 0.8)])
def test_what_moves_within_cells_carries_a_linear_effect_beyond_the_last_edge(centre, spread):
    # given eighths of a normal feature, and its mean in each
    edges = stats.norm.ppf(np.arange(1, 8) / 8)
    bounds = np.concatenate([[-np.inf], edges, [np.inf]])
    means = -np.diff(stats.norm.pdf(bounds)) * 8
    now = np.diff(stats.norm.cdf((bounds - centre) / spread))
    # when the window's mean is taken from the shares of cells as they are, and as they were carried
    plain, corrected = now @ means, carried(np.full(8, 1 / 8), now) @ means
    # then the second is right
    assert corrected == pytest.approx(centre, abs=0.02)
    assert carried(np.full(8, 1 / 8), now).sum() == pytest.approx(1)
    if centre:
        assert abs(corrected - centre) < abs(plain - centre) / 2


def test_shares_of_too_few_or_empty_cells_are_left_as_they_are():
    for now in (np.array([0.2, 0.3, 0.5]), np.array([0, 0, 0, 0, 1.0]), np.zeros(6)):
        assert carried(np.full(len(now), 1 / len(now)), now) is now
