"""The collector's clock: real time, and waiting that ends at once when the work is asked to stop."""

from __future__ import annotations

import time
from threading import Event

from attrs import define, field

from bcore.errors import Stopped


@define
class SystemClock:
    """Real time. `stopping` is set by whoever wants the work to stop."""

    stopping: Event = field(factory=Event)

    def now(self) -> int:
        return time.time_ns() // 1000

    def monotonic(self) -> float:
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        if self.stopping.wait(max(seconds, 0.0)):
            raise Stopped("asked to stop")
