"""Part `stack`: synth, archives, cold starts, deployment and the demo."""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from benchmarks import machine
from benchmarks.process import ROOT, Cost, median, run
from cli import first_version
from cli.demo.story import deploy_platform, upload_first_version
from cli.demo.world import ExampleWorld
from cli.project import synthesize
from localcloud.client import LocalCloud
from watchkeeper import naming
from watchkeeper.config import load

MODEL = ROOT / "models" / "credit-risk.yaml"
LAYERS = ("core", "analysis", "parser")
PACKAGES = ("aws-cdk-lib", "moto", "pyspark", "numpy", "scipy", "aws-lambda-powertools", "boto3")


@dataclass(frozen=True)
class Figure:
    """One measured figure: what, how much, the target, and what it was measured against."""

    what: str
    value: str
    target: str
    note: str = ""


def measure(with_demo: bool) -> str:
    """Measure and render."""
    figures = [*synth(), *archives(), *cold_start(), *deployment()]
    if with_demo:
        figures += demo()
    rows = "\n".join(f"| {figure.what} | {figure.value} | {figure.target} | {figure.note} |" for figure in figures)
    return (
        "# Measured: the stack\n\nWritten by `python -m benchmarks stack`.\n\n"
        f"{machine.described(*PACKAGES)}\n\n"
        f"| what | measured | target | beside |\n|---|---|---|---|\n{rows}\n"
    )


def synth() -> list[Figure]:
    """Synthesis of one model, after a first run that warms the caches."""
    with tempfile.TemporaryDirectory() as folder:
        command = ["cdk", "synth", "--quiet", "--no-notices", "-o", folder, "-c", f"models={MODEL}"]
        run(command)
        cost = run(command).cost
    floor = run([sys.executable, "-c", "import aws_cdk; aws_cdk.App().synth()"]).cost
    return [Figure("warm synth, one model", f"{cost.wall:.1f} s", "< 30 s", f"an empty CDK app: {floor.wall:.1f} s")]


def archives() -> list[Figure]:
    """Unzipped size of each function's archive with its layers."""
    size = {layer: tree_mb(ROOT / "build" / "layers" / "arm64" / layer) for layer in LAYERS}
    archive = tree_mb(ROOT / "build" / "archives" / MODEL.stem)
    return [
        Figure(f"{title}, unzipped", f"{archive + sum(size[layer] for layer in layers):.0f} MB", "< 210 MB")
        for title, layers in (
            ("profiling function: archive, core and parser layers", ("core", "parser")),
            ("monitor: archive, core and analysis layers", ("core", "analysis")),
        )
    ]


def cold_start(runs: int = 7) -> list[Figure]:
    """Import of the profiling handler in a clean interpreter: its archive, its layers and Lambda's runtime."""
    paths = [
        ROOT / "build" / "archives" / MODEL.stem,
        *(ROOT / "build" / "layers" / "host" / layer / "python" for layer in ("core", "parser")),
        ROOT / "build" / "runtime",
    ]
    environment = {
        "PYTHONPATH": ":".join(map(str, paths)),
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_LAMBDA_FUNCTION_NAME": "bench",
        "POWERTOOLS_SERVICE_NAME": "bench",
        "POWERTOOLS_METRICS_NAMESPACE": "bench",
        "BUCKET": "bench",
        "TABLE": "bench",
        "QUEUE_URL": "bench",
        "AWS_XRAY_CONTEXT_MISSING": "LOG_ERROR",
    }

    def imported(code: str) -> Cost:
        return median([run([sys.executable, "-S", "-c", code], environment).cost for _ in range(runs)])

    handler = imported("import lambdas.profile_capture.handler")
    floor = imported("import boto3, numpy; boto3.client('s3', aws_access_key_id='x', aws_secret_access_key='x')")
    against = (
        f"numpy and an S3 client alone: {floor.cpu:.2f} s, {floor.peak_mb:.0f} MB (ratio {handler.cpu / floor.cpu:.2f})"
    )
    return [
        Figure("cold import of the profiling handler, CPU", f"{handler.cpu:.2f} s", "< 0.9 s", against),
        Figure("cold import of the profiling handler, peak memory", f"{handler.peak_mb:.0f} MB", "< 130 MB"),
    ]


def deployment() -> list[Figure]:
    """`cdk bootstrap` and `cdk deploy` of both stacks to a fresh embedded AWS."""
    with tempfile.TemporaryDirectory() as folder:
        assembly = Path(folder) / "cdk.out"
        synthesize(str(MODEL), assembly)
        model, baseline = load(MODEL), ExampleWorld().baseline()
        artefact = first_version.train(model, baseline[[model.label.name, *model.input.features]])
        with LocalCloud.start(Path(folder) / "aws") as cloud:
            platform_seconds = timed(lambda: deploy_platform(cloud, assembly))
            upload_first_version(cloud, model.name, artefact)
            stack = ["--exclusively", naming.model_stack(model.name)]
            model_seconds = timed(lambda: cloud.deploy(assembly, stack))
    total = platform_seconds + model_seconds
    detail = f"bootstrap and platform {platform_seconds:.0f} s, model {model_seconds:.0f} s"
    return [Figure("bootstrap and deployment to localcloud", f"{total:.0f} s", "< 60 s", detail)]


def demo() -> list[Figure]:
    """The demo, whole."""
    cost = run([sys.executable, "-m", "cli", "demo"]).cost
    return [Figure("`watchkeeper demo`", f"{cost.wall / 60:.1f} min", "< 5 min", f"{cost.cpu:.0f} CPU s")]


def timed(work: Callable[[], object]) -> float:
    """Wall seconds of `work`."""
    started = time.monotonic()
    work()
    return time.monotonic() - started


def tree_mb(folder: Path) -> float:
    """Size of all files below a folder."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) / 1e6
