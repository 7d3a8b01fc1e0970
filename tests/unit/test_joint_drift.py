"""What single columns cannot show: correlations, means that move together, predictions that left their features."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from tests.unit.drift_support import AT, baseline, block, linked, look, monitor
from watchkeeper.drift import compare, suspect_version
from watchkeeper.drift.joint import Joint
from watchkeeper.drift.look import Look
from watchkeeper.findings import Verdict
from watchkeeper.profile import Baseline
from watchkeeper.table import CategoryColumn, Column, NumberColumn


@pytest.fixture(scope="module")
def base() -> Baseline:
    return baseline(linked(20_000, 1))


def joint(base: Baseline, rows: int, seed: int, **change: float) -> Joint:
    found = Look.of(base, base.observe(linked(rows, seed, **change))).joint
    assert found is not None
    return found


def test_a_changed_correlation_is_found_although_no_column_changed():
    # given requests in which two columns correlate less, each as before; when looked at
    requests = baseline(block(linked(20_000, 1).features))
    findings = look(requests, block(linked(1000, 2, correlation=0.3).features))

    # then the pair is named with both correlations, and the features are not
    assert findings.verdict is Verdict.DRIFT
    assert not findings.drifted
    pair = findings.drifted_joint[-1]
    assert (pair.feature, pair.statistic, pair.direction) == ("x and y", "correlation", "down")
    assert pair.effect == pytest.approx(0.3, abs=0.07)
    assert findings.changed_features == (pair,)
    assert (findings.feature_score > 1, findings.prediction_score) == (True, 0)


def test_predictions_that_leave_their_features_are_found_at_once(base: Baseline):
    # given a model whose scores are a twentieth of a deviation off for the same features; when looked at
    findings = look(base, linked(1000, 3, score_moved=0.1))

    # then it is seen in all columns together
    assert [finding.statistic for finding in findings.drifted_joint] == ["together"]
    assert "predicted score" in findings.drifted_joint[0].summary

    # and that is the version's doing: the features go together as before
    assert findings.drifted_joint[0].through_predictions
    assert (findings.changed_features, findings.feature_score) == ((), 0)
    assert suspect_version(findings)


def test_features_that_move_together_are_the_worlds_doing_though_predictions_follow_them(base: Baseline):
    # given two features that each are a twenty-fifth of a deviation off, in a way that they hardly ever are together
    window = linked(4000, 8)
    x, y = (window.features[name].values for name in ("x", "y"))
    apart = {"x": NumberColumn(x + 0.04), "y": NumberColumn(y - 0.04)}

    # when looked at; then it is found without the predictions' help
    findings = look(base, block({**window.features, **apart}, window.predictions))
    assert [finding.statistic for finding in findings.changed_features] == ["together"]
    assert not suspect_version(findings)


def test_t_squared_is_hotellings(base: Baseline):
    # given the same rows' scores at hand
    seen = joint(base, 1000, 4)
    difference, covariance = seen.moved, seen.covariance

    # when T² is asked for; then it is that of the textbook
    expected = difference @ np.linalg.solve(covariance, difference) * 1000 * 20_000 / 21_000
    statistic, directions = seen.together
    assert directions == 4
    assert statistic == pytest.approx(expected)


def test_correlation_errors_are_as_large_as_they_are_said_to_be(base: Baseline):
    # given 150 healthy windows; when every pair's z is taken
    z = np.array([joint(base, 1000, 100 + seed).changes for seed in range(150)])
    first, second = np.triu_indices(4, 1)

    # then their deviations are 1, within what chance allows (the reference's own error makes a window's z depend a bit)
    deviations = np.sqrt(np.mean(z[:, first, second] ** 2, axis=0))
    assert deviations == pytest.approx(np.ones(6), abs=0.25)


def test_healthy_windows_hold_together(base: Baseline):
    # given 200 healthy windows at a budget of 5 in 100; when looked at
    alarms = 0
    for seed in range(1000, 1200):
        profile = base.observe(linked(500, seed))
        findings = compare(base, profile, monitor(0.05), start=AT, end=AT)
        alarms += any(finding.corrected_p < 0.05 for finding in (*findings.joint, *findings.features))

    # then no more are false than the budget allows
    assert alarms <= stats.binom.ppf(0.999, 200, 0.05)


def test_windows_without_predictions_are_compared_without_them(base: Baseline):
    # given a window of which only the requests were captured
    captured = linked(1000, 5)
    requests = block(captured.features)

    # when looked at; then the prediction is in no finding, and nothing is wrong
    findings = look(base, requests)
    assert findings.verdict is Verdict.NO_DRIFT
    assert not findings.predictions
    assert Look.of(base, base.observe(requests)).joint.names == ("x", "y", "z")  # type: ignore[union-attr]


def test_rare_events_do_not_correlate_by_chance():
    # given six rare events, independent, of which one pair may meet by chance in a window of 500 rows
    random = np.random.default_rng(11)

    def rare(rows: int) -> dict[str, Column]:
        return {f"e{place}": NumberColumn((random.random(rows) < 0.01).astype(float)) for place in range(6)}

    base = baseline(block(rare(20_000)))

    # when 300 healthy windows are looked at, at a budget of 1 in 20
    alarms = sum(look(base, block(rare(500)), alpha=0.05).verdict is Verdict.DRIFT for _ in range(300))

    # then false alarms are within it, although one meeting is ten deviations out
    assert alarms <= stats.binom.ppf(0.999, 300, 0.05)


def test_many_levels_do_not_lose_correlations_by_luck():
    # given a category of 150 levels that has nothing to do with the score
    random = np.random.default_rng(12)
    names = tuple(f"level {place}" for place in range(150))

    def rows(size: int):
        codes = random.integers(0, 150, size).astype(np.int32)
        features = {"c": CategoryColumn(codes, names), "x": NumberColumn(random.standard_normal(size))}
        return block(features, {"predicted score": NumberColumn(random.random(size))})

    base = baseline(rows(5000))

    # when large windows are looked at, at a budget of 1 in 20
    looks = [look(base, rows(20_000), alpha=0.05) for _ in range(30)]

    # then false alarms are within it: neither the order of the levels nor their choice fits the baseline's noise
    evident = sum(any(f.corrected_p < 0.05 for f in (*one.features, *one.joint)) for one in looks)
    assert evident <= stats.binom.ppf(0.999, 30, 0.05)
