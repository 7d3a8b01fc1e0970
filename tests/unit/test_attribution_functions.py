"""The functions of the attribution machine against a fake AWS, between them a model that answers what it is asked."""

from __future__ import annotations

import csv
import dataclasses
import io
import json
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import numpy as np
import pytest

from lambdas.plan_attribution import handler as plan_attribution
from lambdas.read_attribution import handler as read_attribution
from tests.support import CONTEXT, capture_record, model_spec
from tests.unit.fake_aws import BUCKET, TABLE, emitted, fake_aws, put_serving
from watchkeeper import ids, naming
from watchkeeper.attribution import AttributionLook, Explanation, Importance, RequestSample, Verdict
from watchkeeper.aws import deployed
from watchkeeper.aws.captured_rows import CapturedRows
from watchkeeper.aws.curated_hours import Hour
from watchkeeper.errors import ExplanationError
from watchkeeper.spec import Feature, InputFormat, Kind, ModelSpec, Task

END = datetime(2026, 11, 21, 12, tzinfo=UTC)
HOUR = END - timedelta(hours=1)
FEATURES = (
    Feature("name", Kind.TEXT, personal=True),
    Feature("income", Kind.NUMBER),
    Feature("age", Kind.NUMBER),
    Feature("home", Kind.CATEGORY),
)
SPEC = model_spec(features=FEATURES)
SCHEDULED = {"scheduled_time": END.isoformat()}
Answer = Callable[[dict[str, str]], str]


def by_income(row: dict[str, str]) -> str:
    return f"{1 / (1 + np.exp(-float(row['income']) - 0.2 * (row['home'] == 'own'))):.6f}"


def by_age(row: dict[str, str]) -> str:
    return f"{1 / (1 + np.exp(-float(row['age']))):.6f}"


def drawn(count: int, seed: int, name: str = "") -> list[str]:
    """Requests of a row each; what is in every one as the person's name is up to the caller."""
    random = np.random.default_rng(seed)
    numbers = random.normal(size=(count, 2)).round(3)
    homes = random.choice(["own", "rent, shared"], count)
    return [
        f'{name},{income},{age},"{home}"' for (income, age), home in zip(numbers.tolist(), homes.tolist(), strict=True)
    ]


@pytest.fixture
def s3(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    with fake_aws(monkeypatch) as client:
        use(monkeypatch, SPEC)
        yield client


def use(monkeypatch: pytest.MonkeyPatch, spec: ModelSpec) -> None:
    for module in (plan_attribution, read_attribution):
        monkeypatch.setattr(module, "deployed_spec", lambda: spec)


def serve(s3: Any, requests: Sequence[str] | None = None) -> None:
    """Version 1 serves, and has rows to compare with."""
    put_serving("v1", END)
    created = {"version": "v1", "package_arn": "arn", "state": "serving", "created": END.isoformat()}
    item = {"pk": "version#v1", "model_name": "credit--v1", **created}
    boto3.client("dynamodb").put_item(TableName=TABLE, Item={name: {"S": value} for name, value in item.items()})
    sample = RequestSample("base", tuple(drawn(300, 1) if requests is None else requests))
    s3.put_object(Bucket=BUCKET, Key=naming.sample_key("credit", "v1"), Body=sample.to_json())


def capture(s3: Any, requests: Sequence[str], hour: datetime = HOUR, **changes: Any) -> str:
    """An object of captured requests, with the ids `id-0`, `id-1`, …"""
    records = [
        capture_record(request, by_income(parsed(request)), **{"event_id": f"id-{place}"} | changes)
        for place, request in enumerate(requests)
    ]
    key = f"{naming.captured_hour_prefix('credit', 'v1', 'credit', hour)}{len(requests)}.jsonl"
    s3.put_object(Bucket=BUCKET, Key=key, Body=b"\n".join(records) + b"\n")
    return key


def parsed(line: str) -> dict[str, str]:
    (row,) = csv.reader([line])
    return dict(zip((feature.name for feature in FEATURES), row, strict=True))


def planned(request: dict[str, Any], execution: str = "e") -> dict[str, Any]:
    return plan_attribution.handler({"request": request, "execution": execution, "now": END.isoformat()}, CONTEXT)


def asked(s3: Any, run: str) -> list[str]:
    """All that the model is asked in a run."""
    listed = s3.list_objects_v2(Bucket=BUCKET, Prefix=naming.asked_prefix("credit", run))["Contents"]
    bodies = [s3.get_object(Bucket=BUCKET, Key=item["Key"])["Body"].read().decode() for item in listed]
    return [line for body in bodies for line in body.split("\n")]


def answered(s3: Any, run: str, model: Answer = by_income) -> None:
    """What a batch transform does: an answer to each line, in objects named as those of the requests."""
    for item in s3.list_objects_v2(Bucket=BUCKET, Prefix=naming.asked_prefix("credit", run))["Contents"]:
        lines = s3.get_object(Bucket=BUCKET, Key=item["Key"])["Body"].read().decode().split("\n")
        name = naming.answers_prefix("credit", run) + item["Key"].rsplit("/", 1)[-1] + ".out"
        s3.put_object(Bucket=BUCKET, Key=name, Body="\n".join(model(parsed(line)) for line in lines).encode())


def found(s3: Any, request: dict[str, Any], model: Answer = by_income, execution: str = "e") -> dict[str, Any]:
    """One round of the machine."""
    plan = planned(request, execution)
    assert plan["due"]
    answered(s3, plan["run"], model)
    return read_attribution.handler({"request": request, "run": plan["run"]}, CONTEXT)


def stored(s3: Any, answer: dict[str, Any]) -> bytes:
    return bytes(s3.get_object(Bucket=BUCKET, Key=answer["stored"])["Body"].read())


def explain(key: str, start: int = 0, identity: str = "id-0", row: int = 0) -> dict[str, Any]:
    digest = ids.to_hex(ids.digest(identity)).decode()
    return {"explain": {"version": "v1", "bucket": BUCKET, "key": key, "start": start, "row": row, "id": digest}}


# --- a baseline ---------------------------------------------------------------------------------------------------


def test_what_a_version_goes_by_is_asked_once_and_ranks_what_it_answers_by(s3: Any) -> None:
    # given
    serve(s3)
    # when
    answer = found(s3, {})
    # then
    ranked = Importance.from_json(stored(s3, answer)).ranking()
    assert [each.feature for each in ranked] == ["income", "home", "age"]
    assert ranked[0].share > 0.8
    assert ranked[2].share == 0
    stored_at = naming.importance_key("credit", "v1", "base")
    assert answer == {"more": False, "stored": stored_at, "again": False, "refused": ""}
    assert planned({}) == plan_attribution.NOTHING_DUE


def test_a_window_waits_for_a_baseline_that_nobody_has_asked_yet(s3: Any) -> None:
    # given
    serve(s3)
    capture(s3, drawn(100, 2))
    # when
    first, second = found(s3, SCHEDULED), found(s3, SCHEDULED)
    # then
    assert first["more"]
    assert "/importance-" in first["stored"]
    assert not second["more"]
    assert "findings/credit/attribution/2026/11/21/" in second["stored"]


def test_a_new_baseline_is_asked_anew(s3: Any) -> None:
    # given
    serve(s3)
    found(s3, {})
    sample = RequestSample("newer", tuple(drawn(300, 3)))
    s3.put_object(Bucket=BUCKET, Key=naming.sample_key("credit", "v1"), Body=sample.to_json())
    # then
    assert planned({})["due"]


def test_without_a_version_or_rows_to_compare_with_nothing_is_asked(s3: Any) -> None:
    # then before onboarding
    assert planned(SCHEDULED) == plan_attribution.NOTHING_DUE
    # and of a version whose baseline is of a time before attribution
    put_serving("v1", END)
    assert planned(SCHEDULED) == plan_attribution.NOTHING_DUE


def test_many_requests_are_written_in_several_objects_and_read_in_their_order(
    s3: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    # given
    serve(s3)
    whole = stored(s3, found(s3, {}))
    s3.delete_object(Bucket=BUCKET, Key=naming.importance_key("credit", "v1", "base"))
    # when
    monkeypatch.setattr(plan_attribution, "LINES_IN_OBJECT", 97)
    answer = found(s3, {}, execution="other")
    # then
    assert stored(s3, answer) == whole


def test_an_answer_too_few_is_told(s3: Any) -> None:
    # given
    serve(s3)
    run = planned({})["run"]
    answered(s3, run)
    key = naming.answers_prefix("credit", run) + "part-00000.out"
    body = s3.get_object(Bucket=BUCKET, Key=key)["Body"].read()
    s3.put_object(Bucket=BUCKET, Key=key, Body=body.rpartition(b"\n")[0])
    # then
    with pytest.raises(Exception, match=r"answered \d+ of \d+ rows"):
        read_attribution.handler({"request": {}, "run": run}, CONTEXT)


def test_a_question_that_has_gone_is_told(s3: Any) -> None:
    with pytest.raises(ExplanationError, match="kept for a day"):
        read_attribution.handler({"request": {}, "run": "window-0"}, CONTEXT)


# --- a window -----------------------------------------------------------------------------------------------------


def test_a_window_like_the_baseline_has_not_drifted(s3: Any, capsys: pytest.CaptureFixture[str]) -> None:
    # given
    serve(s3)
    capture(s3, drawn(150, 2))
    found(s3, {})
    # when
    look = AttributionLook.from_json(stored(s3, found(s3, SCHEDULED)))
    # then
    assert look.findings.verdict is Verdict.NO_DRIFT
    assert (look.version, look.baseline, look.end) == ("v1", "base", END)
    assert emitted(capsys.readouterr().out) == {"AttributionNdcg": look.findings.ndcg, "AttributionDrift": 0}


def test_an_alarm_of_the_version_before_does_not_outlive_it(s3: Any, capsys: pytest.CaptureFixture[str]) -> None:
    # given a version that nobody has asked yet what it goes by
    serve(s3)
    # when that is found out
    found(s3, {})
    # then
    assert emitted(capsys.readouterr().out) == {"AttributionDrift": 0}


def test_a_container_that_goes_by_another_feature_has_drifted(s3: Any, capsys: pytest.CaptureFixture[str]) -> None:
    # given
    serve(s3)
    capture(s3, drawn(150, 2))
    found(s3, {})
    # when
    look = AttributionLook.from_json(stored(s3, found(s3, SCHEDULED, by_age)))
    # then
    assert look.drifted
    assert {move.feature for move in look.findings.moved} >= {"age", "income"}
    assert emitted(capsys.readouterr().out)["AttributionDrift"] == 1


def test_too_few_rows_are_not_paid_for(s3: Any) -> None:
    # given
    serve(s3)
    found(s3, {})
    # then
    assert planned(SCHEDULED) == plan_attribution.NOTHING_DUE
    capture(s3, drawn(20, 2))
    assert planned(SCHEDULED) == plan_attribution.NOTHING_DUE


def test_personal_fields_reach_the_model_and_are_kept_nowhere_else(s3: Any) -> None:
    # given captured rows with names
    serve(s3)
    found(s3, {})
    capture(s3, drawn(80, 2, name="Ada Lovelace"))
    # when
    run = planned(SCHEDULED)["run"]
    answered(s3, run)
    answer = read_attribution.handler({"request": SCHEDULED, "run": run}, CONTEXT)
    # then all that is asked has them, as they were captured
    assert all(line.startswith("Ada Lovelace,") for line in asked(s3, run))
    # and nothing that outlives a day does
    for item in s3.list_objects_v2(Bucket=BUCKET)["Contents"]:
        if not item["Key"].startswith((naming.questions_prefix(), naming.capture_prefix("credit"))):
            assert b"Lovelace" not in s3.get_object(Bucket=BUCKET, Key=item["Key"])["Body"].read(), item["Key"]
    assert AttributionLook.from_json(stored(s3, answer)).importance.features == ("income", "age", "home")


def test_a_model_of_json_is_asked_in_json(s3: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    # given
    use(monkeypatch, dataclasses.replace(SPEC, input_format=InputFormat.JSON))
    rows = [{"name": None, "income": place / 9, "age": None, "home": "own"} for place in range(20)]
    serve(s3, [json.dumps({"instances": [row]}) for row in rows])
    # when
    lines = [json.loads(line) for line in asked(s3, planned({})["run"])]
    # then
    assert all(set(line["instances"][0]) == {"name", "income", "age", "home"} for line in lines)
    assert {line["instances"][0]["income"] for line in lines} <= {row["income"] for row in rows}
    assert {line["instances"][0]["age"] for line in lines} == {None}


def test_a_model_of_classes_is_explained_by_whether_its_class_stays(s3: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    # given
    use(monkeypatch, dataclasses.replace(SPEC, task=Task.MULTICLASS))
    serve(s3)
    # when
    answer = found(s3, {}, lambda row: "low" if float(row["income"]) < -0.5 else "high")
    # then
    shares = {each.feature: each.share for each in Importance.from_json(stored(s3, answer)).ranking()}
    assert shares == {"income": 1, "age": 0, "home": 0}


# --- captured rows ------------------------------------------------------------------------------------------------


def rows_of(s3: Any) -> CapturedRows:
    return CapturedRows(SPEC, deployed.store, BUCKET)


def test_rows_are_drawn_from_all_of_a_window_in_its_order(s3: Any) -> None:
    # given requests of three rows each, in two hours
    for back in (2, 1):
        several = ["\n".join(f",{back},{3 * place + row},own" for row in range(3)) for place in range(100)]
        body = b"\n".join(capture_record(request, None) for request in several)
        prefix = naming.captured_hour_prefix("credit", "v1", "credit", END - timedelta(hours=back))
        s3.put_object(Bucket=BUCKET, Key=f"{prefix}x.jsonl", Body=body)
    # when
    rows = rows_of(s3).some("v1", naming.window_hours(END, 3), 60)
    # then
    assert 55 <= len(rows) <= 60
    hours = [int(str(row[1])) for row in rows]
    assert hours == sorted(hours, reverse=True)
    assert 25 <= hours.count(1) <= 35
    ages = [int(str(row[2])) for row in rows if row[1] == "1"]
    assert max(ages) > 250
    assert min(ages) < 50


def test_where_there_are_few_rows_each_is_taken_once(s3: Any) -> None:
    # given
    capture(s3, drawn(7, 1))
    # when
    rows = rows_of(s3).some("v1", [HOUR], 200)
    # then
    assert sorted(str(row) for row in rows) == sorted(str(list(parsed(line).values())) for line in drawn(7, 1))


def test_what_cannot_be_read_is_passed_over(s3: Any) -> None:
    # given
    good = capture_record(",1,2,own", None)
    prefix = naming.captured_hour_prefix("credit", "v1", "credit", HOUR)
    s3.put_object(Bucket=BUCKET, Key=f"{prefix}a.jsonl", Body=b"\n".join([b"{", good, b'{"captureData": 1}', b"[]"]))
    s3.put_object(Bucket=BUCKET, Key=f"{prefix}b.jsonl", Body=b"")
    # then
    assert rows_of(s3).some("v1", [HOUR], 50) == [["", "1", "2", "own"]]
    assert rows_of(s3).find(Hour(HOUR, "v1"), "e-1") is not None
    assert rows_of(s3).find(Hour(HOUR, "v1"), "nobody") is None


# --- a prediction -------------------------------------------------------------------------------------------------


def test_a_prediction_is_explained_from_where_it_was_captured(s3: Any) -> None:
    # given
    serve(s3)
    line = 'Ada,2.5,0.1,"rent, shared"'
    capture(s3, [drawn(1, 5)[0], line])
    place = rows_of(s3).find(Hour(HOUR, "v1"), "id-1")
    assert place is not None
    # when
    told = Explanation.from_json(stored(s3, found(s3, explain(place.key, place.start, "id-1"))))
    # then
    assert told.prediction == told.answered == float(by_income(parsed(line)))
    assert [each.feature for each in told.contributions] == ["income", "home", "age"]
    assert told.contributions[0].contribution > 0.3
    assert told.left == pytest.approx(0, abs=1e-9)
    assert b"Ada" not in told.to_json()


def test_an_explanation_needs_no_version_that_serves(s3: Any) -> None:
    # given
    serve(s3)
    key = capture(s3, drawn(1, 5))
    boto3.client("dynamodb").delete_item(TableName=TABLE, Key={"pk": {"S": "serving"}})
    # then
    assert found(s3, explain(key))["stored"].startswith("attribution/credit/explanation-")


def test_a_capture_that_has_gone_or_is_another_is_told(s3: Any) -> None:
    # given
    serve(s3)
    key = capture(s3, drawn(1, 5))
    # then
    for wanted in (explain("capture/credit/gone.jsonl"), explain(key, identity="other"), explain(key, row=1)):
        with pytest.raises(ExplanationError, match="look it up anew"):
            planned(wanted)


def test_a_version_without_rows_to_compare_with_is_told(s3: Any) -> None:
    # given
    key = capture(s3, drawn(1, 5))
    # then
    with pytest.raises(ExplanationError, match="no rows to compare with of version v1"):
        planned(explain(key))


def test_a_version_without_a_model_is_told(s3: Any) -> None:
    # given
    serve(s3)
    boto3.client("dynamodb").delete_item(TableName=TABLE, Key={"pk": {"S": "version#v1"}})
    # then
    with pytest.raises(ExplanationError, match="has no model on record"):
        planned({})


def test_a_quoted_value_with_a_line_end_stays_one_request(s3: Any) -> None:
    # given
    serve(s3)
    text = io.StringIO()
    csv.writer(text, lineterminator="").writerow(["a\nb", "1", "2", "own"])
    key = f"{naming.captured_hour_prefix('credit', 'v1', 'credit', HOUR)}x.jsonl"
    s3.put_object(Bucket=BUCKET, Key=key, Body=capture_record(text.getvalue(), "0.5", event_id="id-0"))
    # then
    assert {parsed(line)["name"] for line in asked(s3, planned(explain(key))["run"])} == {"a b"}
