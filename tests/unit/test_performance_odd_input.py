"""Whatever rows hold, performance is measured, compared and written: bad input is counted, and nothing crashes."""

from __future__ import annotations

import dataclasses
import math
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.outcome_support import (
    MULTICLASS,
    REGRESSION,
    SPEC,
    drawn_binary,
    drawn_classes,
    drawn_numbers,
    given_binary,
    given_numbers,
)
from watchkeeper.capture.block import predicted
from watchkeeper.outcomes import Labelled, OutcomeBinning, Outcomes, observe
from watchkeeper.outcomes.regression import Pairs
from watchkeeper.performance import CompareSettings, Performance, PerformanceFindings, compare, measure
from watchkeeper.spec import Feature, Kind, ModelSpec, Task
from watchkeeper.table import CategoryColumn

EAGER = CompareSettings(alpha=0.5, minimum_labelled=0, minimum_segment=1)
odd = st.one_of(st.floats(), st.sampled_from([0.0, 1.0, 0.5, math.nan, math.inf, -math.inf, 1e150]), st.floats(0, 1))
home = st.sampled_from([None, "own", "rent", "boat"])
binary = st.builds(
    given_binary,
    st.lists(
        st.tuples(
            odd, odd, home, odd, st.sampled_from([None, "negative", "positive"]), st.sampled_from([None, "0", "1"])
        ),
        max_size=12,
    ),
)
numeric = st.builds(given_numbers, st.lists(st.tuples(odd, odd, home, odd, odd), max_size=12))


def looked(spec: ModelSpec, baseline: Labelled, window: Labelled) -> tuple[Outcomes, PerformanceFindings]:
    binning = OutcomeBinning.fit(spec, baseline)
    counted = observe(binning, window)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return counted, compare(observe(binning, baseline), counted, EAGER)


def check(counted: Outcomes, found: PerformanceFindings) -> None:
    performance = measure(counted)
    assert Performance.from_json(performance.to_json()) == performance
    assert PerformanceFindings.from_json(found.to_json()) == found
    for metric in performance.metrics:
        if metric.value is None:
            assert metric.reason
        else:
            assert metric.low <= metric.value <= metric.high
            assert math.isfinite(metric.value)


@settings(max_examples=200, deadline=None)
@given(binary.filter(lambda rows: (rows.truth.codes >= 0).any()), binary)
def test_any_rows_of_a_binary_model_are_looked_at(baseline, window):
    check(*looked(SPEC, baseline, window))
    check(*looked(SPEC, drawn_binary(60, 0), window))


@settings(max_examples=200, deadline=None)
@given(numeric.filter(lambda rows: Pairs.of(rows).usable.any()), numeric)
def test_any_rows_of_a_regression_are_looked_at(baseline, window):
    check(*looked(REGRESSION, baseline, window))
    check(*looked(REGRESSION, drawn_numbers(60, 0), window))


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 40), st.integers(0, 2**16), st.booleans(), st.booleans())
def test_few_rows_of_several_classes_are_looked_at(n, seed, before, after):
    check(*looked(MULTICLASS, drawn_classes(30, seed, shares=before), drawn_classes(n, seed + 1, shares=after)))


def test_a_model_that_answers_labels_alone_is_judged_by_its_decisions():
    # given rows without any score
    def rows(seed: int, rent: float = 0.0) -> Labelled:
        made = drawn_binary(3000, seed, rent=rent)
        said = made.predictions["predicted label"]
        assert isinstance(said, CategoryColumn)
        silent = predicted(Task.BINARY, said, np.full(made.rows, np.nan))
        return Labelled(made.rows, made.features, silent, made.truth)

    # when they are compared with rows of which many more turn out positive
    counted, found = looked(SPEC, rows(0), rows(1, rent=4.0))

    # then metrics of scores say that there is none, and labels are still seen to have changed
    assert measure(counted)["roc_auc"].reason == "no labelled row has a score"
    assert found.concept is not None
    assert found.concept.changed
    assert found.concept.cells[0].cell == "no score"


@pytest.mark.parametrize(("spec", "drawn"), [(SPEC, drawn_binary), (REGRESSION, drawn_numbers)])
def test_a_model_whose_features_are_all_personal_is_judged_without_segments(spec, drawn):
    # given a model of which no feature may be kept
    secret = dataclasses.replace(
        spec, features=tuple(dataclasses.replace(each, personal=True) for each in spec.features)
    )

    # when its rows are looked at
    counted, found = looked(secret, drawn(2000, 0), drawn(1000, 1))

    # then there is a verdict, and no feature in it
    check(counted, found)
    assert not {each.feature for each in (*found.fallen, *found.weakest)} & {"age", "income", "home"}


@pytest.mark.parametrize(("spec", "drawn"), [(SPEC, drawn_binary), (REGRESSION, drawn_numbers)])
def test_a_hundred_features_stay_under_a_hundred_kilobytes(spec, drawn):
    # given rows of a hundred features, each of as many cells as there can be
    made = drawn(2000, 0)
    random = np.random.default_rng(0)
    levels = tuple(f"level {place}" for place in range(20))
    columns = {
        f"f{place}": CategoryColumn(random.integers(0, 20, 2000).astype(np.int32), levels) for place in range(100)
    }
    features = tuple(Feature(name, Kind.CATEGORY) for name in columns)
    wide = Labelled(made.rows, columns, made.predictions, made.truth)

    # when ten million of them are observed
    outcomes = observe(OutcomeBinning.fit(dataclasses.replace(spec, features=features), wide), wide)
    many = Outcomes(outcomes.binning, outcomes.vector * 5000)

    # then their outcomes are small
    assert many.rows == 10_000_000
    assert len(many.to_json()) < 100_000
