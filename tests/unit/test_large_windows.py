"""A look at a window that is too large is taken once Spark has put its hours together, and not a second time round."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from types import ModuleType
from typing import Any

import boto3
import pytest
from moto import mock_aws

from lambdas.monitor_drift import handler as monitor_drift
from lambdas.monitor_quality import handler as monitor_quality
from tests.support import CONTEXT, model_spec
from tests.unit.test_functions_of_monitoring import records
from watchkeeper import naming
from watchkeeper.aws import deployed
from watchkeeper.aws.store import Store
from watchkeeper.aws.windows import StoredProfiles
from watchkeeper.capture import CaptureReader
from watchkeeper.errors import WindowTooLargeError
from watchkeeper.profile import Baseline, Binning

END = datetime(2026, 11, 21, 12, 5, tzinfo=UTC)
HOUR = END.replace(hour=8, minute=0)
LOOK = {"scheduled_time": END.isoformat()}
MONITORS = [monitor_drift, monitor_quality]


class Glue:
    """Keeps what it is asked to run."""

    def __init__(self) -> None:
        self.started: list[dict[str, Any]] = []

    def start_job_run(self, **request: Any) -> None:
        self.started.append(request)


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
    for name, value in {
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "BUCKET": "data",
        "TABLE": "credit",
        "MERGE_JOB": "credit--merge-hours",
        "POWERTOOLS_SERVICE_NAME": "test",
        "POWERTOOLS_METRICS_NAMESPACE": "Watchkeeper",
    }.items():
        monkeypatch.setenv(name, value)
    for module in MONITORS:
        monkeypatch.setattr(module, "deployed_spec", model_spec)
    deployed.client.cache_clear()
    with mock_aws():
        client = boto3.client("s3")
        client.create_bucket(Bucket="data")
        dynamodb = boto3.client("dynamodb")
        dynamodb.create_table(
            TableName="credit",
            KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}],
            BillingMode="PAY_PER_REQUEST",
        )
        serving = {
            "pk": "serving",
            "version": "v1",
            "endpoint_config": "credit--v1",
            "since": HOUR.isoformat(),
            "probation_until": HOUR.isoformat(),
        }
        dynamodb.put_item(TableName="credit", Item={name: {"S": value} for name, value in serving.items()})
        yield Store(client, "data")
    getattr(deployed.client, "cache_clear", lambda: None)()


@pytest.fixture
def glue(monkeypatch: pytest.MonkeyPatch, store: Store) -> Glue:
    fake, clients = Glue(), deployed.client
    monkeypatch.setattr(deployed, "client", lambda name: fake if name == "glue" else clients(name))
    return fake


@pytest.fixture
def baseline(store: Store) -> Baseline:
    """A baseline, and a closed hour of three parts."""
    (block,) = CaptureReader(model_spec()).blocks([b"\n".join(records(3000, seed=1))])
    made = Baseline.build("credit", "v1", HOUR, Binning.fit(block.features, block.predictions), [block])
    store.put(naming.baseline_key("credit", "v1"), made.to_json())
    for name in "abc":
        (rows,) = CaptureReader(model_spec()).blocks([b"\n".join(records(400, seed=ord(name)))])
        store.put(naming.part_key("credit", made.id, HOUR, name), made.observe(rows).to_json())
    return made


@pytest.mark.parametrize("monitor", MONITORS)
def test_a_window_that_is_too_large_is_handed_over_and_nothing_is_said_of_it(
    store: Store, glue: Glue, baseline: Baseline, monitor: ModuleType, capsys: pytest.CaptureFixture[str]
):
    # when
    answer = monitor.handler({**LOOK, "most_parts": 2}, CONTEXT)
    # then the job is asked for the hours of the look, and told who is to take it
    (request,) = glue.started
    arguments = request["Arguments"]
    assert request["JobName"] == "credit--merge-hours"
    assert (arguments["--VERSION"], arguments["--TO"]) == ("v1", END.isoformat())
    assert datetime.fromisoformat(arguments["--FROM"]) <= END.replace(minute=0) - timedelta(hours=23)
    assert arguments["--FUNCTION"] == CONTEXT.function_name
    # and there is neither a verdict nor a metric
    assert answer["verdict"] == "handed over"
    assert list(store.keys("findings/")) == []
    assert "_aws" not in capsys.readouterr().out


@pytest.mark.parametrize("monitor", MONITORS)
def test_the_look_is_taken_once_the_hours_are_compacted(
    store: Store, glue: Glue, baseline: Baseline, monitor: ModuleType
):
    # given what Spark leaves
    StoredProfiles(store, baseline, END).window([HOUR])
    # when
    answer = monitor.handler({**LOOK, "most_parts": 2, "merged": True}, CONTEXT)
    # then
    assert answer["rows"] == 1200
    assert glue.started == []
    assert len([key for key in store.keys("findings/") if "/2026/11/21/" in key]) >= 1


@pytest.mark.parametrize("monitor", MONITORS)
def test_a_look_that_is_too_large_even_then_fails_instead_of_going_round(
    store: Store, glue: Glue, baseline: Baseline, monitor: ModuleType
):
    with pytest.raises(WindowTooLargeError, match="merge_hours"):
        monitor.handler({**LOOK, "most_parts": 2, "merged": True}, CONTEXT)
    assert glue.started == []
