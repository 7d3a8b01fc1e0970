"""Lengths of time as people read them."""

from __future__ import annotations

from datetime import timedelta


def lasting(length: timedelta) -> str:
    """A length of time in its two largest units."""
    minutes = int(length.total_seconds()) // 60
    units = (("day", minutes // 1440), ("hour", minutes // 60 % 24), ("minute", minutes % 60))
    named = [f"{count} {unit}{'' if count == 1 else 's'}" for unit, count in units if count]
    return " ".join(named[:2]) or "less than a minute"
