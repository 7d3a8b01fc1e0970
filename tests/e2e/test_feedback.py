"""Labels over HTTPS: an application posts what turned out to be true, signed or with a key, and it is ground truth."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.httpsession import URLLib3Session

from cli.demo import story
from cli.demo.stage import Stage
from cli.demo.world import ExampleWorld
from cli.project import ROOT, synthesize
from localcloud.client import LocalCloud
from localcloud.cloud import ACCOUNT, REGION
from tests.e2e import audit
from tests.e2e.conftest import changed_model
from watchkeeper import naming
from watchkeeper.config import load
from watchkeeper.feedback import LARGEST_BODY
from watchkeeper.labels import GroundTruth, read_ground_truth

pytestmark = pytest.mark.e2e
BURST = 40
Answer = tuple[int, dict[str, Any]]


@dataclass
class Application:
    """One that uses the model's answers, and learns later what was true."""

    url: str
    credentials: Credentials | None = None
    key: str | None = None

    def post(self, document: Any) -> Answer:
        """Status and body of the answer."""
        body = document if isinstance(document, bytes) else json.dumps(document).encode()
        headers = {"content-type": "application/json"} | ({"x-api-key": self.key} if self.key else {})
        request = AWSRequest("POST", self.url, headers=headers, data=body)
        if self.credentials:
            SigV4Auth(self.credentials, "execute-api", REGION).add_auth(request)
        answer = URLLib3Session().send(request.prepare())
        return answer.status_code, json.loads(answer.content)


def role(cloud: LocalCloud, name: str, resource: str) -> Credentials:
    """Credentials of a role of the application's own, which may post to one address."""
    anyone = {"Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}, "Action": "sts:AssumeRole"}
    invoke = {"Effect": "Allow", "Action": "execute-api:Invoke", "Resource": resource}
    iam = cloud.client("iam")
    trust, policy = ({"Version": "2012-10-17", "Statement": [statement]} for statement in (anyone, invoke))
    arn = iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(trust))["Role"]["Arn"]
    iam.put_role_policy(RoleName=name, PolicyName="post", PolicyDocument=json.dumps(policy))
    keys = cloud.client("sts").assume_role(RoleArn=arn, RoleSessionName="app")["Credentials"]
    return Credentials(keys["AccessKeyId"], keys["SecretAccessKey"], keys["SessionToken"])


@pytest.fixture(scope="module")
def stage(artefact: bytes, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """An hour of requests was answered and captured. Who posts labels signs, once the burst is used up each second."""
    folder = tmp_path_factory.mktemp("feedback")
    with LocalCloud.start(folder / "aws" / "home") as cloud:
        file, assembly = with_feedback(folder, "iam")
        story.deploy_platform(cloud, assembly)
        model = load(file)
        story.upload_first_version(cloud, model.name, artefact)
        cloud.deploy(assembly, ["--exclusively", naming.model_stack(model.name)])
        cloud.settle()
        stage = Stage(cloud, model, ExampleWorld(), rows_an_hour=60)
        stage.hours(1)
        yield stage


def with_feedback(folder: Path, auth: str) -> tuple[Path, Path]:
    """The model's file with a feedback API, and the assembly made of it."""
    file = changed_model(folder, labels__feedback_api={"auth": auth, "rate": 1, "burst": BURST})
    assembly = folder / f"cdk.out.{auth}"
    synthesize(str(file), assembly)
    return file, assembly


@pytest.fixture(scope="module")
def application(stage: Stage) -> Application:
    url = stage.outputs["FeedbackUrl"]
    api = url.split("/")[-2]
    posting = f"arn:aws:execute-api:{REGION}:{ACCOUNT}:{api}/$default/POST/labels"
    return Application(url, role(stage.cloud, "application", posting))


def captured(stage: Stage) -> list[str]:
    """Inference ids of the captured requests."""
    s3, prefix = stage.cloud.client("s3"), naming.capture_prefix(stage.model.name)
    keys = [item["Key"] for item in s3.list_objects_v2(Bucket=stage.bucket, Prefix=prefix)["Contents"]]
    lines = [line for key in keys for line in s3.get_object(Bucket=stage.bucket, Key=key)["Body"].iter_lines()]
    return [json.loads(line)["eventMetadata"]["inferenceId"] for line in lines]


def stored(stage: Stage) -> list[list[GroundTruth]]:
    """What the objects under the labels prefix say, oldest first."""
    s3, prefix = stage.cloud.client("s3"), naming.labels_prefix(stage.model.name)
    found = s3.list_objects_v2(Bucket=stage.bucket, Prefix=prefix).get("Contents", [])
    bodies = [s3.get_object(Bucket=stage.bucket, Key=item["Key"]) for item in sorted(found, key=_age)]
    return [[read_ground_truth(line) for line in body["Body"].iter_lines()] for body in bodies]


def _age(item: dict[str, Any]) -> Any:
    return item["LastModified"]


def counted(stage: Stage) -> int:
    """Labelled rows, as the function counts them that says whether there are enough to train on."""
    name, event = naming.function(stage.model.name, "check_labels"), {"now": stage.cloud.now().isoformat()}
    answer = stage.cloud.client("lambda").invoke(FunctionName=name, Payload=json.dumps(event))
    return int(json.load(answer["Payload"])["labelled"])


def test_labels_of_captured_predictions_become_ground_truth(stage: Stage, application: Application) -> None:
    # given
    known, seen = dict(stage.traffic.unlabelled), captured(stage)
    assert set(seen) == set(known)
    # when
    answer = application.post({"labels": [{"id": id_, "label": labels} for id_, labels in known.items()]})
    # then
    assert answer == (202, {"labels": len(known), "withdrawn": 0, "repeated": False})
    (truths,) = stored(stage)
    assert {truth.id: list(truth.values) for truth in truths} == known
    assert counted(stage) == sum(map(len, known.values()))


def test_one_row_is_corrected_and_a_client_that_tries_again_changes_nothing(
    stage: Stage, application: Application
) -> None:
    # given
    stage.to_the_hour()
    correction = {"id": next(iter(stage.traffic.unlabelled)), "row": 3, "label": None}
    # when
    answers = [application.post(correction) for _ in range(2)]
    # then
    assert [status for status, _ in answers] == [202, 200]
    assert [body["repeated"] for _, body in answers] == [False, True]
    _, (truth,) = stored(stage)
    assert (truth.id, truth.row, truth.values) == (correction["id"], 3, (None,))


def test_a_batch_with_mistakes_is_refused_as_a_whole_and_tells_them_all(stage: Stage, application: Application) -> None:
    # given
    before = stored(stage)
    late = (stage.cloud.now() + timedelta(days=1)).isoformat()
    # when
    status, body = application.post({"labels": [{"id": "a", "label": 1}, {"id": "b", "label": [], "time": late}]})
    # then
    assert (status, [mistake["index"] for mistake in body["mistakes"]]) == (400, [1, 1])
    assert application.post(b"no json")[0] == 400
    assert application.post(b" " * (LARGEST_BODY + 1))[0] == 413
    assert stored(stage) == before


def test_the_documented_client_posts_labels(
    stage: Stage, application: Application, monkeypatch: pytest.MonkeyPatch
) -> None:
    # given
    page, code = (ROOT / "docs" / "labels.md").read_text(), dict[str, Any]()
    exec(page.split("```python\n")[1].split("```")[0], code)
    keys = application.credentials
    assert keys is not None
    settings = {"ACCESS_KEY_ID": keys.access_key, "SECRET_ACCESS_KEY": keys.secret_key, "SESSION_TOKEN": keys.token}
    for name, value in {**settings, "DEFAULT_REGION": REGION}.items():
        monkeypatch.setenv(f"AWS_{name}", value)
    # then
    answer = code["post_labels"](application.url, [{"id": "documented", "label": 1}])
    assert answer == {"labels": 1, "withdrawn": 0, "repeated": False}
    with pytest.raises(RuntimeError, match=r"400: .*label is missing"):
        code["post_labels"](application.url, [{"id": "documented"}])


def test_the_join_can_use_what_was_posted(stage: Stage) -> None:
    """The model is not onboarded here, so no prediction is filed yet and all labels wait for theirs."""
    # given
    name, at = naming.function(stage.model.name, "join_labels"), stage.cloud.advance(timedelta(hours=1))
    # when
    answer = stage.cloud.client("lambda").invoke(
        FunctionName=name, Payload=json.dumps({"scheduled_time": at.isoformat()})
    )
    # then
    outcome = json.load(answer["Payload"])
    assert outcome["unusable"] == 0
    assert outcome["waiting"] >= sum(map(len, stage.traffic.unlabelled.values()))


def test_who_does_not_sign_or_may_not_post_is_kept_out(stage: Stage, application: Application) -> None:
    # given
    elsewhere = f"arn:aws:execute-api:{REGION}:{ACCOUNT}:other/$default/POST/labels"
    stranger = Application(application.url, role(stage.cloud, "stranger", elsewhere))
    # then
    refused = (403, {"message": "Forbidden"})
    assert stranger.post({"id": "a", "label": 1}) == refused
    assert Application(application.url).post({"id": "a", "label": 1}) == refused
    assert [entry["subject"] for entry in audit.denied(stage)] == ["stranger"]


def test_who_posts_too_fast_is_told_to_slow_down(stage: Stage, application: Application) -> None:
    # given: requests that cost so little that they outrun the bucket on any machine
    stage.cloud.advance(timedelta(hours=1))
    unsigned = Application(application.url)
    # when
    statuses = [unsigned.post({})[0] for _ in range(5 * BURST)]
    # then
    assert set(statuses[:BURST]) == {403}
    assert 429 in statuses
    # when
    stage.cloud.advance(timedelta(hours=1))
    # then
    assert application.post({"id": "a", "label": 1})[0] == 202


def test_with_a_key_instead_of_a_signature_only_its_owners_post(
    stage: Stage, application: Application, tmp_path: Path
) -> None:
    # given
    _, assembly = with_feedback(tmp_path, "key")
    stage.cloud.deploy(assembly, ["--exclusively", naming.model_stack(stage.model.name)])
    del stage.outputs
    secrets, name = stage.cloud.client("secretsmanager"), stage.outputs["FeedbackKeyArn"]
    owner = Application(stage.outputs["FeedbackUrl"], key=secrets.get_secret_value(SecretId=name)["SecretString"])
    label = {"id": "with-a-key", "label": 1}
    stage.to_the_hour()
    # then
    assert owner.url == application.url
    assert owner.post(label)[0] == 202
    assert Application(owner.url, key="guessed").post(label) == (403, {"message": "Forbidden"})
    assert application.post(label) == (401, {"message": "Unauthorized"})
    # when the key is replaced
    secrets.put_secret_value(SecretId=name, SecretString="another")
    stage.cloud.advance(timedelta(minutes=6))
    # then
    assert Application(owner.url, key="another").post(label)[0] == 200
    assert owner.post(label)[0] == 403


def test_afterwards_nothing_failed_and_every_grant_was_used(stage: Stage) -> None:
    # given
    roles = [entry["role"] for entry in stage.cloud.calls()["calls"] if "-Feedback" in entry["role"]]
    # then
    assert len(set(roles)) == 2
    assert not [entry for entry in audit.surplus(stage) if "-Feedback" in entry]
    assert audit.background_errors(stage) == []


def test_the_access_log_tells_how_requests_ended_and_nothing_that_they_held(stage: Stage) -> None:
    # when
    group = f"/aws/vendedlogs/apis/{stage.model.name}--feedback"
    events = stage.cloud.client("logs").filter_log_events(logGroupName=group)["events"]
    lines = [json.loads(event["message"]) for event in events]
    # then
    assert {line["status"] for line in lines} >= {"200", "202", "400", "401", "403", "413", "429"}
    assert not [line for line in lines if "with-a-key" in json.dumps(line)]
