"""A version's fliptests: of every comparison, kept with its baseline, and told with each look."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from bias_support import labelled

from watchkeeper.bias import (
    BiasFindings,
    BiasSettings,
    Flips,
    FlipSettings,
    FlipTest,
    GroupBaseline,
    GroupBinning,
    GroupCounts,
    GroupSettings,
    Sensitive,
    Verdict,
    examine,
    flip_test,
    flips,
    observe,
    table,
)
from watchkeeper.errors import ProfileError
from watchkeeper.outcomes import Labelled
from watchkeeper.table import CategoryColumn

BOTH = GroupSettings((Sensitive("sex", favoured=("m",)), Sensitive("home", favoured=("own",))), least_rows=1)


def by_hand() -> Labelled:
    """Twelve men and six women at two incomes, whose neighbours anybody can see.

    At income 1 all six men are accepted and of four women one; at income 0 both men are refused, and one woman is
    accepted who would not be. So F⁺ = 3 and F⁻ = 1 of six women: FT = 1/3.
    """
    men = [("m", 1.0, "positive")] * 6 + [("m", 0.0, "negative")] * 6
    women = [("f", 1.0, "positive"), *[("f", 1.0, "negative")] * 3, ("f", 0.0, "positive"), ("f", 0.0, "negative")]
    sex, income, answer = zip(*men, *women, strict=True)
    homes = ["own", "rent"] * 9
    features = {"sex": CategoryColumn.of(sex), "income": list(income), "home": CategoryColumn.of(homes)}
    return labelled(["1"] * len(sex), answer, features)


def settings(sensitive: str = "sex") -> GroupSettings:
    return GroupSettings((Sensitive(sensitive, favoured=("m",) if sensitive == "sex" else ()),))


def of_town(n: int, seed: int = 3) -> Labelled:
    """People of which women are refused more often than men who are like them."""
    random = np.random.default_rng(seed)
    sex, income = random.choice(["m", "f"], n), random.normal(size=n)
    answers = np.where(income - 0.8 * (sex == "f") > 0, "positive", "negative")
    home = CategoryColumn.of(random.choice(["own", "rent"], n).tolist())
    features = {"sex": CategoryColumn.of(sex.tolist()), "income": income.tolist(), "home": home}
    return labelled(["1"] * n, answers.tolist(), features)


def test_a_table_worked_by_hand():
    # given, without the homes, which would part the neighbours
    rows = by_hand()
    rows = replace(rows, features={name: rows.features[name] for name in ("sex", "income")})
    binning = GroupBinning.fit(settings(), rows)
    # when
    tests = Flips.of(binning, rows).tests
    # then nobody is in the group of others, which is left out
    assert tests == {("sex", "f", "m"): FlipTest(upward=3, downward=1, n=6, against_n=12)}
    assert tests["sex", "f", "m"].value == pytest.approx(1 / 3)


def test_every_comparison_is_tested_by_the_features_that_do_not_make_its_groups():
    # given
    rows = of_town(800)
    binning = GroupBinning.fit(BOTH, rows)
    # when
    found = Flips.of(binning, rows).tests
    # then
    assert {name[:2] for name in found} == {
        ("sex", "f"),
        ("home", "rent"),
        ("sex & home", "m & rent"),
        ("sex & home", "f & own"),
        ("sex & home", "f & rent"),
    }
    comparison = binning.facet("sex").comparisons[0]
    assert found["sex", "f", "m"] == flip_test(binning, comparison, rows)
    assert found["sex", "f", "m"].value > 0.15
    assert abs(found["home", "rent", "own"].value) < 0.05


def test_many_comparisons_share_the_time_of_a_few(monkeypatch: pytest.MonkeyPatch):
    # given room for one comparison at full size, and five of them
    monkeypatch.setattr(flips, "MOST_AT_FULL", 1)
    rows = of_town(2000)
    # when
    found = Flips.of(GroupBinning.fit(BOTH, rows), rows, FlipSettings(most_disfavoured=200, most_favoured=400)).tests
    # then together they look at no more pairs of people
    assert max(test.n for test in found.values()) < 120
    assert sum(test.n * test.against_n for test in found.values()) <= 200 * 400 * 1.05


def baseline(rows: Labelled, *, tested: bool = True) -> GroupBaseline:
    binning = GroupBinning.fit(BOTH, rows)
    return GroupBaseline("v3", observe(binning, rows), Flips.of(binning, rows) if tested else None)


def test_a_baseline_keeps_its_fliptests_and_one_of_old_has_none():
    # given
    tested, old = baseline(of_town(800)), baseline(of_town(800), tested=False)
    # then
    assert GroupBaseline.from_json(tested.to_json()).flips == tested.flips
    assert b"flips" not in old.to_json()
    assert GroupBaseline.from_json(old.to_json()).flips is None
    with pytest.raises(ProfileError, match="no baseline of groups"):
        GroupBaseline.from_json(tested.to_json().replace(b'"upward"', b'"upwards"'))


def test_what_is_told_of_an_empty_window_are_the_fliptests_of_the_version():
    # given
    judged, limits = baseline(of_town(800)), BiasSettings()
    # when
    found = judged.beside(examine(judged.counts, GroupCounts.empty(judged.binning), limits), limits)
    # then
    told = {(each.facet, each.group): each for each in found.measurements if each.metric == "FT"}
    assert (told["sex", "f"].verdict, told["home", "rent"].verdict) == (Verdict.BIASED, Verdict.WITHIN)
    assert told["sex", "f"].summary.endswith("; of the holdout, when v3 was judged")
    assert (told["sex", "f"].drifted, told["sex", "f"].baseline) == (False, None)
    # and each stands with the other metrics of its comparison
    assert sum(row.metric == "counterfactual fliptest (FT)" for row in table(found)) == 5
    assert [each.comparison for each in found.measurements] == sorted(
        (each.comparison for each in found.measurements), key=[*told_order(found)].index
    )


def told_order(found: BiasFindings) -> dict[tuple[str, str, str], None]:
    """The comparisons in the order in which they are told of first."""
    return dict.fromkeys(each.comparison for each in found.measurements)


def test_sure_intervals_hold_for_all_comparisons_together():
    # given the same test among one and among five
    rows = of_town(800)
    alone = GroupBinning.fit(settings(), rows)
    several = GroupBinning.fit(BOTH, rows)
    # when
    (one, *_) = Flips.of(alone, rows).measurements(alone, "v1", BiasSettings())
    (first, *_) = Flips.of(several, rows).measurements(several, "v1", BiasSettings())
    # then what is shown is the same, and what is sure is less
    assert (one.value, one.low, one.high) == (first.value, first.low, first.high)
    assert first.sure_low is not None
    assert one.sure_low is not None
    assert first.sure_low < one.sure_low < one.value


def test_of_a_version_judged_before_there_were_any_a_look_says_so_and_goes_on():
    # given
    old, limits = baseline(of_town(800), tested=False), BiasSettings()
    window = examine(old.counts, old.counts, limits)
    # when
    found = old.beside(window, limits)
    # then
    assert found.measurements == window.measurements
    assert found.notices[-1].startswith("There is no fliptest: v3 was judged before there were any.")


def test_a_group_of_which_nobody_was_answered_is_not_measured():
    # given
    rows = of_town(300)
    binning = GroupBinning.fit(settings(), rows)
    silent = replace(rows, predictions={})
    # when
    (found,) = Flips.of(binning, silent).measurements(binning, "v1", BiasSettings())
    # then
    assert found.verdict is Verdict.NOT_MEASURED
    assert "FT is not measured, for nobody is to compare" in found.summary
