"""What a collector shows while it works: a live table on a terminal, plain lines elsewhere. On standard error."""

from __future__ import annotations

import logging
import shutil
import sys
from collections.abc import Mapping
from logging import StreamHandler
from threading import Event as Flag
from threading import Lock, Thread
from typing import TextIO, cast

import click
from attrs import Factory, define, field

from bcore.board import Board
from bcore.cli.output import aligned
from bcore.cli.words import days, lag, of_exchanges, of_gaps, size
from bcore.errors import UnreachableError
from bcore.events import DiskLow, Event, GapFound, SourceFailed, SourceRecovered
from bcore.logs import LOUD
from bcore.logs import one_line as one_line
from bcore.protocols import Clock
from bcore.status import SeriesStatus, Status

REMIND = 30.0  # seconds after which a trouble that goes on is said again
HEAD = ("series", "rows", "rows/s", "last", "lag")


@define
class Progress:
    """Tells the board of events and shows it every `every` seconds (a live table each second on a terminal)."""

    clock: Clock
    stream: TextIO = field(factory=lambda: sys.stderr)
    hint: str | None = None
    every: float = 10.0
    board: Board = field(default=Factory(lambda self: Board(self.clock), takes_self=True))
    troubles: dict[str, tuple[str, float]] = field(factory=dict, init=False)
    _lock: Lock = field(factory=Lock, init=False)
    _over: Flag = field(factory=Flag, init=False)
    _thread: Thread | None = field(default=None, init=False)
    _drawn: int = field(default=0, init=False)
    _logs: list[tuple[StreamHandler[TextIO], TextIO]] = field(factory=list, init=False)

    @property
    def live(self) -> bool:
        return self.stream.isatty()

    @property
    def lines(self) -> Mapping[str, SeriesStatus]:
        """The series of which anything was heard, by name."""
        return self.board.series

    def on_event(self, event: Event) -> None:
        self.board.on_event(event)
        with self._lock:
            match event:
                case SourceRecovered():
                    self.troubles.pop(event.source, None)
                    self._say(f"{event.source}: works again")
                case SourceFailed():
                    self._failed(event)
                case GapFound() if event.state in LOUD:
                    self._say(_of_gap(event))
                case DiskLow():
                    self._say(_of_disk(event))

    def say(self, sentence: str) -> None:
        with self._lock:
            self._say(sentence)

    def say_failed(self, source: str, error: Exception) -> None:
        """One sentence about a failure, with the hint if no exchange was reached."""
        with self._lock:
            self._say(f"{source}: {one_line(error)}")
            self._give_hint(error)

    def write(self, text: str) -> None:
        """Takes what is logged while the table stands: above it, for a line that is not ours would be wiped with it."""
        with self._lock:
            self._wipe()
            self.stream.write(text)

    def flush(self) -> None:
        self.stream.flush()

    def __enter__(self) -> Progress:
        if self.live:
            handlers = [each for each in logging.getLogger().handlers if isinstance(each, StreamHandler)]
            self._logs = [(each, each.stream) for each in handlers if each.stream is self.stream]
            for handler, _ in self._logs:
                handler.setStream(cast(TextIO, self))
        self._thread = Thread(target=self._show_until_over, name="progress", daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        if self._thread:
            self._thread.join(2.0)
        for handler, stream in self._logs:
            handler.setStream(stream)
        with self._lock:
            self._show()

    def _show_until_over(self) -> None:
        while not self._over.wait(1.0 if self.live else self.every):
            with self._lock:
                self._show()

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
        status = self.board.status()
        if not status.series:
            return
        if self.live:
            self._draw(status)
        else:
            for line in status.series:
                text = f"{line.name}: {line.rows} rows, {line.rate_10s:.1f}/s, last {line.last}, lag {lag(line.lag)}"
                click.echo(text + _asides(line), file=self.stream)

    def _draw(self, status: Status) -> None:
        self._wipe()
        width, height = shutil.get_terminal_size()
        rows = [[x.name, f"{x.rows:,}", f"{x.rate_10s:,.1f}", x.last, lag(x.lag) + _rejected(x)] for x in status.series]
        foot = [line] if (line := foot_line(status)) else []
        shown = [*aligned(HEAD, rows)[: height - 1 - len(foot)], *foot]
        self.stream.write("\n".join(line[: width - 1] for line in shown) + "\n")
        self.stream.flush()
        self._drawn = len(shown)

    def _wipe(self) -> None:
        """Takes the live table off the terminal, so that what comes next stands in its place."""
        if self._drawn:
            self.stream.write(f"\x1b[{self._drawn}A\x1b[J")
            self._drawn = 0


def foot_line(status: Status) -> str:
    """What is below the table: connections lost, ids missing, disks that fill up. May be empty."""
    low = [f"{size(x.free)} free on the disk of {x.path}{days(x.days_left)}" for x in status.disks if x.low]
    return " · ".join(part for part in (of_exchanges(status), of_gaps(status), *low) if part)


def _of_gap(event: GapFound) -> str:
    ids = f"id {event.first}" if event.first == event.last else f"ids {event.first} to {event.last}"
    what = "cannot be had" if event.state == "unfillable" else "do not join"
    return f"{event.dataset}/{event.symbol}: {ids} {what}: {event.reason}"


def _of_disk(event: DiskLow) -> str:
    return f"the disk of {event.path} fills up: {size(event.free)} free{days(event.days_left)}; make room"


def _asides(line: SeriesStatus) -> str:
    return _rejected(line) + (f", {line.missing} ids missing" if line.missing else "")


def _rejected(line: SeriesStatus) -> str:
    return f", {line.rejected} rejected" if line.rejected else ""
