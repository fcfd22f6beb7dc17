"""How often connections may be opened: 300 times in five minutes per IP address (protocol section 5)."""

from __future__ import annotations

from collections import deque
from threading import Lock

from attrs import define, field

from bcore.protocols import Clock

WINDOW = 300.0  # seconds


@define
class Attempts:
    """Shared by all feeds of one exchange object, in whichever thread they run. `limit` attempts fit into a window."""

    clock: Clock
    limit: int = 200
    _made: deque[float] = field(factory=deque, init=False)
    _numbers: int = field(default=0, init=False)
    _lock: Lock = field(factory=Lock, init=False)

    def take(self) -> float:
        """Reserves the next attempt; returns the seconds to wait before making it."""
        with self._lock:
            now = self.clock.monotonic()
            while self._made and self._made[0] <= now - WINDOW:
                self._made.popleft()
            at = now if len(self._made) < self.limit else max(self._made[-self.limit] + WINDOW, now)
            self._made.append(at)
            return at - now

    def number(self) -> int:
        """The number of the next connection, from 1: no two connections of the exchange share one."""
        with self._lock:
            self._numbers += 1
            return self._numbers
