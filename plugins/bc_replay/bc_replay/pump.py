"""The pump: walks the recording along the clock and publishes what the subscribed streams carry."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Mapping

from attrs import define, field

from bc_replay.channels import Channel
from bc_replay.clock import Clock
from bc_replay.hub import Hub
from bc_replay.paced import emissions, next_tick
from bc_replay.tape import Tape
from bc_replay.timeline import Timeline, is_real_time
from bc_replay.wording import SPOT, Wording

BATCH = 64  # events between two looks at the listeners' room
GRAIN = 0.002  # wall seconds that an event may be late, so that a busy market is sent in runs
LOOK = 0.25  # wall seconds between two looks at what may have changed unannounced


@define(eq=False)
class Pump:
    """`room` waits until every listener can take more; at speed 0 it is what paces the clock.

    Everything with at <= `position` has been published; at speed 0 the clock follows it.
    """

    tapes: Mapping[str, Tape]
    clock: Clock
    hub: Hub
    room: Callable[[], Awaitable[None]]
    wording: Wording = SPOT
    position: int = 0
    onward: Callable[[int], bool] = lambda now: False  # where a recording loops: whether the tapes are others now
    _revision: int = -1
    _timeline: Timeline = field(factory=Timeline)
    _paced: list[Channel] = field(factory=list)

    async def run(self) -> None:
        while True:
            self.hub.unmute()
            if self.onward(self.position):
                self._revision = -1
            if not self.hub.listened:
                self.position = self.clock.market()
                await self._pause(LOOK)
            elif self.step():
                await self.room()
            else:
                await self._pause(self._wait())

    def step(self) -> bool:
        """Publish what happens next, a batch of it; False where the clock has not come to it, or at the end."""
        self._follow()
        due = self._due()
        if due is None or not self._reached(due):
            return False
        tick = self._tick()
        reach = min(at for at in (tick, self.clock.end, self._passed()) if at is not None)
        published = self._timeline.take(reach, BATCH)
        for _, _, name, record in published:
            self.hub.publish(name, self.wording.render(self.hub.channels[name].stream.symbol, record))
        left = self._timeline.due
        reached = published[-1][0] if left is not None and left <= reach else reach
        if tick is not None and min(tick, self.clock.end) == reached:
            self._emit(tick, reached)
        self.position = reached
        self.clock.advance(reached)
        return True

    def move(self, position: int) -> None:
        """Go on from elsewhere: after a seek."""
        self.position, self._revision = position, -1
        for channel in self.hub.channels.values():
            channel.since, channel.last = position, None
        self.hub.changed.set()

    def _follow(self) -> None:
        """Take up the streams that are subscribed now."""
        if self._revision == self.hub.revision:
            return
        self._revision = self.hub.revision
        channels = list(self.hub.channels.values())
        real = [channel for channel in channels if is_real_time(channel.stream, self.tapes[channel.stream.symbol])]
        self._paced = [channel for channel in channels if channel not in real]
        runs = [(c.stream, self.tapes[c.stream.symbol], max(self.position, c.since)) for c in real]
        self._timeline = Timeline(runs)

    def _due(self) -> int | None:
        """The next instant at which something may be sent; the recording's end is always one."""
        if self.position >= self.clock.end:
            return None
        return min(due for due in (self._timeline.due, self._tick(), self.clock.end) if due is not None)

    def _tick(self) -> int | None:
        return next_tick((channel.stream.cadence for channel in self._paced), self.position)

    def _passed(self) -> int | None:
        """Where the clock is by itself; None at speed 0, where it follows."""
        return None if self.clock.speed == 0 else self.clock.market()

    def _reached(self, due: int) -> bool:
        if self.clock.held:
            return False
        return self.clock.speed == 0 or due <= self.clock.market()

    def _emit(self, tick: int, now: int) -> None:
        for channel in self._paced:
            if tick % channel.stream.cadence == 0:
                for render in emissions(channel, self.tapes[channel.stream.symbol], tick, now, self.wording):
                    self.hub.publish(channel.stream.name, render)

    def _wait(self) -> float:
        due = self._due()
        seconds = None if due is None else self.clock.wall_seconds_until(due)
        return LOOK if seconds is None else min(max(seconds, GRAIN), LOOK)

    async def _pause(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self.hub.changed.wait()
        self.hub.changed.clear()
