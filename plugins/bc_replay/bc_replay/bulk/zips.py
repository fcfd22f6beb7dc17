"""Zips whose bytes depend on their content alone, so that their checksums are stable."""

from __future__ import annotations

import hashlib
import os
import zipfile
from collections.abc import Iterable
from pathlib import Path

from attrs import frozen

READ = 1 << 20
LONG_AGO = (1980, 1, 1, 0, 0, 0)  # what zips say of a member whose time is nobody's business


@frozen
class Stored:
    """A file as the bucket serves it. `modified` is in us UTC; `etag` has its quotes."""

    path: Path
    size: int
    etag: str
    modified: int


def write_zip(target: Path, member: str, pieces: Iterable[bytes], *, size: int = 0) -> None:
    """One DEFLATE member of mode 0644, complete or not there at all. `size` is its inflated size where that is huge."""
    partial = target.with_name(f"{target.name}.part")
    partial.parent.mkdir(parents=True, exist_ok=True)
    entry = zipfile.ZipInfo(member, LONG_AGO)
    entry.compress_type, entry.create_system, entry.external_attr = zipfile.ZIP_DEFLATED, 3, 0o100644 << 16
    entry.file_size = size
    with zipfile.ZipFile(partial, "w") as archive, archive.open(entry, "w") as packed:
        for piece in pieces:
            packed.write(piece)
    os.replace(partial, target)


def stored(path: Path, modified: int) -> Stored:
    """The facts of a file of our own making: its etag is its MD5, as that of an object uploaded in one part."""
    digest = f'"{_hexdigest(path, "md5")}"'
    return Stored(path, path.stat().st_size, digest, modified)


def sha256(path: Path) -> str:
    return _hexdigest(path, "sha256")


def rows_of(path: Path) -> list[bytes]:
    """The lines of a zip's only member, with their ends."""
    with zipfile.ZipFile(path) as archive, archive.open(archive.namelist()[0]) as packed:
        return packed.readlines()


def _hexdigest(path: Path, algorithm: str) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, algorithm).hexdigest()
