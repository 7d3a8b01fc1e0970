"""Replaying history: a known change is found with its delay, a healthy stream has no alarm, bad input is refused."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from cli.backtest import Outcome, Request, run, summary
from cli.main import main
from watchkeeper.backtest import Episode, calibrated, episodes
from watchkeeper.capture import Block
from watchkeeper.errors import ConfigError, DatasetError
from watchkeeper.profile import Baseline, Binning
from watchkeeper.table import NumberColumn
from watchkeeper.timeline import DROPPED, Timeline

START = datetime(2026, 1, 1, tzinfo=UTC)
DAYS, ROWS_A_DAY, CHANGED_ON = 36, 400, 25


def stream(seed: int, shift: float = 0.0, days: int = DAYS) -> pd.DataFrame:
    """Rows at equal distances; from day `CHANGED_ON` on, `income` is `shift` deviations higher."""
    generator = np.random.default_rng(seed)
    rows = days * ROWS_A_DAY
    when = pd.date_range(START, periods=rows, freq=timedelta(days=1) / ROWS_A_DAY)
    income = generator.normal(50, 10, rows)
    income[CHANGED_ON * ROWS_A_DAY :] += 10 * shift
    home = generator.choice(["own", "rent"], rows)
    return pd.DataFrame({"at": when, "income": income, "age": generator.integers(18, 80, rows), "home": home})


def written(table: pd.DataFrame, folder: Path, name: str = "history.csv") -> Path:
    path = folder / name
    if path.suffix == ".parquet":
        table.to_parquet(path, index=False)
    else:
        table.assign(at=table["at"].map(lambda at: at.isoformat())).to_csv(path, index=False)
    return path


def replayed(path: Path, **settings: object) -> Outcome:
    return run(Request(path, **{"time": "at", **settings}))  # type: ignore[arg-type]


CHANGED_AT = (START + timedelta(days=CHANGED_ON)).isoformat()


def test_a_known_change_is_found_with_its_delay_its_column_and_since_when(tmp_path: Path) -> None:
    # given
    path = written(stream(1, shift=1.0), tmp_path)
    # when
    outcome = replayed(path, changed_at=CHANGED_AT)
    # then
    record, looks = outcome.replay.together, outcome.replay.looks
    assert record.false_alarms == 0
    assert not record.standing
    assert record.delay == timedelta(days=1)
    assert looks[record.episodes[0].first].end == START + timedelta(days=CHANGED_ON + 1)
    assert [f.feature for f in looks[record.episodes[0].first].findings.drifted] == ["income"]


def test_a_healthy_stream_has_no_alarm_and_keeps_its_budget(tmp_path: Path) -> None:
    # given
    path = written(stream(3), tmp_path)
    # when
    outcome = replayed(path)
    # then
    assert outcome.replay.together.episodes == ()
    assert outcome.replay.together.in_alarm == 0
    assert outcome.replay.together.delay is None
    assert outcome.alpha is not None
    assert outcome.alpha >= outcome.replay.looks[0].alone.alpha
    assert "0 alarms" in summary(outcome)[1]


def test_the_alpha_named_is_none_when_what_is_called_healthy_has_plainly_changed(tmp_path: Path) -> None:
    # given a budget of less than one alarm in the history, and a change that nobody named
    path = written(stream(1, shift=2.0), tmp_path)
    # when
    outcome = replayed(path, budget=0.1)
    # then
    assert len(outcome.replay.together.episodes) >= 1
    assert outcome.alpha is None
    assert "None down to" in summary(outcome)[-1]


def test_csv_and_parquet_sorted_or_not_give_the_same_findings(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    # given
    table = stream(4, shift=1.0, days=30)
    shuffled = table.sample(frac=1, random_state=1)
    # when
    first = replayed(written(table, tmp_path))
    second = replayed(written(shuffled, tmp_path, "history.parquet"))
    # then
    assert [look.findings.features for look in second.replay.looks] == [
        look.findings.features for look in first.replay.looks
    ]
    assert "not in order of time" in capsys.readouterr().out


def test_windows_of_rows_tell_real_times(tmp_path: Path) -> None:
    # given
    path = written(stream(1, shift=1.0), tmp_path)
    # when
    outcome = replayed(path, window=str(ROWS_A_DAY), changed_at=CHANGED_AT)
    # then
    record = outcome.replay.together
    ended = outcome.timeline.shown(outcome.replay.looks[record.episodes[0].first].end)
    assert abs(ended - (START + timedelta(days=CHANGED_ON + 1))) < timedelta(minutes=10)
    assert record.delay == outcome.timeline.length
    assert record.false_alarms == 0


def test_no_delay_is_told_when_an_alarm_stood_before_the_change(tmp_path: Path) -> None:
    # given a change that came ten days before the one that is named
    path = written(stream(1, shift=1.0), tmp_path)
    # when
    outcome = replayed(path, changed_at=(START + timedelta(days=CHANGED_ON + 10)).isoformat())
    # then
    record = outcome.replay.together
    assert record.standing
    assert record.delay is None
    assert record.false_alarms == 1
    assert "in alarm already" in summary(outcome)[1]


def test_rows_without_a_time_column_lie_an_interval_apart(tmp_path: Path) -> None:
    # given
    table = stream(1, shift=1.0).drop(columns="at")
    path = tmp_path / "history.csv"
    table.to_csv(path, index=False)
    # when
    outcome = run(Request(path, interval="216 seconds", begin=START.isoformat(), changed_at=CHANGED_AT))
    # then
    assert outcome.replay.together.delay == timedelta(days=1)


def test_the_command_writes_a_page_that_needs_nothing_else_and_escapes_names(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    # given
    table = stream(1, shift=1.0).rename(columns={"income": "<b>income"})
    path, page = written(table, tmp_path), tmp_path / "out" / "page.html"
    # when
    main(["backtest", "--data", str(path), "--time", "at", "--exclude", "age", "--report", str(page)])
    # then
    text, said = page.read_text(), capsys.readouterr().out
    assert "&lt;b&gt;income" in text
    assert "<b>income" not in text
    assert text.count("<svg") == 2
    assert "http" not in text
    assert "What would have fired" in said


@pytest.mark.parametrize(
    ("settings", "error", "words"),
    [
        ({"time": "when"}, DatasetError, "has no column 'when'. Its columns: at, income"),
        ({"exclude": ("sex",)}, DatasetError, "has no column 'sex'"),
        ({"exclude": ("income", "age", "home")}, DatasetError, "no column is left"),
        ({"baseline_share": 1.5}, ConfigError, "--baseline-share 1.5"),
        ({"baseline_until": "2026-01-01"}, DatasetError, "would have 0 rows"),
        ({"baseline_until": "soon"}, ConfigError, "--baseline-until 'soon'"),
        ({"changed_at": "soon"}, ConfigError, "--changed-at 'soon'"),
        ({"window": "1 fortnight"}, ConfigError, "--window '1 fortnight'"),
        ({"window": "0"}, ConfigError, "--window 0"),
        ({"window": "365 days"}, DatasetError, "a replay needs two"),
        ({"window": "1 second"}, DatasetError, "at most 20,000"),
        ({"window": "100000"}, DatasetError, "fewer than one window"),
        ({"interval": "1 hour"}, ConfigError, "exactly one of --time"),
    ],
)
def test_a_mistake_is_named_with_its_remedy(
    tmp_path: Path, settings: dict[str, object], error: type[Exception], words: str
) -> None:
    path = written(stream(1, days=10), tmp_path)
    with pytest.raises(error, match=words.replace("(", r"\(")):
        replayed(path, **settings)


@pytest.mark.parametrize(("value", "words"), [("yesterday", "line 4: column 'at' holds 'yesterday'"), ("", "is empty")])
def test_a_time_that_cannot_be_read_is_told_with_its_line(tmp_path: Path, value: str, words: str) -> None:
    path = tmp_path / "history.csv"
    path.write_text(f"at,x\n2026-01-01,1\n2026-01-02,2\n{value},3\n")
    with pytest.raises(DatasetError, match=words):
        replayed(path)


@pytest.mark.parametrize("content", ["", "at,x\n", "at,x\n2026-01-01,1\n2026-01-02,2\n", "at,at\n1,2\n"])
def test_a_file_without_rows_enough_is_refused(tmp_path: Path, content: str) -> None:
    path = tmp_path / "history.csv"
    path.write_text(content)
    with pytest.raises(DatasetError):
        replayed(path)


def test_too_thin_windows_get_no_verdict_and_the_user_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = written(stream(1, days=10), tmp_path)
    outcome = replayed(path, minimum_rows=100_000)
    assert outcome.replay.judged == 0
    assert "no look had 100000 rows" in capsys.readouterr().out


def test_episodes_are_runs_of_looks_in_alarm() -> None:
    assert episodes([False, True, True, False, True]) == (Episode(1, 2), Episode(4, 4))
    assert episodes([]) == ()


@pytest.mark.parametrize(("windows", "rows", "chunk"), [(42, 100, 300), (300, 100, 500)])
def test_windows_of_the_baseline_teach_in_chunks_as_the_baselines_job_cuts_them(
    windows: int, rows: int, chunk: int
) -> None:
    # given windows with fewer rows than a look needs, few or many of them
    parts = [stream(seed, days=1)[:rows] for seed in range(windows)]
    blocks = [Block(rows, {"income": NumberColumn(part["income"].to_numpy())}, {}) for part in parts]
    base = Baseline.build("m", "v1", START, Binning.fit(blocks[0].features, {}), blocks)
    # when learned from, with 300 rows as the least that is looked at
    known = calibrated(base, [base.observe(block) for block in blocks], minimum_rows=300)
    # then the smallest size learned of is that of a chunk: of 300 rows at least, and one of 64 at most
    smallest = min(known.sizes)
    assert smallest == round(np.log2(chunk))
    assert known.sizes[smallest].windows == windows * rows // chunk - 1  # the first has none before it


def test_a_timeline_of_rows_leaves_out_what_fills_no_window_and_reads_its_clock_both_ways() -> None:
    # given rows in no order, dense at first and sparse later
    seconds = np.array([5000.0, 0, 10, 20, 1000, 2000, 3000])
    # when
    timeline = Timeline.by_rows(seconds, 3)
    # then
    assert timeline.dropped == 1
    assert timeline.numbers[0] == DROPPED
    assert len(timeline.span) == 2
    second = datetime(1970, 1, 1, 0, 16, 40, tzinfo=UTC)
    assert timeline.shown(timeline.start(timeline.span[1])) == second
    assert timeline.clocked(second) == timeline.start(timeline.span[1])
