"""How `bcore answer` speaks over a pair of pipes: frames of a kind, a length and that many bytes.

The answering side begins with `MAGIC` and a HELLO; what a login shell prints before that is skipped. Then each REQUEST
is answered by DATA (pieces of one Arrow IPC stream) and one DONE, or by FAILED. A REQUEST that arrives before the DONE
ends the answer under way early: its DONE says so.
"""

from __future__ import annotations

import io
import json
import os
import struct
from collections.abc import Callable, Mapping
from typing import Any

from attrs import define, evolve, field, frozen

from bcore.errors import BcoreError, ConfigError, CorruptFileError, NotFoundError, RequestError, StoreError
from bcore.query import Request

MAGIC = b"\0bcore answers\n"
PROTOCOL = 1
HELLO, REQUEST, DATA, DONE, FAILED = b"H", b"R", b"D", b"Z", b"F"
CURSOR = b"cursor"  # what a batch of a follow is marked with
HEAD = struct.Struct(">cI")
PIECE = 128 * 1024  # of DATA, about
LONGEST = 2**24
NOISE = 64 * 1024  # what a shell may print before it
KINDS: tuple[type[BcoreError], ...] = (NotFoundError, RequestError, ConfigError, CorruptFileError)


class LinkError(StoreError):
    """The other side is gone, or says what no `bcore answer` would say."""


def frame(kind: bytes, content: bytes) -> bytes:
    return HEAD.pack(kind, len(content)) + content


@define(eq=False)
class Incoming:
    """Frames from a pipe. `read(n)` gives at most n bytes, and none at the end. Counts every byte."""

    read: Callable[[int], bytes]
    count: int = field(default=0, init=False)
    noise: bytes = field(default=b"", init=False)  # what came before the magic

    def next(self) -> tuple[bytes, bytes] | None:
        """The next frame; None where the pipe ends between two. Raises `LinkError` where it ends within one."""
        head = self._exactly(HEAD.size, may_end=True)
        if head is None:
            return None
        kind, length = HEAD.unpack(head)
        if length > LONGEST:
            raise LinkError(f"a frame of {length} bytes is announced: that is not the protocol of bcore answer")
        return kind, self._exactly(length) or b""

    def skip_to_magic(self) -> bool:
        """Whether the magic came, behind at most `NOISE` bytes of something else."""
        seen = bytearray()
        while not seen.endswith(MAGIC):
            byte = self._some(1)
            if not byte or len(seen) > NOISE:
                self.noise = bytes(seen)
                return False
            seen += byte
        return True

    def _exactly(self, length: int, *, may_end: bool = False) -> bytes | None:
        held = bytearray()
        while len(held) < length:
            more = self._some(length - len(held))
            if not more:
                if may_end and not held:
                    return None
                raise LinkError("the link broke off within an answer")
            held += more
        return bytes(held)

    def _some(self, most: int) -> bytes:
        more = self.read(most)
        self.count += len(more)
        return more


@define(eq=False, slots=False)
class Outgoing(io.RawIOBase):
    """What an Arrow IPC stream is written to: its bytes go out as DATA frames of a good size."""

    descriptor: int
    _held: bytearray = field(factory=bytearray, init=False)

    def writable(self) -> bool:
        return True

    def write(self, content: Any) -> int:
        self._held += content
        if len(self._held) >= PIECE:
            self.flush()
        return len(content)

    def flush(self) -> None:
        if self._held:
            held, self._held = bytes(self._held), bytearray()
            self.send(DATA, held)

    def send(self, kind: bytes, content: bytes) -> None:
        self.flush()
        left = memoryview(frame(kind, content))
        while left:
            left = left[os.write(self.descriptor, left) :]


@frozen
class Question:
    """What is asked: `what` names it, the rest is what it needs."""

    what: str
    request: Request | None = None
    arguments: Mapping[str, Any] = field(factory=dict)

    def encoded(self) -> bytes:
        told: dict[str, Any] = {"what": self.what, "arguments": dict(self.arguments)}
        if self.request is not None:
            told["request"] = {name: getattr(self.request, name) for name in _FIELDS}
        return json.dumps(told, default=_plain).encode()

    @classmethod
    def decoded(cls, content: bytes) -> Question:
        """Raises `RequestError` for what is none."""
        try:
            told = json.loads(content)
            asked = told.get("request")
            return cls(str(told["what"]), None if asked is None else _request(asked), dict(told.get("arguments") or {}))
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise RequestError(f"this is no question of bcore: {error}") from error


_FIELDS = ("view", "symbol", "start", "end", "limit", "offset", "tail", "after", "columns", "params", "hot")


def _request(told: Mapping[str, Any]) -> Request:
    request = Request(**{name: value for name, value in told.items() if name in _FIELDS})
    return request if request.columns is None else evolve(request, columns=tuple(request.columns))


def _plain(value: Any) -> Any:
    """numpy's and pandas' numbers as Python's own; anything else as text, as it would be typed."""
    return value.item() if hasattr(value, "item") else str(value)


def told(error: Exception) -> bytes:
    """An error as the content of FAILED."""
    kind = next((kind.__name__ for kind in KINDS if isinstance(error, kind)), StoreError.__name__)
    problems = getattr(error, "problems", None) or [str(error) or type(error).__name__]
    return json.dumps({"error": kind, "problems": list(problems)}).encode()


def error_in(content: bytes) -> BcoreError:
    """What `told` told."""
    found = json.loads(content)
    problems = [str(each) for each in found["problems"]]
    kind = next((kind for kind in KINDS if kind.__name__ == found["error"]), None)
    if kind is ConfigError:
        return ConfigError(problems)
    if kind is not None and issubclass(kind, RequestError):
        return kind(*problems)
    return (kind or StoreError)("; ".join(problems))
