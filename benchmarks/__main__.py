"""`make bench`: measure synth, deployment, archives, cold starts and the demo; write `benchmarks/results.md`.

Every figure stands beside its target and, where there is one, beside a floor measured in the same run. Wall times are
whole processes; CPU seconds are the operating system's own account of a finished child.
"""

from __future__ import annotations

import argparse
import os
import platform
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from cli import first_version
from cli.demo.story import deploy_platform, upload_first_version
from cli.demo.world import ExampleWorld
from cli.project import synthesize
from localcloud.client import LocalCloud
from watchkeeper import naming
from watchkeeper.config import load

ROOT = Path(__file__).resolve().parent.parent
RESULTS = Path(__file__).with_name("results.md")
MODEL = ROOT / "models" / "credit-risk.yaml"
LAYERS = ("core", "analysis")
PACKAGES = ("aws-cdk-lib", "moto", "pyspark", "numpy", "scipy", "aws-lambda-powertools", "boto3")


_MEASURE = """
import resource, subprocess, sys, time
started = time.monotonic()
done = subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL)
used = resource.getrusage(resource.RUSAGE_CHILDREN)
print(time.monotonic() - started, used.ru_utime + used.ru_stime, used.ru_maxrss, file=sys.stderr)
sys.exit(done.returncode)
"""
"""A process of its own around each command, so that peak memory is that command's and no other's."""


@dataclass(frozen=True)
class Figure:
    """One measured figure: what, how much, the target, and what it was measured against."""

    what: str
    value: str
    target: str
    note: str = ""


@dataclass(frozen=True)
class Cost:
    """Of one finished child process."""

    wall: float
    cpu: float
    peak_mb: float


def main() -> None:
    """Measure and write."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--no-demo", action="store_true", help="leave out the demo (minutes)")
    chosen = options.parse_args()
    figures = [*synth(), *archives(), *cold_start(), *deployment()]
    if not chosen.no_demo:
        figures += demo()
    text = render(figures)
    RESULTS.write_text(text)
    print(text)


def synth() -> list[Figure]:
    """Synthesis of one model, after a first run that warms the caches."""
    with tempfile.TemporaryDirectory() as folder:
        run(["cdk", "synth", "--quiet", "--no-notices", "-o", folder, "-c", f"models={MODEL}"])
        cost = run(["cdk", "synth", "--quiet", "--no-notices", "-o", folder, "-c", f"models={MODEL}"])
        floor = run([sys.executable, "-c", "import aws_cdk; aws_cdk.App().synth()"])
    return [Figure("warm synth, one model", f"{cost.wall:.1f} s", "< 30 s", f"an empty CDK app: {floor.wall:.1f} s")]


def archives() -> list[Figure]:
    """Unzipped size of each function's archive with its layers."""
    size = {layer: tree_mb(ROOT / "build" / "layers" / "arm64" / layer) for layer in LAYERS}
    archive = tree_mb(ROOT / "build" / "archives" / MODEL.stem)
    return [
        Figure("profiling function: archive + core layer, unzipped", f"{archive + size['core']:.0f} MB", "< 210 MB"),
        Figure("monitor: archive + both layers, unzipped", f"{archive + sum(size.values()):.0f} MB", "< 210 MB"),
    ]


def cold_start(runs: int = 7) -> list[Figure]:
    """Import of the profiling handler in a clean interpreter: its archive, its layer and Lambda's runtime, no more."""
    paths = [
        ROOT / "build" / "archives" / MODEL.stem,
        ROOT / "build" / "layers" / "host" / "core" / "python",
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

    def median(code: str) -> Cost:
        costs = [run([sys.executable, "-S", "-c", code], environment) for _ in range(runs)]
        return Cost(*(statistics.median(getattr(cost, name) for cost in costs) for name in ("wall", "cpu", "peak_mb")))

    handler = median("import lambdas.profile_capture.handler")
    floor = median("import boto3, numpy; boto3.client('s3', aws_access_key_id='x', aws_secret_access_key='x')")
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
    cost = run([sys.executable, "-m", "cli", "demo"])
    return [Figure("`watchkeeper demo`", f"{cost.wall / 60:.1f} min", "< 5 min", f"{cost.cpu:.0f} CPU s")]


def timed(work: Callable[[], object]) -> float:
    """Wall seconds of `work`."""
    started = time.monotonic()
    work()
    return time.monotonic() - started


def run(command: list[str], environment: dict[str, str] | None = None) -> Cost:
    """Run a child to its end; its own CPU and peak memory, descendants included."""
    measured = [sys.executable, "-c", _MEASURE, *command]
    done = subprocess.run(measured, env=environment, cwd=ROOT, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{' '.join(command)} failed:\n{done.stderr[-2000:]}")
    wall, cpu, peak = map(float, done.stderr.split()[-3:])
    return Cost(wall, cpu, peak / 1024)


def tree_mb(folder: Path) -> float:
    """Size of all files below a folder."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) / 1e6


def render(figures: list[Figure]) -> str:
    """The results as Markdown, with the machine and the versions."""
    rows = "\n".join(f"| {figure.what} | {figure.value} | {figure.target} | {figure.note} |" for figure in figures)
    versions = ", ".join(f"{name} {metadata.version(name)}" for name in PACKAGES)
    memory = resource.getpagesize() * _pages() / 2**30
    return (
        "# Measured\n\nWritten by `make bench`.\n\n"
        f"Machine: {platform.machine()}, {_cores()} cores, {memory:.0f} GiB, {platform.system()} {platform.release()}; "
        f"Python {platform.python_version()}; {versions}.\n\n"
        f"| what | measured | target | beside |\n|---|---|---|---|\n{rows}\n"
    )


def _cores() -> int:
    return os.cpu_count() or 1


def _pages() -> int:
    return os.sysconf("SC_PHYS_PAGES")


if __name__ == "__main__":
    main()
