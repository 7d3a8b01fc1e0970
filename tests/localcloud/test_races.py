"""What happens when two things meet in one moment: nothing is lost, and nothing comes back from the dead."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from inprocess import Embedded, embedded

from localcloud import cron, queues
from localcloud.clock import Timer
from localcloud.cloudwatch.alarms import AlarmBook, Change
from localcloud.cloudwatch.store import MetricId, MetricStore, single
from localcloud.schedules import Schedules

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Embedded]:
    with embedded(tmp_path_factory.mktemp("races") / "home", "deliveries", "lambda_runtime", "queues") as running:
        yield running


def queue(found: Embedded, name: str) -> Any:
    from moto.sqs.models import sqs_backends

    found.cloud.client("sqs").create_queue(QueueName=name)
    return sqs_backends[found.cloud.account][found.cloud.region].queues[name]


def send(found: Embedded, made: Any, body: str) -> None:
    url = f"{found.cloud.url}/{found.cloud.account}/{made.name}"
    found.cloud.client("sqs").send_message(QueueUrl=url, MessageBody=body)


def test_a_queue_keeps_its_consumers_while_a_message_is_added(found: Embedded) -> None:
    # given a queue with a consumer, and an eye on it at the moment in which a message is added
    made = queue(found, "consumed")
    made.lambda_event_source_mappings["f"] = SimpleNamespace(enabled=False, uuid="m")
    seen: list[list[str]] = []

    class Watched(list[Any]):
        def append(self, message: Any) -> None:
            seen.append(list(made.lambda_event_source_mappings))
            super().append(message)

    made._messages = Watched()
    # when
    send(found, made, "one")
    # then others who send in that moment find the consumer too
    assert seen == [["f"]]


def test_nobody_can_add_a_message_while_another_is_deleted(found: Embedded) -> None:
    # given a message that tries, while it is looked at for deletion, whether another could be added
    made = queue(found, "deleted-from")
    send(found, made, "one")
    (message,) = made._messages
    message.mark_received(30)
    free: list[bool] = []

    def attempt() -> None:
        free.append(made._messages_lock.acquire(blocking=False))

    def looked_at(handle: str) -> bool:
        other = threading.Thread(target=attempt)
        other.start()
        other.join()
        return True

    handle, message.had_receipt_handle = message.receipt_handle, looked_at
    # when
    made.delete_message(handle)
    # then it could not, so it is not lost with the old list of messages
    assert set(free) == {False}


def test_messages_whose_reader_fails_by_itself_are_read_again(monkeypatch: pytest.MonkeyPatch) -> None:
    # given a batch that the embedded AWS cannot hand over, by a mistake of its own
    def mistaken(function: Any, body: bytes) -> None:
        raise TypeError("ours")

    appointments: list[timedelta] = []
    clock = SimpleNamespace(after=lambda delay, action, name: appointments.append(delay))
    cloud: Any = SimpleNamespace(clock=clock, url="", account="", region="", client_as=lambda *_, **__: None)
    sources = queues.EventSources(cloud)
    message = {"MessageId": "1", "ReceiptHandle": "r", "Body": "{}", "MD5OfBody": ""}
    monkeypatch.setattr(sources, "_receive", lambda *_: [message])
    monkeypatch.setattr(queues, "find_function", lambda *_: SimpleNamespace(role="r", function_name="f"))
    monkeypatch.setattr(queues.lambda_runtime, "service", lambda: SimpleNamespace(invoke=mistaken))
    mapping = SimpleNamespace(function_arn="f", batch_size=1)
    source = SimpleNamespace(name="q", queue_arn="arn:q", visibility_timeout="30")
    # when
    with pytest.raises(TypeError):
        sources._batch(mapping, source)
    # then
    assert [delay >= timedelta(seconds=30) for delay in appointments] == [True]


def test_a_schedule_that_is_deleted_in_the_moment_in_which_it_fires_stays_deleted() -> None:
    # given a schedule whose timer has gone off
    appointments: list[tuple[Timer, Callable[[], None]]] = []

    def at(when: datetime, action: Callable[[], None], name: str) -> Timer:
        timer = Timer(when, name, action)
        appointments.append((timer, action))
        return timer

    cloud: Any = SimpleNamespace(clock=SimpleNamespace(at=at))
    schedules, fired = Schedules(cloud), list[datetime]()
    schedules.arm("a", cron.Rate(timedelta(hours=1)), NOW, fired.append)
    ((_, due),) = appointments
    # when it is deleted before what the timer started has run
    schedules.disarm("a")
    due()
    # then
    assert (fired, len(appointments)) == ([], 1)


@pytest.mark.parametrize("deleted", [False, True])
def test_an_alarm_that_is_deleted_while_it_is_judged_tells_nobody(
    deleted: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    # given an alarm that would fire
    store, changes = MetricStore(), list[Change]()
    book = AlarmBook(store, "arn:alarm:", lambda: NOW, changes.append, lambda name, error: None)
    book.put_metric_alarm(
        {
            "AlarmName": "canary",
            "Namespace": "N",
            "MetricName": "m",
            "Statistic": "Sum",
            "Period": 60,
            "EvaluationPeriods": 1,
            "ComparisonOperator": "GreaterThanThreshold",
            "Threshold": 0,
        }
    )
    store.put(MetricId.of("N", "m", {}), NOW - timedelta(seconds=60), single(1.0))
    look_up = store.datapoints

    def meanwhile(*arguments: Any) -> dict[int, float]:
        book.delete(["canary"] if deleted else [])
        return look_up(*arguments)

    monkeypatch.setattr(store, "datapoints", meanwhile)
    # when
    book.evaluate()
    # then
    assert [change.after.value for change in changes] == ([] if deleted else ["ALARM"])
