"""What a model goes by: summed, merged and ranked; and whether a window's ranking has left the baseline's."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from attribution_support import sampled, tangled
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import ndcg_score

from watchkeeper.attribution import (
    AttributionFindings,
    Attributions,
    DriftSettings,
    Importance,
    Scale,
    Verdict,
    examine,
    ndcg,
)
from watchkeeper.errors import ConfigError, ExplanationError
from watchkeeper.spec import AttributionMethod

MEANS = np.array([0.31, 0.2, 0.1, 0.05, 0.01])


def contributions(means, rows, seed, noise=1.0) -> Importance:
    """The importance of rows whose |contributions| are exponential around given means."""
    random = np.random.default_rng(seed)
    values = np.asarray(means) * (1 - noise + noise * random.exponential(size=(rows, len(means))))
    return Importance.of(known(values))


def known(values: np.ndarray, scale: Scale = Scale.SCORE) -> Attributions:
    """Attributions that are known without error."""
    rows = len(values)
    names = ("income", "age", "debt", "region", "postcode", *map(str, range(100)))[: values.shape[1]]
    return Attributions(names, values, 0 * values, np.zeros(rows), values.sum(axis=1), scale)


def test_a_ranking_has_means_and_shares_that_sum_to_one():
    importance = contributions(MEANS, 2000, seed=1)

    ranking = importance.ranking()

    assert [each.feature for each in ranking] == ["income", "age", "debt", "region", "postcode"]
    assert [each.rank for each in ranking] == [1, 2, 3, 4, 5]
    assert sum(each.share for each in ranking) == pytest.approx(1)
    np.testing.assert_allclose([each.mean for each in ranking], MEANS, rtol=0.1)


def test_intervals_hold_what_is_true_as_often_as_they_say():
    held, share_held = [], []
    for seed in range(200):
        ranking = contributions(MEANS, 300, seed).ranking(confidence=0.9)
        held += [each.low <= mean <= each.high for each, mean in zip(ranking, MEANS, strict=True)]
        shares = MEANS / MEANS.sum()
        share_held += [each.share_low <= share <= each.share_high for each, share in zip(ranking, shares, strict=True)]

    assert 0.87 < np.mean(held) < 0.93
    assert 0.87 < np.mean(share_held) < 0.93


def test_rows_that_come_in_bursts_make_intervals_wider():
    random = np.random.default_rng(3)
    alone = random.exponential(size=(6400, 2))
    bursts = np.repeat(random.exponential(size=(64, 2)), 100, axis=0)

    one, many = Importance.of(known(alone)), Importance.of(known(bursts))

    assert (many.errors > 7 * one.errors).all()


@given(st.lists(st.integers(0, 130), min_size=2, max_size=4), st.randoms())
@settings(deadline=None)
def test_merging_is_the_same_in_any_order(sizes, shuffler):
    parts = [contributions(MEANS, size, seed) for seed, size in enumerate(sizes)]
    shuffled = parts.copy()
    shuffler.shuffle(shuffled)

    one, other = parts[0], shuffled[0]
    for part, moved in zip(parts[1:], shuffled[1:], strict=True):
        one, other = one.merge(part), other.merge(moved)

    assert one.total == other.total == sum(sizes)
    assert (one.rows == other.rows).all()
    np.testing.assert_allclose(one.sums, other.sums, rtol=1e-12)


def test_json_brings_back_the_same_importance():
    importance = replace(contributions(MEANS, 500, seed=5), unexplained=3)

    read = Importance.from_json(importance.to_json())

    assert read.to_json() == importance.to_json()
    assert read.ranking() == importance.ranking()


def test_an_importance_of_a_time_before_exact_values_is_a_sampled_one():
    document = json.loads(contributions(MEANS, 500, seed=5).to_json())
    del document["method"], document["because"]

    read = Importance.from_json(json.dumps(document).encode())

    assert (read.method, read.because) == (AttributionMethod.SAMPLING, "")


def test_what_was_sampled_is_never_compared_with_exact_values():
    sampled = contributions(MEANS, 500, seed=5)

    with pytest.raises(ExplanationError, match=r"score \(sampling\) and of 5 features as score \(exact\)"):
        examine(sampled, replace(sampled, method=AttributionMethod.EXACT))


@pytest.mark.parametrize("text", [b"{}", b"[]", b"no", b'{"format": 2}'])
def test_what_is_no_importance_is_refused(text):
    with pytest.raises(ExplanationError, match="explain the window anew"):
        Importance.from_json(text)


def test_rows_that_could_not_be_explained_are_counted_and_left_out():
    values = np.ones((10, 2))
    values[4] = np.nan

    importance = Importance.of(known(values))

    assert (importance.total, importance.unexplained) == (9, 1)
    np.testing.assert_allclose(importance.means, 1)


def test_ndcg_of_a_hand_worked_table():
    # baseline 0.5, 0.3, 0.2 served in the order third, first, second
    dcg = 0.2 / 1 + 0.5 / np.log2(3) + 0.3 / 2
    ideal = 0.5 / 1 + 0.3 / np.log2(3) + 0.2 / 2

    assert ndcg(np.array([0.5, 0.3, 0.2]), np.array([0.3, 0.1, 0.6])) == pytest.approx(dcg / ideal)


@given(st.lists(st.tuples(st.integers(0, 50), st.integers(0, 5)), min_size=2, max_size=30))
@settings(deadline=None)
def test_ndcg_agrees_with_scikit_learn_ties_included(pairs):
    baseline, live = np.array(pairs, float).T
    baseline[0] += 1

    assert ndcg(baseline, live) == pytest.approx(float(ndcg_score([baseline], [live])), abs=1e-12)


def test_the_same_model_on_the_same_population_has_not_drifted():
    verdicts = [
        examine(contributions(MEANS, 300, seed), contributions(MEANS, 200, 1000 + seed)).verdict for seed in range(40)
    ]

    assert set(verdicts) == {Verdict.NO_DRIFT}


def test_another_order_of_features_is_drift_and_the_moves_are_named():
    found = examine(contributions(MEANS, 400, seed=1), contributions(MEANS[::-1], 400, seed=2))

    assert found.verdict is Verdict.DRIFT
    assert found.ndcg < found.high < 0.9
    assert found.low < found.ndcg
    assert found.moved[0].feature in ("income", "postcode")
    assert {move.feature: (move.rank_before, move.rank_after) for move in found.moves}["income"] == (1, 5)
    assert "goes by other features than in its baseline" in found.summary
    assert "rank 1 → 5" in found.summary


def test_a_score_below_the_limit_by_chance_is_no_drift():
    # given a model that goes by forty features alike, of which few rows tell no ranking, beside one that has none
    means = np.full(40, 0.1)
    means[0] = 0.2

    alarms, below = 0, 0
    for seed in range(40):
        found = examine(
            contributions(means, 60, seed), contributions(means, 60, 500 + seed), DriftSettings(limit=0.97, draws=500)
        )
        below += found.ndcg < 0.97
        alarms += found.verdict is Verdict.DRIFT

    assert below > 10
    assert alarms <= 1


def test_a_changed_share_is_told_even_though_the_ranking_stayed():
    found = examine(contributions([0.5, 0.3, 0.1], 500, 1), contributions([0.5, 0.12, 0.1], 500, 2))

    assert found.verdict is Verdict.SHIFTED
    assert {"income", "age"} <= {move.feature for move in found.moved}
    assert "age 35 % → 17 % and income 53 % → 69 %" in found.summary


def test_a_model_that_answers_the_same_whatever_it_is_asked_has_drifted():
    found = examine(contributions(MEANS, 100, 1), contributions(0 * MEANS, 100, 1))

    assert found.verdict is Verdict.DRIFT
    assert "the model answers the same whatever it is asked" in found.summary


@pytest.mark.parametrize(("before", "after"), [(100, 49), (49, 100), (100, 0), (0, 0), (1, 1)])
def test_of_too_few_rows_nothing_is_said(before, after):
    found = examine(contributions(MEANS, before, 1), contributions(MEANS, after, 1))

    assert found.verdict is Verdict.INSUFFICIENT_DATA
    assert "50 of each are needed" in found.summary
    assert AttributionFindings.from_json(found.to_json()) == found


def test_a_baseline_without_contributions_is_nothing_to_compare_with():
    found = examine(contributions(0 * MEANS, 100, 1), contributions(MEANS, 100, 1))

    assert found.verdict is Verdict.INSUFFICIENT_DATA


def test_findings_come_back_from_json():
    found = examine(contributions(MEANS, 100, 1), contributions(MEANS[::-1], 100, 2))

    assert AttributionFindings.from_json(found.to_json()) == found
    with pytest.raises(ExplanationError, match="written anew"):
        AttributionFindings.from_json(b'{"format": 1}')


def test_contributions_of_other_models_or_on_other_scales_are_not_compared():
    one = contributions(MEANS, 100, 1)

    for other in (contributions(MEANS[:3], 100, 1), Importance.of(known(np.ones((100, 5)), Scale.LOG_ODDS))):
        with pytest.raises(ExplanationError, match="take both of one version"):
            examine(one, other)
        with pytest.raises(ExplanationError, match="take both of one version"):
            one.merge(other)


@pytest.mark.parametrize("wrong", [{"limit": 1.2}, {"alpha": 0.0}, {"confidence": 1.0}, {"draws": 100}])
def test_settings_that_make_no_sense_are_refused(wrong):
    with pytest.raises(ConfigError):
        DriftSettings(**wrong)


def test_a_model_whose_input_went_constant_is_seen_to_go_by_the_others():
    # given a served model whose first feature, which it mostly goes by, is stuck at the background's mean
    random = np.random.default_rng(11)
    background = random.normal(size=(100, 5))
    rows = random.normal(size=(120, 5))
    stuck = rows.copy()
    stuck[:, 0] = 0.0

    def model(x):
        return tangled(x * [1, 1, 1, 1, 0.1])

    frozen = background.copy()
    frozen[:, 0] = 0.0
    baseline = Importance.of(sampled(model, rows, background, pairs=4))
    window = Importance.of(sampled(model, stuck, frozen, pairs=4))

    found = examine(baseline, window)

    assert found.moves[0].feature == "x0"
    assert found.moves[0].after == 0
    assert found.verdict is Verdict.DRIFT
