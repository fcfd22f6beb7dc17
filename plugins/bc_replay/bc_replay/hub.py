"""The hub: who listens to what."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterator

from attrs import define, field

from bc_replay.channels import Channel, Distortion, Listener, Render
from bc_replay.markets import SPOT, Market
from bc_replay.names import Stream, delivered, stream


@define(eq=False)
class Hub:
    """`symbols` are those that can be served; any other stream is acknowledged and stays silent."""

    symbols: Collection[str]
    now: Callable[[], int]  # the recorded instant at which a subscription begins
    wall: Callable[[], float] = time.monotonic
    market: Market = SPOT
    channels: dict[str, Channel] = field(factory=dict)
    sent: Counter[str] = field(factory=Counter)
    revision: int = 0  # changes with the set of channels
    changed: asyncio.Event = field(factory=asyncio.Event)
    _muted: list[tuple[float, str, Listener]] = field(factory=list)

    @property
    def listened(self) -> bool:
        return bool(self.channels)

    def subscribe(self, listener: Listener, name: str) -> None:
        wanted = stream(name, self.market)
        if wanted is None or wanted.symbol not in self.symbols or not delivered(wanted, self.market, listener.route):
            return
        if name not in self.channels:
            self.channels[name] = Channel(wanted, self.now())
            self._touch()
        self.channels[name].listeners.add(listener)

    def subscribe_later(self, listener: Listener, name: str, until: float) -> None:
        """Acknowledged, but nothing is delivered before the wall instant `until`."""
        self._muted.append((until, name, listener))

    def unsubscribe(self, listener: Listener, name: str) -> None:
        self._muted = [row for row in self._muted if row[1:] != (name, listener)]
        channel = self.channels.get(name)
        if channel is None:
            return
        channel.listeners.discard(listener)
        if not channel.listeners:
            del self.channels[name]
            self._touch()

    def unmute(self) -> None:
        """Start the late subscriptions that are due."""
        due = [row for row in self._muted if row[0] <= self.wall()]
        for row in due:
            self._muted.remove(row)
            self.subscribe(row[2], row[1])

    def publish(self, name: str, render: Render) -> None:
        channel = self.channels.get(name)
        if channel is not None:
            self.sent[name] += channel.send(render)

    def distort(self, distortion: Distortion, aimed: Callable[[str], bool] = lambda name: True) -> int:
        """How many streams it meets: those it is aimed at that carry ids and have delivered something."""
        sequenced = (channel for channel in self.channels.values() if channel.stream.sequenced and channel.delivered)
        met = [channel for channel in sequenced if aimed(channel.stream.name)]
        for channel in met:
            channel.distort(distortion)
        return len(met)

    def streams(self) -> Iterator[Stream]:
        return (channel.stream for channel in self.channels.values())

    def _touch(self) -> None:
        self.revision += 1
        self.changed.set()
