"""Whether a stream that says nothing has nothing to say. Pure: time comes in as seconds."""

from __future__ import annotations

import random
from collections.abc import Callable

from attrs import define, field

SETTLE = 2.0  # seconds in which a stream should bring what REST has, and after joining say something itself
SHORTEST, LONGEST = 10.0, 900.0  # seconds of silence that are looked into: at the least, and at the most
TIMES = 20.0  # a silence is long when it lasts as long as so many events used to take
NEVER = float("inf")


@define
class Watch:
    """One symbol's stream: whether it is followed, and when REST is to be asked for the id of its book.

    *Unsure* is a stream that was not followed for a moment, until it speaks again or REST has nothing newer.
    """

    pace: float = 1.0  # seconds between events, lately
    draw: Callable[[], float] = random.random
    joined: bool = field(default=False, init=False)
    unsure: bool = field(default=True, init=False)
    spoke: bool = field(default=False, init=False)  # since it was joined
    _due: float = field(default=NEVER, init=False)
    _heard: float | None = field(default=None, init=False)
    _quiet: int = field(default=0, init=False)
    _expected: int = field(default=0, init=False)
    _deadline: float = field(default=NEVER, init=False)

    def join(self, now: float) -> None:
        """The stream is followed from now on. One that another connection takes over is no news."""
        if not self.joined:
            self.joined, self.spoke, self._quiet = True, False, 0
            self._due = now + SETTLE * (1.0 + 0.5 * self.draw())

    def lose(self) -> None:
        """Something may be missing from now on."""
        self.joined, self.unsure, self.spoke = False, True, False
        self._due = self._deadline = NEVER

    def renew(self, now: float) -> None:
        """It is subscribed again, and followed all the while, unless the feed says otherwise."""
        self.lose()
        self.join(now)

    def hear(self, now: float, count: int) -> None:
        """`count` events have come."""
        if self._heard is not None:
            self.pace += ((now - self._heard) / count - self.pace) * min(count / 32.0, 1.0)
        self._heard, self._quiet, self.unsure, self.spoke = now, 0, False, True
        self._due = now + self._patience()

    def due(self, now: float) -> bool:
        """Whether REST is to be asked now which id the book has."""
        return self.joined and now >= self._due and self._deadline == NEVER

    def put_off(self, now: float) -> None:
        """The book is fresh from REST: ask when the stream has had time to go on from there."""
        self._due = now + SETTLE

    def look(self, now: float, shown: int, reached: int) -> None:
        """REST shows the book with id `shown`; the stream has brought it to `reached`."""
        if shown > reached:
            self._expected, self._deadline = shown, now + SETTLE
            return
        if shown == reached:
            self.unsure = False
        self._quiet += 1
        self._due = now + (self._patience() if self.spoke else SETTLE * 2.0 ** min(self._quiet, 6))

    def overdue(self, now: float, reached: int) -> bool:
        """Whether the stream has not brought in time what REST has. Said once."""
        if now < self._deadline:
            return False
        self._deadline, self._due = NEVER, now + SETTLE
        return reached < self._expected

    def _patience(self) -> float:
        """How long a silence may last: longer after each that had nothing in it."""
        usual = min(max(self.pace * TIMES, SHORTEST), LONGEST)
        return min(usual * 2.0 ** min(self._quiet, 10), LONGEST) * (0.75 + 0.5 * self.draw())
