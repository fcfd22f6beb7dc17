"""Commands of ours that run beside the collector, in processes of their own: what they do cannot hold it up."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from threading import Event as Flag
from threading import Thread
from types import FrameType
from typing import IO

from attrs import define, field

from bcore.backoff import Backoff
from bcore.errors import ConfigError, StoreError

log = logging.getLogger(__name__)
GRACE = 5.0  # seconds to end in
LONG = 60.0  # seconds after which an end is not the last one's sequel


@define
class Child:
    """A command, started again when it ends by itself. Every line that it prints goes to `say`.

    Its standard input is a pipe that ends with this process, however that ends: the command is to watch it.
    """

    name: str
    command: Sequence[str]
    say: Callable[[str], None]
    backoff: Backoff = field(factory=Backoff)
    _process: subprocess.Popen[str] | None = field(default=None, init=False)
    _over: Flag = field(factory=Flag, init=False)
    _tending: Thread | None = field(default=None, init=False)

    def start(self) -> None:
        """Returns when the command has said its first line. Raises `ConfigError` if it ends before that."""
        process = self._begun()
        assert process.stdout is not None
        assert process.stderr is not None
        first = process.stdout.readline()
        if not first:
            why = process.stderr.read().strip() or f"ended with exit code {process.wait()}"
            self._put_away(process)
            raise ConfigError([f"{self.name} did not start: {why}"])
        self._told(first)
        self._tending = Thread(target=self._tend, args=(process,), name=f"tending {self.name}", daemon=True)
        self._tending.start()

    def reload(self) -> None:
        """Asks it to begin anew, as SIGHUP does."""
        if self._process is not None:
            self._process.send_signal(signal.SIGHUP)

    def close(self) -> None:
        """Ends it: asked first, and not asked after GRACE seconds."""
        self._over.set()
        if self._process is not None:
            self._process.terminate()
        if self._tending is not None:
            self._tending.join(2 * GRACE)

    def _begun(self) -> subprocess.Popen[str]:
        pipe = subprocess.PIPE
        self._process = subprocess.Popen(
            self.command, stdin=pipe, stdout=pipe, stderr=pipe, text=True, errors="replace"
        )
        return self._process

    def _tend(self, process: subprocess.Popen[str]) -> None:
        failures = 0
        while True:
            began = time.monotonic()
            self._accompany(process)
            if self._over.is_set():
                return
            failures = 1 if time.monotonic() - began > LONG else failures + 1
            pause = self.backoff.seconds(failures, StoreError("ended"))
            log.error("%s ended with exit code %s; it is started again in %.1f s", self.name, process.returncode, pause)
            if self._over.wait(pause):
                return
            process = self._begun()
            if self._over.is_set():  # asked to end while it began
                process.terminate()

    def _accompany(self, process: subprocess.Popen[str]) -> None:
        """Until it has ended."""
        assert process.stdout is not None
        assert process.stderr is not None
        complaints = Thread(target=self._relay, args=(process.stderr,), daemon=True)
        complaints.start()
        self._relay(process.stdout)
        self._put_away(process)
        complaints.join(GRACE)

    def _relay(self, lines: IO[str]) -> None:
        with suppress(ValueError):  # closed under us
            for line in lines:
                self._told(line)

    def _told(self, line: str) -> None:
        self.say(f"{self.name}: {line.rstrip()}")

    def _put_away(self, process: subprocess.Popen[str]) -> None:
        try:
            process.wait(GRACE)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        for stream in (process.stdin, process.stdout, process.stderr):
            if stream is not None:
                with suppress(OSError):
                    stream.close()


@contextmanager
def beside(child: Child | None) -> Iterator[None]:
    """While inside, the child runs, and SIGHUP is for it. Raises `ConfigError` if it does not start."""
    if child is None:
        yield
        return

    def reload(number: int, frame: FrameType | None) -> None:
        child.reload()

    before = signal.signal(signal.SIGHUP, reload)
    try:
        child.start()
        yield
    finally:
        child.close()
        signal.signal(signal.SIGHUP, before)


def end_with_input() -> None:
    """Ends this process, as SIGTERM does, when its standard input ends: with the one that started it."""

    def watch() -> None:
        while os.read(0, 4096):  # not through sys.stdin, whose locks a fork would copy
            pass
        os.kill(os.getpid(), signal.SIGTERM)

    Thread(target=watch, name="watching input", daemon=True).start()
