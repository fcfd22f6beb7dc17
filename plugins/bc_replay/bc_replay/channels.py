"""Channels, one per subscribed stream: they render an event once per form and deliver it, distorted on demand."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Callable
from typing import Any, Protocol

import msgspec
from attrs import define, field, frozen

from bc_replay.frames import text_frame
from bc_replay.names import Stream

Render = Callable[[bool], Any]
REMEMBERED = 1000


class Listener(Protocol):
    """A connection. `micros` and `combined` choose the form in which it gets events, `route` which it gets."""

    micros: bool
    combined: bool
    route: str

    def deliver(self, frame: bytes) -> None: ...


_encoder = msgspec.json.Encoder()


def encoded(body: object) -> bytes:
    """Compact JSON, as the exchange sends it."""
    return _encoder.encode(body)


def compact(body: object) -> str:
    return json.dumps(body, separators=(",", ":"), ensure_ascii=False)


@define(eq=False)
class Message:
    """One event of one stream, made into a frame at most once for each form that a listener wants."""

    name: str
    render: Render
    _frames: dict[tuple[bool, bool], bytes] = field(factory=dict, init=False)

    def frame(self, micros: bool, combined: bool) -> bytes:
        form = micros, combined
        frame = self._frames.get(form)
        if frame is None:
            body = self.render(micros)
            frame = text_frame(encoded({"stream": self.name, "data": body} if combined else body))
            self._frames[form] = frame
        return frame


@frozen
class Distortion:
    """`gap` drops the next `count` events, `reorder` delivers them backwards, `duplicate` sends the last ones again."""

    kind: str
    count: int


@define(eq=False)
class Channel:
    stream: Stream
    since: int = 0  # events up to this recorded instant are not its
    listeners: set[Listener] = field(factory=set)
    delivered: int = 0
    last: object = None  # what a paced stream sent last, so that it is silent while nothing changes
    _history: deque[Message] = field(factory=lambda: deque(maxlen=REMEMBERED))
    _dropping: int = 0
    _reversing: int = 0
    _held: list[Message] = field(factory=list)

    def send(self, render: Render) -> int:
        """How many events went out: none inside a gap, several where events come back or were held."""
        out = self._distorted(Message(self.stream.name, render))
        for message in out:
            self._deliver(message)
        self._history.extend(out)
        self.delivered += len(out)
        return len(out)

    def distort(self, distortion: Distortion) -> int:
        """Begin to drop or reverse, or send again at once. How many events it is about."""
        if distortion.kind == "gap":
            self._dropping += distortion.count
        elif distortion.kind == "reorder":
            self._reversing = distortion.count
        else:
            return self._again(distortion.count)
        return distortion.count

    def _again(self, count: int) -> int:
        repeated = list(self._history)[-count:]
        for message in repeated:
            self._deliver(message)
        return len(repeated)

    def _distorted(self, message: Message) -> list[Message]:
        if self._dropping:
            self._dropping -= 1
            return []
        if not self._reversing:
            return [message]
        self._held.append(message)
        if len(self._held) < self._reversing:
            return []
        out, self._held, self._reversing = self._held[::-1], [], 0
        return out

    def _deliver(self, message: Message) -> None:
        for listener in tuple(self.listeners):
            listener.deliver(message.frame(listener.micros, listener.combined))
