"""Carries out the faults that the server does by itself: those of streams, of the port and of events."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Sequence

from attrs import define, field

from bc_replay.channels import Distortion
from bc_replay.faults import Fault, Faults, State
from bc_replay.hub import Hub
from bc_replay.kinds import Meets
from bc_replay.relay import Relay
from bc_replay.session import Session
from bc_replay.wire import Front

LOOK = 0.02  # seconds
ACTS: dict[str, Callable[[Relay], None]] = {
    "disconnect": lambda relay: relay.close(1001, "going away"),
    "rotate": lambda relay: relay.close(1001, "24 hours are over"),
    "shutdown": lambda relay: relay.close(1001, "server shutdown"),
    "reset": lambda relay: relay.reset(),
    "silence": lambda relay: relay.mute(),
}


@define(eq=False)
class Mischief:
    faults: Faults
    front: Front
    hub: Hub
    sessions: set[Session]
    now: Callable[[], int]  # the exchange's time, for serverShutdown
    _tasks: set[asyncio.Task[None]] = field(factory=set)

    async def run(self) -> None:
        while True:
            for fault in tuple(self.faults.open(Meets.STREAMS, Meets.PORT, Meets.EVENTS)):
                if fault.state is State.ARMED:
                    self._attempt(fault)
            await asyncio.sleep(LOOK)

    def _attempt(self, fault: Fault) -> None:
        if fault.kind.meets is Meets.PORT:
            fault.hit(self.faults.now)
            self._later(self.front.refuse(fault.amount))
        elif fault.kind.meets is Meets.EVENTS:
            self._end(fault, self.hub.distort(Distortion(fault.kind.name, int(fault.amount)), fault.aims_at_stream))
        elif fault.kind.name == "shutdown":
            self._shut_down(fault)
        else:
            self._end(fault, self._act(fault))

    def _end(self, fault: Fault, met: int) -> None:
        if met:
            fault.hit(self.faults.now, met)
            fault.end()

    def _act(self, fault: Fault) -> int:
        doomed = self._doomed(fault)
        for relay in doomed:
            ACTS[fault.kind.name](relay)
        return len(doomed)

    def _doomed(self, fault: Fault) -> Sequence[Relay]:
        """The stream connections that it may meet: all, or those that carry a stream of `which`."""
        if not fault.which:
            return self.front.streams()
        carrying = {session.connection for session in self.sessions if any(map(fault.aims_at_stream, session.names))}
        return [relay for relay in self.front.streams() if relay.number in carrying]

    def _shut_down(self, fault: Fault) -> None:
        doomed = self._doomed(fault)
        if not doomed:
            return
        fault.hit(self.faults.now, len(doomed))
        numbers = {relay.number for relay in doomed}
        for session in [each for each in self.sessions if each.connection in numbers]:
            at = self.now() if session.micros else self.now() // 1000
            session.announce("serverShutdown", {"e": "serverShutdown", "E": at})
        self._later(self._cut(fault, doomed))

    async def _cut(self, fault: Fault, doomed: Sequence[Relay]) -> None:
        """Whoever comes after the announcement is served by another machine, and stays."""
        await asyncio.sleep(fault.amount)
        for relay in set(doomed) & set(self.front.streams()):
            ACTS["shutdown"](relay)
        fault.end()

    def _later(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
