"""The demo, act by act: serve, watch, drift, alarm, label, retrain, roll out, and roll back what was bad."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from rich.markup import escape
from rich.panel import Panel
from rich.text import Text

from cli import first_version
from cli.console import console, note, step
from cli.demo.outcome import CHANGED, FLAWED, HEALTHY, RECOVERED, Outcome
from cli.demo.sheets import drawn, in_words, of_bias
from cli.demo.stage import DemoError, Stage
from cli.demo.world import World
from cli.explain import Explainer
from cli.project import synthesize
from localcloud.client import LocalCloud
from watchkeeper import naming
from watchkeeper.attribution import text
from watchkeeper.attribution.wording import percent
from watchkeeper.bias import BiasLook
from watchkeeper.config import ModelConfig
from watchkeeper.durations import lasting
from watchkeeper.estimation import EstimateLook
from watchkeeper.naming import AlarmKind

FLAW = {"standardise": "adaptive"}
"""The flaw of the version that must be rolled back: see examples/credit/README.md."""

SHOWN, BAR = 8, 40
"""Features whose importance is shown, and signs of a bar of all of it."""
FAIRNESS_HOURS = 8
"""Of traffic, that tell enough of small groups."""


@dataclass(frozen=True)
class Script:
    """How much of everything the demo plays.

    `certain` says that the drift is strong enough that an alarm must follow; on a user's own data it may not.
    `label_delay` has labels come so long after each request; without it, they are handed in when the story needs them.
    """

    rows_an_hour: int = 600
    healthy_hours: int = 8
    label_delay_hours: int = 10
    drift_limit_hours: int = 12
    recovery_limit_hours: int = 12
    certain: bool = True
    label_delay: timedelta | None = None


def play(model: ModelConfig, model_file: Path, world: World, script: Script, home: Path) -> Iterator[Outcome]:
    """Play all acts; yields the outcome while the embedded AWS is still up."""
    with opened(model, model_file, world, home, rows_an_hour=script.rows_an_hour) as stage:
        stage.label_delay = script.label_delay
        outcome = Outcome(stage)
        healthy(stage, script)
        explain(stage)
        outcome.mark(HEALTHY)
        if drift(stage, script):
            live_on(stage, script)
            outcome.mark(CHANGED)
            expected = foresee(stage)
            retrain(stage, script)
            come_true(stage, expected)
            outcome.mark(RECOVERED)
        go_wrong_and_back(stage, script)
        outcome.mark(FLAWED)
        judge(stage, script)
        fairness(stage, script)
        yield outcome


@contextmanager
def opened(model: ModelConfig, model_file: Path, world: World, home: Path, *, rows_an_hour: int) -> Iterator[Stage]:
    """A model trained, deployed and with a baseline, before its traffic begins."""
    with step("Training the first version on the baseline data"):
        baseline = world.baseline()
        artefact = first_version.train(model, baseline[[model.label.name, *model.input.features]])
    with step("Starting the embedded AWS"):
        cloud = LocalCloud.start(home / "aws")
    with cloud, recorded(cloud, home / "timeline.jsonl"):
        stage = Stage(cloud, model, world, rows_an_hour)
        deploy(stage, model_file, home, artefact)
        establish_baseline(stage)
        goes_by(stage)
        yield stage


@contextmanager
def recorded(cloud: LocalCloud, file: Path) -> Iterator[None]:
    """Keep the record of all that happened, also when the story ends badly."""
    try:
        yield
    finally:
        file.write_text("".join(json.dumps(entry) + "\n" for entry in cloud.timeline()), encoding="utf-8")


def deploy(stage: Stage, model_file: Path, home: Path, artefact: bytes) -> None:
    """Synthesize the templates and deploy them with the CDK command line; upload the first version in between."""
    cloud, model = stage.cloud, stage.model
    assembly = home / "cdk.out"
    with step("Synthesizing the CloudFormation templates"):
        synthesize(str(model_file), assembly)
    with step("Deploying the platform (cdk bootstrap, cdk deploy)"):
        deploy_platform(cloud, assembly)
    with step(f"Deploying the model {model.name} (cdk deploy)"):
        upload_first_version(cloud, model.name, artefact)
        cloud.deploy(assembly, ["--exclusively", naming.model_stack(model.name)])


def deploy_platform(cloud: LocalCloud, assembly: Path) -> None:
    """Bootstrap, then what all models share."""
    cloud.bootstrap()
    cloud.deploy(assembly, [naming.PLATFORM_STACK])


def upload_first_version(cloud: LocalCloud, model: str, artefact: bytes) -> None:
    """Put the first version's artefact where the model's template expects it."""
    platform = cloud.client("cloudformation").describe_stacks(StackName=naming.PLATFORM_STACK)["Stacks"][0]
    bucket = next(output["OutputValue"] for output in platform["Outputs"] if output["OutputKey"] == "DataBucketName")
    cloud.client("s3").put_object(Bucket=bucket, Key=first_version.artefact_key(model), Body=artefact)


def establish_baseline(stage: Stage) -> None:
    """Let the onboarding machine make the baseline of version 1."""
    with step("Establishing the baseline (Step Functions, two Spark jobs, a batch transform)"):
        key = first_version.source_key(stage.model.name)
        with tempfile.NamedTemporaryFile(suffix=".csv") as file:
            stage.world.baseline().to_csv(file.name, index=False)
            stage.cloud.client("s3").upload_file(file.name, stage.bucket, key)
        execution = stage.start("Onboarding", data=f"s3://{stage.bucket}/{key}", version="v1")
        finish(stage, execution, "Onboarding")
    if stage.serving_version() != "v1":
        raise DemoError(f"Version v1 should be on record as serving, but {stage.serving_version()} is.")


def goes_by(stage: Stage) -> None:
    """The attribution machine asks the version what it goes by, as soon as it serves."""
    with step("Asking what version v1 goes by (Step Functions, a batch transform)"):
        for _ in range(60):
            if (importance := stage.records.importance("v1")) is not None:
                break
            stage.cloud.advance(timedelta(minutes=1))
    if importance is None:
        raise DemoError("After an hour nobody knows what version v1 goes by.")
    for each in importance.ranking()[:SHOWN]:
        note(f"{each.feature:<16} {percent(each.share):>6}  {'█' * round(BAR * each.share)}")


def explain(stage: Stage) -> None:
    """One prediction explained, as `watchkeeper explain` does it."""
    explainer = Explainer(stage.model, stage.outputs, stage.cloud.client)
    identity = next(iter(stage.traffic.unlabelled))
    with step(f"Explaining a prediction: watchkeeper explain {stage.model.name} {identity}"):
        found = explainer.find(identity, stage.cloud.now())
        execution = explainer.start(found, row=1)
        finish(stage, execution, "Attribution")
        ended = stage.cloud.client("stepfunctions").describe_execution(executionArn=execution)
        told = explainer.read(ended, found)
    console.print(text(told), soft_wrap=True, markup=False)


def healthy(stage: Stage, script: Script) -> None:
    """Hours of traffic like the baseline; no alarm may fire."""
    with step(f"{script.healthy_hours} hours of healthy traffic"):
        stage.to_the_hour()
        stage.hours(script.healthy_hours)
    state = stage.alarm_state(AlarmKind.DRIFT)
    note(f"drift alarm: {state}")
    if script.certain and state != "OK":
        raise DemoError(f"On healthy traffic the drift alarm should be OK, but is {state}.")


def drift(stage: Stage, script: Script) -> bool:
    """The world changes; the alarm fires and says why."""
    stage.world.drift()
    note(f"the world changes: {stage.world.change}")
    with step("Traffic from the changed world, until the drift alarm fires"):
        fired = comes_true(
            stage,
            script,
            lambda: stage.alarm_state(AlarmKind.DRIFT) == "ALARM",
            "drift alarm",
            script.drift_limit_hours,
        )
        stage.cloud.settle()
    if fired:
        show_message(stage, "alarm", "drift")
    else:
        note("no drift alarm: the rows sent are not materially unlike the baseline")
    return fired


def live_on(stage: Stage, script: Script) -> None:
    """The changed world goes on until its labels are known; the retraining that the alarm started waits for them."""
    with step(f"{script.label_delay_hours} hours of it, until labels are known; the retraining waits for them"):
        stage.hours(script.label_delay_hours)
    show_message(stage, "alarm", "bias")


def foresee(stage: Stage) -> EstimateLook | None:
    """What is estimated of the latest predictions, of which nobody has a label."""
    look = stage.records.estimate()
    if look is None:
        note("performance without labels: too few rows yet to estimate it from")
        return None
    note(
        f"performance of the last {lasting(look.end - look.start)}, estimated without a label: {in_words(look.primary)}"
    )
    note(look.summary)
    return look


def come_true(stage: Stage, look: EstimateLook | None) -> None:
    """What labels said later of the same predictions."""
    realised = None if look is None else stage.records.realised(look)
    if look is None or realised is None or not realised.labelled:
        return
    expected, metric = look.primary, realised[look.primary.name]
    note(f"labels of {realised.labelled:,} of these {realised.rows:,} predictions say: {in_words(metric)}")
    if metric.value is not None and expected.low is not None is not expected.high:
        where = "inside" if expected.low <= metric.value <= expected.high else "outside"
        note(f"that is {where} what was estimated; what only labels show is how they follow features")


def retrain(stage: Stage, script: Script) -> None:
    """Labels arrive; the retraining that the alarm started goes on, and its canary succeeds."""
    with step("Labels arrive; retraining, gate, canary (Step Functions, SageMaker, Spark)"):
        stage.hand_in_labels()
        stage.until(lambda: stage.serving_version() == "v2" or ended(stage, "Retraining"), "new version", 12)
    note(f"labels of {stage.traffic.labelled:,} rows handed in; serving now: {stage.serving_version()}")
    if stage.serving_version() != "v2":
        if script.certain:
            raise DemoError(f"Version v2 should serve after retraining, but {stage.serving_version()} does.")
        show_message(stage, "candidate-rejected")
        return
    show_message(stage, "version-deployed")
    with step("Traffic on the new version, until the drift alarm clears"):
        cleared = comes_true(
            stage,
            script,
            lambda: stage.alarm_state(AlarmKind.DRIFT) == "OK",
            "all-clear",
            script.recovery_limit_hours,
        )
    if not cleared:
        note("the alarm stays: what comes now is unlike even the rows that the new version was judged on")


def judge(stage: Stage, script: Script) -> None:
    """The performance monitor looks at the predictions whose labels have come by now."""
    with step("What labels say of the predictions (joined hourly, measured every six hours)"):
        comes_true(stage, script, lambda: stage.records.performance() is not None, "look at labelled predictions", 8)
    look = stage.records.performance()
    if look is None or look.primary.value is None:
        return
    labelled, rows, value = look.performance.labelled, look.performance.rows, in_words(look.primary)
    note(f"labels of {labelled:,} of {rows:,} predictions of {look.version}: {value}; {look.findings.verdict}")
    latest = stage.records.estimate()
    if latest is not None and latest.version == look.version:
        length = lasting(latest.end - latest.start)
        note(f"of the last {length}, most of it unlabelled, is estimated: {in_words(latest.primary)}")
        note(latest.record.summary)


def fairness(stage: Stage, script: Script) -> None:
    """The bias monitor looks at whom the predictions of the serving version favour."""
    if stage.model.spec().bias is None:
        return
    rows = FAIRNESS_HOURS * script.rows_an_hour
    with step("How groups of people fare (compared every six hours)"):
        comes_true(stage, script, lambda: _of_serving(stage, rows) is not None, "look at groups of people", 18)
    look = _of_serving(stage, rows)
    if look is None:
        return
    console.print(drawn(of_bias(look)))
    if stage.alarm_state(AlarmKind.BIAS) == "ALARM":
        show_message(stage, "alarm", "biased")


def _of_serving(stage: Stage, rows: int) -> BiasLook | None:
    """The newest look at groups, if it is at so many rows of the version that serves now."""
    look = stage.records.bias()
    fits = look is not None and look.version == stage.serving_version() and look.findings.rows >= rows
    return look if fits else None


def go_wrong_and_back(stage: Stage, script: Script) -> None:
    """A flawed version passes every offline gate and its canary; its predictions give it away and it is rolled back."""
    good = stage.serving_version()
    with step("A flawed version is trained and passes gate and canary"):
        stage.hand_in_labels()
        execution = stage.start(
            "Retraining", reason="a person tries another scaling of the features", hyperparameters=FLAW
        )
        stage.until(lambda: stage.status(execution) != "RUNNING", "end of the flawed version's retraining", 12)
    note(f"serving now: {stage.serving_version()}")
    if stage.serving_version() == good:
        note("the gate or the canary already stopped it")
        return
    with step("Its predictions drift while its inputs do not: automatic rollback"):
        back = comes_true(stage, script, lambda: stage.serving_version() == good, "rollback", 12)
        if back:
            stage.until(lambda: ended(stage, "Rollback"), "end of the rollback", 2)
    if back:
        show_message(stage, "rolled-back")
    else:
        note("no rollback: on these rows the flaw does not move the predictions, or the features moved as much")


def comes_true(stage: Stage, script: Script, condition: Callable[[], bool], what: str, limit_hours: int) -> bool:
    """Whether the condition holds within `limit_hours`; where the script is certain that it must, an error if not."""
    try:
        stage.until(condition, what, limit_hours)
    except DemoError:
        if script.certain:
            raise
        return False
    return True


def finish(stage: Stage, execution: str, name: str) -> None:
    """Let time pass, without traffic, until the execution has ended well."""
    for _ in range(120):
        if (status := stage.status(execution)) != "RUNNING":
            break
        stage.cloud.advance(timedelta(minutes=1))
    if status != "SUCCEEDED":
        answer = stage.cloud.client("stepfunctions").describe_execution(executionArn=execution)
        raise DemoError(f"{name} ended as {status}: {answer.get('error')}: {answer.get('cause')}")


def ended(stage: Stage, machine: str) -> bool:
    """Whether the machine has run and no execution of it is running."""
    executions = stage.executions(machine)
    return bool(executions) and all(execution["status"] != "RUNNING" for execution in executions)


def show_message(stage: Stage, kind: str, words: str = "") -> None:
    """Show the newest message of a kind, with `words` in its subject, as its receiver sees it."""
    messages = [message["detail"] for message in stage.messages(kind) if words in message["detail"]["subject"]]
    if messages:
        subject, body = messages[-1]["subject"], messages[-1]["body"]
        console.print(Panel(Text(body), title=escape(subject), title_align="left", border_style="yellow"))
