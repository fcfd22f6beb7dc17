"""A clock that moves when it is told to."""

from __future__ import annotations

from attrs import define

START = 1_600_000_000_000_000


@define
class MovingClock:
    """Wall time and monotonic seconds go together; `sleep` moves both and does not wait."""

    seconds: float = 0.0

    def now(self) -> int:
        return START + round(self.seconds * 1e6)

    def monotonic(self) -> float:
        return self.seconds

    def sleep(self, seconds: float) -> None:
        self.seconds += seconds
