"""From the recorder's clock to the exchange's."""

from __future__ import annotations

from statistics import median_low

from attrs import define

from bc_replay.errors import RecordingError


def micros(instant: int) -> int:
    """An exchange time in ms or us as us (protocol section 2.1: 10^14 and more is us)."""
    return instant if instant >= 10**14 else instant * 1000


def received(text: str) -> int:
    """A receive time in ns, us, ms or (fractional) seconds as us, told apart by magnitude; ValueError if none."""
    whole, dot, fraction = text.partition(".")
    if dot:
        return int(whole) * 1_000_000 + int(fraction[:6].ljust(6, "0"))
    number = int(whole)
    if number >= 10**17:
        return number // 1000
    return micros(number) if number >= 10**11 else number * 1_000_000


def offset(differences: list[int]) -> int:
    """The exchange's clock minus the recorder's: the median over the events that carry both."""
    return median_low(differences) if differences else 0


@define
class HappeningClock:
    """Gives each record of one file, in recorded order, its `at`: never falling, never before its own time."""

    offset: int = 0
    latest: int = 0

    def at(self, receive: int | None, own: int) -> int:
        """`receive` None: the file has no receive times, and the record happens at its own time."""
        if receive is None:
            return own
        self.latest = max(self.latest, receive + self.offset, own)
        return self.latest


def sensible(instant: int) -> int:
    """`instant` if it lies in the exchange's lifetime (2017 to 2100); RecordingError where units must be wrong."""
    if 1_483_228_800_000_000 <= instant < 4_102_444_800_000_000:
        return instant
    raise RecordingError(f"the time {instant} us lies outside 2017 to 2100: not a time in ms or us")
