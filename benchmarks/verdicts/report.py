"""Part `verdicts` as tables: tools down, scenarios across, shares of windows with any alert.

The same numbers go to `benchmarks/verdicts.json`, from which the documentation's table is made.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from itertools import zip_longest
from pathlib import Path
from typing import Any

from benchmarks import machine, model
from benchmarks.scenarios import NONE, SCENARIOS
from benchmarks.verdicts.judges import OWN, TOOLS, Statement, ask
from benchmarks.verdicts.rates import any_alert, as_shipped, moved
from benchmarks.verdicts.windows import CALIBRATION, SCORE, Plan, prepare
from watchkeeper.capture import CONFIDENCE, PREDICTED_LABEL, PREDICTED_SCORE

RESULTS = Path(__file__).parents[1] / "verdicts.json"
TOO_OFTEN = 0.05
"""A tool with more false alarms is judged a second time, with thresholds moved to `model.ALPHA`."""
ANSWERS = frozenset({SCORE, PREDICTED_LABEL, PREDICTED_SCORE, CONFIDENCE})


def measure(rows: Sequence[int], windows: int, seed: int, with_peers: bool, again: Sequence[str] = ()) -> str:
    """Measure, write the numbers, and render; with `again`, judge by these tools only, and keep what others said."""
    plans = [Plan(size, windows if size <= 1_000 else windows // 4, seed) for size in rows]
    kept = [] if not again else _kept(plans, seed)
    tools = again or [name for name in TOOLS if with_peers or name in OWN]
    results = [judge(plan, tools, before) for plan, before in zip_longest(plans, kept)]
    RESULTS.write_text(json.dumps({"seed": seed, "alpha": model.ALPHA, "plans": results}, indent=1) + "\n")
    return (
        f"# Measured: verdicts\n\nWritten by `python -m benchmarks verdicts --seed {seed}`.\n\n"
        f"{machine.described('numpy', 'scipy', 'pandas')} {_NOTES}\n\n" + "\n\n".join(map(_section, results)) + "\n"
    )


_NOTES = f"""\
Shares of windows in which a tool with its own settings raises any alert, over the twenty features and the predicted \
score; in brackets without the score, where that differs. Everyone judges the same files. A tool that raises alerts on \
more than {TOO_OFTEN:.0%} of the healthy windows has a second row, at {model.ALPHA:.0%}: its thresholds moved to that \
rate, on healthy windows of their own."""


def judge(plan: Plan, tools: Sequence[str], before: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Tools on one plan; `before` is the result that tells of the others."""
    prepare(plan)
    rows = []
    for name, title in TOOLS.items():
        if name in tools:
            rows += _rows(title, ask(name, plan))
        elif before is not None:
            rows += [row for row in before["tools"] if row["title"].startswith(title)]
    return {"rows": plan.rows, "reference_rows": plan.reference_rows, "windows": _sizes(plan), "tools": rows}


def _kept(plans: Sequence[Plan], seed: int) -> list[dict[str, Any]]:
    """The results of the same windows, as they were written last."""
    document = json.loads(RESULTS.read_text())
    kept = {result["rows"]: result for result in document["plans"]}
    for plan in plans:
        if document["seed"] != seed or kept.get(plan.rows, {}).get("windows") != _sizes(plan):
            raise SystemExit(f"{RESULTS.name} is not of these windows ({plan}): have all tools judge them.")
    return [kept[plan.rows] for plan in plans]


def _sizes(plan: Plan) -> dict[str, int]:
    return {scenario.name: plan.count(scenario) * plan.references for scenario in SCENARIOS}


def _rows(title: str, statement: Statement) -> list[dict[str, Any]]:
    """One row as shipped, and one at the budget if the tool needs it."""
    if statement.failure:
        return [{"title": title, "failure": statement.failure}]
    healthy = statement.said[CALIBRATION.name]
    shipped = _row(title, statement, [as_shipped] * len(healthy))
    if shipped["any"][NONE.name] <= TOO_OFTEN:
        return [shipped]
    rules = [moved(said, model.ALPHA) for said in healthy]
    return [shipped, _row(f"{title}, at {model.ALPHA:.0%}", statement, rules)]


def _row(title: str, statement: Statement, rules: Sequence[Any]) -> dict[str, Any]:
    shares = {scenario.name: any_alert(statement.said[scenario.name], rules) for scenario in SCENARIOS}
    without = {scenario.name: any_alert(statement.said[scenario.name], rules, ANSWERS) for scenario in SCENARIOS}
    windows = sum(len(said.alerts) for parts in statement.said.values() for said in parts)
    return {"title": title, "any": shares, "features": without, "cpu_a_window": statement.cpu_seconds / windows}


def _section(result: Mapping[str, Any]) -> str:
    counts = result["windows"]
    tools = result["tools"]
    lines = [
        f"## {result['rows']:,} rows a window, reference {result['reference_rows']:,}",
        "",
        f"{counts[NONE.name]} healthy windows, {min(counts.values())} of each change.",
        "",
        f"| | {' | '.join(scenario.name for scenario in SCENARIOS)} | CPU ms a window |",
        "|---" * (len(SCENARIOS) + 2) + "|",
    ]
    for tool in tools:
        if "failure" in tool:
            lines.append(f"| {tool['title']} | {tool['failure']} |" + " |" * len(SCENARIOS))
            continue
        cells = [_cell(tool["any"][s.name], tool["features"][s.name]) for s in SCENARIOS]
        lines.append(f"| {tool['title']} | {' | '.join(cells)} | {1000 * tool['cpu_a_window']:.0f} |")
    return "\n".join(lines)


def _cell(share: float, without: float) -> str:
    text = _short(share)
    return text if _short(without) == text else f"{text} ({_short(without)})"


def _short(share: float) -> str:
    return f"{share:.3f}".removeprefix("0") if 0 < share < 0.02 else f"{share:.2f}".removeprefix("0")
