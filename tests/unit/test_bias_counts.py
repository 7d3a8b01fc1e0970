"""Groups are fixed by the baseline, and counts of them merge exactly, whatever the rows and however they are split."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from bias_support import labelled
from hypothesis import given, settings
from hypothesis import strategies as st

from watchkeeper import jsonio
from watchkeeper.bias import (
    BINARY_REVERSED,
    MISSING,
    OTHER,
    GroupBinning,
    GroupCounts,
    GroupSettings,
    Positive,
    Sensitive,
    merge_all,
    observe,
)
from watchkeeper.errors import BaselineError, ConfigError, DatasetError, ProfileError
from watchkeeper.outcomes import Labelled
from watchkeeper.table import CategoryColumn, NumberColumn, TimeColumn

LABEL = st.sampled_from(["0", "1", None])
ANSWER = st.sampled_from(["negative", "positive", None])
SEX = st.sampled_from(["Female", "Male", "Unheard of", None])
AGE = st.one_of(st.just(np.nan), st.floats(0, 100), st.sampled_from([25.0, 60.0, np.inf]))
PLACE = st.sampled_from(["north", "south", None])
ROWS = st.lists(st.tuples(LABEL, ANSWER, SEX, AGE, PLACE), max_size=40)
WANTED = GroupSettings(
    (Sensitive("sex"), Sensitive("age", cuts=(25.0, 60.0))), stratum=Sensitive("place"), least_rows=10
)


def people(given_rows: list[tuple]) -> Labelled:
    truth, predicted, sex, age, place = zip(*given_rows, strict=True) if given_rows else ((),) * 5
    features = {"sex": CategoryColumn.of(sex), "age": list(age), "place": CategoryColumn.of(place)}
    return labelled(truth, predicted, features)


def baseline_people() -> Labelled:
    random = np.random.default_rng(0)
    sexes, places = random.choice(["Male", "Female"], 400, p=[0.7, 0.3]), random.choice(["north", "south"], 400)
    labels, answers = random.choice(["0", "1"], 400), random.choice(["negative", "positive"], 400)
    ages = random.uniform(18, 90, 400)
    return people(list(zip(labels, answers, sexes.tolist(), ages.tolist(), places.tolist(), strict=True)))


BINNING = GroupBinning.fit(WANTED, baseline_people())


def test_groups_are_levels_ranges_and_the_intersections_with_enough_rows():
    sex, age, both = BINNING.facets
    assert sex.groups == ("Male", "Female", OTHER)
    assert age.groups == ("under 25", "25 to under 60", "60 and over")
    assert both.name == "sex & age"
    assert set(both.groups) == {f"{s} & {a}" for s in ("Male", "Female") for a in age.groups} | {OTHER}
    assert [facet.groups[facet.favoured[0]] for facet in BINNING.facets] == [
        "Male",
        "25 to under 60",
        "Male & 25 to under 60",
    ]


def test_an_intersection_with_few_rows_is_no_group_of_its_own():
    few = GroupBinning.fit(replace(WANTED, least_rows=60), baseline_people())
    assert 1 < len(few.facets[2].groups) < len(BINNING.facets[2].groups)


def test_cut_points_are_the_baselines_quartiles_when_none_are_given():
    rows = labelled(["1"] * 8, ["positive"] * 8, {"age": [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, np.nan]})
    (age,) = GroupBinning.fit(GroupSettings((Sensitive("age"),)), rows).attributes
    assert age.cuts == (2.0, 4.0, 6.0)


def test_a_number_of_two_values_makes_two_groups():
    rows = labelled(["1"] * 8, ["positive"] * 8, {"female": [0.0] * 7 + [1.0]})
    (female,) = GroupBinning.fit(GroupSettings((Sensitive("female", cuts=(1.0,)),)), rows).attributes
    assert female.groups == ("under 1", "1 and over")


def test_only_the_largest_levels_are_groups():
    names = [f"level {place}" for place in range(30) for _ in range(place + 1)]
    rows = labelled(["1"] * len(names), ["positive"] * len(names), {"race": CategoryColumn.of(names)})
    (race,) = GroupBinning.fit(GroupSettings((Sensitive("race"),), most_groups=20), rows).attributes
    assert race.groups == (*(f"level {place}" for place in range(29, 9, -1)), OTHER)


def test_each_group_is_compared_with_the_favoured_and_with_all_others():
    rows = labelled(["1"] * 9, ["positive"] * 9, {"race": CategoryColumn.of(["a"] * 4 + ["b"] * 3 + ["c"] * 2)})
    free = GroupBinning.fit(GroupSettings((Sensitive("race"),)), rows).facets[0]
    named = GroupBinning.fit(GroupSettings((Sensitive("race", favoured=("a", "c")),)), rows).facets[0]
    assert [(found.group, found.against) for found in free.comparisons] == [
        ("b", "a"),
        ("c", "a"),
        (OTHER, "a"),
        ("a", "all others"),
        ("b", "all others"),
        ("c", "all others"),
    ]
    assert [(found.group, found.against) for found in named.comparisons] == [("b", "a and c"), (OTHER, "a and c")]


def test_rows_count_where_they_belong():
    # given
    rows = people(
        [
            ("1", "positive", "Female", 24.9, "north"),
            ("0", "positive", "Unheard of", 25.0, "nowhere"),
            (None, "negative", None, np.nan, None),
            ("1", None, "Female", np.inf, "south"),
            ("1", "positive", "Male", np.nan, "south"),
        ]
    )

    # when
    counts = observe(BINNING, rows)

    # then
    sex, age, both = (counts.cells[part].sum(axis=(1, 2, 3)).tolist() for part in BINNING.slices)
    names = (*BINNING.facets[2].groups, MISSING)
    assert sex == [1, 2, 1, 1]
    assert age == [1, 1, 1, 2]
    assert {name: count for name, count in zip(names, both, strict=True) if count} == {
        "Female & under 25": 1,
        "Female & 60 and over": 1,
        OTHER: 1,
        MISSING: 2,
    }
    female = counts.cells[BINNING.slices[0]][1]
    place = {name: at for at, name in enumerate(BINNING.stratum.groups)}
    assert female[place["north"], 2, 2] == 1
    assert female[place["south"], 2, 0] == 1
    assert counts.rows == 5


@given(ROWS, ROWS)
@settings(max_examples=60, deadline=None)
def test_observing_together_is_merging_what_was_observed_apart(first, second):
    apart = observe(BINNING, people(first)).merge(observe(BINNING, people(second)))
    together = observe(BINNING, people(first + second))
    assert apart == together
    assert apart.to_json() == together.to_json()


@given(ROWS, ROWS, ROWS)
@settings(max_examples=40, deadline=None)
def test_merging_is_associative_and_commutative_and_nothing_changes_nothing(first, second, third):
    a, b, c = (observe(BINNING, people(each)) for each in (first, second, third))
    assert a.merge(b).merge(c) == a.merge(b.merge(c)) == c.merge(b).merge(a)
    assert merge_all([a, b, c], GroupCounts.empty(BINNING)) == a.merge(b).merge(c)
    assert a.merge(GroupCounts.empty(BINNING)) == a


@given(ROWS)
@settings(max_examples=40, deadline=None)
def test_every_facet_divides_all_rows_and_counts_agree_with_the_rows(given_rows):
    counts = observe(BINNING, people(given_rows))
    for part in BINNING.slices:
        assert counts.cells[part].sum() == len(given_rows)
    men = counts.cells[BINNING.slices[0]][0].sum(axis=0)
    outcomes = {None: 0, "0": 1, "1": 2, "negative": 1, "positive": 2}
    by_hand = np.zeros((3, 3), int)
    for label, answer, sex, *_ in given_rows:
        by_hand[outcomes[label], outcomes[answer]] += sex == "Male"
    assert men.tolist() == by_hand.tolist()


@given(ROWS)
@settings(max_examples=20, deadline=None)
def test_counts_and_groups_come_back_from_json(given_rows):
    counts = observe(BINNING, people(given_rows))
    binning = GroupBinning.from_json(jsonio.loads(jsonio.dumps(BINNING.to_json())))
    assert binning == BINNING
    assert binning.id == BINNING.id
    assert GroupCounts.from_json(counts.to_json(), binning) == counts


def test_counts_over_other_groups_are_refused():
    other = GroupBinning.fit(replace(WANTED, stratum=None), baseline_people())
    assert other.id != BINNING.id
    with pytest.raises(ProfileError, match="their groups differ"):
        GroupCounts.empty(BINNING).merge(GroupCounts.empty(other))
    with pytest.raises(ProfileError, match="belong to another baseline"):
        GroupCounts.from_json(GroupCounts.empty(other).to_json(), BINNING)


@pytest.mark.parametrize("text", [b"", b"[]", b"{}", b'{"format": 7, "binning": "", "counts": ["i1", ""]}', b"\xff"])
def test_what_holds_no_counts_is_refused(text):
    with pytest.raises(ProfileError, match="holds no counts"):
        GroupCounts.from_json(text, BINNING)


def test_groups_of_another_format_are_refused():
    with pytest.raises(BaselineError, match="not 1"):
        GroupBinning.from_json({**BINNING.to_json(), "format": 2})


@pytest.mark.parametrize(
    ("wanted", "message"),
    [
        (lambda: GroupSettings(()), "name at least one"),
        (lambda: GroupSettings((Sensitive("sex"), Sensitive("sex"))), "each once"),
        (lambda: GroupSettings((Sensitive("sex"),), stratum=Sensitive("sex")), "choose another stratum"),
        (lambda: GroupSettings((Sensitive("sex"),), intersections=(("sex", "race"),)), "'race', which is none of"),
        (lambda: GroupSettings((Sensitive("race"),)), "'race' is none of the baseline's columns"),
        (lambda: GroupSettings((Sensitive("sex", favoured=("male",)),)), "the groups are Male, Female"),
        (lambda: GroupSettings((Sensitive("sex", cuts=(1.0,)),)), "leave the cut points out"),
        (lambda: GroupSettings((Sensitive("age", cuts=(60.0, 25.0)),)), "give finite ones that ascend"),
        (lambda: GroupSettings((Sensitive("born"),)), "is a timestamp"),
    ],
)
def test_settings_that_cannot_be_are_refused_with_the_remedy(wanted, message):
    rows = baseline_people()
    rows = replace(rows, features={**rows.features, "born": TimeColumn(np.zeros(rows.rows))})
    with pytest.raises(ConfigError, match=message):
        GroupBinning.fit(wanted(), rows)


def test_rows_without_the_attribute_or_with_another_kind_of_it_are_refused():
    rows = baseline_people()
    with pytest.raises(DatasetError, match="'sex' are not there"):
        observe(BINNING, replace(rows, features={"age": rows.features["age"], "place": rows.features["place"]}))
    with pytest.raises(DatasetError, match="'sex' are of another kind"):
        observe(BINNING, replace(rows, features={**rows.features, "sex": rows.features["age"]}))


def test_a_regressions_outcome_is_positive_from_the_threshold_on():
    # given
    truth = NumberColumn(np.array([9.0, 10.0, np.nan, 11.0]))
    predicted = {"predicted value": NumberColumn(np.array([10.0, 9.9, 12.0, np.nan]))}
    rows = Labelled(4, {"sex": CategoryColumn.of(["f"] * 4)}, predicted, truth)
    wanted = GroupSettings((Sensitive("sex"),), Positive.at_least(10.0))

    # when
    cells = observe(GroupBinning.fit(wanted, rows), rows).cells[0, 0]

    # then
    assert cells.tolist() == [[0, 0, 1], [0, 0, 1], [1, 1, 0]]
    with pytest.raises(DatasetError, match="are numbers, and the threshold"):
        observe(GroupBinning.fit(replace(wanted, positive=Positive()), rows), rows)


def test_several_classes_can_be_positive():
    truth, predicted = CategoryColumn.of(["gold", "none", None]), CategoryColumn.of(["none", "silver", "other"])
    rows = Labelled(3, {"sex": CategoryColumn.of(["f"] * 3)}, {"predicted label": predicted}, truth)
    wanted = GroupSettings((Sensitive("sex"),), Positive.classes("gold", "silver"))
    assert observe(GroupBinning.fit(wanted, rows), rows).cells[0, 0].tolist() == [[0, 1, 0], [0, 0, 1], [0, 1, 0]]
    with pytest.raises(ConfigError, match="No class"):
        Positive.classes()


def test_the_label_that_people_would_wish_for_may_be_the_models_negative_one():
    rows, as_it_is = baseline_people(), replace(WANTED, stratum=None)
    turned = replace(as_it_is, positive=BINARY_REVERSED)
    cells, mirrored = (observe(GroupBinning.fit(wanted, rows), rows).cells for wanted in (as_it_is, turned))
    assert mirrored[:, :, 1:, 1:].tolist() == cells[:, :, :0:-1, :0:-1].tolist()


def test_rows_that_were_not_answered_have_no_prediction():
    rows = replace(baseline_people(), predictions={})
    assert observe(BINNING, rows).cells[:, :, :, 1:].sum() == 0
