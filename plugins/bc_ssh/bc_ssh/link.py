"""One conversation with a `bcore answer` on the other machine."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator
from typing import Any

import pyarrow as pa
from attrs import define, field

from bc_ssh.session import NoBcoreError, Running
from bcore.errors import BcoreError, ConfigError
from bcore.frames import (
    CURSOR,
    DATA,
    DONE,
    FAILED,
    HELLO,
    PROTOCOL,
    REQUEST,
    Incoming,
    LinkError,
    Question,
    error_in,
    frame,
)
from bcore.packing import rows_in

BUFFER = 2**18
Marked = tuple["pa.RecordBatch", Any]


@define(eq=False)
class Link:
    """Asks one question after the other. `sent` and `received` count bytes, before ssh's own."""

    running: Running
    sent: int = field(default=0, init=False)
    _incoming: Incoming = field(init=False)
    _open: bool = field(default=False, init=False)  # whether an answer is under way

    def __attrs_post_init__(self) -> None:
        self._incoming = Incoming(lambda most: self.running.stdout.read(most) or b"")
        if not self._incoming.skip_to_magic():
            raise self._gone()
        hello = self._next()
        told = json.loads(hello[1]) if hello[0] == HELLO else {}
        if told.get("protocol") != PROTOCOL:
            self.end()
            raise ConfigError(
                [
                    f"{self.running.config.name}: the bcore there ({told.get('version')}) speaks another protocol "
                    f"({told.get('protocol')}, here {PROTOCOL}): bring both to one version"
                ]
            )

    @property
    def received(self) -> int:
        return self._incoming.count

    @property
    def alive(self) -> bool:
        return self.running.process.poll() is None

    def ask(self, question: Question, give_back: Callable[[Link], object]) -> pa.RecordBatchReader:
        """The answer, as it comes. `give_back` is called once it is over, or is wanted no longer.

        Raises the far side's error, `LinkError` where the link is gone; so do the batches.
        """
        stream, answer = self._begun(question, give_back)
        batches = self._batches(stream, answer, give_back)
        return pa.RecordBatchReader.from_batches(stream.schema, (batch for batch, _ in batches))

    def told(self, question: Question, give_back: Callable[[Link], object]) -> Iterator[tuple[pa.RecordBatch, str]]:
        """As `ask`, each batch with the cursor after it."""
        for batch, marks in self._batches(*self._begun(question, give_back), give_back):
            yield batch, marks[CURSOR].decode()

    def _begun(self, question: Question, give_back: Callable[[Link], object]) -> tuple[Any, Answer]:
        try:
            self._send(frame(REQUEST, question.encoded()))
            while self._open:  # the rest of an answer that was not wanted to its end
                self._open = self._next()[0] not in (DONE, FAILED)
            self._open = True
            answer = Answer(self._next_of_answer)
            return _opened(answer), answer
        except BaseException:
            give_back(self)
            raise

    def end(self) -> None:
        self.running.end()

    def _batches(self, stream: Any, answer: Answer, give_back: Callable[[Link], object]) -> Iterator[Marked]:
        rows = 0
        try:
            for batch, marks in stream.iter_batches_with_custom_metadata():
                rows += rows_in(batch)
                yield batch, marks
            answer.drain()
        except (pa.ArrowInvalid, OSError, BcoreError) as error:
            raise answer.failure or _broken(error) from error
        finally:
            give_back(self)
        if answer.rows != rows:
            raise LinkError(f"{rows} rows arrived of {answer.rows}")

    def _next_of_answer(self) -> tuple[bytes, bytes]:
        kind, content = self._next()
        self._open = kind not in (DONE, FAILED)
        return kind, content

    def _send(self, content: bytes) -> None:
        try:
            self.running.stdin.write(content)
        except (OSError, ValueError):
            raise self._gone() from None
        self.sent += len(content)

    def _next(self) -> tuple[bytes, bytes]:
        try:
            found = self._incoming.next()
        except (LinkError, OSError, ValueError):
            found = None
        if found is None:
            raise self._gone()
        return found

    def _gone(self) -> BcoreError:
        self._open = False
        self.running.stdin.close()
        error = self.running.why(self._incoming.noise)
        self.running.end()
        return error


@define(eq=False, slots=False)
class Answer(io.RawIOBase):
    """The bytes of one answer's Arrow stream, as a file."""

    next: Callable[[], tuple[bytes, bytes]]
    rows: int = field(default=0, init=False)
    failure: BcoreError | None = field(default=None, init=False)
    _held: memoryview = field(factory=lambda: memoryview(b""), init=False)
    _over: bool = field(default=False, init=False)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while not self._held and not self._over:
            self._take()
        count = min(len(buffer), len(self._held))
        buffer[:count] = self._held[:count]
        self._held = self._held[count:]
        return count

    def drain(self) -> None:
        """Up to the word that the answer is over."""
        while not self._over:
            self._take()

    def _take(self) -> None:
        try:
            kind, content = self.next()
            if kind == DATA:
                self._held = memoryview(content)
            elif kind == DONE:
                self.rows, self._over = json.loads(content)["rows"], True
            elif kind == FAILED:
                raise error_in(content)
        except BcoreError as error:
            self.failure, self._over = error, True
            raise


def _opened(answer: Answer) -> Any:
    try:
        return pa.ipc.open_stream(io.BufferedReader(answer, BUFFER))
    except (pa.ArrowInvalid, OSError, BcoreError) as error:
        raise answer.failure or _broken(error) from error


def _broken(error: BaseException) -> BcoreError:
    return error if isinstance(error, (LinkError, NoBcoreError)) else LinkError(f"the answer broke off: {error}")
