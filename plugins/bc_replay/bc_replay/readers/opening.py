"""Text files as they lie on disk: plain, gzip or zip, told apart by their first bytes."""

from __future__ import annotations

import gzip
import io
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from bc_replay.errors import RecordingError

GZIP, ZIP, PARQUET = b"\x1f\x8b", b"PK\x03\x04", b"PAR1"


class UnknownKindError(RecordingError):
    """The file is of no kind that can be replayed; inside a folder such files are passed over."""


def magic(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(4)


@contextmanager
def text_of(path: Path) -> Iterator[IO[str]]:
    """The file's text, unpacked; the one member of a zip."""
    head = magic(path)
    if head.startswith(ZIP):
        with zipfile.ZipFile(path) as archive, archive.open(_member(archive, path)) as packed:
            yield io.TextIOWrapper(packed, encoding="utf-8-sig")
    elif head.startswith(GZIP):
        with gzip.open(path, "rt", encoding="utf-8-sig") as file:
            yield file
    else:
        with path.open(encoding="utf-8-sig") as file:
            yield file


def _member(archive: zipfile.ZipFile, path: Path) -> str:
    members = [name for name in archive.namelist() if not name.endswith("/")]
    if len(members) != 1:
        raise UnknownKindError(f"{path}: a zip with {len(members)} files; a bulk file holds exactly one CSV")
    return members[0]
