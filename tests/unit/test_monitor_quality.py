"""The data-quality monitor's function against a fake AWS: what it reads, stores, emits and answers."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import numpy as np
import pytest

from lambdas.monitor_quality import handler as monitor_quality
from tests.support import CONTEXT
from tests.unit.fake_aws import BUCKET, fake_aws, put_serving
from tests.unit.looking import BASELINE, END, SPEC, block, raw, refused
from watchkeeper import naming
from watchkeeper.capture import Unreadable
from watchkeeper.modelmonitor import Constraints, Statistics, Violations, suggest
from watchkeeper.profile import Filing
from watchkeeper.quality import Check, Quality
from watchkeeper.refusal import Reason
from watchkeeper.spec import ModelSpec


@pytest.fixture
def s3(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    use(monkeypatch, SPEC)
    with fake_aws(monkeypatch) as client:
        yield client


def use(monkeypatch: pytest.MonkeyPatch, spec: ModelSpec) -> None:
    monkeypatch.setattr(monitor_quality, "deployed_spec", lambda: spec)


def serve(s3: Any) -> None:
    s3.put_object(Bucket=BUCKET, Key=naming.baseline_key("credit", "v1"), Body=BASELINE.to_json())
    put_serving("v1", END)


def arrive(s3: Any, hours_ago: int, rows: int, unreadable: list[Unreadable] | None = None, **changes: Any) -> None:
    """Profile rows of one hour, answered in its first ten minutes and written at a quarter past."""
    hour = END - timedelta(hours=hours_ago)
    times = np.arange(rows) * 600 // rows + int(hour.timestamp())
    made = replace(block(raw(rows, seed=hours_ago, **changes)), unreadable=unreadable or [], times=times)
    observer = BASELINE.observer(Filing(hour, hour + timedelta(minutes=15)))
    observer.add(made)
    key = f"{naming.hour_prefix('credit', BASELINE.id, hour)}part.json"
    s3.put_object(Bucket=BUCKET, Key=key, Body=observer.profile().to_json())


def get(s3: Any, key: str) -> bytes:
    return bytes(s3.get_object(Bucket=BUCKET, Key=key)["Body"].read())


def keys(s3: Any, prefix: str) -> list[str]:
    return [item["Key"] for item in s3.list_objects_v2(Bucket=BUCKET, Prefix=prefix).get("Contents", [])]


def monitor(hours_later: int = 0) -> dict[str, Any]:
    at = END + timedelta(hours=hours_later)
    return monitor_quality.handler({"scheduled_time": at.isoformat()}, CONTEXT)


def metrics(capsys: pytest.CaptureFixture[str]) -> dict[str, tuple[float, str]]:
    """Value and unit of every metric emitted so far."""
    found = {}
    for line in capsys.readouterr().out.splitlines():
        entry = json.loads(line)
        if "_aws" in entry:
            (directive,) = entry["_aws"]["CloudWatchMetrics"]
            assert directive["Dimensions"] == [["Model"]]
            found |= {item["Name"]: (entry[item["Name"]][0], item["Unit"]) for item in directive["Metrics"]}
    return found


def test_good_data_are_said_to_be_good_and_skew_is_looked_for_once(s3, capsys):
    # given
    serve(s3)
    arrive(s3, 2, 400)
    # when it looks, again for the same time (a retry), and an hour later
    answers = [monitor(), monitor(), monitor(1)]
    # then
    assert [(a["verdict"], a["faults"], a["rows"]) for a in answers] == [("good", 0, 400)] * 3
    outcomes = [Quality.from_json(get(s3, answer["quality"])) for answer in answers]
    assert [outcome.skew for outcome in outcomes] == [(), (), None]
    assert keys(s3, "findings/credit/first-look/") == [naming.first_look_key("credit", BASELINE.id)]
    assert keys(s3, "findings/credit/model-monitor/") == []
    emitted = metrics(capsys)
    assert emitted == {
        "QualityViolations": (0.0, "Count"),
        "Completeness": (100.0, "Percent"),
        "SkewedFeatures": (0.0, "Count"),
        "CaptureLag": (900.0, "Seconds"),
        "CaptureGap": (0.0, "Seconds"),
    }


def test_faults_skew_and_reasons_are_stored_and_counted(s3, capsys):
    # given an hour in which a source fails, and records with a column too many
    serve(s3)
    arrive(s3, 3, 600, home=[None] * 300)
    arrive(s3, 2, 400, refused(Reason.TOO_MANY_VALUES, 50, 6))
    arrive(s3, 30, 400, refused(Reason.NOT_JSON, 50))
    # when
    answer = monitor()
    # then
    outcome = Quality.from_json(get(s3, answer["quality"]))
    assert (answer["verdict"], answer["rows"], outcome.unreadable) == ("faulty", 1000, 50)
    assert {fault.check for fault in outcome.faults} == {Check.COMPLETENESS, Check.EXTRA_COLUMN, Check.UNREADABLE}
    assert outcome.reasons == {"a row has too many values": 50}
    assert [fault.feature for fault in outcome.skew or ()] == ["home"]
    emitted = metrics(capsys)
    assert emitted["QualityViolations"][0] == 3
    assert emitted["Completeness"][0] == 70
    assert emitted["SkewedFeatures"][0] == 1
    assert emitted["CaptureGap"][0] == 50 * 60  # from ten past to the next hour


def test_a_teams_constraints_give_its_verdicts_in_its_files(s3, monkeypatch):
    # given constraints that the baseline suggests, with one homemade
    text = suggest(BASELINE, SPEC).to_json().replace(b'"rent"', b'"hut"').decode()
    use(monkeypatch, replace(SPEC, quality=replace(SPEC.quality, constraints=text)))
    serve(s3)
    arrive(s3, 2, 400)
    # when
    answer = monitor()
    # then
    assert (answer["verdict"], answer["faults"]) == ("faulty", 1)
    violations, statistics = (
        get(s3, naming.model_monitor_key("credit", END, f"{name}.json"))
        for name in ("constraint_violations", "statistics")
    )
    (violation,) = Violations.from_json(violations).violations
    assert (violation.feature_name, violation.check_type) == ("home", "categorical_values_check")
    assert Statistics.from_json(statistics).item_count == 400
    assert Constraints.from_json(text.encode()).features[2].domains


def test_without_a_baseline_or_enough_rows_there_is_no_verdict(s3, capsys):
    # given no version; then one with few rows
    assert monitor() == {"verdict": "no baseline", "faults": 0, "rows": 0, "quality": None}
    serve(s3)
    assert monitor()["verdict"] == "insufficient data"
    arrive(s3, 2, 50, income=None)
    # then neither counts violations, and the first look is still to come
    assert monitor()["verdict"] == "insufficient data"
    assert "QualityViolations" not in metrics(capsys)
    assert keys(s3, "findings/credit/first-look/") == []
