"""Figures of a status in words, for eyes."""

from __future__ import annotations

from bcore.instants import DAY, HOUR, MINUTE, SECOND
from bcore.status import Status


def duration(us: int) -> str:
    """A span of time in the one or two units that matter: `12 s`, `3 min`, `2 h 05 min`, `4 d 3 h`."""
    if us < 2 * MINUTE:
        return f"{max(us, 0) // SECOND} s"
    if us < HOUR:
        return f"{us // MINUTE} min"
    if us < DAY:
        return f"{us // HOUR} h {us % HOUR // MINUTE:02d} min"
    return f"{us // DAY} d {us % DAY // HOUR} h"


def lag(seconds: float | None) -> str:
    if seconds is None:
        return "-"
    return f"{seconds:.1f} s" if seconds < 120 else f"{seconds / 60:.0f} min"


def size(count: float) -> str:
    """Bytes in the unit that leaves at most four digits."""
    for unit in ("bytes", "KiB", "MiB", "GiB"):
        if count < 1024:
            return f"{count:.0f} {unit}" if unit == "bytes" or count >= 100 else f"{count:.1f} {unit}"
        count /= 1024
    return f"{count:.1f} TiB"


def days(left: float | None) -> str:
    """For the end of a sentence about a disk; nothing where that is not known."""
    if left is None:
        return ""
    return ", " + (f"{left * 24:.0f} hours left" if left < 2 else f"{left:,.0f} days left") + " at this pace"


def of_gaps(status: Status) -> str:
    if not status.missing:
        return ""
    return f"{counted(status.gaps, 'gap')} open ({counted(status.missing, 'id')})"


def of_exchanges(status: Status) -> str:
    lost = sum(each.reconnects for each in status.exchanges)
    planned = sum(each.rotations for each in status.exchanges)
    told = [counted(count, noun) for count, noun in ((lost, "reconnect"), (planned, "rotation")) if count]
    return " · ".join(told)


def counted(count: int, noun: str) -> str:
    return f"{count:,} {noun}" + ("" if count == 1 else "s")
