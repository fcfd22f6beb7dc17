"""Whether a symbol that says nothing has nothing to say. Pure: time comes in as seconds."""

from __future__ import annotations

import random
from collections.abc import Callable

from attrs import define, field

SETTLE = 2.0  # seconds in which a stream that was joined, or that REST is ahead of, should say something itself
UNJOINED, RARELY = 5.0, 30.0  # seconds between looks at a symbol whose stream is not joined: at first, and at most
SHORTEST, LONGEST = 10.0, 900.0  # seconds of silence that are looked into: at the least, and at the most
TIMES = 20.0  # a silence is long when it lasts as long as so many trades used to take
NEVER = float("inf")


@define
class Watch:
    """One symbol's stream: since when it is silent, and when REST is to be asked whether it missed something.

    *Unsure* is a symbol whose stream was not followed for a moment: until it speaks again, by id, or until REST has
    nothing newer.
    """

    now: float
    pace: float = 3.0  # seconds between trades, lately
    draw: Callable[[], float] = random.random
    joined: bool = field(default=False, init=False)
    unsure: bool = field(default=True, init=False)
    due: float = field(init=False)
    _heard: float = field(init=False)
    _spoke: bool = field(default=False, init=False)
    _asked: float | None = field(default=None, init=False)
    _missed: int = field(default=0, init=False)
    _quiet: int = field(default=0, init=False)

    def __attrs_post_init__(self) -> None:
        self.due, self._heard = self.now + UNJOINED, self.now

    @property
    def deaf(self) -> bool:
        """Whether REST has shown what the stream should have said: once after it spoke, twice if it never did."""
        return self.joined and self._missed >= (1 if self._spoke else 2)

    def join(self, now: float) -> None:
        """The stream is followed from now on. One that is replaced by another without a break is no news."""
        if not self.joined:
            self.joined, self._spoke, self._quiet = True, False, 0
            self.due = now + SETTLE * (1.0 + 0.5 * self.draw())

    def lose(self, now: float) -> None:
        """Something may be missing from now on."""
        self.joined, self.unsure, self._missed = False, True, 0
        self.due = now + UNJOINED

    def hear(self, now: float, count: int) -> None:
        """`count` rows of the stream have come."""
        self.pace += (max(now - self._heard, 0.0) / count - self.pace) * min(count / 32.0, 1.0)
        self._heard, self._spoke, self._missed, self._quiet = now, True, 0, 0
        self.unsure = False
        self.due = now + self._patience()

    def ask(self, now: float) -> bool:
        """Whether REST is to be asked now; if so, it counts as asked until `look` or `fail`."""
        if self._asked is not None or now < self.due or self.deaf:
            return False
        self._asked = now
        return True

    def fail(self, due: float) -> None:
        """REST did not answer; ask again at `due`."""
        self._asked, self.due = None, due

    def look(self, now: float, *, news: bool, more: bool) -> None:
        """What REST had: `news` that the stream has not brought, and whether there is `more` to ask for at once."""
        asked, self._asked = self._asked, None
        if more:
            self.due = now
        elif not self.joined:
            self._quiet += 1
            self.due = now + min(UNJOINED * self._quiet, RARELY)
        elif asked is not None and self._heard >= asked:
            pass  # it has spoken since, and `hear` has settled everything
        elif news:
            self._missed += 1
            self.due = now + SETTLE
        else:
            self.unsure, self._missed = False, 0
            self._quiet += 1
            self.due = now + self._patience()

    def renew(self, now: float) -> None:
        """It is deaf, and subscribed again: followed all the while, unless the feed says otherwise."""
        self.lose(now)
        self.join(now)

    def _patience(self) -> float:
        """How long a silence may last: longer after each that had nothing in it."""
        usual = min(max(self.pace * TIMES, SHORTEST), LONGEST)
        return min(usual * 2.0 ** min(self._quiet, 10), LONGEST) * (0.75 + 0.5 * self.draw())
