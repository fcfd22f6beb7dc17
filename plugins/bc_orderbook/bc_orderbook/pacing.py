"""How much of the time goes into writing: a write costs much the same whatever it holds."""

from __future__ import annotations

from attrs import define

SHARE = 0.25  # of the time at most
SAVED = 0.5  # seconds of writing that idle time buys at most


@define
class Allowance:
    """Seconds of writing that may be spent. A few symbols never wait; of hundreds, each is written less often."""

    now: float
    seconds: float = SAVED

    def open(self, now: float) -> bool:
        """Whether there is any left now."""
        self.seconds = min(self.seconds + SHARE * (now - self.now), SAVED)
        self.now = now
        return self.seconds > 0.0

    def spend(self, seconds: float) -> None:
        self.seconds -= seconds
