"""A look at bias: what is found, what is not, what is too small to tell, and in which words."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from bias_support import Confusion, labelled, rows, sides

from watchkeeper.bias import (
    BiasFindings,
    BiasSettings,
    GroupBinning,
    GroupCounts,
    GroupSettings,
    Measurement,
    Outcome,
    Sensitive,
    Tolerance,
    Verdict,
    examine,
    observe,
    table,
)
from watchkeeper.bias.draws import Spread, draw, reach
from watchkeeper.bias.metrics import BY_SHORT, METRICS
from watchkeeper.bias.sides import Side, Sides
from watchkeeper.errors import ConfigError, ProfileError
from watchkeeper.table import CategoryColumn

ALIKE = {"Male": Confusion(320, 80, 120, 480), "Female": Confusion(160, 40, 60, 240)}
UNFAIR = {"Male": Confusion(320, 80, 120, 480), "Female": Confusion(60, 140, 30, 270)}
FAVOURED_BY_SIZE = GroupSettings((Sensitive("sex"),))


def counted(groups: dict[str, Confusion], baseline: dict[str, Confusion] = ALIKE) -> GroupCounts:
    return observe(GroupBinning.fit(FAVOURED_BY_SIZE, rows(baseline)), rows(groups))


def look(groups: dict[str, Confusion], settings: BiasSettings | None = None) -> BiasFindings:
    """A window against a baseline whose groups are alike."""
    return examine(counted(ALIKE), counted(groups), settings or BiasSettings())


def found(findings: BiasFindings, metric: str, group: str = "Female") -> Measurement:
    return next(each for each in findings.measurements if each.metric == metric and each.group == group)


def test_groups_that_are_alike_are_within_tolerance():
    findings = look(ALIKE)
    assert findings.outcome is Outcome.WITHIN
    assert not findings.biased
    assert not findings.drifted
    assert findings.score == findings.drift_score == 0


def test_a_group_that_is_treated_worse_is_found_with_its_size_and_its_drift():
    # when
    findings = look(UNFAIR)

    # then
    recall = found(findings, "RD")
    assert findings.outcome is Outcome.BIASED
    assert recall.verdict is Verdict.BIASED
    assert recall.value == pytest.approx(0.8 - 0.3)
    assert recall.baseline == pytest.approx(0)
    assert recall.drifted
    assert recall.score > 1
    assert recall.low < recall.value < recall.high
    assert recall.sure_low < recall.low < recall.high < recall.sure_high
    assert recall.sure_low > 0.1
    # and: what the labels say has not changed
    assert found(findings, "DPL").verdict is Verdict.WITHIN
    assert not found(findings, "DPL").drifted


def test_each_metric_is_judged_around_its_own_neutral_value():
    findings = look(UNFAIR)
    impact = found(findings, "DI")
    assert (impact.tolerated_low, impact.tolerated_high) == pytest.approx((0.8, 1.25))
    assert impact.verdict is Verdict.BIASED
    assert found(look(ALIKE), "DI").value == pytest.approx(1)
    assert found(look(ALIKE), "DI").verdict is Verdict.WITHIN
    assert found(findings, "CI").verdict is found(findings, "GE").verdict is Verdict.TOLD


def test_distances_are_judged_as_the_difference_of_shares_that_makes_them():
    limits = {short: found(look(ALIKE), short).tolerated_high for short in ("LP", "TVD", "KS", "KL", "JS")}
    assert limits == pytest.approx({"LP": 0.1 * math.sqrt(2), "TVD": 0.1, "KS": 0.1, "KL": 0.02, "JS": 0.005})


def test_distances_of_groups_that_may_be_alike_go_down_to_nothing():
    alike = look({**ALIKE, "Female": Confusion(165, 40, 60, 235)})
    apart = look({**ALIKE, "Female": Confusion(260, 40, 60, 140)})
    for short in ("LP", "TVD", "KS", "KL", "JS"):
        assert found(alike, short).low == 0 < found(alike, short).value < found(alike, short).high
        assert 0 < found(apart, short).low < found(apart, short).value < found(apart, short).high


def test_a_ratio_counts_as_much_above_one_as_its_inverse_below():
    favoured = {"Male": UNFAIR["Female"], "Female": UNFAIR["Male"]}
    below, above = found(look(UNFAIR), "DI"), found(look(favoured), "DI")
    assert above.value == pytest.approx(1 / below.value)
    assert below.verdict is above.verdict is Verdict.BIASED
    assert above.score == pytest.approx(below.score, rel=0.1)


def test_names_for_the_same_thing_get_the_same_verdict():
    findings = look(UNFAIR)
    for one, other in (("RD", "EOD"), ("DPPL", "SPD")):
        assert found(findings, one).value == pytest.approx(-found(findings, other).value)
        assert found(findings, one).score == pytest.approx(found(findings, other).score)


def test_an_equal_bias_in_baseline_and_window_is_biased_and_no_drift():
    findings = examine(counted(UNFAIR), counted(UNFAIR))
    assert found(findings, "RD").verdict is Verdict.BIASED
    assert not findings.drifted


def test_a_change_can_be_drift_without_being_bias():
    # given: what was in favour of women no longer is
    before = {"Male": Confusion(640, 160, 240, 960), "Female": Confusion(360, 40, 120, 480)}
    window = {"Male": Confusion(3200, 800, 1200, 4800), "Female": Confusion(1640, 360, 600, 2400)}

    # when
    findings = examine(counted(before), counted(window), BiasSettings(change=Tolerance(0.05, 0.9, 0.125), alpha=0.05))

    # then
    assert found(findings, "RD").drifted
    assert found(findings, "RD").verdict is Verdict.WITHIN
    assert findings.outcome is Outcome.DRIFTED


def test_a_small_change_is_no_drift_however_sure():
    before = {name: Confusion(*(count * 5000 for count in table_)) for name, table_ in ALIKE.items()}
    window = {**before, "Female": replace_recall(before["Female"], 0.77)}
    findings = examine(counted_cells(before), counted_cells(window))
    assert found(findings, "RD").value == pytest.approx(0.03, abs=1e-3)
    assert not findings.drifted


def replace_recall(table_: Confusion, recall: float) -> Confusion:
    positives = table_.tp + table_.fn
    return table_._replace(tp=round(positives * recall), fn=positives - round(positives * recall))


def counted_cells(groups: dict[str, Confusion]) -> GroupCounts:
    """Counts of more rows than a test should make."""
    counts = GroupCounts.empty(counted(ALIKE).binning)
    for place, name in enumerate(counts.binning.facets[0].groups[:2]):
        counts.cells[place, 0] = groups[name].cells
    return counts


def test_a_value_outside_tolerance_that_few_rows_carry_is_not_sure():
    findings = look({"Male": Confusion(40, 10, 15, 60), "Female": Confusion(20, 15, 8, 60)})
    recall = found(findings, "RD")
    assert recall.value > 0.1
    assert recall.verdict is Verdict.UNSURE
    assert recall.score == 0


def test_a_group_that_is_too_small_is_told_and_raises_nothing():
    findings = look({**UNFAIR, "Female": Confusion(0, 12, 3, 30)})
    recall = found(findings, "RD")
    assert recall.verdict is Verdict.TOO_SMALL
    assert recall.value == pytest.approx(0.8)
    assert "45 rows with a label and a prediction in the smaller group, and 100 are needed" in recall.summary
    assert findings.outcome is Outcome.INSUFFICIENT_DATA
    assert not findings.drifted


def test_few_of_the_relevant_label_are_too_few():
    findings = look({**UNFAIR, "Female": Confusion(0, 9, 200, 300)})
    assert found(findings, "RD").verdict is Verdict.TOO_SMALL
    assert "a count of 9 that it divides by" in found(findings, "RD").summary
    assert found(findings, "SD").verdict is not Verdict.TOO_SMALL


def test_a_large_group_that_is_never_predicted_positive_is_found():
    findings = look({**UNFAIR, "Female": Confusion(0, 200, 0, 300)})
    impact = found(findings, "DI")
    assert impact.value == 0
    assert impact.low == 0 < impact.high < 0.05
    assert impact.verdict is Verdict.BIASED
    assert math.isfinite(impact.score)


def test_infinite_values_are_kept_and_come_back_from_json():
    findings = look({**UNFAIR, "Female": Confusion(0, 0, 0, 500)})
    divergence = found(findings, "KL")
    assert divergence.value == math.inf == divergence.high
    assert divergence.verdict is Verdict.BIASED
    assert math.isfinite(findings.score)
    assert found(look({**UNFAIR, "Female": Confusion(100, 100, 0, 300)}), "TE").value == math.inf
    assert BiasFindings.from_json(findings.to_json()) == findings


def test_findings_come_back_from_json():
    findings = look(UNFAIR)
    assert BiasFindings.from_json(findings.to_json()) == findings
    for text in (b"{}", b"[]", b"no", findings.to_json().replace(b'"format":1', b'"format":9')):
        with pytest.raises(ProfileError, match="no outcome of the bias monitor"):
            BiasFindings.from_json(text)


def test_words_say_who_is_treated_how_and_how_sure_that_is():
    unfair = found(look(UNFAIR), "DPPL")
    assert unfair.summary.startswith("sex Female (n = 500) is predicted positive 0.26 less often than Male; 0.2")
    assert unfair.summary.endswith("(baseline 0.00)")
    kind = {"Male": UNFAIR["Female"], "Female": UNFAIR["Male"]}
    assert "is predicted positive 0.26 more often than Male; 0.2" in found(look(kind), "DPPL").summary
    assert "is predicted positive 0.41 times as often as Male" in found(look(UNFAIR), "DI").summary


def test_headlines_say_each_thing_once():
    headlines = look(UNFAIR).headlines
    assert [headline.metric for headline in headlines] == ["TE", "DI"]
    assert {headline.group for headline in headlines} == {"Female"}


def test_headlines_tell_a_difference_of_shares_rather_than_a_distance():
    findings = look({**ALIKE, "Female": Confusion(24, 6, 94, 376)})
    of_labels = [found for found in findings.biased if found.basis == "rows with a label"]
    assert of_labels[0].metric == "KL"
    assert of_labels[0].stage == "before training"
    assert findings.headlines[[each.basis for each in findings.headlines].index("rows with a label")].metric == "DPL"


def test_the_table_has_a_row_for_each_metric_and_nothing_but_text():
    shown = table(look(UNFAIR))
    assert len(shown) == len(METRICS)
    assert all(isinstance(field, str) for row in shown for field in row)
    recall = next(row for row in shown if row.metric == "recall difference (RD)")
    assert recall.value == "0.50"
    assert recall.verdict == "biased, drifted"
    assert recall.tolerated == "−0.10 to 0.10"
    stratified = next(row for row in shown if row.metric.endswith("(CDDL)"))
    assert (stratified.value, stratified.verdict) == ("", "not measured")
    assert "no stratum is named" in stratified.words


def test_without_a_baseline_there_is_bias_and_no_drift():
    findings = examine(None, counted(UNFAIR))
    assert findings.outcome is Outcome.BIASED
    assert findings.baseline_rows is None
    assert not findings.drifted
    assert found(findings, "RD").baseline is None


def test_counts_over_other_groups_are_no_baseline():
    with pytest.raises(ProfileError, match="their groups differ"):
        examine(counted(ALIKE), counted(ALIKE, baseline={"Female": ALIKE["Female"]}))


def test_a_group_without_rows_is_told():
    findings = look({"Male": ALIKE["Male"]})
    assert "sex: all rows are of one group (Male), so there is nothing to compare." in findings.notices
    assert {each.verdict for each in findings.measurements} == {Verdict.NOT_MEASURED}
    assert "is not measured, for there are no rows" in found(findings, "CI").summary
    assert findings.outcome is Outcome.INSUFFICIENT_DATA


def test_a_single_group_in_the_baseline_leaves_nothing_to_compare():
    one = {"Male": ALIKE["Male"]}
    findings = examine(counted(one, one), counted(one, one))
    assert findings.measurements == ()
    assert findings.outcome is Outcome.INSUFFICIENT_DATA
    assert findings.notices == ("sex: all rows are of one group (Male), so there is nothing to compare.",)


def test_a_group_that_the_baseline_did_not_have_is_compared_among_the_others():
    findings = look({**ALIKE, "Unheard of": UNFAIR["Female"]})
    assert found(findings, "RD", "(other groups)").verdict is Verdict.BIASED
    assert not found(findings, "RD", "(other groups)").drifted


def test_without_labels_predictions_are_compared_all_the_same():
    # given
    groups = rows(UNFAIR)
    silent = replace(groups, truth=CategoryColumn.of([None] * groups.rows))

    # when
    findings = examine(counted(ALIKE), observe(counted(ALIKE).binning, silent))

    # then
    assert "No row has a label: only predictions are compared." in findings.notices
    assert found(findings, "DPPL").verdict is Verdict.BIASED
    assert found(findings, "RD").verdict is found(findings, "DPL").verdict is Verdict.NOT_MEASURED
    assert "for there are no rows with a label and a prediction" in found(findings, "RD").summary


def test_without_predictions_labels_are_compared_all_the_same():
    window = observe(counted(ALIKE).binning, replace(rows(UNFAIR), predictions={}))
    findings = examine(counted(ALIKE), window)
    assert "No row has a prediction: only labels are compared." in findings.notices
    assert found(findings, "DPL").verdict is Verdict.WITHIN
    assert found(findings, "DPPL").verdict is Verdict.NOT_MEASURED


def test_one_class_only_is_told():
    findings = look({"Male": Confusion(0, 0, 100, 400), "Female": Confusion(0, 0, 50, 200)})
    assert "Every label is negative: groups cannot differ in it." in findings.notices
    assert found(findings, "DPL").value == 0
    assert found(findings, "RD").verdict is Verdict.TOO_SMALL


def test_missing_values_are_counted_and_not_compared():
    # given
    known, sexes = rows(ALIKE), rows(ALIKE).features["sex"].values
    sexes[::10] = [None] * len(sexes[::10])
    window = replace(known, features={"sex": CategoryColumn.of(sexes)})

    # when
    findings = examine(None, observe(counted(ALIKE).binning, window))

    # then
    assert "sex: 150 rows (10 %) lack a value; they are counted, not compared." in findings.notices
    assert findings.rows == 1500
    assert found(findings, "DPPL").n == 450


def test_no_rows_at_all_are_told():
    findings = examine(counted(ALIKE), GroupCounts.empty(counted(ALIKE).binning))
    assert findings.notices == ("The window has no rows.",)
    assert findings.outcome is Outcome.INSUFFICIENT_DATA


def test_rows_in_bursts_make_findings_less_sure():
    one, bursts = (found(look(UNFAIR, BiasSettings(dispersion=by)), "RD") for by in (1.0, 4.0))
    assert bursts.high - bursts.low == pytest.approx(2 * (one.high - one.low), rel=0.15)
    assert bursts.value == one.value


def test_a_seed_gives_the_same_findings_again():
    assert look(UNFAIR) == look(UNFAIR)
    assert look(UNFAIR) != look(UNFAIR, BiasSettings(seed=1))


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (lambda: Tolerance(0.0, 0.8, 0.25), "tolerates nothing"),
        (lambda: Tolerance(0.1, 1.0, 0.25), "a ratio between 0 and 1"),
        (lambda: BiasSettings(alpha=0.0), "must be between 0 and 1"),
        (lambda: BiasSettings(draws=101), "take more draws"),
    ],
)
def test_settings_that_cannot_be_are_refused(wrong, message):
    with pytest.raises(ConfigError, match=message):
        wrong()


def test_strata_take_part_in_draws_and_verdicts():
    # given: women apply where few are accepted; within each place they are treated alike
    random = np.random.default_rng(1)
    sex, place, answers = [], [], []
    for name, where, n, share in (
        ("m", "easy", 800, 0.7),
        ("m", "hard", 200, 0.2),
        ("f", "easy", 200, 0.7),
        ("f", "hard", 800, 0.2),
    ):
        sex += [name] * n
        place += [where] * n
        answers += random.choice(["positive", "negative"], n, p=[share, 1 - share]).tolist()
    given = labelled(["1"] * len(sex), answers, {"sex": CategoryColumn.of(sex), "place": CategoryColumn.of(place)})
    binning = GroupBinning.fit(GroupSettings((Sensitive("sex", favoured=("m",)),), stratum=Sensitive("place")), given)

    # when
    findings = examine(None, observe(binning, given))

    # then
    assert found(findings, "DPPL", "f").verdict is Verdict.BIASED
    assert found(findings, "CDDPL", "f").verdict is Verdict.WITHIN


@pytest.mark.parametrize("short", ["DPL", "DI", "AD", "RD"])
@pytest.mark.parametrize(("n_a", "n_d"), [(1000, 400), (100, 100)])
def test_intervals_hold_the_truth_as_often_as_they_say(short, n_a, n_d):
    # given: shares that are known, and 400 samples of rows
    random = np.random.default_rng(11)
    shares = [np.array([0.32, 0.08, 0.12, 0.48]), np.array([0.21, 0.09, 0.105, 0.595])]
    truth = Sides(*(Side((1e6 * Confusion(*share).cells)[None]) for share in shares))
    true_value = BY_SHORT[short].value(truth)

    # when
    held = 0
    for _ in range(400):
        sample = sides(
            *([Confusion(*random.multinomial(n, share))] for n, share in zip((n_a, n_d), shares, strict=True))
        )
        cells = np.stack([sample.a.cells, sample.d.cells]).astype(np.int64)
        draws = Sides.of(draw(cells, 501, 1.0, random), (0,), (1,))
        spread = Spread.of(BY_SHORT[short].on_scale(draws), 0.95)
        low, high = BY_SHORT[short].from_scale(spread.low, spread.high)
        held += low <= true_value <= high

    # then: .95 but for three standard errors of the simulation
    assert 0.917 <= held / 400 <= 0.983


def test_healthy_windows_raise_no_alarm_though_many_metrics_are_looked_at():
    # given: windows so small that chance alone moves most metrics by more than is tolerated
    random = np.random.default_rng(17)
    share = np.array([0.32, 0.08, 0.12, 0.48])
    settings, alarms, moved = BiasSettings(draws=1001), 0, 0

    # when
    for _ in range(50):
        window, before = ({name: Confusion(*random.multinomial(n, share)) for name in ALIKE} for n in (150, 1500))
        findings = examine(counted_cells(before), counted_cells(window), settings)
        alarms += bool(findings.drifted or findings.biased)
        moved += abs(found(findings, "RD").value - found(findings, "RD").baseline) > 0.05

    # then
    assert moved > 20
    assert alarms <= 2


def test_infinite_draws_are_the_outermost():
    spread = Spread.of(np.array([-np.inf, 1.0, 2.0, 3.0, np.inf]), 0.5)
    assert (spread.low, spread.middle, spread.high) == (1.0, 2.0, 3.0)
    assert Spread.of(np.full(9, np.inf), 0.9).standardised(np.full(9, np.inf)).tolist() == [0.0] * 9


def test_intervals_that_hold_together_reach_further_for_more_metrics():
    draws = np.abs(np.random.default_rng(3).normal(size=(4001, 20)))
    assert reach(draws[:, 0], 0.05) == pytest.approx(1.96, abs=0.1)
    assert reach(draws.max(axis=1), 0.05) == pytest.approx(3.02, abs=0.15)
    assert reach(np.repeat(draws[:, :1], 20, axis=1).max(axis=1), 0.05) == reach(draws[:, 0], 0.05)


@pytest.mark.parametrize(("alpha", "expected"), [(0.01, 3.48), (0.001, 4.06), (0.0001, 4.56)])
def test_a_smaller_chance_of_error_needs_no_more_draws(alpha, expected):
    draws = np.abs(np.random.default_rng(3).normal(size=(4001, 20)))
    assert reach(draws.max(axis=1), alpha) == pytest.approx(expected, abs=0.1)
    assert reach(np.zeros(401), alpha) < expected
    assert reach(np.full(401, np.inf), alpha) == np.inf
