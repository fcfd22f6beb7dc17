"""What a collector says: errors as one sentence, and a log of one JSON object per line."""

from __future__ import annotations

import errno
import json
import logging
import re
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, TextIO

from attrs import define, field, fields

from bcore.errors import BcoreError
from bcore.events import DiskLow, Event, GapFound, RowsRejected, SourceFailed, StreamClosed

FULL = {errno.ENOSPC, errno.EDQUOT}
CREDENTIALS = re.compile(r"(?<=://)[^/\s@]+@")
WORDS = re.compile(r"(?<=[a-z])(?=[A-Z])")
LOUD = ("unfillable", "broken")


def scrubbed(text: str) -> str:
    """The text without the user names and passwords that addresses in it carry."""
    return CREDENTIALS.sub("***@", text)


def one_line(error: BaseException) -> str:
    """The error as one sentence; its type where the message alone would say too little. No credentials."""
    text = scrubbed(" ".join(str(error).split())) or type(error).__name__
    return f"the disk is full, nothing can be stored until there is space ({text})" if disk_is_full(error) else text


def disk_is_full(error: BaseException) -> bool:
    """Whether a full disk, or a quota that is used up, is at the bottom of the error."""
    return any(isinstance(each, OSError) and each.errno in FULL for each in _causes(error))


def _causes(error: BaseException) -> Iterator[BaseException]:
    seen: BaseException | None = error
    while seen is not None:
        yield seen
        seen = seen.__cause__


class JsonFormatter(logging.Formatter):
    """A record as one line of JSON: `time` (ISO 8601 UTC), `level`, `logger`, `message`; of an event also its fields.

    `exception` holds a traceback where there is one. Nothing else is written; what a field cannot say in JSON is text.
    """

    def format(self, record: logging.LogRecord) -> str:
        at = datetime.fromtimestamp(record.created, UTC).replace(tzinfo=None)
        line: dict[str, Any] = {
            "time": at.isoformat(timespec="microseconds") + "Z",
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": scrubbed(record.getMessage()),
            **getattr(record, "event", {}),
        }
        if record.exc_info:
            line["exception"] = scrubbed(self.formatException(record.exc_info))
        return json.dumps(line, default=str)


@define
class JsonLog:
    """Listens to events and writes each as a structured record of the logger "bcore.events", all as JSON lines.

    Takes over the root logger's output while inside: everything that is logged, by whomever, goes to `stream` as JSON.
    Stored batches are for debugging, the other events information, troubles warnings.
    """

    stream: TextIO = field(factory=lambda: sys.stderr)
    _log: logging.Logger = field(factory=lambda: logging.getLogger("bcore.events"), init=False)
    _before: list[logging.Handler] = field(factory=list, init=False)

    def __enter__(self) -> JsonLog:
        root = logging.getLogger()
        handler = logging.StreamHandler(self.stream)
        handler.setFormatter(JsonFormatter())
        self._before, root.handlers = root.handlers, [handler]
        logging.captureWarnings(True)
        self._log.setLevel(min(root.getEffectiveLevel(), logging.INFO))
        return self

    def __exit__(self, *_: object) -> None:
        logging.captureWarnings(False)
        logging.getLogger().handlers = self._before
        self._log.setLevel(logging.NOTSET)

    def on_event(self, event: Event) -> None:
        level = level_of(event)
        if self._log.isEnabledFor(level):
            self._log.log(level, "%s", _sentence(event), extra={"event": facts(event)})

    def say(self, sentence: str) -> None:
        self._log.info("%s", sentence)

    def say_failed(self, source: str, error: Exception) -> None:
        self._log.error("%s: %s", source, one_line(error), extra={"event": {"source": source, **_told(error)}})

    def say_refused(self, error: BcoreError | OSError) -> None:
        """Why the collector does not even begin, or ends: a record for each problem."""
        for problem in getattr(error, "problems", None) or [one_line(error)]:
            self._log.error("%s", problem, extra={"event": {"error_type": type(error).__name__}})


def level_of(event: Event) -> int:
    """How loud an event is in a log."""
    if isinstance(event, (SourceFailed, DiskLow, RowsRejected)):
        return logging.WARNING
    if isinstance(event, GapFound):
        return logging.WARNING if event.state in LOUD else logging.INFO
    if isinstance(event, StreamClosed):
        return logging.INFO if event.planned else logging.WARNING
    return logging.DEBUG if type(event).__name__ in ("BatchStored", "SourcePassed", "WeightUsed") else logging.INFO


def facts(event: Event) -> dict[str, Any]:
    """The event's name and its fields, for JSON. Rejected rows are counted: their text is in the quarantine."""
    found: dict[str, Any] = {"event": type(event).__name__}
    for name in (each.name for each in fields(type(event))):
        value = getattr(event, name)
        if isinstance(value, Exception):
            found |= _told(value)
        elif isinstance(event, RowsRejected) and name == "rows":
            found[name] = len(value)
        else:
            found[name] = scrubbed(value) if isinstance(value, str) else value
    return found


def _told(error: Exception) -> dict[str, str]:
    return {"error": one_line(error), "error_type": type(error).__name__}


def _sentence(event: Event) -> str:
    what = f"{event.source}: {WORDS.sub(' ', type(event).__name__).lower()}"
    return f"{what}: {one_line(event.error)}" if isinstance(event, SourceFailed) else what
