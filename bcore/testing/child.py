"""The other process of the tests of a store: `main(FILE, CLASS, "kill" or "write", PLACE[, KILLS])`.

It opens stores as the test class in the file does, appends to them, and says what it did, a line each. With `kill` it
does so in children that kill themselves within one append, each after another change of the store's files: between
writing and committing is among them, whatever the store is made of.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import suppress
from importlib import import_module
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import FrameType
from typing import Any

from bcore.protocols import Store
from bcore.testing.samples import ticks

THERE, SECOND = 20, 50  # ids 0..19 are appended first, 0..49 then
BATCHES, PER_BATCH = 25, 20


def kit_of(file: str, name: str) -> Any:
    """The test class of that name in the file, made; the file's module need not be importable."""
    spec = spec_from_file_location("bcore_kit_subject", file)
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    found: Any = module
    for part in name.split("."):
        found = getattr(found, part)
    return found()


def write(kit: Any, place: Path) -> None:
    """Batch after batch, each sent with the one before it, as a collector does that was cut off."""
    store = kit.open(place)
    for number in range(BATCHES):
        store.append(ticks(range(max(number - 1, 0) * PER_BATCH, (number + 1) * PER_BATCH)))
        print(f"held:{(number + 1) * PER_BATCH}", flush=True)
    store.close()


def kill(kit: Any, place: Path, kills: int) -> None:
    """Appends in children of which each dies a little later in its append than the one before it."""
    for at in _spread(_moments_of_an_append(kit, place / "whole"), kills):
        folder = place / f"at-line-{at:06d}"
        how = "killed" if _forked(kit, folder, at) == -signal.SIGKILL else "ended"
        print(f"{folder.name}:{how}", flush=True)


def _spread(moments: list[int], count: int) -> list[int]:
    """So many of them, the first and the last among them."""
    if len(moments) <= count:
        return moments
    return sorted({moments[number * (len(moments) - 1) // max(count - 1, 1)] for number in range(count)})


def _moments_of_an_append(kit: Any, place: Path) -> list[int]:
    """The lines of Python, counted from the begin of an append, before which something changed in the folder.

    Lines spread over all of it for a store that changes nothing there. Counted in a child too, so that no thread is
    here yet when others are forked; what it imported is imported.
    """
    known, told = set(sys.modules), place.with_suffix(".json")
    if _forked(kit, place, None, told):
        raise SystemExit("the store cannot append")
    lines, changes, modules = json.loads(told.read_text())
    for name in modules:
        if name not in known:
            with suppress(ImportError):
                import_module(name)
    return changes or [max(lines * number // 100, 1) for number in range(1, 101)]


def _forked(kit: Any, place: Path, at: int | None, tell: Path | None = None) -> int:
    """The exit status of a child that appends and is killed at that line of Python; negative: the signal."""
    place.mkdir()
    child = os.fork()
    if not child:
        status = 1
        try:
            store = kit.open(place)
            if tell is None:
                _append(store, at)
            else:
                changes = Changes(place)
                lines = _append(store, None, changes.look)
                tell.write_text(json.dumps([lines, changes.seen, sorted(sys.modules)]))
            status = 0
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(status)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def _append(store: Store, at: int | None, look: Callable[[int], object] = bool) -> int:
    """How many lines of Python the second append took; dies at the line `at`. `look` is told each line's number."""
    store.append(ticks(range(THERE)))
    batch, lines = ticks(range(SECOND)), 0

    def trace(frame: FrameType, event: str, argument: object) -> Any:
        nonlocal lines
        if event == "line":
            lines += 1
            if lines == at:
                os.kill(os.getpid(), signal.SIGKILL)
            look(lines)
        return trace

    sys.settrace(trace)
    try:
        store.append(batch)
    finally:
        sys.settrace(None)
    return lines


class Changes:
    """At which lines the files of a folder were no longer what they had been a line before."""

    def __init__(self, place: Path) -> None:
        self.place, self.seen = place, list[int]()
        self._last: object = None

    def look(self, line: int) -> None:
        now = sorted(self._files(self.place))
        if self._last not in (None, now):
            self.seen.append(line)
        self._last = now

    def _files(self, folder: Path) -> Iterator[tuple[str, int, int, int]]:
        with suppress(FileNotFoundError):
            for entry in os.scandir(folder):
                state = entry.stat(follow_symlinks=False)
                yield entry.path, state.st_ino, state.st_size, state.st_mtime_ns
                if entry.is_dir(follow_symlinks=False):
                    yield from self._files(Path(entry.path))


def main(file: str, name: str, what: str, place: str, *more: str) -> None:
    kit = kit_of(file, name)
    if what == "kill":
        kill(kit, Path(place), int(more[0]))
    else:
        write(kit, Path(place))
