"""What the exchange watches on a stream connection: pongs, message rate, age (protocol section 5)."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable

from attrs import define, field, frozen

from bc_replay.frames import PING, PONG, Frame, control_frame

DAY = 24 * 3600.0


@frozen
class Habits:
    """Seconds; `rate` is client messages in one second."""

    ping_every: float = 20.0
    pong_within: float = 60.0
    lifetime: float = DAY
    rate: int = 5


@define
class Keepalive:
    habits: Habits
    clock: Callable[[], float] = time.monotonic
    wall: Callable[[], float] = time.time
    opened: float = field(init=False)
    pings: int = 0
    _due: float = field(init=False)
    _unanswered: dict[bytes, float] = field(factory=dict)
    _recent: deque[float] = field(factory=deque)

    def __attrs_post_init__(self) -> None:
        self.opened = self.clock()
        self._due = self.opened + self.habits.ping_every

    def ping(self) -> bytes | None:
        """A ping frame if one is due; its payload is the epoch time in ms."""
        now = self.clock()
        if now < self._due:
            return None
        self._due = now + self.habits.ping_every
        payload = str(int(self.wall() * 1000)).encode()
        self._unanswered[payload] = now
        self.pings += 1
        return control_frame(PING, payload)

    def heard(self, frame: Frame) -> bool:
        """False where the client sends more than it may. A pong counts as an answer only with a ping's payload."""
        now = self.clock()
        if frame.opcode == PONG and frame.payload in self._unanswered:
            answered = self._unanswered[frame.payload]
            self._unanswered = {p: sent for p, sent in self._unanswered.items() if sent > answered}
        self._recent.append(now)
        while self._recent[0] <= now - 1.0:
            self._recent.popleft()
        return len(self._recent) <= self.habits.rate

    @property
    def unresponsive(self) -> bool:
        """Whether a ping has been waiting for its pong for too long."""
        return any(self.clock() - sent > self.habits.pong_within for sent in self._unanswered.values())

    @property
    def too_old(self) -> bool:
        return self.clock() - self.opened > self.habits.lifetime
