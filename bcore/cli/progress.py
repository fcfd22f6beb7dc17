"""What a collector shows while it works: a live table on a terminal, plain lines elsewhere. On standard error."""

from __future__ import annotations

import shutil
import sys
from threading import Event as Flag
from threading import Lock, Thread
from typing import TextIO

import click
from attrs import define, field

from bcore.cli.output import aligned
from bcore.errors import UnreachableError
from bcore.events import BatchStored, Event, RowsRejected, SourceFailed, SourceRecovered
from bcore.protocols import Clock

REMIND = 30.0  # seconds after which a trouble that goes on is said again
HEAD = ("series", "rows", "rows/s", "last", "lag")


@define
class Line:
    """What is known of one series since the collector came up."""

    rows: int = 0
    rejected: int = 0
    last: str = "-"
    lag: float | None = None
    rate: float = 0.0
    counted: int = 0

    def tick(self, seconds: float) -> None:
        """Takes the rate over the last `seconds`."""
        self.rate = (self.rows - self.counted) / seconds if seconds > 0 else 0.0
        self.counted = self.rows


@define
class Progress:
    """Listens to events and shows them every `every` seconds (a live table each second on a terminal)."""

    clock: Clock
    stream: TextIO = field(factory=lambda: sys.stderr)
    hint: str | None = None
    every: float = 10.0
    lines: dict[str, Line] = field(factory=dict, init=False)
    troubles: dict[str, tuple[str, float]] = field(factory=dict, init=False)
    _lock: Lock = field(factory=Lock, init=False)
    _over: Flag = field(factory=Flag, init=False)
    _thread: Thread | None = field(default=None, init=False)
    _drawn: int = field(default=0, init=False)
    _ticked: float = field(default=0.0, init=False)

    @property
    def live(self) -> bool:
        return self.stream.isatty()

    def on_event(self, event: Event) -> None:
        with self._lock:
            if isinstance(event, BatchStored):
                self._stored(event)
            elif isinstance(event, RowsRejected):
                line = self.lines.setdefault(f"{event.dataset}/{event.symbol}", Line())
                line.rejected += len(event.rows)
            elif isinstance(event, SourceRecovered):
                self.troubles.pop(event.source, None)
                self._say(f"{event.source}: works again")
            elif isinstance(event, SourceFailed):
                self._failed(event)

    def say_failed(self, source: str, error: Exception) -> None:
        """One sentence about a failure, with the hint if no exchange was reached."""
        with self._lock:
            self._say(f"{source}: {one_line(error)}")
            self._give_hint(error)

    def __enter__(self) -> Progress:
        self._ticked = self.clock.monotonic()
        self._thread = Thread(target=self._show_until_over, name="progress", daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        if self._thread:
            self._thread.join(2.0)
        with self._lock:
            self._show()

    def _show_until_over(self) -> None:
        while not self._over.wait(1.0 if self.live else self.every):
            with self._lock:
                self._show()

    def _stored(self, event: BatchStored) -> None:
        line = self.lines.setdefault(f"{event.dataset}/{event.symbol}", Line())
        line.rows += event.rows
        line.last = event.highlight or line.last
        if event.observed is not None and event.last_time is not None:
            line.lag = max((event.observed - event.last_time) / 1e6, 0.0)

    def _failed(self, event: SourceFailed) -> None:
        sentence = f"{event.source}: {one_line(event.error)}"
        known, said = self.troubles.get(event.source, ("", 0.0))
        now = self.clock.monotonic()
        if known == sentence and now - said < REMIND:
            return
        times = f" (failed {event.failures} times)" if known == sentence and event.failures > 1 else ""
        self._say(f"{sentence}{times}; trying again in {event.retry_in:.1f} s")
        self._give_hint(event.error)
        self.troubles[event.source] = (sentence, now)

    def _give_hint(self, error: Exception) -> None:
        if self.hint and isinstance(error, UnreachableError):
            self._say(self.hint)
            self.hint = None

    def _say(self, sentence: str) -> None:
        self._wipe()
        click.echo(f"bcore: {sentence}", file=self.stream)

    def _show(self) -> None:
        now = self.clock.monotonic()
        for line in self.lines.values():
            line.tick(now - self._ticked)
        self._ticked = now
        if not self.lines:
            return
        if self.live:
            self._draw()
        else:
            for name, line in sorted(self.lines.items()):
                click.echo(
                    f"{name}: {line.rows} rows, {line.rate:.1f}/s, last {line.last}, lag {_lag(line)}"
                    + _rejected(line),
                    file=self.stream,
                )

    def _draw(self) -> None:
        self._wipe()
        width, height = shutil.get_terminal_size()
        rows = [
            [n, f"{x.rows:,}", f"{x.rate:,.1f}", x.last, _lag(x) + _rejected(x)] for n, x in sorted(self.lines.items())
        ]
        shown = [line[: width - 1] for line in aligned(HEAD, rows)][: height - 1]
        self.stream.write("\n".join(shown) + "\n")
        self.stream.flush()
        self._drawn = len(shown)

    def _wipe(self) -> None:
        """Takes the live table off the terminal, so that what comes next stands in its place."""
        if self._drawn:
            self.stream.write(f"\x1b[{self._drawn}A\x1b[J")
            self._drawn = 0


def one_line(error: Exception) -> str:
    """The error as one sentence; its type where the message alone would say too little."""
    text = " ".join(str(error).split())
    return text or type(error).__name__


def _rejected(line: Line) -> str:
    return f", {line.rejected} rejected" if line.rejected else ""


def _lag(line: Line) -> str:
    if line.lag is None:
        return "-"
    return f"{line.lag:.1f} s" if line.lag < 120 else f"{line.lag / 60:.0f} min"
