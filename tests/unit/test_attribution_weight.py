"""Which drifted feature matters: size of the drift times what the model goes by."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pytest

from watchkeeper.attribution import Attributions, Importance, Role, WeightSettings, sentence, weigh
from watchkeeper.attribution.wording import percent
from watchkeeper.errors import ConfigError
from watchkeeper.findings import Finding, Findings, Verdict

SHARES = {"income": 0.5, "age": 0.32, "debt": 0.1, "region": 0.06, "postcode": 0.02}


def importance(shares) -> Importance:
    values = np.array([list(shares.values())] * 10)
    ones = np.ones(10)
    return Importance.of(Attributions(tuple(shares), values, 0 * values, 0 * ones, ones))


def drifted(**scores: float) -> Findings:
    """Findings in which features drifted by so many thresholds; below one, not at all."""
    features = tuple(
        Finding(
            feature=name,
            statistic="mean",
            p_value=1e-9,
            corrected_p=1e-8,
            effect=score * 0.1,
            threshold=0.1,
            measure="Jensen-Shannon distance",
            drifted=score > 1,
            direction="up",
            summary="",
            n=1000,
            baseline_n=1000,
        )
        for name, score in scores.items()
    )
    day = datetime(2026, 11, 1, tzinfo=UTC)
    return Findings("credit", "v1", "b1", day, day, 1000, 0, 0.01, Verdict.DRIFT, features)


def test_a_small_drift_of_what_the_model_goes_by_comes_before_a_large_one_of_what_it_hardly_uses():
    weighted = weigh(drifted(postcode=20, income=1.5, region=3, age=0.5), importance(SHARES))

    assert [each.feature for each in weighted] == ["income", "postcode", "region"]
    assert [each.role for each in weighted] == [Role.MUCH, Role.HARDLY, Role.LITTLE]
    assert weighted[0].weight == pytest.approx(0.75)


def test_the_sentence_says_which_drifted_features_matter():
    weighted = weigh(drifted(postcode=20, income=1.5, region=3, debt=2), importance(SHARES))

    assert sentence(weighted) == (
        "Of 4 drifted features, income (50 % of what moves predictions) matters; debt (10 %) and region (6 %) matter a "
        "little; postcode (2 %) hardly matters."
    )


def test_a_single_drifted_feature_gets_a_sentence_of_its_own():
    assert (
        sentence(weigh(drifted(postcode=20), importance(SHARES)))
        == "postcode (2 % of what moves predictions) hardly matters."
    )


def test_features_that_the_attribution_lacks_come_last_and_are_said_to_be_unknown():
    weighted = weigh(drifted(novelty=50, age=2), importance(SHARES))

    assert [(each.feature, each.role) for each in weighted] == [("age", Role.MUCH), ("novelty", Role.UNKNOWN)]
    assert weighted[1].weight is None
    assert sentence(weighted).endswith(
        "age (32 % of what moves predictions) matters; novelty is not known to the attribution."
    )


def test_without_drift_there_is_nothing_to_say():
    assert sentence(weigh(drifted(income=0.5), importance(SHARES))) == ""


def test_of_a_hundred_features_alike_most_matter_and_a_few_do_hardly():
    even = importance({f"f{place}": 1.0 for place in range(100)})

    roles = [each.role for each in weigh(drifted(**{f"f{place}": 2.0 for place in range(100)}), even)]

    assert 79 <= roles.count(Role.MUCH) <= 81
    assert 4 <= roles.count(Role.HARDLY) <= 6


def test_many_features_are_counted_not_listed():
    even = importance({f"f{place}": 1.0 for place in range(10)})

    said = sentence(weigh(drifted(**{f"f{place}": 2.0 for place in range(8)}), even))

    assert "and 4 more matter" in said


def test_of_a_model_that_goes_by_nothing_no_feature_matters():
    weighted = weigh(drifted(income=2), importance(dict.fromkeys(SHARES, 0.0)))

    assert weighted[0].role is Role.HARDLY
    assert sentence(weighted) == "income (0 % of what moves predictions) hardly matters."


def test_settings_by_which_a_feature_would_both_matter_and_hardly_matter_are_refused():
    with pytest.raises(ConfigError, match="lower one of them"):
        WeightSettings(much=0.99, hardly=0.05)


@pytest.mark.parametrize(
    ("share", "said"),
    [
        (0, "0 %"),
        (0.00004, "under 0.1 %"),
        (0.002, "0.2 %"),
        (0.0254, "2.5 %"),
        (0.0996, "10 %"),
        (0.314, "31 %"),
        (1, "100 %"),
    ],
)
def test_shares_are_told_with_two_digits(share, said):
    assert percent(share) == said
