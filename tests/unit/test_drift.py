"""Verdicts: false alarms within the budget, real changes found, and every change said in words."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import numpy as np
import pytest
from scipy import stats

from watchkeeper.capture import Block
from watchkeeper.drift import compare, suspect_version
from watchkeeper.drift.compare import alpha_per_look
from watchkeeper.errors import BaselineError
from watchkeeper.findings import Finding, Findings, Verdict
from watchkeeper.profile import Baseline, Binning
from watchkeeper.spec import DriftMonitor
from watchkeeper.table import CategoryColumn, Column, NumberColumn

AT = datetime(2026, 11, 21, tzinfo=UTC)
LEVELS = np.array([f"level {place}" for place in range(60)], dtype=object)
ZIPF = 1 / np.arange(1, 61) ** 1.2
Change = Callable[[dict[str, Column]], dict[str, Column]]


def monitor(alpha: float = 0.01, minimum_rows: int = 300) -> DriftMonitor:
    return DriftMonitor("rate(1 hour)", 1 / alpha, 24, 1.0, minimum_rows)


def rows(n: int, random: np.random.Generator) -> dict[str, Column]:
    """20 features: normal, skewed, discrete, zero-inflated and heavy-tailed numbers; few and many categories."""
    columns: dict[str, Column] = {}
    for place in range(14):
        values = [
            random.normal(0, 1, n),
            random.lognormal(0, 1.5, n),
            random.poisson(3, n).astype(float),
            np.where(random.random(n) < 0.8, 0.0, random.exponential(1, n)),
            random.standard_t(2, n),
        ][place % 5]
        values[random.random(n) < 0.02] = np.nan
        columns[f"n{place}"] = NumberColumn(values)
    for place in range(6):
        size = (2, 5, 12, 60, 60, 3)[place]
        shares = ZIPF[:size] / ZIPF[:size].sum()
        picked = LEVELS[random.choice(size, n, p=shares)].tolist()
        columns[f"c{place}"] = CategoryColumn.of(
            [None if hole else v for v, hole in zip(picked, random.random(n) < 0.01, strict=True)]
        )
    return columns


def block(columns: dict[str, Column], score: NumberColumn | None = None) -> Block:
    size = len(next(iter(columns.values())))
    return Block(size, columns, {} if score is None else {"score": score})


def look(reference: Block, window: Block, alpha: float = 0.01) -> Findings:
    base = Baseline.build("credit", "v1", AT, Binning.fit(reference.features, reference.predictions), [reference])
    return compare(base, base.observe(window), monitor(alpha), start=AT, end=AT)


def changed(seed: int, change: Change, n: int = 1000, m: int = 20_000) -> Findings:
    random = np.random.default_rng(seed)
    return look(block(rows(m, random)), block(change(rows(n, random))))


def shifted(name: str, by: float) -> Change:
    return lambda columns: columns | {name: NumberColumn(numeric(columns, name) + by)}


def finding(findings: Findings, name: str) -> Finding:
    return next(item for item in (*findings.features, *findings.predictions) if item.feature == name)


@pytest.mark.parametrize(("n", "looks", "seed"), [(1000, 300, 11), (10_000, 60, 12)])
def test_false_alarms_stay_within_the_budget(n: int, looks: int, seed: int):
    # given looks at healthy windows of 20 features, each with a reference of its own, at a budget of 5 in 100
    alpha, random = 0.05, np.random.default_rng(seed)

    # when all are judged, before and after the size counts
    evidence = alarms = 0
    for _ in range(looks):
        findings = look(block(rows(5000, random)), block(rows(n, random)), alpha)
        evidence += any(item.corrected_p < alpha for item in (*findings.features, *findings.joint))
        alarms += findings.verdict is Verdict.DRIFT

    # then false alarms are no more than the budget allows (a binomial bound that a right method breaks once in 10,000)
    assert alarms <= evidence <= stats.binom.ppf(0.9999, looks, alpha)


def scaled(name: str, by: float) -> Change:
    return lambda columns: columns | {name: NumberColumn(numeric(columns, name) * by)}


def holed(name: str, every: int, *, invalid: bool = False) -> Change:
    def change(columns: dict[str, Column]) -> dict[str, Column]:
        hole = np.arange(1000) % every == 0
        values = np.where(hole, np.nan, numeric(columns, name))
        return columns | {name: NumberColumn(values, int(hole.sum()) if invalid else 0)}

    return change


def replaced(name: str, value: str | None, every: int) -> Change:
    def change(columns: dict[str, Column]) -> dict[str, Column]:
        values = columns[name].values
        return columns | {name: CategoryColumn.of([value if i % every == 0 else old for i, old in enumerate(values)])}

    return change


def numeric(columns: dict[str, Column], name: str) -> np.ndarray:
    column = columns[name]
    assert isinstance(column, NumberColumn)
    return column.values


@pytest.mark.parametrize(
    ("change", "name", "words"),
    [
        (shifted("n0", 0.5), "n0", "sd)"),
        (shifted("n0", 0.25), "n0", "mean"),
        (scaled("n0", 1.5), "n0", "standard deviation"),
        (scaled("n1", 1000), "n1", "outside the baseline's range"),
        (holed("n2", 8), "n2", "missing 2"),
        (holed("n3", 1), "n3", "→ 100 %"),
        (holed("n1", 9, invalid=True), "n1", "wrong type 0 %"),
        (replaced("c1", "level 4", 5), "c1", "share of 'level 4'"),
        (replaced("c3", "boat", 60), "c3", "new categories ('boat')"),
        (replaced("c0", None, 1), "c0", "→ 100 %"),
    ],
)
def test_material_changes_are_found_and_named(change: Change, name: str, words: str):
    # given a window in which one column of 20 has changed; when looked at
    findings = changed(21, change)

    # then that column alone has drifted, and the summary says how
    assert findings.verdict is Verdict.DRIFT
    assert [item.feature for item in findings.drifted] == [name]
    assert words in finding(findings, name).summary
    assert finding(findings, name).score > 1


def test_a_constant_column_that_takes_another_value_is_found():
    # given a baseline with one value only
    reference = block({"x": NumberColumn(np.full(5000, 7.0)), "y": NumberColumn(np.full(5000, np.nan))})
    window = block({"x": NumberColumn(np.full(500, 9.0)), "y": NumberColumn(np.full(500, np.nan))})

    # when the window has another
    findings = look(reference, window)

    # then it has drifted out of range, and the empty column has not
    assert [item.feature for item in findings.drifted] == ["x"]
    assert "outside the baseline's range (7 to 7 → 9 to 9)" in findings.drifted[0].summary


def test_half_a_standard_deviation_is_found_every_time():
    # given 20 windows of 1,000 rows with one mean moved by half a deviation; when looked at
    found = [changed(seed, shifted("n5", 0.5)).drifted for seed in range(100, 120)]

    # then it is always found, and first
    assert all(items and items[0].feature == "n5" for items in found)
    assert all(items[0].direction == "up" for items in found)


def test_evidence_without_size_is_no_drift():
    # given a million rows whose mean moved by a fiftieth of a deviation
    random = np.random.default_rng(8)
    reference = block({"x": NumberColumn(random.normal(0, 1, 1_000_000))})
    window = block({"x": NumberColumn(random.normal(0.02, 1, 1_000_000))})

    # when looked at
    findings = look(reference, window)

    # then the evidence is overwhelming, and there is no drift
    assert finding(findings, "x").corrected_p < 1e-10
    assert findings.verdict is Verdict.NO_DRIFT
    assert finding(findings, "x").score == 0


def test_few_rows_get_no_verdict():
    # given a window of fewer rows than the minimum; when looked at
    findings = changed(3, lambda columns: columns, n=299)

    # then nothing is said
    assert findings.verdict is Verdict.INSUFFICIENT_DATA
    assert findings.rows == 299
    assert not findings.features


def test_the_budget_sets_alpha():
    # given one false alarm a month at hourly looks, and a budget beyond reason; when alpha is asked for
    hourly = alpha_per_look(DriftMonitor("rate(1 hour)", 730.0, 24, 1.0, 300))
    daily = alpha_per_look(DriftMonitor("rate(1 day)", 30.0, 24, 100.0, 300))

    # then it is the budget over the looks, and bounded
    assert hourly == pytest.approx(1 / 730)
    assert daily == 0.05


def test_a_profile_of_another_baseline_is_refused():
    # given two baselines
    random = np.random.default_rng(1)
    first, second = (block(rows(500, random)) for _ in range(2))
    bases = [Baseline.build("m", "v1", AT, Binning.fit(b.features, b.predictions), [b]) for b in (first, second)]

    # when a profile of one is compared with the other; then the error names both
    with pytest.raises(BaselineError, match=f"{bases[1].id}.*{bases[0].id}"):
        compare(bases[0], bases[1].empty(), monitor(), start=AT, end=AT)


def test_a_version_is_suspect_when_its_predictions_alone_have_drifted():
    # given a reference with scores, and windows in which scores, features or both have moved
    random = np.random.default_rng(9)
    scores = [NumberColumn(random.beta(2, 5, n)) for n in (5000, 1000)]
    reference, healthy = block(rows(5000, random), scores[0]), rows(1000, random)
    moved = NumberColumn(np.clip(scores[1].values + 0.2, 0, 1))

    # when looked at
    model_changed = look(reference, block(healthy, moved))
    world_changed = look(reference, block(shifted("n0", 2.0)(healthy), moved))
    nothing_changed = look(reference, block(healthy, scores[1]))

    # then only predictions that move alone condemn the version
    assert suspect_version(model_changed)
    assert model_changed.prediction_score > 1
    assert not suspect_version(world_changed)
    assert not suspect_version(nothing_changed)


def test_findings_survive_the_round_trip():
    # given findings with drift; when written and read
    findings = changed(21, shifted("n0", 0.5))
    again = Findings.from_json(findings.to_json())

    # then they are the same, with their evidence
    assert again == findings
    shares = again.drifted[0].shares
    assert len(shares) > 1
    assert all(0 <= share.before <= 1 and 0 <= share.after <= 1 for share in shares)
