"""Curation of a bucket: rows filed once and labels joined, whatever comes late, twice, out of order or at once."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest
import time_machine
from moto import mock_aws

from tests.support import capture_record, label_record, model_spec
from watchkeeper import bias, ids, naming
from watchkeeper.aws.counted_hours import CountedHours
from watchkeeper.aws.curated_hours import CuratedHours, Hour, Shard
from watchkeeper.aws.curation import Allowance, Outcome, curate
from watchkeeper.aws.group_hours import GroupHours
from watchkeeper.aws.label_files import Account, LabelFiles
from watchkeeper.aws.outcome_hours import OutcomeHours
from watchkeeper.aws.store import Store
from watchkeeper.bias import GroupBaseline, GroupBinning, GroupSettings, Sensitive
from watchkeeper.capture import CaptureReader
from watchkeeper.curated import Stager, from_parquet
from watchkeeper.labels import Fault, LabelReader
from watchkeeper.outcomes import OutcomeBaseline, OutcomeBinning, Outcomes, observe
from watchkeeper.spec import Feature, Kind

SPEC = model_spec()
NINE = datetime(2026, 11, 21, 9, tzinfo=UTC)
HORIZON, PATIENCE = timedelta(days=3), timedelta(days=1)


@pytest.fixture
def clock() -> Iterator[time_machine.Traveller]:
    with time_machine.travel(NINE, tick=False) as traveller:
        yield traveller


@pytest.fixture
def store(clock: time_machine.Traveller) -> Iterator[Store]:
    with mock_aws():
        client = boto3.client("s3", "us-east-1")
        client.create_bucket(Bucket="data")
        yield Store(client, "data")


def stage(store: Store, *names: str, hour: datetime = NINE, version: str = "v1", file: str = "a") -> None:
    """Stage a capture of requests of one row, answered at the full hour."""
    lines = [capture_record("31,5.5,own", "0.9", event_id=name, time=f"{hour:%Y-%m-%dT%H:%M:%SZ}") for name in names]
    key = f"capture/credit/{version}/credit/AllTraffic/{hour:%Y/%m/%d/%H}/{file}.jsonl"
    blocks = CaptureReader(SPEC, identified=True).blocks([b"\n".join(lines)])
    stager = Stager(SPEC, key)
    for block in blocks:
        stager.add(block)
    store.put(naming.staged_key("credit", naming.parse_capture_key("credit", key)), stager.content())


def tell(store: Store, *records: bytes, hour: datetime = NINE, file: str = "a.jsonl") -> str:
    """Write a file of labels."""
    key = f"labels/credit/{hour:%Y/%m/%d/%H}/{file}"
    store.put(key, b"\n".join(records))
    return key


def run(store: Store, **allowance: int) -> Outcome:
    now = datetime.now(UTC)
    hours = CuratedHours(store, SPEC, now, HORIZON)
    files = LabelFiles(store, SPEC, now, hours.days, PATIENCE)
    return curate(hours, files, LabelReader(SPEC), Allowance(**allowance))


def told(store: Store) -> dict[str, dict[bytes, Any]]:
    """Each curated file's rows and their labels."""
    found = {}
    for key in store.keys(naming.predictions_prefix("credit")):
        data = store.get(key)
        assert data is not None
        rows = from_parquet(SPEC, data)
        found[key.removeprefix("predictions/credit/")] = dict(zip(rows.ids.tolist(), rows.truth.values, strict=True))
    return found


def of(**labels: str | None) -> dict[bytes, Any]:
    return {ids.digest(name).tolist()[0]: label for name, label in labels.items()}


def test_rows_are_filed_by_hour_and_version_and_labels_joined(store: Store):
    # given
    stage(store, "a", "b")
    stage(store, "c", file="b")
    stage(store, "d", version="v2")
    stage(store, "e", hour=NINE - timedelta(hours=30))
    key = tell(store, label_record("a", "1"), label_record("e", "0"), label_record("nobody", "1"))

    # when
    outcome = run(store)

    # then
    assert told(store) == {
        "dt=2026-11-20/hr=03/v1.parquet": of(e="0"),
        "dt=2026-11-21/hr=09/v1.parquet": of(a="1", b=None, c=None),
        "dt=2026-11-21/hr=09/v2.parquet": of(d=None),
    }
    assert outcome.filed == {Hour(NINE, "v1"), Hour(NINE, "v2"), Hour(NINE - timedelta(hours=30), "v1")}
    assert outcome.accounts == {key: Account(rows=3, waiting=1, settled=False)}
    assert (outcome.labels, outcome.median_lag) == (2, 15 * 3600)


def test_a_second_run_writes_nothing_that_is_the_same(store: Store, clock: time_machine.Traveller):
    # given a run
    stage(store, "a")
    tell(store, label_record("a", "1"))
    run(store)

    # when time goes by, and it is run again twice: rows staged shortly before are looked at once more
    clock.shift(timedelta(hours=1))
    run(store)
    before = list(store.listed(""))
    clock.shift(timedelta(hours=1))
    outcome = run(store)

    # then
    assert list(store.listed("")) == before
    assert (outcome.filed, outcome.accounts, outcome.labels) == (set(), {}, 0)


def test_what_comes_late_reopens_its_hour(store: Store, clock: time_machine.Traveller):
    # given a label that comes before its prediction, and a run
    tell(store, label_record("late", "1"))
    stage(store, "a")
    run(store)

    # when its capture comes hours later
    clock.shift(timedelta(hours=5))
    stage(store, "late", file="late")
    outcome = run(store)

    # then it is filed with its hour, and the label that waited is joined
    assert told(store) == {"dt=2026-11-21/hr=09/v1.parquet": of(a=None, late="1")}
    assert [account.waiting for account in outcome.accounts.values()] == [0]

    # when a correction comes in a file that is written over
    clock.shift(timedelta(hours=5))
    tell(store, label_record("late", "0"))
    run(store)

    # then
    assert told(store) == {"dt=2026-11-21/hr=09/v1.parquet": of(a=None, late="0")}


def test_a_label_waits_as_long_as_it_should_and_no_longer(store: Store, clock: time_machine.Traveller):
    # given a label for an id that nobody has
    key = tell(store, label_record("nobody", "1"))

    # when runs look at it, until there is no hope
    waited = []
    for _ in range(4):
        waited.append(run(store).accounts.get(key))
        clock.shift(timedelta(hours=12))

    # then
    assert [account and account.settled for account in waited] == [False, False, True, None]


def test_rows_stay_when_what_was_staged_is_gone(store: Store, clock: time_machine.Traveller):
    # given an hour that is filed, whose staged rows have expired
    stage(store, "a")
    run(store)
    boto3.client("s3", "us-east-1").delete_object(Bucket="data", Key=next(store.keys(naming.staged_prefix("credit"))))

    # when another capture of the hour comes
    clock.shift(timedelta(hours=2))
    stage(store, "b", file="b")
    run(store)

    # then
    assert told(store) == {"dt=2026-11-21/hr=09/v1.parquet": of(a=None, b=None)}


def test_files_that_cannot_be_read_stop_nothing_else(store: Store):
    # given a file of no known form, labels with faults, a folder that is nobody's, and a file that lies loose
    stage(store, "a", "b")
    bad = tell(store, b"customer,label\n1,1\n", file="bad.csv")
    mixed = tell(store, b"{", label_record("a", "1"), file="mixed.jsonl")
    store.put("labels/credit/backup/a.jsonl", label_record("a", "0"))
    store.put("labels/credit/loose.csv", b"id,defaulted\nb,0\n")

    # when
    outcome = run(store)

    # then
    assert told(store) == {"dt=2026-11-21/hr=09/v1.parquet": of(a="1", b="0")}
    assert "customer" in outcome.accounts[bad].problem
    assert outcome.accounts[mixed] == Account(rows=1, faults={Fault.UNREADABLE.value: 1})
    assert outcome.faults.counts == {Fault.UNREADABLE: 1}
    assert outcome.misplaced == ["labels/credit/backup/"]


def test_an_hour_too_large_for_a_function_is_left_over_with_all_that_needs_it(store: Store):
    # given an hour of more bytes than one that is filed
    stage(store, *(f"{number}" for number in range(500)))
    stage(store, "small", hour=NINE - timedelta(hours=1))
    small = next(item.size for item in store.listed("staged/credit/2026/11/21/08/"))
    tell(store, label_record("small", "1"))

    # when
    outcome = run(store, hour_bytes=small)

    # then the other is filed; whether the labels that came are of the large one nobody knows yet
    assert outcome.filed == {Hour(NINE - timedelta(hours=1), "v1")}
    assert told(store) == {"dt=2026-11-21/hr=08/v1.parquet": of(small=None)}
    (reason,) = outcome.left
    assert "2026-11-21T09:00:00+00:00 of v1" in reason


@pytest.mark.parametrize(
    ("allowance", "reason"),
    [
        ({"labels": 3}, "2 files hold some 4 labels"),
        ({"labels_of_file": 1}, "2 files hold some 4 labels"),
        ({"rows": 1}, "the files that labels are joined with have 2 rows"),
    ],
)
def test_labels_too_many_for_a_function_are_left_over_unread(store: Store, allowance: dict[str, int], reason: str):
    # given
    stage(store, "a", "b")
    for file in ("a.csv", "b.csv"):
        tell(store, b"id,defaulted", *(f"{file[0]},1".encode(),) * 12, file=file)

    # when
    outcome = run(store, **allowance)

    # then no account says that they were read, and a run that may do more joins them
    assert outcome.left == [reason]
    assert list(store.keys(naming.joined_prefix("credit"))) == []
    assert told(store) == {"dt=2026-11-21/hr=09/v1.parquet": of(a=None, b=None)}
    assert run(store).labels == 2


def test_hours_too_large_to_be_counted_are_left_over(store: Store):
    # given
    stage(store, "a", "b")
    tell(store, label_record("a", "1"), label_record("b", "0"))
    run(store)
    judged(store, "v1")

    # when and then
    assert run(store, counted_bytes=1).left[0].startswith("1 hours to count have")
    assert list(store.keys(naming.outcomes_prefix("credit"))) == []


def test_a_run_that_took_an_hour_for_a_small_one_does_not_undo_that_it_was_cut(
    store: Store, monkeypatch: pytest.MonkeyPatch
):
    # given an hour that is filed as one file
    stage(store, "a", "b")
    run(store)
    hours = CuratedHours(store, SPEC, NINE, HORIZON)
    whole, (_, before) = Shard(Hour(NINE, "v1")), next(hours.filed(NINE))
    rows = hours.read(whole)
    assert rows is not None

    # when Spark cuts it while a run is about to write
    write, raced = Store.put_if, []

    def put_if(self: Store, key: str, *rest: Any) -> bool:
        if not raced:
            raced.append(key)
            for digits, some in rows.cut(1):
                hours.file(Shard(whole.hour, digits), [some])
            assert hours.empty(whole, before.tag)
        return write(self, key, *rest)

    monkeypatch.setattr(Store, "put_if", put_if)
    run(store)

    # then each row is there once, and Spark files the hour from now on
    assert raced
    kept = [name for part in told(store).values() for name in part]
    assert sorted(kept) == sorted([*of(a=None), *of(b=None)])
    assert told(store)["dt=2026-11-21/hr=09/v1.parquet"] == {}
    assert run(store).left


def test_labels_of_an_hour_that_is_cut_are_joined_and_counted_file_by_file(store: Store, clock: time_machine.Traveller):
    # given an hour in sixteenths, as Spark leaves it, and the same rows of another version in one file
    names = [f"r{number}" for number in range(60)]
    for version in ("v1", "v2"):
        stage(store, *names, version=version)
        tell(store, label_record("r0", "1"), label_record("r1", "0"))
    run(store)
    for version in ("v1", "v2"):
        judged(store, version)
    clock.shift(timedelta(hours=2))
    hours = CuratedHours(store, SPEC, NINE, HORIZON)
    whole = Shard(Hour(NINE, "v1"))
    rows = hours.read(whole)
    assert rows is not None
    for digits, some in rows.cut(1):
        hours.file(Shard(whole.hour, digits), [some])
    tag = next(item.tag for shard, item in hours.filed(NINE) if shard == whole)
    assert hours.empty(whole, tag)

    # when labels come
    tell(store, *(label_record(name, "1") for name in names), file="late.jsonl")
    outcome = run(store)

    # then
    assert outcome.left == []
    assert outcome.labels == 2 * 60
    by_version = [
        {name: label for key, part in told(store).items() if f"/{version}" in key for name, label in part.items()}
        for version in ("v1", "v2")
    ]
    assert by_version[0] == by_version[1] == dict.fromkeys(of(**dict.fromkeys(names)), "1")
    outcomes = OutcomeHours(hours)
    counted = [outcomes.window(known, [NINE]) for v in ("v1", "v2") if (known := outcomes.baseline(v))]
    assert counted[0].rows == counted[1].rows == 60
    assert list(counted[0].vector) == list(counted[1].vector)


def test_two_runs_at_once_lose_nothing(store: Store, monkeypatch: pytest.MonkeyPatch):
    # given an hour, and a second run that joins another label between reading and writing of the first
    stage(store, "a", "b")
    run(store)
    tell(store, label_record("a", "1"), file="first.jsonl")
    write, raced = Store.put_if, []

    def put_if(self: Store, key: str, *rest: Any) -> bool:
        if not raced:
            raced.append(key)
            tell(store, label_record("b", "0"), file="second.jsonl")
            run(store)
        return write(self, key, *rest)

    monkeypatch.setattr(Store, "put_if", put_if)

    # when
    run(store)

    # then
    assert raced
    assert told(store) == {"dt=2026-11-21/hr=09/v1.parquet": of(a="1", b="0")}


def judged(store: Store, version: str) -> OutcomeBaseline:
    """Give a version a baseline of outcomes: the rows of its hour as they are filed."""
    rows = CuratedHours(store, SPEC, NINE, HORIZON).read(Shard(Hour(NINE, version)))
    assert rows is not None
    baseline = OutcomeBaseline(version, observe(OutcomeBinning.fit(SPEC, rows.labelled()), rows.labelled()))
    store.put(naming.outcome_baseline_key("credit", version), baseline.to_json())
    return baseline


def test_hours_are_counted_when_they_were_written_since(store: Store, clock: time_machine.Traveller):
    # given hours of two versions, of which one has a baseline; it says nothing of labels but what they are
    stage(store, "a", "b", "c")
    stage(store, "d", hour=NINE - timedelta(hours=2))
    stage(store, "e", version="v2")
    tell(store, label_record("a", "1"), label_record("b", "0"))
    run(store)
    hours = CuratedHours(store, SPEC, NINE, HORIZON)
    baseline = judged(store, "v1")
    window = [NINE - timedelta(hours=back) for back in range(5)]

    # when they are counted
    first = run(store).counted

    # then any window is there as a merge
    assert first == {Hour(NINE, "v1"), Hour(NINE - timedelta(hours=2), "v1")}
    outcomes = OutcomeHours(hours).window(baseline, window)
    assert (outcomes.rows, outcomes.scores.labelled) == (4, 2)
    assert OutcomeHours(hours).window(baseline, window[:1]) == baseline.outcomes

    # when a label comes late, and nothing else since what was staged is settled
    for _ in range(2):
        clock.shift(timedelta(hours=1))
        run(store)
    clock.shift(timedelta(hours=1))
    tell(store, label_record("c", "1"), file="late.jsonl")
    again = run(store).counted

    # then only its hour is counted anew
    assert again == {Hour(NINE, "v1")}
    assert OutcomeHours(hours).window(baseline, window).scores.labelled == 3
    assert OutcomeHours(hours).window(baseline, ()) == Outcomes.empty(baseline.binning)


def test_an_hour_is_read_once_for_all_that_is_counted_of_it(store: Store, monkeypatch: pytest.MonkeyPatch):
    # given an hour of a version with both baselines, and one of a version with none
    stage(store, "a", "b", "c")
    stage(store, "e", version="v2")
    tell(store, label_record("a", "1"), label_record("b", "0"))
    run(store)
    baseline, people = judged(store, "v1"), grouped(store, "home")
    hours = CuratedHours(store, SPEC, NINE, HORIZON)
    counted = CountedHours(hours, (OutcomeHours(hours), GroupHours(hours)))
    read: list[Shard] = []
    whole = CuratedHours.read
    monkeypatch.setattr(CuratedHours, "read", lambda self, shard: read.append(shard) or whole(self, shard))

    # when
    (uncounted,) = counted.to_count()
    counted.count(uncounted)

    # then
    assert read == [Shard(Hour(NINE, "v1"))]
    assert OutcomeHours(hours).window(baseline, [NINE]) == baseline.outcomes
    assert GroupHours(hours).parts(people, [NINE - timedelta(hours=1), NINE]) == [people.counts]


def test_groups_of_a_feature_that_the_file_no_longer_has_are_not_counted(store: Store):
    # given
    stage(store, "a", "b")
    tell(store, label_record("a", "1"), label_record("b", "0"))
    run(store)
    baseline = judged(store, "v1")
    people = grouped(store, "race")
    hours = CuratedHours(store, SPEC, NINE, HORIZON)
    counted = CountedHours(hours, (GroupHours(hours), OutcomeHours(hours)))

    # when
    (uncounted,) = counted.to_count()

    # then all else is
    assert counted.observed(Shard(uncounted.hour)).keys() == {
        naming.outcomes_key("credit", "v1", baseline.binning.id, NINE)
    }
    assert GroupHours(hours).parts(people, [NINE]) == []


def test_outcomes_of_a_version_that_took_other_features_are_not_counted_and_nothing_else_stops(store: Store):
    # given two versions, of which one was judged when the model still had a race
    stage(store, "a", "b")
    stage(store, "c", version="v2")
    tell(store, label_record("a", "1"), label_record("b", "0"), label_record("c", "0"))
    run(store)
    judged(store, "v2")
    filed = CuratedHours(store, SPEC, NINE, HORIZON).read(Shard(Hour(NINE, "v1")))
    assert filed is not None
    rows = filed.labelled()
    rows = replace(rows, features={**rows.features, "race": rows.features["home"]})
    once = replace(SPEC, features=(*SPEC.features, Feature("race", Kind.CATEGORY)))
    baseline = OutcomeBaseline("v1", observe(OutcomeBinning.fit(once, rows), rows))
    store.put(naming.outcome_baseline_key("credit", "v1"), baseline.to_json())

    # then
    assert run(store).counted == {Hour(NINE, "v2")}


def grouped(store: Store, attribute: str) -> GroupBaseline:
    """Give version 1 a baseline of groups: the rows of its hour as they are filed, when they still had a race."""
    filed = CuratedHours(store, SPEC, NINE, HORIZON).read(Shard(Hour(NINE, "v1")))
    assert filed is not None
    rows = filed.labelled()
    rows = replace(rows, features={**rows.features, "race": rows.features["home"]})
    binning = GroupBinning.fit(GroupSettings((Sensitive(attribute),)), rows)
    people = GroupBaseline("v1", bias.observe(binning, rows))
    store.put(naming.group_baseline_key("credit", "v1"), people.to_json())
    return people
