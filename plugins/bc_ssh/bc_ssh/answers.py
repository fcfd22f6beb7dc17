"""Answers from a bcore on the other machine, over one connection with as many conversations as are needed at once."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from threading import Lock
from typing import Any

import pyarrow as pa
from attrs import define, field

from bc_ssh.link import Link
from bc_ssh.session import Session
from bcore.audits import Gap
from bcore.errors import StoreError
from bcore.following import Told
from bcore.frames import LinkError, Question
from bcore.packing import unpacked
from bcore.protocols import ViewInfo
from bcore.proving import gaps_in, proofs_in
from bcore.query import Request
from bcore.records import DayProof, SeriesStats
from bcore.wire import stats_in, views_in

log = logging.getLogger(__name__)
TRIES, PAUSE = 8, 0.25


@define(eq=False)
class Answers:
    """Implements `Reader`, `Proves` and `Follows`. Safe to use from several threads."""

    session: Session
    _idle: list[Link] = field(factory=list, init=False)
    _lent: set[Link] = field(factory=set, init=False)
    _lock: Lock = field(factory=Lock, init=False)
    _past: int = field(default=0, init=False)  # bytes that links brought which are gone
    _closed: bool = field(default=False, init=False)

    @property
    def received(self) -> int:
        """Bytes that came, before ssh's own wrapping."""
        with self._lock:
            return self._past + sum(link.received for link in (*self._idle, *self._lent))

    def greet(self) -> None:
        """Connects. Raises `NoBcoreError` where nobody answers in bcore's words."""
        self._take_back(self._lend())

    def views(self) -> Mapping[str, ViewInfo]:
        return views_in(self._table("views"))

    def symbols(self, view: str | None = None) -> list[str]:
        found: list[str] = self._table("symbols", view=view).column(0).to_pylist()
        return found

    def stats(self) -> list[SeriesStats]:
        return stats_in(self._table("stats"))

    def proofs(self, dataset: str, symbol: str, *, end: int | None = None) -> Sequence[DayProof]:
        return proofs_in(self._table("proofs", dataset=dataset, symbol=symbol, end=end))

    def gaps(self, dataset: str, symbol: str) -> Sequence[Gap]:
        return gaps_in(self._table("gaps", dataset=dataset, symbol=symbol))

    def read(self, request: Request) -> pa.Table:
        """Asked again from the start, once, if the answer broke off."""
        try:
            return self.scan(request).read_all()
        except LinkError:
            return self.scan(request).read_all()

    def scan(self, request: Request) -> pa.RecordBatchReader:
        """Packed; a bcore there that is older sends rows as they are."""
        return unpacked(self._asked(Question("read", request, {"packed": True})))

    def follow(
        self, view: str, symbol: str, cursor: str | None = None, params: Mapping[str, Any] | None = None
    ) -> Told:
        """Goes on behind the last row where the link breaks; gives up after some tries in a row."""
        failures = 0
        while True:
            try:
                asked = {"dataset": view, "symbol": symbol, "cursor": cursor, "params": dict(params or {})}
                for batch, cursor in self._lend().told(Question("follow", None, asked), self._take_back):
                    failures = 0
                    yield (pa.Table.from_batches([batch]) if batch.num_rows else None), cursor
            except LinkError as error:
                failures += 1
                if failures >= TRIES or cursor is None:
                    raise
                log.warning("%s; trying again", error)
                yield None, cursor
                time.sleep(PAUSE * 2**failures)

    def close(self) -> None:
        with self._lock:
            self._closed = True
            links, self._idle = [*self._idle, *self._lent], []
            self._lent.clear()
        for link in reversed(links):  # the one that holds the connection was the first
            with suppress(OSError):
                link.end()
        self.session.close()

    def _table(self, what: str, **arguments: Any) -> pa.Table:
        question = Question(what, None, arguments)
        try:
            return self._asked(question).read_all()
        except LinkError:
            return self._asked(question).read_all()

    def _asked(self, question: Question) -> pa.RecordBatchReader:
        return self._lend().ask(question, self._take_back)

    def _lend(self) -> Link:
        with self._lock:
            if self._closed:
                raise StoreError("the reader is closed")
            for link in [each for each in self._idle if not each.alive]:
                self._idle.remove(link)
                self._bury(link)
            if self._idle:
                link = self._idle.pop(0)
                self._lent.add(link)
                return link
        link = Link(self.session.ssh(self.session.config.far_command))
        with self._lock:
            self._lent.add(link)
        return link

    def _take_back(self, link: Link) -> None:
        with self._lock:
            if link not in self._lent:
                return
            self._lent.discard(link)
            if link.alive and not self._closed:
                self._idle.append(link)
            else:
                self._bury(link)

    def _bury(self, link: Link) -> None:
        self._past += link.received
        with suppress(OSError):
            link.end()
