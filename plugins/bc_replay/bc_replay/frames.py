"""WebSocket framing (RFC 6455 section 5.2), as much of it as a relay has to see."""

from __future__ import annotations

import struct
from collections.abc import Iterator

from attrs import define, field, frozen

TEXT, CLOSE, PING, PONG = 0x1, 0x8, 0x9, 0xA
_FINAL, _MASKED = 0x80, 0x80
SHORT, LONG = 126, 1 << 16  # payload lengths from which the length field is extended, and extended further


@frozen
class Frame:
    """`payload` is unmasked, and kept for control frames only: data passes a relay unread."""

    opcode: int
    payload: bytes = b""


def text_frame(payload: bytes) -> bytes:
    """An unmasked text frame in one piece, as a server sends it."""
    length = len(payload)
    if length < SHORT:
        return bytes((_FINAL | TEXT, length)) + payload
    extended = struct.pack("!BH", 126, length) if length < LONG else struct.pack("!BQ", 127, length)
    return bytes((_FINAL | TEXT,)) + extended + payload


def control_frame(opcode: int, payload: bytes = b"") -> bytes:
    """An unmasked control frame, as a server sends it; at most 125 bytes of payload."""
    return bytes((_FINAL | opcode, len(payload))) + payload


def close_frame(code: int, reason: str) -> bytes:
    return control_frame(CLOSE, struct.pack("!H", code) + reason.encode()[:123])


def _header(head: bytes | bytearray, start: int) -> tuple[int, int] | None:
    """(length of the header, length of the payload) of the frame at `start`; None while the header is incomplete."""
    if len(head) - start < 2:
        return None
    length, masked = head[start + 1] & 0x7F, head[start + 1] & _MASKED
    extended = {126: 2, 127: 8}.get(length, 0)
    size = 2 + extended + (4 if masked else 0)
    if len(head) - start < size:
        return None
    if extended:
        length = int.from_bytes(head[start + 2 : start + 2 + extended], "big")
    return size, length


@define
class Boundaries:
    """Where frames end in a stream of bytes that is passed on without being kept."""

    _skip: int = 0  # bytes of the frame under way that are still to come
    _head: bytearray = field(factory=bytearray)

    @property
    def between(self) -> bool:
        return not self._skip and not self._head

    def feed(self, data: bytes) -> int:
        """The offset just behind the last frame that ends in `data`; 0 where none does."""
        position, last = min(self._skip, len(data)), 0
        self._skip -= position
        if position and not self._skip:
            last = position
        while position < len(data) and not self._skip:
            held = len(self._head)
            found = _header(self._head + data[position : position + 14 - held], 0)
            if found is None:
                self._head += data[position:]
                return last
            self._head.clear()
            whole = sum(found) - held
            step = min(whole, len(data) - position)
            position, self._skip = position + step, whole - step
            last = last if self._skip else position
        return last


@define
class FrameReader:
    """The frames that a client sends, in order."""

    _buffer: bytearray = field(factory=bytearray)

    def feed(self, data: bytes) -> Iterator[Frame]:
        self._buffer += data
        while (found := _header(self._buffer, 0)) is not None and len(self._buffer) >= sum(found):
            yield self._frame(*found)
            del self._buffer[: sum(found)]

    def _frame(self, size: int, length: int) -> Frame:
        opcode = self._buffer[0] & 0x0F
        if opcode < CLOSE:
            return Frame(opcode)
        payload, mask = self._buffer[size : size + length], self._buffer[size - 4 : size]
        return Frame(opcode, bytes(byte ^ mask[n % 4] for n, byte in enumerate(payload)))
