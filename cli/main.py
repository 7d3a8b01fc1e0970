"""Arguments of the `watchkeeper` command, and which module answers them."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from rich.markup import escape

from cli.console import errors
from watchkeeper import __version__
from watchkeeper.errors import WatchkeeperError

_DEMO = """\
Runs the whole loop on this machine, with no AWS account: trains and deploys a model to an embedded AWS from the real
templates, establishes its baseline, sends healthy traffic, then drifted traffic until the alarm fires, hands in labels,
retrains, rolls out behind a canary, then does the same with a flawed version and lets it be rolled back. Takes a few
minutes and writes an HTML report.

With --data it does so with a table of your own. With --in-order or --traffic nothing is simulated: the rows are served
once, in their order, their labels come late, and it tells what was estimated without labels, what labels said, how
groups of people fared, and what raised an alarm. In CSV files '?', 'NA', 'null', 'None' and 'NaN' mean missing."""


_CONSTRAINTS = """\
Reads and writes the files of SageMaker Model Monitor. `suggest` makes statistics.json and constraints.json from the
data that a model was trained or judged on; `check` holds other data against a constraints.json and writes
constraint_violations.json. Data files are CSV or Parquet with the features' names, or data capture (.jsonl)."""


_BACKTEST = """\
Replays the history in a CSV or Parquet file through the drift monitor: the first share of it becomes the baseline, then
every window is a look, as in the account. Says what would have fired and when, how many false alarms a month that is,
how late a known change would have been found, and which threshold would have kept the budget. See docs/backtest.md."""

_EXPLAIN = """\
Says what each value of a captured request added to its prediction. The version that answered it is asked about rows
like it, by a batch transform job; the endpoint is not. See docs/explanation.md."""

_RETRAIN = """\
Starts a retraining: labels, training, gates, rollout. Alarms and schedules do so by themselves, as retraining.triggers
says, and not within the cool-down; a person may at any time. What becomes of it, messages tell."""

_PROFILE = """\
Profiles the rows of a CSV or Parquet file against a baseline, wherever they are: only the profile need travel, and it
merges with all others. With --noise it is differentially private. See docs/backtest.md."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command; a mistake of the user's is one message and exit status 2, a failed check exit status 1."""
    options = parser().parse_args(arguments)
    try:
        options.run(options)
    except WatchkeeperError as error:
        errors.print(f"[red]{type(error).__name__}[/]: {escape(str(error))}", soft_wrap=True)
        sys.exit(2)
    except KeyboardInterrupt:
        errors.print("stopped")
        sys.exit(130)


def parser() -> argparse.ArgumentParser:
    """The command's whole grammar."""
    top = argparse.ArgumentParser(
        prog="watchkeeper",
        description="Watches machine-learning models on AWS, says what changed and why, and puts it right.",
    )
    top.add_argument("--version", action="version", version=f"watchkeeper {__version__}")
    commands = top.add_subparsers(title="commands", required=True, metavar="COMMAND")

    _add_demo(commands)
    _add_local(commands)
    _add_account(commands)
    check = commands.add_parser("validate", help="check models' YAML files")
    check.add_argument("files", nargs="+", type=Path, metavar="FILE")
    check.set_defaults(run=_validate)
    commands.add_parser("schema", help="print the JSON schema of a model's YAML file").set_defaults(run=_schema)
    _add_constraints(commands)
    _add_backtest(commands)
    _add_profile(commands)
    return top


def _add_demo(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    demo = commands.add_parser("demo", help="run the whole loop on this machine", description=_DEMO)
    demo.add_argument(
        "--data", type=Path, metavar="FILE", help="a CSV or Parquet file of your own, instead of the example"
    )
    demo.add_argument("--label", metavar="COLUMN", help="with --data: the column to predict")
    demo.add_argument("--in-order", action="store_true", help="with --data: rows are in time order; simulate no drift")
    demo.add_argument(
        "--traffic", type=Path, metavar="FILE", help="with --data: later rows, with labels, to serve in order"
    )
    demo.add_argument(
        "--sensitive",
        action="append",
        default=[],
        metavar="COLUMN[:CUT,CUT][=GROUP]",
        help="with --data: groups to compare, with GROUP or the largest; numbers need cut points; may be repeated",
    )
    demo.add_argument(
        "--favourable",
        action="append",
        default=[],
        metavar="VALUE",
        help="with --sensitive: the label's value that people would wish for (binary: the positive one); of several "
        "classes it may be repeated; of numbers, the value from which on they are content",
    )
    demo.add_argument(
        "--label-delay",
        type=_count,
        metavar="HOURS",
        help="labels come so long after each request (rows in order: 24; otherwise when the story needs them)",
    )
    demo.add_argument(
        "--report", type=Path, default=Path("build/demo-report.html"), metavar="FILE", help="default: %(default)s"
    )
    demo.add_argument(
        "--home", type=Path, default=Path(".localcloud/demo"), metavar="DIR", help="scratch folder (%(default)s)"
    )
    demo.set_defaults(run=_demo)


def _add_local(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    local = commands.add_parser("local", help="the embedded AWS, to play with").add_subparsers(
        required=True, metavar="up|down"
    )
    up = local.add_parser("up", help="start it, in real time, and say how to point the AWS CLI at it")
    up.add_argument("--port", type=int, default=4599, help="default: %(default)s")
    up.add_argument("--deploy", metavar="MODEL", help="also deploy the platform and this model of models/ to it")
    up.set_defaults(run=_local_up)
    local.add_parser("down", help="stop it").set_defaults(run=_local_down)


def _add_account(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """What is done to a model that is deployed to an account."""
    prepare = commands.add_parser("prepare", help="train a model's first version here and upload it")
    prepare.add_argument("model", help="a model's name, or its YAML file")
    prepare.add_argument(
        "--data", type=Path, metavar="FILE", help="training data with the label (default: baseline.data of the YAML)"
    )
    prepare.add_argument(
        "--artefact", type=Path, metavar="FILE", help="a model.tar.gz that exists already, instead of training"
    )
    prepare.set_defaults(run=_prepare)

    baseline = commands.add_parser("baseline", help="make version 1's baseline in the account, and wait for it")
    baseline.add_argument("model", help="a model's name, or its YAML file")
    baseline.set_defaults(run=_baseline)

    explain = commands.add_parser("explain", help="why a prediction is what it is", description=_EXPLAIN)
    explain.add_argument("model", help="a model's name, or its YAML file")
    explain.add_argument("id", help="the inference id that the client sent, else SageMaker's event id")
    explain.add_argument("--row", type=_count, default=1, metavar="N", help="of a request of several rows (1)")
    explain.add_argument("--json", action="store_true", help="print JSON")
    explain.set_defaults(run=_explain)

    retrain = commands.add_parser("retrain", help="train a model anew, in the account", description=_RETRAIN)
    retrain.add_argument("model", help="a model's name, or its YAML file")
    retrain.add_argument("--reason", default="a person asked for it", metavar="TEXT", help="why, for the record")
    retrain.add_argument(
        "--hyperparameter",
        type=_assignment,
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="over those of the file; again for each",
    )
    retrain.add_argument("--wait", action="store_true", help="stay until it has ended")
    retrain.set_defaults(run=_retrain)


def _add_constraints(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    group = commands.add_parser("constraints", help="Model Monitor's files and verdicts", description=_CONSTRAINTS)
    verbs = group.add_subparsers(title="commands", required=True, metavar="COMMAND")

    suggest = verbs.add_parser("suggest", help="make statistics.json and constraints.json from a data file")
    suggest.add_argument("model", help="a model's name, or its YAML file")
    suggest.add_argument("--data", type=Path, metavar="FILE", help="default: baseline.data of the YAML")
    suggest.add_argument("--output", type=Path, default=Path(), metavar="DIR", help="where to write (here)")
    suggest.set_defaults(run=_suggest_constraints)

    check = verbs.add_parser("check", help="hold a data file against a constraints.json")
    check.add_argument("model", help="a model's name, or its YAML file")
    check.add_argument("--data", type=Path, metavar="FILE", required=True, help="the data to check")
    check.add_argument(
        "--constraints", type=Path, metavar="FILE", help="default: monitors.data_quality.constraints of the YAML"
    )
    check.add_argument("--statistics", type=Path, metavar="FILE", help="a statistics.json to measure drift against")
    check.add_argument(
        "--baseline", type=Path, metavar="FILE", help="data to measure drift against (baseline.data of the YAML)"
    )
    check.add_argument("--output", type=Path, default=Path(), metavar="DIR", help="where to write (here)")
    check.set_defaults(run=_check_constraints)


def _add_backtest(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    replay = commands.add_parser("backtest", help="replay history through the drift monitor", description=_BACKTEST)
    replay.add_argument("--data", type=Path, metavar="FILE", required=True, help="CSV (with a header) or Parquet")
    replay.add_argument("--time", metavar="COLUMN", help="each row's time: ISO 8601, or (milli)seconds since 1970")
    replay.add_argument(
        "--interval", metavar="DURATION", help="instead of --time: rows are in order, so far apart ('30 minutes')"
    )
    replay.add_argument("--begin", metavar="TIME", help="with --interval: the time of the first row (2000-01-01)")
    replay.add_argument("--model", metavar="MODEL", help="a model's name, or its YAML file: features and settings")
    replay.add_argument("--window", metavar="LENGTH", help="'1 day', or a number of rows (the model's, or 1 day)")
    first = replay.add_mutually_exclusive_group()
    first.add_argument(
        "--baseline-share", type=float, default=0.3, metavar="SHARE", help="first share of the rows (%(default)s)"
    )
    first.add_argument("--baseline-until", metavar="TIME", help="instead: all whole windows before this time")
    replay.add_argument("--budget", type=_positive, metavar="N", help="false alarms a month (the model's, or 1)")
    replay.add_argument(
        "--minimum-rows", type=int, metavar="N", help="windows with fewer get no verdict (the model's, or 300)"
    )
    replay.add_argument("--changed-at", metavar="TIME", help="when the data are known to have changed")
    replay.add_argument(
        "--exclude", nargs="+", action="extend", default=[], metavar="COLUMN", help="columns not to look at"
    )
    replay.add_argument("--report", type=Path, metavar="FILE", help="write an HTML page as well")
    replay.set_defaults(run=_backtest)


def _add_profile(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    made = commands.add_parser("profile", help="profile rows made elsewhere, to merge", description=_PROFILE)
    made.add_argument("file", type=Path, metavar="FILE", help="CSV (with a header) or Parquet")
    made.add_argument("--model", metavar="MODEL", required=True, help="a model's name, or its YAML file")
    made.add_argument(
        "--baseline", type=Path, metavar="FILE", required=True, help="the baseline.json of the version that served"
    )
    made.add_argument("--hour", metavar="TIME", help="the UTC hour that the rows are of (the present one)")
    made.add_argument("--name", metavar="NAME", help="tells it from others of the hour (the file's name)")
    made.add_argument("--label", metavar="COLUMN", help="the column of predicted labels, if there is one")
    made.add_argument("--score", metavar="COLUMN", help="the column of predicted scores or values, if there is one")
    made.add_argument("--noise", type=float, metavar="EPSILON", help="add privacy noise; 1 is usual, 0.1 strict")
    made.add_argument("--output", type=Path, default=Path("profile.json"), metavar="FILE", help="default: %(default)s")
    made.set_defaults(run=_profile)


def _positive(text: str) -> float:
    """A number above zero; argparse says what is wrong otherwise."""
    number = float(text)
    if not 0 < number < float("inf"):
        raise ValueError(text)
    return number


def _count(text: str) -> int:
    """A whole number from 1 on."""
    number = int(text)
    if number < 1:
        raise ValueError(text)
    return number


def _assignment(text: str) -> tuple[str, str]:
    """A name and its value."""
    name, equals, value = text.partition("=")
    if not name or not equals:
        raise ValueError(text)
    return name, value


_assignment.__name__ = "NAME=VALUE"
_count.__name__ = "whole number from 1 on"
_positive.__name__ = "positive number"  # argparse names the type in its message


# The modules below are imported when their command runs, so that `--help` and `validate` answer at once.


def _demo(options: argparse.Namespace) -> None:
    from cli.demo.command import run

    run(options)


def _local_up(options: argparse.Namespace) -> None:
    from cli.local import up

    up(options.port, options.deploy)


def _local_down(options: argparse.Namespace) -> None:
    from cli.local import down

    down()


def _prepare(options: argparse.Namespace) -> None:
    from cli.onboarding import prepare

    prepare(options.model, options.data, options.artefact)


def _baseline(options: argparse.Namespace) -> None:
    from cli.onboarding import baseline

    baseline(options.model)


def _explain(options: argparse.Namespace) -> None:
    from cli.explain import run

    run(options.model, options.id, options.row, options.json)


def _retrain(options: argparse.Namespace) -> None:
    from cli.retrain import run

    run(options.model, options.reason, dict(options.hyperparameter), wait=options.wait)


def _validate(options: argparse.Namespace) -> None:
    from cli.console import console
    from watchkeeper.config import load_models

    for model in load_models(options.files):
        console.print(f"[green]✓[/] {model.name}: {model.task}, {len(model.input.features)} features")


def _schema(options: argparse.Namespace) -> None:
    from watchkeeper.config import json_schema

    sys.stdout.write(json.dumps(json_schema(), indent=2) + "\n")


def _suggest_constraints(options: argparse.Namespace) -> None:
    from cli.modelmonitor import suggest

    suggest(options.model, options.data, options.output)


def _check_constraints(options: argparse.Namespace) -> None:
    from cli.modelmonitor import check

    if not check(
        options.model, options.data, options.constraints, options.statistics, options.baseline, options.output
    ):
        sys.exit(1)


def _backtest(options: argparse.Namespace) -> None:
    from cli.backtest import Request, run

    wanted = {name: value for name, value in vars(options).items() if name != "run"}
    run(Request(**wanted | {"exclude": tuple(options.exclude)}))


def _profile(options: argparse.Namespace) -> None:
    from cli.profile import run

    run(options)
