"""Raw stream recordings, one message a line: `<receive time> {json}`, cryptofeed's `<seconds>: {json}`, or `{json}`.

Depth replies are bare `{"lastUpdateId": ..}` lines, or cryptofeed's `https://..depth?symbol=X.. -> <seconds>: {json}`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import IO

from attrs import frozen

from bc_replay.errors import RecordingError
from bc_replay.readers.events import Events
from bc_replay.readers.reel import Footage
from bc_replay.readers.timing import HappeningClock, micros, offset, received

Open = Callable[[], AbstractContextManager[IO[str]]]
EVENT_TIME = re.compile(r'"E":\s*(\d+)')
SYMBOL = re.compile(r"[?&]symbol=([^&\s]+)")
SKIPPED = ("configuration:", "wss://", "ws://")
UNDERSTOOD = "understood are '<receive time> {json}', '<seconds>: {json}', 'https://.. -> <seconds>: {json}'"


@frozen
class Line:
    receive: int | None
    body: str
    url: str = ""


def looks_like_lines(head: str) -> bool:
    """Whether a file that begins with the line `head` is of this format."""
    if head.startswith((*SKIPPED, "https://", "http://")):
        return True
    try:
        return split(head) is not None
    except ValueError:
        return False


def read_lines(opened: Open, name: str) -> Footage:
    """RecordingError names the file and the line. A last line that was cut off while being written is left out."""
    footage = Footage()
    events = Events(footage, HappeningClock(_offset(opened)))
    for number, text in _numbered(opened):
        try:
            line = split(text)
            if line is not None:
                _take(events, line)
        except json.JSONDecodeError as problem:
            if not text.endswith("\n"):
                footage.ignore("cut last line")
                continue
            raise RecordingError(f"{name}, line {number}: not JSON: {problem.msg}; {UNDERSTOOD}") from None
        except RecordingError as problem:
            raise RecordingError(f"{name}, line {number}: {problem}") from None
        except (AttributeError, KeyError, TypeError, ValueError, OverflowError) as problem:
            raise RecordingError(f"{name}, line {number}: {_said(problem)}; {UNDERSTOOD}") from None
    return footage


def split(text: str) -> Line | None:
    """None for lines that carry no message; ValueError if not of this format."""
    if not text.strip() or text.startswith(SKIPPED):
        return None
    url = ""
    if text.startswith(("https://", "http://")):
        url, arrow, text = text.partition(" -> ")
        if not arrow:
            return None
    brace = text.find("{")
    if brace < 0:
        raise ValueError("no JSON object in the line")
    stamp = text[:brace].strip().removesuffix(":")
    return Line(received(stamp) if stamp else None, text[brace:], url)


def _take(events: Events, line: Line) -> None:
    symbol = SYMBOL.search(line.url)
    if line.url and not symbol:
        events.footage.ignore(line.url.partition("?")[0].rpartition("/")[2])
        return
    message = json.loads(line.body)
    events.take(message, line.receive, symbol[1].upper() if symbol else None)


def _offset(opened: Open) -> int:
    """A pass of its own, so that no message has to be held until the last one has been seen."""
    differences = []
    for _, text in _numbered(opened):
        found = EVENT_TIME.search(text, 0, 400)  # it stands near the front, and depth replies are long
        if found and text[:1].isdigit():
            stamp = text[: text.find("{")].strip().removesuffix(":")
            try:
                differences.append(micros(int(found[1])) - received(stamp))
            except ValueError:
                continue  # the reading pass says what is wrong with this line
    return offset(differences)


def _numbered(opened: Open) -> Iterator[tuple[int, str]]:
    with opened() as file:
        yield from enumerate(file, 1)


def _said(problem: Exception) -> str:
    return f"the message lacks {problem}" if isinstance(problem, KeyError) else str(problem)
