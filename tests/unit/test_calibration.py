"""What healthy windows teach: dependent rows raise no alarms, and real changes still do."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from scipy import stats

from tests.unit.drift_support import baseline, bursts, look
from watchkeeper.drift import Calibration
from watchkeeper.drift.budget import Family
from watchkeeper.drift.calibration import MOST_WINDOWS, Size
from watchkeeper.drift.dispersion import Dispersion, Dispersions
from watchkeeper.errors import BaselineError, ProfileError
from watchkeeper.findings import Verdict
from watchkeeper.profile import Baseline, Profile

ROWS = 1000


@pytest.fixture(scope="module")
def base() -> Baseline:
    return baseline(bursts(20_000, 1))


@pytest.fixture(scope="module")
def learned(base: Baseline) -> Calibration:
    return Calibration.learn(base, history(base, 60), spans=(1,))


def history(base: Baseline, windows: int, first: int = 100) -> Iterator[Profile]:
    return (base.observe(bursts(ROWS, first + place)) for place in range(windows))


def test_overdispersion_is_learned(learned: Calibration):
    # given windows in bursts of 50 rows that share a shift of .3: their means vary 1 + 49·.09/1.09 = 5 times as much
    dispersions, windows = learned.at(ROWS)

    # when asked; then that is known for locations, and that the rest hardly varies more than it should
    assert windows == 59  # the first has none before it
    assert np.median(dispersions.families[Family.LOCATION].mean) == pytest.approx(5, rel=0.25)
    assert np.median(dispersions.families[Family.SHAPE].mean) == pytest.approx(1, rel=0.15)


def test_dependent_rows_alarm_without_calibration_and_not_with_it(base: Baseline, learned: Calibration):
    # given 60 healthy windows, at a budget of 1 in 100
    windows = list(history(base, 60, first=1000))

    # when judged
    naive = sum(look(base, window).verdict is Verdict.DRIFT for window in windows)
    calibrated = sum(look(base, window, calibration=learned).verdict is Verdict.DRIFT for window in windows)

    # then independent rows' tests alarm mostly, and calibrated ones as often as allowed
    assert naive > 30
    assert calibrated <= stats.binom.ppf(0.999, 60, 0.015)


def test_a_real_change_is_found_in_dependent_rows(base: Baseline, learned: Calibration):
    # given windows in which a mean moved by half a deviation; when judged with calibration
    found = [look(base, bursts(ROWS, seed, move=0.5), calibration=learned) for seed in range(2000, 2020)]

    # then nearly all are found, for that column
    assert sum("n0" in [finding.feature for finding in one.drifted] for one in found) >= 18
    assert found[0].calibrated == 59


def test_a_lasting_difference_is_not_learned_as_noise(base: Baseline):
    # given a history that differs from the baseline by a whole deviation all the time
    calibration = Calibration.learn(base, (base.observe(bursts(ROWS, seed, move=1.0)) for seed in range(40)))

    # when a window like it is judged; then it is still found
    findings = look(base, bursts(ROWS, 99, move=1.0), calibration=calibration)
    assert [finding.feature for finding in findings.drifted] == ["n0"]


def test_learning_in_one_go_or_window_by_window_is_the_same(base: Baseline):
    # given windows; when learned at once, and one by one
    profiles = list(history(base, 12))
    whole = Calibration.learn(base, profiles, spans=(1,))
    grown, before = Calibration(base.id), base.empty()
    for profile in profiles:
        grown, before = grown.add(base, profile, before), before.merge(profile)

    # then it comes to the same, and survives the round trip
    assert grown.to_json() == whole.to_json()
    assert Calibration.from_json(whole.to_json()).to_json() == whole.to_json()


def test_two_stretches_of_time_add_up(base: Baseline):
    # given what two stretches taught; when merged
    first, second = (Calibration.learn(base, history(base, 11, first)) for first in (100, 500))
    merged, _ = first.merge(second).at(ROWS)

    # then the windows add up, and the mean lies between; another baseline's is refused
    both = [part.at(ROWS)[0].families[Family.LOCATION].mean for part in (first, second)]
    assert merged.families[Family.LOCATION].windows.tolist() == [20.0] * 7
    assert merged.families[Family.LOCATION].mean == pytest.approx((both[0] + both[1]) / 2)
    with pytest.raises(ProfileError, match="other"):
        first.merge(Calibration("other"))


def test_a_full_size_is_frozen(base: Baseline):
    # given a size with all the windows it may have; when one more comes; then nothing is learned
    bucket = round(np.log2(ROWS))
    full = Calibration(base.id, {bucket: Size(bucket, MOST_WINDOWS, {})})
    window, before = history(base, 2)
    assert full.add(base, window, before) is full


def test_too_few_windows_teach_nothing(base: Baseline):
    # given three windows; when asked; then rows are taken as independent, as they are of sizes without rows
    dispersions, windows = Calibration.learn(base, history(base, 3)).at(ROWS)
    assert windows == 0
    assert not dispersions.families
    assert Calibration(base.id).at(0)[1] == 0


def test_the_nearest_larger_size_speaks_for_sizes_not_seen(base: Baseline):
    # given windows of 1,000 rows, and merges of four
    calibration = Calibration.learn(base, history(base, 40), spans=(1, 4))

    # when asked for other sizes; then near ones, the next larger one, or the largest there is answer
    assert calibration.at(1400)[1] == 39
    assert calibration.at(100)[1] == 39
    assert calibration.at(3000)[1] == 9
    assert calibration.at(10**6)[1] == 9


def test_another_baselines_calibration_is_refused(base: Baseline):
    # given a calibration of another baseline; when used; then the error names both
    with pytest.raises(BaselineError, match=f"other.*{base.id}"):
        look(base, bursts(ROWS, 3), calibration=Calibration("other"))


@pytest.mark.parametrize("text", [b"", b"[]", b'{"format": 9}', b'{"format": 1, "baseline": "b", "sizes": [{}]}'])
def test_what_is_no_calibration_is_refused(text: bytes):
    # given other text; when read; then the error says what to do
    with pytest.raises(ProfileError, match="delete the object"):
        Calibration.from_json(text)


def test_a_learned_law_is_the_plain_one_for_independent_rows():
    # given χ² statistics of 15 degrees of freedom over very many healthy windows
    seen = Dispersion(np.ones(1), np.full(1, 2 / 15), np.full(1, 1e6))
    x = np.array([30.0])

    # when a statistic is judged; then p is that of χ², and of a z that of the normal law
    plain = stats.chi2.sf(x, 15)
    families = Dispersions({Family.SHAPE: seen, Family.LOCATION: seen})
    assert families.chi_squared(Family.SHAPE, x, np.full(1, 15.0), plain) == pytest.approx(plain)
    assert families.normal(Family.LOCATION, np.array([3.0])) == pytest.approx(2 * stats.norm.sf(3), rel=1e-3)


def test_the_heaviest_mixture_covers_one_large_weight():
    # given a sum of one χ² of weight 5 and 14 of weight 1, its moments known exactly
    random = np.random.default_rng(2)
    draws = 5 * random.chisquare(1, 400_000) + random.chisquare(14, 400_000)
    seen = Dispersion(np.array([draws.mean() / 15]), np.array([draws.var() / 15**2]), np.array([1e6]))

    # when its far tail is asked for
    limit = np.quantile(draws, 0.9995)
    found = Dispersions({Family.SHAPE: seen}).chi_squared(
        Family.SHAPE, np.array([limit]), np.full(1, 15.0), np.full(1, 1e-9)
    )

    # then it is right to a tenth; Satterthwaite's two moments would give a fifth of it
    two_moments = 2 * draws.mean() ** 2 / draws.var()
    assert found[0] == pytest.approx(5e-4, rel=0.1)
    assert stats.chi2.sf(limit / draws.mean() * two_moments, two_moments) < 2e-4
