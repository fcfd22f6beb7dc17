"""JSON files: an array of raw events, or one REST depth reply."""

from __future__ import annotations

import json
from typing import IO

from bc_replay.errors import RecordingError
from bc_replay.readers.events import Events
from bc_replay.readers.reel import Footage
from bc_replay.readers.timing import HappeningClock

UNDERSTOOD = "understood are arrays of aggTrade, trade and depthUpdate events, and one depth reply"


def read_array(file: IO[str], name: str) -> Footage:
    """Without receive times each event happens at its own E, else T. RecordingError names the file and the element."""
    footage = Footage()
    events = Events(footage, HappeningClock())
    for number, message in enumerate(_messages(file, name), 1):
        try:
            events.take(message, None)
        except RecordingError as problem:
            raise RecordingError(f"{name}, element {number}: {problem}") from None
        except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as problem:
            said = f"{type(problem).__name__} {problem}"
            raise RecordingError(f"{name}, element {number}: {said}; {UNDERSTOOD}") from None
    return footage


def _messages(file: IO[str], name: str) -> list[dict[str, object]]:
    try:
        content = json.load(file)
    except json.JSONDecodeError as problem:
        raise RecordingError(f"{name}, line {problem.lineno}: not JSON: {problem.msg}; {UNDERSTOOD}") from None
    return content if isinstance(content, list) else [content]
