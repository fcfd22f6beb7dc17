"""HTTP/1.1 framing, as much of it as a relay has to see: where heads and bodies begin and end."""

from __future__ import annotations

from collections.abc import Iterator
from enum import Enum

from attrs import define, field, frozen

END = b"\r\n\r\n"
LONGEST_HEAD = 65536


class Piece(Enum):
    HEAD = "head"
    BODY = "body"
    RAW = "raw"  # after an upgrade, or a body that ends with the connection


@frozen
class Head:
    """A request's or a response's head; `lines` without line ends, the start line first."""

    lines: tuple[bytes, ...]

    @classmethod
    def parse(cls, data: bytes) -> Head:
        return cls(tuple(data.removesuffix(END).split(b"\r\n")))

    def value(self, name: bytes) -> bytes | None:
        prefix = name + b":"
        found = (line for line in self.lines[1:] if line.lower().startswith(prefix))
        line = next(found, None)
        return None if line is None else line[len(prefix) :].strip()

    @property
    def length(self) -> int | None:
        value = self.value(b"content-length")
        return int(value) if value is not None and value.isdigit() else None

    @property
    def chunked(self) -> bool:
        return (self.value(b"transfer-encoding") or b"").lower() == b"chunked"

    @property
    def status(self) -> int:
        """Of a response."""
        return int(self.lines[0].split(b" ", 2)[1])

    @property
    def method(self) -> bytes:
        """Of a request."""
        return self.lines[0].split(b" ", 1)[0]

    def marked(self, **extra: str) -> bytes:
        """The head's bytes with headers of these names set: what the sender put there is dropped."""
        names = {name.replace("_", "-").lower().encode(): value for name, value in extra.items()}
        kept = [line for line in self.lines[1:] if line.split(b":", 1)[0].lower() not in names]
        added = [name + b": " + value.encode() for name, value in names.items()]
        return b"\r\n".join([self.lines[0], *added, *kept]) + END


class BadHead(ValueError):
    """Bytes that are no HTTP head."""


@define
class Messages:
    """Cuts a stream of bytes into heads and pieces of bodies. The owner sets the `body` that follows each head."""

    body: int | None = 0  # bytes of body to come; None: everything that comes is raw
    _buffer: bytearray = field(factory=bytearray)

    def feed(self, data: bytes) -> Iterator[tuple[Piece, bytes]]:
        self._buffer += data
        while self._buffer:
            piece = self._next()
            if piece is None:
                return
            yield piece

    def _next(self) -> tuple[Piece, bytes] | None:
        if self.body is None:
            return Piece.RAW, self._take(len(self._buffer))
        if self.body:
            taken = self._take(min(self.body, len(self._buffer)))
            self.body -= len(taken)
            return Piece.BODY, taken
        end = self._buffer.find(END)
        if end < 0 and len(self._buffer) > LONGEST_HEAD:
            raise BadHead("the head of the message is too long")
        return None if end < 0 else (Piece.HEAD, self._take(end + len(END)))

    def _take(self, count: int) -> bytes:
        taken = bytes(self._buffer[:count])
        del self._buffer[:count]
        return taken
