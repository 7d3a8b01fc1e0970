"""What people are told of what a model goes by: in messages of drift, and when it changed."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import numpy as np

from tests.unit.test_message import NOW, SPEC, evidence, finding, fits_sns, paragraph, told
from watchkeeper.attribution import AttributionLook, Attributions, DriftSettings, Importance, examine
from watchkeeper.message import AlarmChange, AttributionEvidence, DriftEvidence, Message, alarm_message
from watchkeeper.naming import AlarmKind
from watchkeeper.spec import AttributionMethod

NAMES = ("income", "age", "postcode")


def importance(*means: float, rows: int = 400) -> Importance:
    """Of features that contribute so much on average."""
    values = np.random.default_rng(len(means)).exponential(size=(rows, len(means))) * means
    return Importance.of(Attributions(NAMES, values, np.zeros_like(values), np.zeros(rows), values.sum(axis=1)))


def drift_message(known: Importance | None) -> Message:
    found = evidence([finding("postcode", effect=0.3), finding("income"), finding("tenure")])
    return told(AlarmKind.DRIFT, DriftEvidence(found.findings, found.uri, known))


def test_a_drift_message_says_which_drifted_feature_matters_and_names_it_first() -> None:
    # when
    message = drift_message(importance(0.7, 0.29, 0.01))
    # then
    assert message.subject == "[warning] credit-risk: drift in income, postcode, tenure"
    first = " ".join(paragraph(message, "How much").split())
    assert "Of 3 drifted features, income (7" in first
    assert "of what moves predictions) matters; postcode" in first
    assert "hardly matters; tenure is not known to the attribution." in first


def test_without_a_known_importance_a_drift_message_is_as_before() -> None:
    # then
    assert drift_message(None).subject == "[warning] credit-risk: drift in postcode, income, tenure"
    assert "matter" not in drift_message(None).body


def attribution_message(window: Importance, baseline: Importance | None = None) -> Message:
    findings = examine(baseline or importance(0.7, 0.25, 0.05), window, DriftSettings())
    look = AttributionLook(SPEC.name, "v3", "b1", NOW - timedelta(days=1), NOW, findings, window)
    change = AlarmChange(AlarmKind.ATTRIBUTION_DRIFT, True, NOW, NOW - timedelta(days=2), "1 >= 1")
    message = alarm_message(SPEC, change, AttributionEvidence(look, "s3://bucket/findings/x.json"))
    assert message is not None
    return message


def test_the_message_of_another_ranking_names_the_features_that_moved_and_their_ranks() -> None:
    # when
    message = attribution_message(importance(0.05, 0.25, 0.7))
    # then
    assert message.subject.startswith("[warning] credit-risk: goes by other features (")
    assert "income" in message.subject
    assert "postcode" in message.subject
    sizes = " ".join(paragraph(message, "How much").split())
    assert "NDCG" in sizes
    assert "(rank 1 → 3)" in sizes
    assert "(rank 3 → 1)" in sizes
    assert "400 of the rows that v3 was asked" in " ".join(message.body.split())
    assert fits_sns(message)


def test_a_share_that_moved_is_told_where_the_ranking_holds() -> None:
    # then
    assert "age" in attribution_message(importance(0.45, 0.44, 0.05)).subject


def test_the_message_says_what_was_explained_exactly_and_why_what_was_not() -> None:
    # given
    window = importance(0.05, 0.25, 0.7)
    because = "the job that explains exactly failed: " + "no such model " * 40
    # when
    sampled = attribution_message(replace(window, because=because[:600]))
    exact = replace(window, method=AttributionMethod.EXACT)
    exactly = attribution_message(exact, replace(importance(0.7, 0.25, 0.05), method=AttributionMethod.EXACT))
    # then
    assert "were explained; compared with 400 rows of baseline b1; sampled, because the job" in told_in(sampled)
    assert "were explained exactly; compared with 400 rows of baseline b1" in told_in(exactly)
    assert fits_sns(sampled)


def told_in(message: Message) -> str:
    return " ".join(message.body.split())
