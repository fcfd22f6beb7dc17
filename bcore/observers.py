"""Observers of events (the hook `bcore_event`): each is told in a thread of its own, and one that hangs is left out.

Whoever emits an event waits until its observers have seen it, as if they had been called on the spot: what happened
before is seen before. But no longer than `PATIENCE`: a collector must not stand still for an observer.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from queue import Empty, SimpleQueue
from threading import Event as Flag
from threading import Lock, Thread, current_thread
from typing import TYPE_CHECKING, Any

from attrs import define, field

if TYPE_CHECKING:
    from bcore.events import Event

log = logging.getLogger(__name__)
PATIENCE = 5.0
IDLE = 2.0  # seconds after which a thread that is told nothing ends; the next event begins another


@define(eq=False)
class Observer:
    """One plugin's observer. `seconds` is how long it was busy with `events` events; `hangs` is for good."""

    name: str
    function: Callable[[Event], Any]
    patience: float = PATIENCE
    seconds: float = field(default=0.0, init=False)
    events: int = field(default=0, init=False)
    hangs: bool = field(default=False, init=False)
    _told: SimpleQueue[tuple[Event, Flag]] = field(factory=SimpleQueue, init=False)
    _thread: Thread | None = field(default=None, init=False)
    _lock: Lock = field(factory=Lock, init=False)

    def tell(self, event: Event) -> None:
        """Returns when the observer has seen the event, has failed, or has had its time."""
        if current_thread() is self._thread:  # it emits an event itself
            self._see(event)
            return
        with self._lock:
            if self.hangs:
                return
            if self._thread is None:
                self._thread = Thread(target=self._listen, name=f"observer {self.name}", daemon=True)
                self._thread.start()
            seen = Flag()
            self._told.put((event, seen))
            if not seen.wait(self.patience):
                self.hangs = True
                self.seconds += self.patience
                log.error(
                    "the observer of plugin %s hangs: it has been busy with %s for %g s, and is told nothing any more",
                    self.name,
                    type(event).__name__,
                    self.patience,
                )

    def _listen(self) -> None:
        while True:
            try:
                event, seen = self._told.get(timeout=IDLE)
            except Empty:
                if self._lock.acquire(blocking=False):  # nobody is about to tell us something
                    self._thread = None
                    self._lock.release()
                    return
                continue
            self._see(event)
            seen.set()
            if self.hangs:
                return

    def _see(self, event: Event) -> None:
        began = time.perf_counter()
        try:
            self.function(event)
        except Exception:
            log.exception("the observer of plugin %s failed", self.name)
        finally:
            if not self.hangs:
                self.seconds += time.perf_counter() - began
                self.events += 1
