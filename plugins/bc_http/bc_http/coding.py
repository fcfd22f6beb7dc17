"""Content codings: the pieces of an answer compressed as they come."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator

GZIP = 31  # zlib's window bits for the gzip format
LEVEL = 1  # what costs least; numbers as text shrink to a fifth all the same
ENOUGH = 1024  # bytes; less is not worth it


def gzipped(pieces: Iterator[bytes]) -> Iterator[bytes]:
    coder = zlib.compressobj(LEVEL, zlib.DEFLATED, GZIP)
    for piece in pieces:
        if coded := coder.compress(piece):
            yield coded
    yield coder.flush()


def zstandard(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """One frame a piece; frames that follow each other are one stream (RFC 8878 section 3.1)."""
    import pyarrow as pa

    codec = pa.Codec("zstd", compression_level=LEVEL)
    for piece in pieces:
        if piece:
            yield codec.compress(piece, asbytes=True)


CODERS: dict[str, Callable[[Iterator[bytes]], Iterator[bytes]]] = {"gzip": gzipped, "zstd": zstandard}


def coded(pieces: Iterator[bytes], coding: str | None) -> Iterator[bytes]:
    """The pieces in the coding; as they are if it is None."""
    return pieces if coding is None else CODERS[coding](pieces)
