"""Against a second writer, and for what a file system refuses: both end in a sentence that says what to do."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from bcore.errors import SeriesBusyError, StoreError

ROOM = 32  # bytes that say who holds a lock


def locked(path: Path) -> int:
    """An open file that holds the lock until it is closed. Raises `SeriesBusyError` if another process holds it."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        holder = os.read(descriptor, ROOM).decode(errors="replace").strip()
        os.close(descriptor)
        raise SeriesBusyError(
            f"{path.parent.parent / path.parent.name.removeprefix('.')}: another process is writing this series"
            f"{holder and f' ({holder})'}; stop it first, or give this one another folder (reading needs no lock)"
        ) from error
    with suppress(OSError):  # on a full disk it stays unsaid
        os.pwrite(descriptor, f"process {os.getpid()}".ljust(ROOM).encode(), 0)
    return descriptor


@contextmanager
def as_store_error(path: Path) -> Iterator[None]:
    """Turns what the file system refuses into a sentence with the path and what to do; nothing of a batch is kept."""
    try:
        yield
    except OSError as error:
        raise StoreError(
            f"{path}: {error.strerror or error}; nothing half-written is kept and the rows are asked for again: free "
            "space, or give permission"
        ) from error
