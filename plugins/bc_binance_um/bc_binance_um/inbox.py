"""Where the feed's thread leaves what it hears, for the source to take."""

from __future__ import annotations

from collections.abc import Mapping
from threading import Lock

import msgspec
from attrs import define, field

Message = bytes | msgspec.Raw


@define
class Heard:
    """What has come since it was last asked: messages by symbol, the symbols whose stream was joined, and lost."""

    messages: dict[str, list[Message]] = field(factory=dict)
    joined: dict[str, None] = field(factory=dict)
    lost: dict[str, str] = field(factory=dict)
    newest: int | None = None


@define(eq=False)
class Inbox:
    """`symbols` by stream; at most `limit` messages wait, what exceeds them is dropped and told as lost."""

    symbols: Mapping[str, str]
    limit: int
    _heard: Heard = field(factory=Heard, init=False)
    _waiting: int = field(default=0, init=False)
    _lock: Lock = field(factory=Lock, init=False)

    def message(self, stream: str, data: Message, received: int) -> None:
        symbol = self.symbols[stream]
        with self._lock:
            self._heard.newest = received
            if self._waiting >= self.limit:
                self._heard.lost[symbol] = f"more than {self.limit} marks waited"
                return
            self._waiting += 1
            self._heard.messages.setdefault(symbol, []).append(data)

    def joined(self, streams: tuple[str, ...]) -> None:
        with self._lock:
            self._heard.joined.update((self.symbols[stream], None) for stream in streams)

    def lost(self, streams: tuple[str, ...], reason: str) -> None:
        with self._lock:
            self._heard.lost.update((self.symbols[stream], reason) for stream in streams)

    def empty(self) -> Heard:
        """Takes everything."""
        with self._lock:
            heard, self._heard, self._waiting = self._heard, Heard(), 0
        return heard
