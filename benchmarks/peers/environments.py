"""Where the peers live: one virtual environment each, under `build/peers/`, never ours.

The pins beside each peer are what it needs to import and run today; with its own unbounded requirements alone, five of
the six do not. A peer that cannot be installed is left out of the tables with the reason, and fails nothing.
"""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
HOME = ROOT / "build" / "peers"
_PYTHONS = ("3.11", "3.12")
"""The newest of these that is here; no peer supports all of its dependencies on a newer one."""


@dataclass(frozen=True)
class Peer:
    """One peer: its title in tables, and what is installed for it."""

    title: str
    requirements: tuple[str, ...]

    @property
    def python(self) -> Path:
        """The interpreter of its environment."""
        return HOME / self.environment / "bin" / "python"

    @property
    def environment(self) -> str:
        """Name of its environment: peers with the same requirements share one."""
        return self.requirements[0].partition("==")[0].partition("[")[0]


_USUAL = ("pandas==2.3.3", "pyarrow==26.0.1")
_NUMPY_1 = ("numpy==1.26.4", "pandas==2.3.3", "pyarrow==18.1.0")
"""For peers that fail with NumPy 2: the last pyarrow that was made for both."""
_NANNYML = ("nannyml==0.13.1", "statsmodels==0.15.0", *_USUAL)
PEERS = {
    "evidently": Peer("Evidently 0.7.23", ("evidently==0.7.23", *_USUAL)),
    "nannyml": Peer("NannyML 0.13.1, univariate", _NANNYML),
    "nannyml_multivariate": Peer("NannyML 0.13.1, multivariate", _NANNYML),
    "alibi": Peer("Alibi Detect 0.13.0, TabularDrift", ("alibi-detect==0.13.0", "scipy==1.15.3", *_NUMPY_1)),
    "whylogs": Peer("whylogs 1.6.4", ("whylogs[viz]==1.6.4", *_USUAL)),
    "frouros": Peer("Frouros 0.9.0, KS and χ²", ("frouros==0.9.0", *_USUAL)),
    "deepchecks": Peer(
        "deepchecks 0.19.1, FeatureDrift",
        ("deepchecks==0.19.1", "scikit-learn==1.5.2", "setuptools==80.10.2", "plotly==5.24.1", *_NUMPY_1),
    ),
    "spark": Peer("Spark 3.5.6 DataFrame, KS and PSI", ("pyspark==3.5.6", "numpy==2.4.6", *_USUAL)),
}


@cache
def install(name: str) -> str | None:
    """Make the peer's environment unless it is there; the reason when that cannot be done."""
    peer = PEERS[name]
    stamp = HOME / peer.environment / "installed.txt"
    wanted = "\n".join(peer.requirements)
    if stamp.exists() and stamp.read_text() == wanted:
        return None
    uv = Path(sys.executable).with_name("uv")
    where = stamp.parent
    steps = [
        [uv, "venv", "--quiet", "--clear", "--python", _python(), where],
        [uv, "pip", "install", "--quiet", "--python", peer.python, *peer.requirements],
    ]
    for step in steps:
        done = subprocess.run(list(map(str, step)), capture_output=True, text=True)
        if done.returncode:
            return f"not installed: {' '.join(done.stderr.split())[-200:]}"
    stamp.write_text(wanted)
    return None


@cache
def _python() -> str:
    """An interpreter of a version that the peers support and that really runs; else the name, for uv to look for."""
    for version in _PYTHONS:
        usual = Path.home() / ".pyenv" / "versions"
        for candidate in (f"python{version}", "python3", *map(str, sorted(usual.glob(f"{version}.*/bin/python")))):
            code = "import sys; print('%d.%d' % sys.version_info[:2])"
            try:
                found = subprocess.run([candidate, "-c", code], capture_output=True, text=True)
            except OSError:
                continue
            if found.returncode == 0 and found.stdout.strip() == version:
                return candidate
    return _PYTHONS[0]
