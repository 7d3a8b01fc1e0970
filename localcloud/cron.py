"""When a schedule fires: rate(…), cron(…) and at(…), as EventBridge reads them."""

from __future__ import annotations

import calendar
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from localcloud.errors import LocalCloudError

_MONTHS = {name.upper(): number for number, name in enumerate(calendar.month_abbr) if name}
_DAYS = {name: number for number, name in enumerate(("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"), start=1)}
_UNITS = {"second": 1, "minute": 60, "hour": 3600, "day": 86400}
_HORIZON_DAYS = 366 * 5


class ScheduleError(LocalCloudError):
    """A schedule expression is not one."""


@dataclass(frozen=True)
class Rate:
    """Fires every so often."""

    every: timedelta

    def after(self, moment: datetime) -> datetime | None:
        """Return the next time."""
        return moment + self.every


@dataclass(frozen=True)
class At:
    """Fires once."""

    when: datetime

    def after(self, moment: datetime) -> datetime | None:
        """Return the time, or None once it has passed."""
        return self.when if self.when > moment else None


@dataclass(frozen=True)
class Cron:
    """Fires by the calendar, in a time zone.

    `days` and `weekdays` hold the raw fields, since `L`, `W` and `#` depend on the month.
    """

    minutes: frozenset[int]
    hours: frozenset[int]
    days: str
    months: frozenset[int]
    weekdays: str
    years: frozenset[int]
    zone: ZoneInfo

    def after(self, moment: datetime) -> datetime | None:
        """Return the next time, or None if there is none within five years."""
        start = (moment.astimezone(self.zone) + timedelta(minutes=1)).replace(second=0, microsecond=0)
        for offset in range(_HORIZON_DAYS):
            day = (start + timedelta(days=offset)).date()
            if (
                day.year not in self.years
                or day.month not in self.months
                or not self._falls_on(day.year, day.month, day.day)
            ):
                continue
            for hour in sorted(self.hours):
                for minute in sorted(self.minutes):
                    found = datetime(day.year, day.month, day.day, hour, minute, tzinfo=self.zone)
                    if found >= start:
                        return found.astimezone(UTC)
        return None

    def _falls_on(self, year: int, month: int, day: int) -> bool:
        last = calendar.monthrange(year, month)[1]
        weekday = (calendar.weekday(year, month, day) + 1) % 7 + 1
        if self.days != "?":
            return day in _days_of_month(self.days, year, month, last)
        if self.weekdays.endswith("L") and self.weekdays != "L":
            return weekday == _number(self.weekdays[:-1], _DAYS) and day + 7 > last
        if "#" in self.weekdays:
            name, nth = self.weekdays.split("#")
            return weekday == _number(name, _DAYS) and (day - 1) // 7 + 1 == int(nth)
        return weekday in _field("SAT" if self.weekdays == "L" else self.weekdays, 1, 7, _DAYS)


def _days_of_month(field: str, year: int, month: int, last: int) -> set[int]:
    if field == "L":
        return {last}
    if field.endswith("W"):
        wanted = min(int(field[:-1]), last)
        weekday = calendar.weekday(year, month, wanted)
        if weekday == 5:
            wanted += -1 if wanted > 1 else 2
        elif weekday == 6:
            wanted += 1 if wanted < last else -2
        return {wanted}
    return set(_field(field, 1, 31, {}))


def _number(text: str, names: dict[str, int]) -> int:
    return names[text.upper()] if text.upper() in names else int(text)


def _field(text: str, low: int, high: int, names: dict[str, int]) -> frozenset[int]:
    found: set[int] = set()
    for part in text.split(","):
        span, _, step = part.partition("/")
        if span in ("*", "?"):
            first, last = low, high
        elif "-" in span:
            first, last = (_number(end, names) for end in span.split("-"))
        else:
            first = _number(span, names)
            last = high if step else first
        found |= set(range(first, last + 1, int(step or 1)))
    if not found or min(found) < low or max(found) > high:
        raise ValueError(f"{text!r} is not within {low}-{high}")
    return frozenset(found)


def parse(expression: str, zone: str = "UTC") -> Rate | At | Cron:
    """Read a schedule expression.

    Raises
    ------
    ScheduleError
        It is none.
    """
    match = re.fullmatch(r"(rate|cron|at)\((.+)\)", expression.strip())
    try:
        if match is None:
            raise ValueError("expected rate(…), cron(…) or at(…)")
        kind, text = match.groups()
        if kind == "rate":
            value, unit = text.split()
            return Rate(timedelta(seconds=int(value) * _UNITS[unit.rstrip("s")]))
        if kind == "at":
            return At(datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).astimezone(UTC))
        minute, hour, day, month, weekday, year = text.split()
        if (day == "?") == (weekday == "?"):
            raise ValueError("exactly one of day-of-month and day-of-week must be '?'")
        return Cron(
            minutes=_field(minute, 0, 59, {}),
            hours=_field(hour, 0, 23, {}),
            days=day,
            months=_field(month, 1, 12, _MONTHS),
            weekdays=weekday,
            years=_field(year, 1970, 2199, {}),
            zone=ZoneInfo(zone),
        )
    except (ValueError, KeyError) as error:
        raise ScheduleError(f"{expression!r} is not a schedule expression: {error}.") from error
