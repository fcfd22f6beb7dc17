from __future__ import annotations

import io
import logging
import re
import time
from collections.abc import Callable
from typing import Any

import pytest
from attrs import define, evolve

from bc_toy import T0
from bcore.cli.progress import Progress, one_line
from bcore.errors import UnreachableError
from bcore.events import (
    BatchStored,
    DiskLow,
    GapFound,
    RowsRejected,
    SourceFailed,
    SourceRecovered,
    SourceStarted,
    StreamClosed,
    StreamOpened,
)
from bcore.instants import SECOND

STORED = BatchStored("ticks", "ticks", "AAA", 1500, 0, T0, T0 + 3 * SECOND, "101.5")
CLEARED = re.compile(r"\x1b\[\d+A\x1b\[J")


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@define
class HandClock:
    """Moves when it is told to."""

    seconds: float = 0.0

    def now(self) -> int:
        return T0

    def monotonic(self) -> float:
        return self.seconds

    def sleep(self, seconds: float) -> None:
        self.seconds += seconds


def plain(*, every: float = 3600.0, **more: Any) -> Progress:
    return Progress(HandClock(), io.StringIO(), every=every, **more)


def said(progress: Progress) -> list[str]:
    assert isinstance(progress.stream, io.StringIO)
    return progress.stream.getvalue().splitlines()


def test_plain_output_ends_with_a_line_for_each_series() -> None:
    progress = plain()
    with progress:
        progress.on_event(evolve(STORED, symbol="BBB", rows=5))
        progress.on_event(STORED)
        progress.on_event(evolve(STORED, rows=500, highlight="102"))
        progress.clock.sleep(10)
    assert [
        "ticks/AAA: 2000 rows, 200.0/s, last 102, lag 3.0 s",
        "ticks/BBB: 5 rows, 0.5/s, last 101.5, lag 3.0 s",
    ] == said(progress)


def test_plain_output_has_no_control_characters() -> None:
    progress = plain()
    with progress:
        progress.on_event(STORED)
        progress.on_event(SourceFailed("ticks", ValueError("no"), 1.0, 1))
    assert "\x1b" not in "".join(said(progress))


def test_lines_come_while_it_goes_on(wait_for: Callable[..., None]) -> None:
    progress = plain(every=0.01)
    with progress:
        progress.on_event(STORED)
        wait_for(lambda: len(said(progress)) >= 3)


def test_without_rows_nothing_is_shown() -> None:
    progress = plain()
    with progress:
        progress.on_event(SourceStarted("ticks", ("AAA",)))
    assert [] == said(progress)


@pytest.mark.parametrize(
    ("change", "lag"),
    [
        ({"last_time": None}, "-"),
        ({"observed": None}, "-"),
        ({"last_time": T0 + 9 * SECOND}, "0.0 s"),
        ({"observed": T0 + 600 * SECOND}, "10 min"),
    ],
)
def test_lag_is_what_is_known_of_it(change: dict[str, Any], lag: str) -> None:
    progress = plain()
    with progress:
        progress.on_event(evolve(STORED, **change))
    assert said(progress)[0].endswith(f"lag {lag}")


def test_a_failure_is_one_sentence_and_said_once() -> None:
    progress = plain()
    for failures in (1, 2, 3):
        progress.on_event(SourceFailed("ticks", ValueError("out of\n  order"), 1.25, failures))
    assert ["bcore: ticks: out of order; trying again in 1.2 s"] == said(progress)


def test_another_failure_is_another_sentence() -> None:
    progress = plain()
    progress.on_event(SourceFailed("ticks", ValueError("one"), 1.0, 1))
    progress.on_event(SourceFailed("ticks", ValueError("two"), 1.0, 2))
    assert 2 == len(said(progress))


def test_recovery_is_said_and_the_next_failure_again() -> None:
    progress = plain()
    failed = SourceFailed("ticks", ValueError("no"), 1.0, 1)
    for event in (failed, SourceRecovered("ticks", 1), failed):
        progress.on_event(event)
    again = "bcore: ticks: no; trying again in 1.0 s"
    assert [again, "bcore: ticks: works again", again] == said(progress)


def test_the_hint_comes_once_and_only_where_nothing_was_reached() -> None:
    progress = plain(hint="try the demo")
    progress.on_event(SourceFailed("other", ValueError("no"), 1.0, 1))
    progress.on_event(SourceFailed("ticks", UnreachableError("no network"), 1.0, 1))
    progress.on_event(SourceFailed("more", UnreachableError("no network"), 1.0, 1))
    assert 1 == said(progress).count("bcore: try the demo")
    assert "bcore: try the demo" == said(progress)[2]


def test_say_failed_is_a_sentence_with_the_hint() -> None:
    progress = plain(hint="try the demo")
    progress.say_failed("ticks", UnreachableError("no network"))
    assert ["bcore: ticks: no network", "bcore: try the demo"] == said(progress)


def test_rejected_rows_are_counted_apart() -> None:
    progress = plain()
    progress.on_event(RowsRejected("ticks", "ticks", "AAA", "why", ("a", "b")))
    assert (0, 2) == (progress.lines["ticks/AAA"].rows, progress.lines["ticks/AAA"].rejected)


def test_rejected_rows_show() -> None:
    progress = plain()
    with progress:
        progress.on_event(STORED)
        progress.on_event(RowsRejected("ticks", "ticks", "AAA", "why", ("a", "b")))
    assert "2 rejected" in said(progress)[0]


def test_an_error_without_words_is_named_by_its_type() -> None:
    assert "TimeoutError" == one_line(TimeoutError())


def live(stream: Terminal) -> Progress:
    return Progress(HandClock(), stream)


def test_a_terminal_gets_a_table() -> None:
    terminal = Terminal()
    progress = live(terminal)
    assert progress.live
    with progress:
        progress.on_event(STORED)
        progress.clock.sleep(10)
    head, row = terminal.getvalue().splitlines()
    assert ["series", "rows", "rows/s", "last", "lag"] == head.split()[:5]
    assert ["ticks/AAA", "1,500", "150.0", "101.5", "3.0", "s"] == row.split()[:6]


def test_a_sentence_takes_the_table_off_the_terminal_first(wait_for: Callable[..., None]) -> None:
    terminal = Terminal()
    progress = live(terminal)
    with progress:
        progress.on_event(STORED)
        wait_for(lambda: "1,500" in terminal.getvalue())
        progress.on_event(SourceFailed("ticks", ValueError("no"), 1.0, 1))
    before, after = CLEARED.split(terminal.getvalue())[:2]
    assert "1,500" in before
    assert after.startswith("bcore: ticks: no;")
    assert terminal.getvalue().rstrip().endswith("3.0 s")


def test_the_table_never_outgrows_the_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "30")
    monkeypatch.setenv("LINES", "6")
    terminal = Terminal()
    with live(terminal) as progress:
        for number in range(50):
            progress.on_event(evolve(STORED, symbol=f"SYMBOL{number}"))
    lines = terminal.getvalue().splitlines()
    assert 5 == len(lines)
    assert max(map(len, lines)) < 30


GAP = GapFound("ticks", "ticks", "AAA", 5, 9, "open", "missing from the stream")


def foot(*events: Any) -> list[str]:
    """What stands below the head and the line of one series."""
    terminal = Terminal()
    with live(terminal) as progress:
        for event in (STORED, *events):
            progress.on_event(event)
    return terminal.getvalue().splitlines()[2:]


def test_below_the_table_stand_reconnects_and_open_gaps() -> None:
    lost, planned = StreamClosed("toy", 1, "reset", planned=False), StreamClosed("toy", 2, "24 h", planned=True)
    opened = StreamOpened("toy", 3, 10)
    assert ["2 reconnects · 1 rotation · 1 gap open (5 ids)"] == foot(lost, lost, opened, planned, GAP)


def test_nothing_stands_below_the_table_while_nothing_is_missing() -> None:
    assert [] == foot()
    assert [] == foot(GAP, evolve(GAP, state="filled"))


def test_the_foot_fits_on_the_terminal_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "30")
    monkeypatch.setenv("LINES", "6")
    terminal = Terminal()
    with live(terminal) as progress:
        progress.on_event(GAP)
        for number in range(50):
            progress.on_event(evolve(STORED, symbol=f"SYMBOL{number}"))
    lines = terminal.getvalue().splitlines()
    assert (5, "1 gap open (5 ids)") == (len(lines), lines[-1])


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"state": "unfillable", "reason": "nobody has them"}, "ids 5 to 9 cannot be had: nobody has them"),
        ({"state": "broken", "last": 5, "reason": "10 after 8"}, "id 5 do not join: 10 after 8"),
    ],
)
def test_ids_that_are_lost_or_broken_are_said(change: dict[str, Any], sentence: str) -> None:
    progress = plain()
    progress.on_event(evolve(GAP, **change))
    assert [f"bcore: ticks/AAA: {sentence}"] == said(progress)


def test_ids_that_are_asked_for_show_in_plain_lines() -> None:
    progress = plain()
    with progress:
        progress.on_event(STORED)
        progress.on_event(GAP)
    assert said(progress)[0].endswith("lag 3.0 s, 5 ids missing")


@pytest.mark.parametrize(
    ("left", "end"),
    [
        (None, "; make room"),
        (1.5, ", 36 hours left at this pace; make room"),
        (6.4, ", 6 days left at this pace; make room"),
    ],
)
def test_a_disk_that_fills_up_is_said_early(left: float | None, end: str) -> None:
    progress = plain()
    progress.on_event(DiskLow("main", "data", 3 * 2**29, left))
    assert [f"bcore: the disk of data fills up: 1.5 GiB free{end}"] == said(progress)


def test_what_is_logged_stands_above_the_table_and_is_not_wiped_with_it() -> None:
    terminal = Terminal()
    handler = logging.StreamHandler(terminal)
    logging.getLogger().addHandler(handler)
    try:
        with live(terminal) as progress:
            progress.on_event(STORED)
            progress.say("drawn")
            show(progress)
            logging.getLogger("somebody").warning("something")
            show(progress)
        assert handler.stream is terminal
    finally:
        logging.getLogger().removeHandler(handler)
    screen = screen_of(terminal.getvalue())
    assert ["bcore: drawn", "something"] == screen[:2]
    assert ["series", "ticks/AAA"] == [line.split()[0] for line in screen[2:]]


def show(progress: Progress) -> None:
    """Lets the thread of the progress come round once."""
    assert isinstance(progress.stream, Terminal)
    before = len(progress.stream.getvalue())
    deadline = time.monotonic() + 60
    while len(progress.stream.getvalue()) == before and time.monotonic() < deadline:
        time.sleep(0.01)


def screen_of(text: str) -> list[str]:
    """What a terminal shows after `text`: it knows only how to go up and wipe what is below."""
    lines: list[str] = []
    for part in re.split(r"(\x1b\[\d+A\x1b\[J)", text):
        if up := re.fullmatch(r"\x1b\[(\d+)A\x1b\[J", part):
            del lines[len(lines) - int(up[1]) :]
        else:
            lines += part.splitlines()
    return lines
