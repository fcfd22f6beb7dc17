"""Heartbeats: a collector writes its status into the archive's folder once a second, for other processes to read.

`<archive>/.status/<machine>-<pid>.json` holds one JSON object: `format` (1), `pid`, `place`, `born`, `version`,
`written` (int us UTC) and `status` (`bcore.status.Status`). It is replaced by rename, removed at a clean stop, and
holds no secrets. Stores keep nothing in folders whose names begin with a dot, and readers leave them alone.
"""

from __future__ import annotations

import errno
import json
import os
import re
import socket
from contextlib import suppress
from pathlib import Path
from typing import Any

from attrs import asdict, define, field, frozen

from bcore import __version__
from bcore.status import Status

FOLDER = ".status"
FORMAT = 1
STALE = 10.0  # seconds without a beat after which a collector that lives does not work
FORGOTTEN = 60.0  # seconds after which the next collector clears a file away
ROOM = 4096


@frozen
class Beat:
    """What a heartbeat file says. `place` and `born` tell the process from any other that had its number."""

    pid: int
    place: str
    born: str
    version: str
    written: int
    status: Status


@frozen
class Found:
    """A heartbeat file and what is to be made of it.

    `state`: "running"; "silent" where the process is there and has not written for `STALE` seconds; "dead" where it
    ended without a clean stop; "unreadable" (`beat` is then None). `age` is in seconds.
    """

    path: Path
    state: str
    age: float
    beat: Beat | None = None


@define
class Heart:
    """Writes the beats of this process into the folder of one archive."""

    archive: Path
    _made: bool = field(default=False, init=False)

    @property
    def path(self) -> Path:
        machine = re.sub(r"[^A-Za-z0-9_-]", "_", socket.gethostname())
        return self.archive / FOLDER / f"{machine}-{os.getpid()}.json"

    def beat(self, status: Status) -> None:
        """Never seen half-written, unless the disk is full. Raises `OSError`."""
        content = _written(status)
        if not self.path.parent.is_dir():
            self._made = self._made or not self.archive.exists()
            self.path.parent.mkdir(parents=True, exist_ok=True)
        fresh = self.path.with_suffix(".new")
        try:
            fresh.write_bytes(_padded(content))
            os.replace(fresh, self.path)
        except OSError as error:
            fresh.unlink(missing_ok=True)
            if error.errno not in (errno.ENOSPC, errno.EDQUOT):
                raise
            _overwrite(self.path, content)

    def stop(self) -> None:
        """Takes away what was written, and the folders that were made for it and hold nothing else."""
        self.path.unlink(missing_ok=True)
        with suppress(OSError):
            self.path.parent.rmdir()
            if self._made:
                self.archive.rmdir()

    def clear(self, now: int) -> None:
        """Takes away what collectors that were killed have left. One that only hangs will write anew."""
        for found in beats(self.archive, now):
            if found.state == "dead" or found.age > FORGOTTEN:
                found.path.unlink(missing_ok=True)


def beats(archive: Path, now: int) -> list[Found]:
    """The heartbeats in an archive's folder at `now` (int us UTC), by file name."""
    return [_found(path, now) for path in sorted((archive / FOLDER).glob("*.json"))]


def _found(path: Path, now: int) -> Found:
    try:
        beat = _read(path)
    except (OSError, ValueError):
        return Found(path, "unreadable", _idle(path, now))
    age = max(now - beat.written, 0) / 1e6
    if beat.place == place() and not _lives(beat):
        return Found(path, "dead", age, beat)
    return Found(path, "silent" if age > STALE else "running", age, beat)


def _idle(path: Path, now: int) -> float:
    """Seconds since the file was written; 0 for one that has just gone."""
    with suppress(OSError):
        return max(now / 1e6 - path.stat().st_mtime, 0.0)
    return 0.0


def _written(status: Status) -> bytes:
    pid = os.getpid()
    beat = Beat(pid, place(), born(pid), __version__, status.taken, status)
    return json.dumps({"format": FORMAT, **asdict(beat)}).encode()


def _padded(content: bytes) -> bytes:
    """With room to grow, so that the file can be overwritten in place on a disk that has become full."""
    return content.ljust((len(content) // ROOM + 2) * ROOM - 1) + b"\n"


def _overwrite(path: Path, content: bytes) -> None:
    """On a full disk the status matters most, and there is no room for a second file, nor for a longer one.

    Raises `OSError`.
    """
    with path.open("r+b") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(0)
        file.write(content.ljust(size))


def _read(path: Path) -> Beat:
    """Raises `OSError`, `ValueError`."""
    from cattrs import BaseValidationError, structure

    plain = _parsed(path)
    if not isinstance(plain, dict) or plain.get("format") != FORMAT:
        raise ValueError(f"{path} is not a heartbeat of format {FORMAT}")
    try:
        return structure(plain, Beat)
    except BaseValidationError as error:
        raise ValueError(f"{path} is not a heartbeat: {error}") from error


def _parsed(path: Path, tries: int = 3) -> Any:
    """On a full disk a file may be met half overwritten: it is then read again."""
    for _ in range(tries - 1):
        with suppress(json.JSONDecodeError, UnicodeDecodeError):
            return json.loads(path.read_bytes())
    return json.loads(path.read_bytes())


def place() -> str:
    """The machine, and on Linux the namespace in which process numbers mean something."""
    with suppress(OSError):
        return f"{socket.gethostname()} {os.readlink('/proc/self/ns/pid')}"
    return socket.gethostname()


def born(pid: int) -> str:
    """When the process began, in the kernel's words: a later one of the same number differs. Empty if not known."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
    fields = text.rpartition(")")[2].split()  # the name before it may hold anything
    return "" if fields[0] in "ZX" else fields[19]


def _lives(beat: Beat) -> bool:
    """Whether the process that wrote it is there, seen from the same place."""
    if beat.born:
        return born(beat.pid) == beat.born
    try:
        os.kill(beat.pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
