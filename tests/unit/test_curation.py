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
from watchkeeper.aws import counted_hours, curation
from watchkeeper.aws.counted_hours import count_hours
from watchkeeper.aws.curated_hours import CuratedHours, Hour
from watchkeeper.aws.curation import Outcome, curate
from watchkeeper.aws.group_hours import GroupHours
from watchkeeper.aws.label_files import Account, LabelFiles
from watchkeeper.aws.outcome_hours import OutcomeHours
from watchkeeper.aws.store import Store
from watchkeeper.bias import GroupBaseline, GroupBinning, GroupSettings, Sensitive
from watchkeeper.capture import CaptureReader
from watchkeeper.curated import Predictions, Stager, from_parquet
from watchkeeper.labels import Fault, LabelReader
from watchkeeper.outcomes import Labelled, OutcomeBaseline, OutcomeBinning, Outcomes, observe

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


def run(store: Store, now: datetime | None = None) -> Outcome:
    now = now or datetime.now(UTC)
    hours = CuratedHours(store, SPEC, now, HORIZON)
    files = LabelFiles(store, SPEC, now, hours.days, PATIENCE)
    return curate(hours, files, LabelReader(SPEC))


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


def test_an_hour_that_would_not_fit_stops_no_other(store: Store, monkeypatch: pytest.MonkeyPatch):
    # given an hour of more bytes than one that is filed
    stage(store, *(f"{number}" for number in range(500)))
    stage(store, "small", hour=NINE - timedelta(hours=1))
    small = next(item.size for item in store.listed("staged/credit/2026/11/21/08/"))
    monkeypatch.setattr(curation, "MOST_BYTES", small)
    tell(store, label_record("small", "1"))

    # when
    outcome = run(store)

    # then the other is filed and joined, and the large one told
    assert outcome.too_large == {Hour(NINE, "v1")}
    assert outcome.unusable == 1
    assert told(store) == {"dt=2026-11-21/hr=08/v1.parquet": of(small="1")}


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


def judged(store: Store) -> tuple[CuratedHours, Labelled, OutcomeBaseline]:
    """Curate what is staged, label two rows, and let the hour at nine be what version 1 was judged on."""
    tell(store, label_record("a", "1"), label_record("b", "0"))
    run(store)
    data = store.get(naming.predictions_key("credit", "v1", NINE))
    assert data is not None
    rows = from_parquet(SPEC, data).labelled()
    baseline = OutcomeBaseline("v1", observe(OutcomeBinning.fit(SPEC, rows), rows))
    store.put(naming.outcome_baseline_key("credit", "v1"), baseline.to_json())
    return CuratedHours(store, SPEC, NINE, HORIZON), rows, baseline


def test_hours_are_counted_when_they_were_written_since(store: Store, clock: time_machine.Traveller):
    # given hours of two versions, of which one has a baseline; it says nothing of labels but what they are
    stage(store, "a", "b", "c")
    stage(store, "d", hour=NINE - timedelta(hours=2))
    stage(store, "e", version="v2")
    hours, _, baseline = judged(store)
    window = [NINE - timedelta(hours=back) for back in range(5)]

    # when they are counted
    first = OutcomeHours(hours).count()

    # then any window is there as a merge
    assert first == {Hour(NINE, "v1"), Hour(NINE - timedelta(hours=2), "v1")}
    outcomes = OutcomeHours(hours).window(baseline, window)
    assert (outcomes.rows, outcomes.scores.labelled) == (4, 2)
    assert OutcomeHours(hours).window(baseline, window[:1]) == baseline.outcomes

    # when a label comes late, and nothing else since what was staged is settled
    clock.shift(timedelta(hours=1))
    run(store)
    clock.shift(timedelta(hours=1))
    OutcomeHours(hours).count()
    clock.shift(timedelta(hours=1))
    tell(store, label_record("c", "1"), file="late.jsonl")
    run(store)
    again = OutcomeHours(hours).count()

    # then only its hour is counted anew
    assert again == {Hour(NINE, "v1")}
    assert OutcomeHours(hours).window(baseline, window).scores.labelled == 3
    assert OutcomeHours(hours).window(baseline, ()) == Outcomes.empty(baseline.binning)


def test_an_hour_is_read_once_for_all_that_is_counted_of_it(store: Store, monkeypatch: pytest.MonkeyPatch):
    # given an hour of a version with both baselines, and one of a version with none
    stage(store, "a", "b", "c")
    stage(store, "e", version="v2")
    hours, rows, baseline = judged(store)
    people = GroupBaseline("v1", bias.observe(GroupBinning.fit(GroupSettings((Sensitive("home"),)), rows), rows))
    store.put(naming.group_baseline_key("credit", "v1"), people.to_json())
    read: list[Labelled] = []
    monkeypatch.setattr(counted_hours, "from_parquet", lambda *given: _Read(from_parquet(*given), read))

    # when
    tally = count_hours(hours, [OutcomeHours(hours), GroupHours(hours)])

    # then
    assert (tally.hours, tally.refused, len(read)) == ({Hour(NINE, "v1")}, {}, 1)
    assert OutcomeHours(hours).window(baseline, [NINE]) == baseline.outcomes
    assert GroupHours(hours).parts(people, [NINE - timedelta(hours=1), NINE]) == [people.counts]


def test_what_one_kind_of_counts_refuses_is_counted_by_the_others_and_told(store: Store):
    # given groups of a column that is no longer there
    stage(store, "a", "b")
    hours, rows, baseline = judged(store)
    once = replace(rows, features={**rows.features, "race": rows.features["home"]})
    people = GroupBaseline("v1", bias.observe(GroupBinning.fit(GroupSettings((Sensitive("race"),)), once), once))
    store.put(naming.group_baseline_key("credit", "v1"), people.to_json())

    # when
    tally = count_hours(hours, [GroupHours(hours), OutcomeHours(hours)])

    # then
    assert OutcomeHours(hours).window(baseline, [NINE]) == baseline.outcomes
    ((key, reason),) = tally.refused.items()
    assert key == naming.groups_key("credit", "v1", people.binning.id, NINE)
    assert "'race' are not there" in reason


class _Read:
    """Curated predictions that note when they are gone through."""

    def __init__(self, predictions: Predictions, noted: list[Labelled]) -> None:
        self._predictions, self._noted = predictions, noted

    def labelled(self) -> Labelled:
        self._noted.append(self._predictions.labelled())
        return self._noted[-1]
