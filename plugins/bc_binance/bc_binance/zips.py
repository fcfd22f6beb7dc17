"""The one CSV file of a bulk zip, as a stream that trusts nothing (protocol sections 8.2 and 8.5)."""

from __future__ import annotations

import io
import re
import struct
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

from bcore.errors import FaultyReplyError

RATIO = 200  # real files hold up to some tens of times their size; a bomb about a thousand times
SMALL = 2**20  # bytes that no ratio is asked of
BUFFER = 2**20
METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
ENCRYPTED = 0x1
# What the standard library raises on damaged zips: text that is no text, offsets before the file, unknown versions...
DAMAGE = (zipfile.BadZipFile, zlib.error, struct.error, EOFError, OSError, RuntimeError, ValueError)
_PLAIN = re.compile(r"[^/\\:\x00-\x1f]+\.csv", re.IGNORECASE)


@contextmanager
def open_csv(path: Path, name: str, limit: int) -> Iterator[BinaryIO]:
    """The CSV file inside the zip at `path`; `name` is how errors call it.

    Never more than `limit` bytes, nor 200 times the zip's own size, come out. What is wrong with the zip, its check
    sum included, raises `FaultyReplyError`, at the latest at the end of the stream: read it all before believing it.
    """
    with path.open("rb") as file, _archive(file, name) as archive:
        member = _only_member(archive, name)
        bound = min(limit, max(SMALL, RATIO * path.stat().st_size))
        if member.file_size > bound:
            raise _bomb(name, member.file_size, bound)
        with io.BufferedReader(Inflated(archive, member, name, bound), BUFFER) as stream:
            yield stream


def _archive(file: BinaryIO, name: str) -> zipfile.ZipFile:
    try:
        return zipfile.ZipFile(file)
    except DAMAGE as error:
        raise FaultyReplyError(f"{name} is no zip file: {error}; fetch it again") from error


def _only_member(archive: zipfile.ZipFile, name: str) -> zipfile.ZipInfo:
    members = archive.infolist()
    if len(members) != 1:
        raise FaultyReplyError(f"{name} holds {len(members)} files where it must hold one CSV file")
    member = members[0]
    if not _PLAIN.fullmatch(member.orig_filename):
        raise FaultyReplyError(f"{name} holds {member.orig_filename!r}, which is no plain name of a CSV file")
    if member.flag_bits & ENCRYPTED:
        raise FaultyReplyError(f"{name} is encrypted")
    if member.compress_type not in METHODS:
        raise FaultyReplyError(f"{name} is compressed by a method that the exchange does not use")
    return member


class Inflated(io.RawIOBase):
    """What comes out of a zip's member, counted, with its faults made errors. `bound` is in bytes."""

    def __init__(self, archive: zipfile.ZipFile, member: zipfile.ZipInfo, name: str, bound: int) -> None:
        self._member, self._name, self._bound = member, name, bound
        self._given = 0
        try:
            self._source = archive.open(member)
        except DAMAGE as error:
            raise self._damaged(str(error)) from error

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        try:
            piece = self._source.read(len(buffer))
        except DAMAGE as error:
            raise self._damaged(str(error) or "it ends too early") from error
        self._given += len(piece)
        if self._given > self._bound:
            raise _bomb(self._name, self._given, self._bound)
        if not piece and self._given != self._member.file_size:
            raise self._damaged(f"{self._given} bytes came out where {self._member.file_size} are announced")
        buffer[: len(piece)] = piece
        return len(piece)

    def close(self) -> None:
        if not self.closed:
            self._source.close()
        super().close()

    def _damaged(self, why: str) -> FaultyReplyError:
        return FaultyReplyError(f"{self._name} is damaged: {why}; fetch it again")


def _bomb(name: str, size: int, bound: int) -> FaultyReplyError:
    return FaultyReplyError(
        f"{name} inflates to {size} bytes or more, beyond the {bound} that are believable for it; if it is a real "
        "file, raise `bulk_limit` in the exchange's section"
    )
