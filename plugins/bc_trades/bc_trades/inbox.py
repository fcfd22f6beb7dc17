"""What the streams have brought and nobody has looked at yet: by symbol, and bounded."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from threading import Lock

import msgspec
from attrs import define, field, frozen

log = logging.getLogger(__name__)
Message = bytes | msgspec.Raw


@frozen
class Turn:
    """A change of what a stream brings: it is followed from now on, or something may be missing."""

    symbol: str
    joined: bool
    reason: str = ""


@define(eq=False)
class Inbox:
    """Takes a feed's messages in its thread; the source empties it in its own.

    At most `limit` messages wait. One more throws out everything of the symbol that has most: ids tell later what is
    missing, and REST has it.
    """

    streams: Mapping[str, str]  # the name of a stream -> its symbol
    limit: int
    dropped: int = field(default=0, init=False)
    _waiting: dict[str, list[Message]] = field(factory=dict, init=False)
    _turns: list[Turn] = field(factory=list, init=False)
    _count: int = field(default=0, init=False)
    _received: int | None = field(default=None, init=False)
    _full: bool = field(default=False, init=False)
    _lock: Lock = field(factory=Lock, init=False)

    def message(self, stream: str, data: Message, received: int) -> None:
        symbol = self.streams.get(stream)
        if symbol is None:
            return
        with self._lock:
            self._received = received
            waiting = self._waiting.get(symbol)
            if waiting is None:
                self._waiting[symbol] = [data]
            else:
                waiting.append(data)
            self._count += 1
            if self._count > self.limit:
                self._throw_out()

    def joined(self, streams: tuple[str, ...]) -> None:
        self._turn([Turn(self.streams[stream], True) for stream in streams if stream in self.streams])

    def lost(self, streams: tuple[str, ...], reason: str) -> None:
        self._turn([Turn(self.streams[stream], False, reason) for stream in streams if stream in self.streams])

    def empty(self) -> tuple[dict[str, list[Message]], list[Turn], int | None]:
        """Everything that waits by symbol, what happened to streams after it, and when the newest came (int us UTC)."""
        with self._lock:
            waiting, self._waiting = self._waiting, {}
            turns, self._turns = self._turns, []
            self._count, self._full = 0, False
            return waiting, turns, self._received

    def _turn(self, turns: list[Turn]) -> None:
        with self._lock:
            self._turns += turns

    def _throw_out(self) -> None:
        fullest = max(self._waiting, key=lambda symbol: len(self._waiting[symbol]))
        thrown = len(self._waiting.pop(fullest))
        self._count -= thrown
        self.dropped += thrown
        self._turns += [Turn(fullest, False, "too many trades waited"), Turn(fullest, True)]
        if not self._full:
            self._full = True
            log.warning(
                "more than %d trades wait to be stored: %d of %s are dropped, to be asked for again over REST",
                self.limit,
                thrown,
                fullest,
            )
