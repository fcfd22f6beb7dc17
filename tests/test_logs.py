from __future__ import annotations

import errno
import io
import json
import logging
import warnings
from collections.abc import Iterator
from typing import Any

import pytest

from bcore.errors import ConfigError, StoreError, UnreachableError
from bcore.events import (
    BatchStored,
    DiskLow,
    Event,
    GapFound,
    RowsRejected,
    SourceFailed,
    SourceStarted,
    StreamClosed,
    WeightUsed,
)
from bcore.logs import JsonLog, disk_is_full, one_line

STORED = BatchStored("ticks", "ticks", "AAA", 100, 0, 5, 6, "101.5")
GAP = GapFound("ticks", "ticks", "AAA", 5, 9, "open", "missing from the stream")
FULL = OSError(errno.ENOSPC, "No space left on device", "data/staging/x")


@pytest.fixture(autouse=True)
def root() -> Iterator[logging.Logger]:
    """The root logger as the command line sets it up, and as it was afterwards."""
    root = logging.getLogger()
    level, handlers = root.level, list(root.handlers)
    root.setLevel(logging.WARNING)
    yield root
    root.setLevel(level)
    root.handlers = handlers


def logged(*events: Event) -> list[dict[str, Any]]:
    stream = io.StringIO()
    with JsonLog(stream) as log:
        for event in events:
            log.on_event(event)
    return parsed(stream)


def parsed(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_an_error_is_one_sentence_without_the_passwords_in_it() -> None:
    error = UnreachableError("no\n  proxy https://me:hush@proxy.example/path, see http://a/b@c")
    assert "no proxy https://***@proxy.example/path, see http://a/b@c" == one_line(error)


def test_a_full_disk_is_said_plainly_wherever_it_is_in_the_error() -> None:
    assert one_line(FULL).startswith("the disk is full, nothing can be stored until there is space (")
    wrapped = StoreError("could not append")
    wrapped.__cause__ = FULL
    assert one_line(wrapped).endswith("(could not append)")
    assert disk_is_full(wrapped)


@pytest.mark.parametrize("error", [OSError(errno.EACCES, "Permission denied"), StoreError("closed")])
def test_another_trouble_is_no_full_disk(error: Exception) -> None:
    assert not disk_is_full(error)


def test_an_event_is_a_line_with_its_fields() -> None:
    (line,) = logged(GAP)
    at = line.pop("time")
    assert {
        "level": "info",
        "logger": "bcore.events",
        "message": "ticks: gap found",
        "event": "GapFound",
        "source": "ticks",
        "dataset": "ticks",
        "symbol": "AAA",
        "first": 5,
        "last": 9,
        "state": "open",
        "reason": "missing from the stream",
    } == line
    assert at.endswith("Z")
    assert 27 == len(at)


def test_the_fields_of_an_event_carry_no_passwords() -> None:
    (line,) = logged(StreamClosed("toy", 1, "wss://me:hush@toy said no", planned=False))
    assert "wss://***@toy said no" == line["reason"]


def test_a_failure_tells_its_error_and_its_kind() -> None:
    (line,) = logged(SourceFailed("ticks", UnreachableError("no network"), 1.5, 3))
    assert "ticks: source failed: no network" == line["message"]
    assert ("no network", "UnreachableError", 1.5, 3) == (
        line["error"],
        line["error_type"],
        line["retry_in"],
        line["failures"],
    )


@pytest.mark.parametrize(
    ("event", "level"),
    [
        (SourceStarted("ticks", ("AAA",)), "info"),
        (SourceFailed("ticks", ValueError(), 1.0, 1), "warning"),
        (GAP, "info"),
        (GapFound("ticks", "ticks", "AAA", 5, 9, "unfillable", "nobody"), "warning"),
        (StreamClosed("toy", 1, "24 h", planned=True), "info"),
        (StreamClosed("toy", 1, "reset", planned=False), "warning"),
        (DiskLow("main", "data", 5, 1.5), "warning"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Event) else value,
)
def test_troubles_are_warnings(event: Event, level: str) -> None:
    assert [level] == [line["level"] for line in logged(event)]


@pytest.mark.parametrize("event", [STORED, WeightUsed("toy", 5, 6000)])
def test_what_happens_many_times_a_second_is_for_debugging(event: Event, root: logging.Logger) -> None:
    assert [] == logged(event)
    root.setLevel(logging.DEBUG)
    assert ["debug"] == [line["level"] for line in logged(event)]


def test_rejected_rows_are_counted_and_not_spread_out() -> None:
    (line,) = logged(RowsRejected("ticks", "ticks", "AAA", "why", ("a" * 1000, "b")))
    assert (2, "why") == (line["rows"], line["reason"])


def test_whatever_is_logged_is_a_line_of_json_with_its_traceback() -> None:
    stream = io.StringIO()
    with JsonLog(stream):
        logging.getLogger("somebody").warning("to http://me:hush@host\nand %s", "on")
        try:
            raise ValueError("broken")
        except ValueError:
            logging.getLogger("somebody").exception("it failed")
        with warnings.catch_warnings():
            warnings.simplefilter("always")
            warnings.warn("old", DeprecationWarning, stacklevel=1)
    first, second, third = parsed(stream)
    assert ("warning", "somebody", "to http://***@host\nand on") == tuple(
        first[k] for k in ("level", "logger", "message")
    )
    assert second["exception"].endswith("ValueError: broken")
    assert "old" in third["message"]


def test_afterwards_the_log_is_what_it_was(root: logging.Logger) -> None:
    before = list(root.handlers)
    logged(GAP)
    assert before == root.handlers
    assert logging.NOTSET == logging.getLogger("bcore.events").level


def test_every_problem_of_the_configuration_is_a_record() -> None:
    stream = io.StringIO()
    with JsonLog(stream) as log:
        log.say("collecting ticks")
        log.say_refused(ConfigError(["sources.ticks: one", "stores.main: two"]))
        log.say_failed("ticks", ValueError("no"))
    assert [
        ("info", "collecting ticks"),
        ("error", "sources.ticks: one"),
        ("error", "stores.main: two"),
        ("error", "ticks: no"),
    ] == [(line["level"], line["message"]) for line in parsed(stream)]
