"""Whether the estimates of past windows came true, from these windows' counts as they are by now.

An estimate never looks at labels, so that of a past window is made again from its rows rather than remembered: rows
that came late are in it as they are in what their labels say, and a look that failed leaves no hole. Windows do not
overlap, or a single miss would count again and again, and they are cut at the same hours whenever one looks, so that
trust changes when a window ends or labels come, and not from look to look.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta

from watchkeeper.estimation.assess import Assessment, AssessSettings, assess
from watchkeeper.estimation.estimate import estimate
from watchkeeper.estimation.estimator import Estimator
from watchkeeper.estimation.settings import EstimateSettings
from watchkeeper.outcomes import Outcomes
from watchkeeper.performance import measure

MOST_WINDOWS = 9
"""The most of which three misses condemn an estimator at 1 %: a longer record would forgive what has begun of late."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def past_windows(end: datetime, length: timedelta, horizon: timedelta) -> Iterator[list[datetime]]:
    """Starts of the hours of each window of whole hours that had ended by `end`, newest first."""
    last = end - (end - _EPOCH) % length
    for back in range(horizon // length):
        start = last - (back + 1) * length
        yield [start + timedelta(hours=hour) for hour in range(length // timedelta(hours=1))]


def track_record(
    estimator: Estimator,
    windows: Iterable[Outcomes],
    estimating: EstimateSettings | None = None,
    assessing: AssessSettings | None = None,
) -> Assessment:
    """Assess the estimates of the newest windows whose labels have come.

    Parameters
    ----------
    windows : newest first; no more are taken than needed
    """
    estimating, assessing = estimating or EstimateSettings(), assessing or AssessSettings()
    estimates, realised = [], []
    for window in windows:
        performance = measure(window)
        if performance.labelled >= assessing.minimum_labelled:
            estimates.append(estimate(estimator, window, estimating))
            realised.append(performance)
        if len(estimates) == MOST_WINDOWS:
            break
    return assess(estimates, realised, assessing)
