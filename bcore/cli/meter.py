"""How far long work is: a line that is redrawn each second on a terminal, plain lines elsewhere. On standard error."""

from __future__ import annotations

import shutil
import sys
from threading import Event as Flag
from threading import Lock, Thread
from typing import TextIO

import click
from attrs import define, field

from bcore.protocols import Clock


@define
class Meter:
    """Counts parts and rows of `what`; safe to use from several threads.

    `parts` is how many there are, `total` their size in whatever unit `advance` counts: the time left is told from it.
    """

    clock: Clock
    what: str
    parts: int = 0
    total: float = 0
    unit: str = "files"
    stream: TextIO = field(factory=lambda: sys.stderr)
    every: float = 10.0
    done: int = field(default=0, init=False)
    rows: int = field(default=0, init=False)
    size: float = field(default=0, init=False)
    _began: float = field(default=0.0, init=False)
    _lock: Lock = field(factory=Lock, init=False)
    _over: Flag = field(factory=Flag, init=False)
    _thread: Thread | None = field(default=None, init=False)
    _drawn: bool = field(default=False, init=False)

    @property
    def live(self) -> bool:
        return self.stream.isatty()

    def advance(self, *, rows: int = 0, size: float = 0, parts: int = 0) -> None:
        with self._lock:
            self.rows += rows
            self.size += size
            self.done += parts

    def expect(self, total: float) -> None:
        """Says how large the whole is, where it turns out late."""
        with self._lock:
            self.total = total

    def say(self, sentence: str) -> None:
        """A line of its own."""
        with self._lock:
            self._wipe()
            click.echo(f"bcore: {sentence}", file=self.stream)

    def __enter__(self) -> Meter:
        self._began = self.clock.monotonic()
        self._thread = Thread(target=self._show_until_over, name="meter", daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        if self._thread:
            self._thread.join(2.0)
        with self._lock:
            self._wipe()
            if self.done or self.rows:
                click.echo(self.line(), file=self.stream)

    def line(self) -> str:
        """`trades/BTCUSDT: 12/31 files, 34,000,000 rows, 1,200,000/s, 3 min left`."""
        seconds = max(self.clock.monotonic() - self._began, 1e-9)
        of = f"/{self.parts}" if self.parts else ""
        parts = f" {self.done}{of} {self.unit}," if self.parts or self.done else ""
        told = f"{self.what}:{parts} {self.rows:,} rows, {self.rows / seconds:,.0f}/s"
        left = self.total - self.size
        if self._over.is_set() or not self.size or left <= 0:
            return told
        return f"{told}, {spoken(left / self.size * seconds)} left"

    def _show_until_over(self) -> None:
        while not self._over.wait(1.0 if self.live else self.every):
            with self._lock:
                if self._over.is_set():  # while we waited for our turn: what follows is no longer ours to mix with
                    return
                self._wipe()
                line = self.line()
                if self.live:
                    self.stream.write(line[: shutil.get_terminal_size().columns - 1])
                    self.stream.flush()
                    self._drawn = True
                else:
                    click.echo(line, file=self.stream)

    def _wipe(self) -> None:
        if self._drawn:
            self.stream.write("\r\x1b[K")
            self._drawn = False


def spoken(seconds: float) -> str:
    """A length of time for people: `45 s`, `12 min`, `3.5 h`."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
