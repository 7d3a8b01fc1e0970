"""Keys of profiles, and of what monitors keep and find over windows of them."""

from __future__ import annotations

from datetime import datetime, timedelta

from watchkeeper.naming.captures import CaptureKey


def profiles_prefix(model: str, baseline_id: str | None = None) -> str:
    """Prefix of the profiles made against one baseline."""
    return f"profiles/{model}/" + (f"{baseline_id}/" if baseline_id else "")


def profile_key(model: str, baseline_id: str, capture: CaptureKey) -> str:
    """Where the profile of one capture object is kept."""
    return part_key(model, baseline_id, capture.hour, capture.part_name)


def part_key(model: str, baseline_id: str, hour: datetime, name: str) -> str:
    """Where one of the profiles of a UTC hour is kept; those made elsewhere have names of their own."""
    return f"{hour_prefix(model, baseline_id, hour)}{name}.json"


def hour_prefix(model: str, baseline_id: str, hour: datetime) -> str:
    """Prefix of the profiles of one UTC hour."""
    return f"{profiles_prefix(model, baseline_id)}{hour:%Y/%m/%d/%H}/"


def day_prefix(model: str, baseline_id: str, day: datetime) -> str:
    """Prefix of the profiles of one UTC day."""
    return f"{profiles_prefix(model, baseline_id)}{day:%Y/%m/%d}/"


def compacted_prefix(model: str, baseline_id: str | None = None) -> str:
    """Prefix of the hours whose profiles were put together, of one baseline."""
    return f"compacted/{model}/" + (f"{baseline_id}/" if baseline_id else "")


def compacted_key(model: str, baseline_id: str, hour: datetime) -> str:
    """Where all the profiles of one closed UTC hour are kept as one."""
    return f"{compacted_prefix(model, baseline_id)}{hour:%Y/%m/%d/%H}.json"


def window_hours(end: datetime, hours: int) -> list[datetime]:
    """Starts of the UTC hours that the window of `hours` hours before `end` touches, oldest first."""
    last = (end - timedelta(microseconds=1)).replace(minute=0, second=0, microsecond=0)
    return [last - timedelta(hours=back) for back in reversed(range(hours))]


def memory_prefix(model: str) -> str:
    """Prefix of what monitors keep from one look to the next."""
    return f"memory/{model}/"


def memory_key(model: str, baseline_id: str, monitor: str) -> str:
    """What a monitor keeps from one look at this baseline to the next."""
    return f"{memory_prefix(model)}{baseline_id}/{monitor}.json"


def findings_prefix(model: str) -> str:
    """Prefix of every verdict, with its evidence."""
    return f"findings/{model}/"


def findings_key(model: str, monitor: str, end: datetime) -> str:
    """Where the findings of the window that ends at `end` (UTC) are kept."""
    return f"{findings_prefix(model)}{monitor}/{end:%Y/%m/%d}/{end:%Y-%m-%dT%H%M%SZ}.json"


def first_look_key(model: str, baseline_id: str) -> str:
    """What the data-quality monitor saw when it first looked at traffic against a baseline."""
    return f"{findings_prefix(model)}first-look/{baseline_id}.json"


def model_monitor_key(model: str, end: datetime, file: str) -> str:
    """Where a file in Model Monitor's formats is kept for the window that ends at `end` (UTC)."""
    return f"{findings_prefix(model)}model-monitor/{end:%Y/%m/%d}/{end:%Y-%m-%dT%H%M%SZ}/{file}"
