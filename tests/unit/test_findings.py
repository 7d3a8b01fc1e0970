"""Findings on paper: written, read, and those of the first format."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from watchkeeper import jsonio
from watchkeeper.errors import ProfileError
from watchkeeper.findings import Finding, Findings, Share, Verdict

START = datetime(2026, 11, 20, tzinfo=UTC)
END = START + timedelta(days=1)


def finding(feature: str, **changes: object) -> Finding:
    values: dict[str, object] = {
        "feature": feature,
        "statistic": "mean",
        "p_value": 1e-9,
        "corrected_p": 2e-8,
        "effect": 0.08,
        "threshold": 0.02,
        "measure": "Jensen-Shannon distance",
        "drifted": True,
        "direction": "up",
        "summary": "mean 1 → 2 (+1 sd)",
        "n": 1000,
        "baseline_n": 20_000,
        "shares": (Share("> 3", 0.1, 0.3),),
        "statistics": {"kolmogorov_smirnov": 0.25},
        "since": START + timedelta(hours=5),
        "span": timedelta(hours=24),
    }
    return Finding(**{**values, **changes})  # type: ignore[arg-type]


def findings() -> Findings:
    return Findings(
        model="credit",
        version="v1",
        baseline="b",
        start=START,
        end=END,
        rows=1000,
        unreadable=2,
        alpha=0.01,
        verdict=Verdict.DRIFT,
        features=(finding("income"), finding("age", drifted=False, since=None, span=None)),
        predictions=(finding("predicted score", effect=0.1),),
        joint=(finding("income and age", statistic="correlation", shares=(), statistics={}),),
        calibrated=30,
    )


def test_the_round_trip_keeps_everything():
    # given findings of every kind; when written and read; then they are the same
    assert Findings.from_json(findings().to_json()) == findings()


def test_each_finding_has_a_verdict_and_a_score():
    # given drift and none; when asked; then what did not drift has no score
    drifted, healthy = findings().features
    assert (drifted.verdict, drifted.score) == (Verdict.DRIFT, pytest.approx(4))
    assert (healthy.verdict, healthy.score) == (Verdict.NO_DRIFT, 0)


def test_what_only_the_predictions_show_of_several_columns_is_their_change():
    # given findings about columns together: one that features show, one that needs the predictions
    world = finding("income and age")
    version = finding("income and predicted score", effect=0.1, through_predictions=True)
    both = replace(findings(), features=(), predictions=(), joint=(world, version))

    # when asked what changed; then each has its own
    assert (both.changed_features, both.changed_predictions) == ((world,), (version,))
    assert (both.feature_score, both.prediction_score) == (world.score, version.score)

    # and where a column has drifted alone, it is named instead
    assert findings().changed_features == findings().drifted


def test_findings_of_the_first_format_are_read():
    # given what the first format held
    document = jsonio.loads(findings().to_json())
    document["format"] = 1
    for name in ("joint", "calibrated"):
        del document[name]
    for group in ("features", "predictions"):
        for item in document[group]:
            for name in ("statistics", "since", "span"):
                del item[name]

    # when read; then what it did not know is empty
    read = Findings.from_json(jsonio.dumps(document))
    assert read.joint == ()
    assert read.features[0].since is None
    assert read.features[0].statistics == {}
    assert read.features[0].summary == findings().features[0].summary


@pytest.mark.parametrize("text", [b"", b"[]", b"{}", b'{"format": 3}', b'{"format": 2, "verdict": "maybe"}'])
def test_what_is_no_findings_object_is_refused(text: bytes):
    # given other text; when read; then the error says so
    with pytest.raises(ProfileError, match="not a findings object"):
        Findings.from_json(text)
