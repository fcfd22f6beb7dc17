"""Supervised loops: one thread per source, backoff when a pass fails, a clean stop."""

from __future__ import annotations

import logging
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Event as Flag
from threading import Thread
from types import FrameType

from attrs import define, field

from bcore.app import App
from bcore.backoff import Backoff
from bcore.clock import SystemClock
from bcore.collect import Job
from bcore.errors import Stopped, SymbolsError
from bcore.events import Event, SourceFailed, SourcePassed, SourceRecovered, SourceStarted, SourceStopped

log = logging.getLogger(__name__)
JOIN_SECONDS = 3.0


@define
class Runner:
    """Runs the jobs of an app until stopped. `errors` has the last error of each source whose last pass failed.

    `left` are the threads that did not end with it.
    """

    app: App
    clock: SystemClock
    backoff: Backoff = field(factory=Backoff)
    errors: dict[str, Exception] = field(factory=dict, init=False)
    left: list[Thread] = field(factory=list, init=False)

    def run(self, jobs: list[Job], *, until: Callable[[], bool] | None = None) -> None:
        """Loops over every job until the clock is told to stop, or `until()` (asked ten times a second) holds."""
        threads = self._start(jobs, self._loop)
        while not self.clock.stopping.wait(0.1):
            if (until is not None and until()) or not any(thread.is_alive() for thread in threads):
                break
        self.stop(threads)

    def once(self, jobs: list[Job]) -> None:
        """One pass of every job, side by side. Failures are in `errors`."""
        threads = self._start(jobs, self._pass)
        while any(thread.is_alive() for thread in threads) and not self.clock.stopping.wait(0.02):
            pass
        self.stop(threads)

    def stop(self, threads: list[Thread]) -> None:
        """Stops at once what waits, lets an append end, and leaves a request that hangs to the end of the process."""
        self.clock.stopping.set()
        deadline = self.clock.monotonic() + JOIN_SECONDS
        for thread in threads:
            thread.join(max(deadline - self.clock.monotonic(), 0.0))
        self.left = [thread for thread in threads if thread.is_alive()]
        for thread in self.left:
            log.warning("source %s did not stop in time; nothing of it is half-stored", thread.name)

    def _start(self, jobs: list[Job], work: Callable[[Job], object]) -> list[Thread]:
        threads = [Thread(target=work, args=(job,), name=job.name, daemon=True) for job in jobs]
        for thread in threads:
            thread.start()
        return threads

    def _loop(self, job: Job) -> None:
        self.app.emit(SourceStarted(job.name, tuple(job.source.symbols)))
        failures = 0
        try:
            while True:
                failures = self._follow(job, failures) if job.live else self._pass(job, failures)
                error = self.errors.get(job.name)
                self.clock.sleep(job.source.interval if error is None else self._failed(job, error, failures))
        except Stopped:
            pass
        finally:
            self.app.emit(SourceStopped(job.name))

    def _follow(self, job: Job, failures: int) -> int:
        """Follows a source live until it ends or fails; returns the number of failures in a row.

        It is in a row only if nothing was caught up in between.
        """
        well = [failures]

        def emit(event: Event) -> None:
            if isinstance(event, SourcePassed):
                self._recovered(job, well[0])
                well[0] = 0
            self.app.emit(event)

        try:
            job.run_live(emit)
        except Stopped:
            raise
        except Exception as error:
            self.errors[job.name] = error
            log.debug("source %s failed", job.name, exc_info=True)
            return well[0] + 1
        return 0

    def _recovered(self, job: Job, failures: int) -> None:
        self.errors.pop(job.name, None)
        if failures:
            self.app.emit(SourceRecovered(job.name, failures))

    def _pass(self, job: Job, failures: int = 0) -> int:
        """One pass; returns the number of failures in a row, this one included."""
        try:
            rows = job.run_once(self.app.emit)
        except Stopped:
            return failures
        except Exception as error:
            self.errors[job.name] = error
            log.debug("source %s failed", job.name, exc_info=True)
            return failures + 1
        self._recovered(job, failures)
        self.app.emit(SourcePassed(job.name, rows))
        return 0

    def _failed(self, job: Job, error: Exception, failures: int) -> float:
        # Symbols that fail wait by themselves (roster.py): the others are not to be held up for them.
        alone = isinstance(error, SymbolsError)
        seconds = job.source.interval if alone else self.backoff.seconds(failures, error)
        self.app.emit(SourceFailed(job.name, error, seconds, failures))
        return seconds


@contextmanager
def stop_on_signals(stopping: Flag) -> Iterator[None]:
    """While inside, SIGINT and SIGTERM set the flag instead of ending the process; a second SIGINT is a plain one."""

    def stop(number: int, frame: FrameType | None) -> None:
        stopping.set()
        signal.signal(signal.SIGINT, signal.default_int_handler)

    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
