"""Every bias metric, against tables worked by hand, published figures and other libraries."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
from bias_support import Confusion, sides
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import jensenshannon
from scipy.stats import entropy
from sklearn.metrics import accuracy_score, confusion_matrix, precision_score, recall_score

from watchkeeper.bias.metric import Stage
from watchkeeper.bias.metrics import BY_SHORT, METRICS
from watchkeeper.bias.sides import Side, Sides, ratio

F = Fraction

# Group a: 100 rows, 40 positive, 42 predicted positive. Group d: 80 rows, 24 positive, 18 predicted positive.
FIRST = sides([Confusion(tp=30, fn=10, fp=12, tn=48)], [Confusion(tp=12, fn=12, fp=6, tn=50)])
FIRST_BY_HAND = {
    "CI": F(20, 180),
    "DPL": F(40, 100) - F(24, 80),
    "KL": 0.6 * math.log(0.6 / 0.7) + 0.4 * math.log(0.4 / 0.3),
    "JS": (
        0.6 * math.log(0.6 / 0.65)
        + 0.4 * math.log(0.4 / 0.35)
        + 0.7 * math.log(0.7 / 0.65)
        + 0.3 * math.log(0.3 / 0.35)
    )
    / 2,
    "LP": math.sqrt(0.1**2 + 0.1**2),
    "TVD": F(1, 10),
    "KS": F(1, 10),
    "CDDL": F(56, 116) - F(24, 64),
    "DPPL": F(42, 100) - F(18, 80),
    "DI": F(15, 28),
    "DCAcc": F(40, 42) - F(24, 18),
    "DCR": F(56, 62) - F(60, 58),
    "SD": F(50, 56) - F(48, 60),
    "RD": F(1, 4),
    "DAR": F(5, 7) - F(2, 3),
    "DRR": F(50, 62) - F(48, 58),
    "AD": F(78, 100) - F(62, 80),
    "TE": F(12, 6) - F(10, 12),
    "CDDPL": F(62, 120) - F(18, 60),
    # 22 missed have benefit 0, 140 right have 1, 18 falsely positive have 2: Σb = 176, Σb² = 212, n = 180
    "GE": (F(180 * 212, 176**2) - 1) / 2,
    "SPD": F(18, 80) - F(42, 100),
    "EOD": F(-1, 4),
    "AOD": (F(6, 56) - F(12, 60) + F(12, 24) - F(30, 40)) / 2,
}

# Group d has no positive label at all, and group a no false positive.
SECOND = sides([Confusion(tp=5, fn=5, fp=0, tn=10)], [Confusion(tp=0, fn=0, fp=5, tn=15)])
SECOND_BY_HAND = {
    "CI": 0,
    "DPL": F(1, 2),
    "KL": math.inf,  # of 0.5 ln(0.5/1) + 0.5 ln(0.5/0) the second term counts
    "JS": (0.5 * math.log(0.5 / 0.75) + 0.5 * math.log(0.5 / 0.25) + math.log(1 / 0.75)) / 2,
    "LP": math.sqrt(1 / 2),
    "TVD": F(1, 2),
    "KS": F(1, 2),
    "CDDL": F(20, 30) - 0,
    "DPPL": 0,
    "DI": 1,
    "DCAcc": F(10, 5) - 0,
    "DCR": F(20, 15) - F(10, 15),
    "SD": F(15, 20) - 1,
    "RD": F(1, 2),  # the recall of d is 0/0, which counts as 0
    "DAR": 1,
    "DRR": 1 - F(10, 15),
    "AD": 0,
    "TE": -math.inf,  # 0/5 − 5/0
    "CDDPL": 0,
    "GE": (F(40 * 50, 40**2) - 1) / 2,
    "SPD": 0,
    "EOD": F(-1, 2),
    "AOD": (F(5, 20) - 0 + 0 - F(5, 10)) / 2,
}


@pytest.mark.parametrize("metric", METRICS, ids=lambda metric: metric.short)
@pytest.mark.parametrize(("groups", "by_hand"), [(FIRST, FIRST_BY_HAND), (SECOND, SECOND_BY_HAND)])
def test_each_metric_is_what_one_works_out_by_hand(metric, groups, by_hand):
    assert metric.value(groups) == pytest.approx(float(by_hand[metric.short]), rel=1e-12, abs=1e-15)


def test_every_metric_of_the_table_is_there_once_and_says_its_formula():
    assert [metric.short for metric in METRICS] == list(FIRST_BY_HAND)
    assert {metric.short for metric in METRICS if metric.stage is Stage.DATA} == set(list(FIRST_BY_HAND)[:8])
    for metric in METRICS:
        assert metric.formula
        assert "{x}" in metric.above
        assert "{x}" in metric.below


@pytest.mark.parametrize(
    ("short", "a", "d", "published"),
    [  # the examples of Clarify's documentation: 100 people in group a, 50 in d
        ("DCAcc", Confusion(60, 10, 0, 30), Confusion(20, 0, 10, 20), F(70, 60) - F(20, 30)),
        ("DCAcc", Confusion(50, 0, 10, 40), Confusion(30, 10, 0, 10), F(-1, 2)),
        ("DCR", Confusion(40, 10, 0, 50), Confusion(10, 0, 10, 30), F(1, 2)),
        ("DCR", Confusion(30, 0, 10, 60), Confusion(20, 10, 0, 20), F(-1, 2)),
        ("DRR", Confusion(0, 20, 0, 80), Confusion(0, 10, 0, 40), 0),
        ("TE", Confusion(40, 8, 6, 46), Confusion(20, 5, 2, 23), F(5, 2) - F(8, 6)),
        ("AD", Confusion(40, 8, 6, 46), Confusion(20, 5, 2, 23), 0),
    ],
)
def test_published_examples_come_out_as_published(short, a, d, published):
    assert BY_SHORT[short].value(sides([a], [d])) == pytest.approx(float(published), abs=1e-12)


def test_conditional_disparity_sees_through_simpsons_paradox():
    # given: admissions to Berkeley's six largest departments in 1973 (Bickel, Hammel & O'Connell 1975)
    men = [(512, 313), (353, 207), (120, 205), (138, 279), (53, 138), (22, 351)]
    women = [(89, 19), (17, 8), (202, 391), (131, 244), (94, 299), (24, 317)]
    by_department = sides(*([Confusion(yes, 0, 0, no) for yes, no in group] for group in (men, women)))
    together = Sides(*(Side(side.cells.sum(axis=0, keepdims=True)) for side in (by_department.a, by_department.d)))

    # when
    conditional, marginal = (BY_SHORT["CDDL"].value(pair) for pair in (by_department, together))

    # then: women seem to be rejected more often, until departments are compared
    admitted, rejected = sum(yes for yes, _ in women), sum(no for _, no in women)
    assert marginal == pytest.approx(rejected / (rejected + 1493) - admitted / (admitted + 1198))
    by_hand = sum(
        sum(m + w) * (F(w[1], m[1] + w[1]) - F(w[0], m[0] + w[0])) for m, w in zip(men, women, strict=True)
    ) / F(4526)
    assert conditional == pytest.approx(float(by_hand))
    assert marginal > 0.1 > 0 > conditional


def test_strata_weigh_by_their_rows():
    groups = sides(
        [Confusion(30, 0, 0, 20), Confusion(10, 0, 0, 40)], [Confusion(10, 0, 0, 10), Confusion(14, 0, 0, 46)]
    )
    by_hand = (70 * (F(10, 30) - F(10, 40)) + 110 * (F(46, 86) - F(14, 24))) / 180
    assert by_hand == F(13, 4644)
    assert BY_SHORT["CDDL"].value(groups) == pytest.approx(float(by_hand), rel=1e-12)


COUNTS = st.integers(min_value=0, max_value=400)
TABLES = st.builds(Confusion, COUNTS, COUNTS, COUNTS, COUNTS)
FILLED = st.builds(Confusion, *[st.integers(min_value=1, max_value=400)] * 4)
SWAPPED_SIGN = {"CI", "DPL", "DPPL", "DCAcc", "DCR", "SD", "RD", "DAR", "DRR", "AD", "TE", "SPD", "EOD", "AOD"}
UNCHANGED = {"JS", "LP", "TVD", "KS", "GE"}


@given(TABLES, TABLES)
@settings(deadline=None)
def test_swapping_the_groups_turns_the_sign_where_there_is_one(a, d):
    one, other = sides([a], [d]), sides([d], [a])
    for short in SWAPPED_SIGN:
        assert BY_SHORT[short].value(other) == pytest.approx(-BY_SHORT[short].value(one), abs=1e-12)
    for short in UNCHANGED:
        assert BY_SHORT[short].value(other) == pytest.approx(BY_SHORT[short].value(one), abs=1e-12)


@given(st.lists(st.tuples(FILLED, FILLED), min_size=1, max_size=4))
@settings(deadline=None)
def test_swapping_the_groups_inverts_ratios_and_turns_disparities(strata):
    one, other = sides(*zip(*strata, strict=True)), sides(*reversed(list(zip(*strata, strict=True))))
    assert BY_SHORT["DI"].value(other) == pytest.approx(1 / BY_SHORT["DI"].value(one))
    for short in ("CDDL", "CDDPL"):
        assert BY_SHORT[short].value(other) == pytest.approx(-BY_SHORT[short].value(one), abs=1e-12)


@given(FILLED)
@settings(deadline=None)
def test_a_group_against_its_like_is_neutral(table):
    like = sides([table], [Confusion(*(3 * count for count in table))])
    for metric in METRICS:
        if metric.short not in ("CI", "CDDL", "CDDPL", "GE"):
            assert metric.value(like) == pytest.approx(metric.neutral, abs=1e-9)
    same = sides([table], [table])
    assert BY_SHORT["CI"].value(same) == BY_SHORT["CDDL"].value(same) == BY_SHORT["CDDPL"].value(same) == 0


@given(TABLES, TABLES)
@settings(deadline=None)
def test_no_table_whatever_gives_a_value_that_is_no_number(a, d):
    assert not any(math.isnan(metric.value(sides([a], [d]))) for metric in METRICS)


@given(FILLED, FILLED)
@settings(deadline=None)
def test_other_libraries_agree(a, d):
    groups = sides([a], [d])
    truth, predicted = ([np.repeat(bits, table) for table in (a, d)] for bits in ([1, 1, 0, 0], [1, 0, 1, 0]))
    of = {
        "RD": recall_score,
        "DAR": precision_score,
        "AD": accuracy_score,
    }
    for short, score in of.items():
        expected = score(truth[0], predicted[0]) - score(truth[1], predicted[1])
        assert BY_SHORT[short].value(groups) == pytest.approx(expected, abs=1e-12)
    (tn_a, fp_a), (tn_d, fp_d) = (confusion_matrix(t, p)[0] for t, p in zip(truth, predicted, strict=True))
    assert BY_SHORT["SD"].value(groups) == pytest.approx(tn_d / (tn_d + fp_d) - tn_a / (tn_a + fp_a))
    p, q = groups.a.label_shares, groups.d.label_shares
    assert BY_SHORT["KL"].value(groups) == pytest.approx(entropy(p, q), abs=1e-12)
    assert BY_SHORT["JS"].value(groups) == pytest.approx(jensenshannon(p, q) ** 2, abs=1e-12)


@given(TABLES, TABLES)
@settings(deadline=None)
def test_generalised_entropy_is_that_of_the_rows(a, d):
    benefits = np.repeat([1, 0, 2, 1, 1, 0, 2, 1], [*a, *d])
    value = BY_SHORT["GE"].value(sides([a], [d]))
    if benefits.sum():
        assert value == pytest.approx(float(np.sum((benefits / benefits.mean()) ** 2 - 1)) / (2 * len(benefits)))
    else:
        assert value == 0


def test_draws_and_counts_go_through_the_same_formulas():
    # given
    many = Sides(*(Side(np.stack([side.cells, 2 * side.cells], axis=-1)) for side in (FIRST.a, FIRST.d)))

    # then: all metrics are ratios, so twice the rows give the same values
    for metric in METRICS:
        assert metric.compute(many) == pytest.approx([float(FIRST_BY_HAND[metric.short])] * 2)


def test_nothing_of_nothing_is_nothing_and_something_of_nothing_is_infinite():
    assert ratio(np.array([0.0, 2.0, -2.0, 1.0]), np.array([0.0, 0.0, 0.0, 4.0])).tolist() == [
        0.0,
        math.inf,
        -math.inf,
        0.25,
    ]
