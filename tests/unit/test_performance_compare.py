"""What fell against the baseline, in which segments, and whether the world changed: right verdicts, few false ones."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tests.unit.outcome_support import SPEC, drawn_binary, from_scores
from watchkeeper.drift import tails
from watchkeeper.errors import ProfileError
from watchkeeper.outcomes import Labelled, OutcomeBinning, Outcomes, observe
from watchkeeper.performance import CompareSettings, Name, PerformanceFindings, Verdict, compare, strata
from watchkeeper.performance.findings import Direction
from watchkeeper.performance.segments import holm
from watchkeeper.table import CategoryColumn

REFERENCE = drawn_binary(20_000, 1)
BINNING = OutcomeBinning.fit(SPEC, REFERENCE)
BASELINE = observe(BINNING, REFERENCE)


def look(rows: Labelled, **settings: float) -> PerformanceFindings:
    return compare(BASELINE, observe(BINNING, rows), CompareSettings(**settings))


def test_a_window_like_the_baseline_is_good_and_says_so():
    found = look(drawn_binary(3000, 2))
    assert found.verdict is Verdict.GOOD
    assert not found.fell
    assert not found.fallen
    assert found.concept is not None
    assert not found.concept.changed
    assert found.concept.summary == "labels follow predictions as they did"


def test_labels_drawn_at_random_are_a_fall_of_every_metric_with_its_size():
    # given a window whose labels have nothing to do with the scores
    rows = drawn_binary(3000, 3)
    random = np.random.default_rng(0).integers(0, 2, 3000).astype(np.int32)

    # when it is compared
    found = look(replace(rows, truth=CategoryColumn(random, ("0", "1"))))

    # then it is worse, and the ranking is among what fell most
    assert found.verdict is Verdict.WORSE
    names = {each.name for each in found.fell}
    assert {Name.ACCURACY, Name.ROC_AUC, Name.LOG_LOSS, Name.BRIER, Name.MCC} <= names
    area = next(each for each in found.fell if each.name is Name.ROC_AUC)
    assert area.fall == pytest.approx(area.before - area.after)
    assert area.corrected_p < 1e-9
    assert "roc_auc" in area.summary


def test_a_flipped_slope_is_seen_though_all_marginals_stay():
    # given a model whose only feature that matters turns round: P(x), P(score) and P(y) stay
    reference = drawn_binary(20_000, 4, intercept=0.0)
    binning = OutcomeBinning.fit(SPEC, reference)
    flipped = drawn_binary(2000, 5, intercept=0.0, slope=-1.0)
    assert np.mean(flipped.truth.codes) == pytest.approx(0.5, abs=0.04)

    # when it is compared
    found = compare(observe(binning, reference), observe(binning, flipped)).concept

    # then the form changed, not the level, in both directions, and low scores turn out positive
    assert found is not None
    assert found.changed
    assert found.form > 0.3 > abs(found.level)
    assert found.direction is Direction.MIXED
    lowest = min((cell for cell in found.cells if cell.feature == "prediction"), key=lambda cell: cell.expected)
    assert lowest.observed > lowest.expected + 0.2
    assert any(cell.feature == "age" for cell in found.cells)


@pytest.mark.parametrize(("rent", "direction"), [(1.0, Direction.HIGHER), (-1.0, Direction.LOWER)])
def test_a_change_in_one_segment_is_named_with_its_direction(rent, direction):
    # given a world in which only those who rent have changed
    found = look(drawn_binary(4000, 6, rent=rent)).concept

    # then the concept changed, and the segment leads the cells of features
    assert found is not None
    assert found.changed
    assert found.direction is direction
    first = next(cell for cell in found.cells if cell.feature != "prediction")
    assert (first.feature, first.cell) == ("home", "rent")
    assert (first.observed > first.expected) == (rent > 0)


@pytest.mark.parametrize("moved", [0.0, 0.5, 1.0, 2.0])
def test_covariate_shift_alone_is_no_concept_drift(moved):
    # given many windows of which only P(x) has moved, each with a baseline of its own
    alarms, levels, forms, runs = 0, [], [], 60
    for seed in range(runs):
        reference = drawn_binary(5000, 1000 + seed)
        binning = OutcomeBinning.fit(SPEC, reference)
        baseline, window = observe(binning, reference), observe(binning, drawn_binary(1000, 2000 + seed, moved=moved))

        # when they are compared
        found = compare(baseline, window, CompareSettings(alpha=0.05)).concept
        assert found is not None
        alarms += found.corrected_p < 0.05
        level, form = strata.of_scores(baseline, window).p_values(1.0)
        levels.append(level)
        forms.append(form)

    # then alarms are no more than alpha allows (binomial, 1 in 1000), and single tests keep their level
    assert alarms <= 9
    assert np.mean(np.array(levels) < 0.05) < 0.17
    assert np.mean(np.array(forms) < 0.05) < 0.17


def test_rows_with_scores_that_the_baseline_never_had_are_reported_as_unsupported():
    # given a baseline of low scores and a window of high ones
    random = np.random.default_rng(0)
    low, high = from_scores(random.uniform(0, 0.4, 3000), random.integers(0, 2, 3000)), random.uniform(0.6, 1, 1000)
    binning = OutcomeBinning.fit(SPEC, low)
    window = observe(binning, from_scores(high, random.integers(0, 2, 1000)))

    # when they are compared, then nothing is claimed of them
    found = compare(observe(binning, low), window).concept
    assert found is not None
    assert found.unsupported == 1.0
    assert not found.changed
    assert "100%" in found.summary


def test_the_worst_segments_are_named_by_harm():
    # given a window in which decisions about those who rent are no better than a coin
    rows = drawn_binary(6000, 7)
    truth = rows.truth.codes.copy()
    rents = rows.features["home"].codes == 1
    truth[rents] = np.random.default_rng(0).integers(0, 2, int(rents.sum()))

    # when it is compared
    found = look(replace(rows, truth=CategoryColumn(truth, ("0", "1"))))

    # then that segment leads what is worse than in the baseline, and what is weak in the window
    for segments in (found.fallen, found.weakest):
        assert (segments[0].feature, segments[0].cell) == ("home", "rent")
        assert segments[0].share == pytest.approx(1 / 3, abs=0.03)
        assert segments[0].harm == pytest.approx(segments[0].share * segments[0].excess)
        assert [each.harm for each in segments] == sorted((each.harm for each in segments), reverse=True)
    assert "home rent" in found.fallen[0].summary


def test_segments_with_few_labels_are_not_tested():
    # given settings that ask for more labelled rows in a cell than any has
    found = look(drawn_binary(600, 8, rent=3.0), minimum_segment=500)
    assert found.tested_segments == 0
    assert found.fallen == ()
    assert found.weakest == ()


def test_holm_corrects_as_published():
    # Holm 1979: the smallest p times all, the next times one fewer, never falling
    assert holm(np.array([0.01, 0.04, 0.03, 0.005])).tolist() == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm(np.array([])).tolist() == []


def test_too_few_labels_are_insufficient_data_and_no_verdict_on_quality():
    found = look(drawn_binary(5000, 9, labelled=0.02))
    assert found.verdict is Verdict.INSUFFICIENT_DATA
    assert found.rows == 5000
    assert found.metrics == ()


def test_dependent_rows_weigh_less():
    rows = drawn_binary(2000, 10, rent=0.6)
    concept, dependent = look(rows).concept, look(rows, overdispersion=4.0).concept
    assert concept is not None is not dependent
    assert dependent.p_value > concept.p_value


def test_findings_are_read_back_from_their_json():
    found = look(drawn_binary(3000, 11, slope=-1.0))
    assert PerformanceFindings.from_json(found.to_json()) == found
    with pytest.raises(ProfileError):
        PerformanceFindings.from_json(b'{"format": 7}')


def test_outcomes_over_other_bins_are_refused():
    other = OutcomeBinning.fit(SPEC, drawn_binary(500, 12))
    with pytest.raises(ProfileError, match="over the bins of its version's baseline"):
        compare(BASELINE, Outcomes.empty(other))


def test_strata_are_the_mantel_haenszel_test_on_a_hand_worked_table():
    # given two scores, window 40 of 160 and 120 of 160 positive, baseline 80 of 160 of both
    def rows(low: int, high: int) -> Labelled:
        labels = [1] * low + [0] * (160 - low) + [1] * high + [0] * (160 - high)
        return from_scores(np.repeat([0.25, 0.75], 160), np.array(labels))

    binning = OutcomeBinning.fit(SPEC, rows(80, 80))
    found = strata.of_scores(observe(binning, rows(80, 80)), observe(binning, rows(40, 120)))

    # when its parts are added up: surpluses -20 and +20, variances n·m·k(T − k)/(T²(T − 1))
    variance = 160 * 160 * 120 * 200 / (320**2 * 319)

    # then the level is 0, and all is form
    assert found.level == pytest.approx(0.0)
    assert found.form == (pytest.approx(2 * 400 / variance), 1)
    assert found.p_values(1.0)[1] == pytest.approx(float(tails.chi_squared(800 / variance, 1)[0]))
