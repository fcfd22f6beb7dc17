"""The far side of a remote that reaches this machine through pipes: answers questions until they end."""

from __future__ import annotations

import json
import logging
import os
import select
import time
from collections.abc import Callable, Iterator, Mapping
from itertools import chain
from typing import TYPE_CHECKING

from attrs import define, field

from bcore import __version__
from bcore.errors import BcoreError, RequestError, StoreError
from bcore.frames import CURSOR, DONE, FAILED, HELLO, MAGIC, PROTOCOL, REQUEST, Incoming, Outgoing, Question, told
from bcore.powers import Follows, Proves
from bcore.proving import gaps_table, proofs_table
from bcore.query import Request
from bcore.wire import stats_table, views_table

if TYPE_CHECKING:
    import pyarrow as pa

    from bcore.following import Told
    from bcore.protocols import Reader

log = logging.getLogger(__name__)
ALIVE = 0.5  # seconds between signs of life where nothing is new
Rows = Iterator[tuple["pa.RecordBatch | None", str | None]]  # what comes, or that nothing does; and the cursor after it


@define(eq=False)
class Answering:
    """Answers from `reader` what arrives on one descriptor, on the other one."""

    reader: Reader
    source: int
    sink: int
    _out: Outgoing = field(init=False)

    def __attrs_post_init__(self) -> None:
        self._out = Outgoing(self.sink)

    def serve(self) -> None:
        """Until the other side closes its end. Raises `OSError` where it is gone."""
        hello = {"protocol": PROTOCOL, "version": __version__}
        os.write(self.sink, MAGIC)
        self._out.send(HELLO, json.dumps(hello).encode())
        incoming = Incoming(lambda most: os.read(self.source, most))
        while (frame := incoming.next()) is not None:
            if frame[0] == REQUEST:
                self._answer(frame[1])

    def _answer(self, content: bytes) -> None:
        try:
            self._stream(*self._found(Question.decoded(content)))
        except OSError as error:
            if isinstance(error, BrokenPipeError):
                raise
            self._out.send(FAILED, told(error))
        except Exception as error:
            if not isinstance(error, BcoreError):
                log.exception("a question could not be answered")
            self._out.send(FAILED, told(error))

    def _found(self, question: Question) -> tuple[pa.Schema, Rows]:
        answers: Mapping[str, Callable[[Question], tuple[pa.Schema, Rows]]] = {
            "read": self._rows,
            "follow": self._follow,
            "views": lambda _: _table(views_table(self.reader.views())),
            "stats": lambda _: _table(stats_table(self.reader.stats())),
            "symbols": self._symbols,
            "proofs": self._proofs,
            "gaps": self._gaps,
        }
        if question.what not in answers:
            raise RequestError(f"this bcore ({__version__}) knows no question {question.what!r}: is it older?")
        self._look()
        return answers[question.what](question)

    def _look(self) -> None:
        """Raises `StoreError` where there is no archive: whoever asks from elsewhere cannot see a slip of the pen."""
        from bcore.local import StoreReader, absent

        folder = absent(self.reader.stores) if isinstance(self.reader, StoreReader) else None
        if folder is not None:
            raise StoreError(f"there is no folder {str(folder.absolute())!r} over there")

    def _rows(self, question: Question) -> tuple[pa.Schema, Rows]:
        if question.request is None:
            raise RequestError("a read needs a request")
        request = question.request
        if request.hot:
            table = self.reader.read(request)
            schema, batches = table.schema, iter(table.combine_chunks().to_batches())
        else:
            reader = self.reader.scan(request)
            schema, batches = reader.schema, iter(reader)
        if question.arguments.get("packed"):
            return self._packed(request.view, schema, batches)
        return schema, ((batch, None) for batch in batches)

    def _packed(self, view: str, schema: pa.Schema, batches: Iterator[pa.RecordBatch]) -> tuple[pa.Schema, Rows]:
        from bcore.packing import packed, packed_schema

        facets = [name for name in self.reader.views()[view].facets if name in schema.names]
        return packed_schema(), ((row, None) for row in packed(schema, batches, facets))

    def _symbols(self, question: Question) -> tuple[pa.Schema, Rows]:
        import pyarrow as pa

        return _table(pa.table({"symbol": pa.array(self.reader.symbols(question.arguments.get("view")), pa.string())}))

    def _proofs(self, question: Question) -> tuple[pa.Schema, Rows]:
        asked = question.arguments
        return _table(proofs_table(self._proves.proofs(asked["dataset"], asked["symbol"], end=asked.get("end"))))

    def _gaps(self, question: Question) -> tuple[pa.Schema, Rows]:
        return _table(gaps_table(self._proves.gaps(question.arguments["dataset"], question.arguments["symbol"])))

    def _follow(self, question: Question) -> tuple[pa.Schema, Rows]:
        if not isinstance(self.reader, Follows):
            raise RequestError("this archive cannot be followed")
        view, symbol = question.arguments["dataset"], question.arguments["symbol"]
        params = question.arguments.get("params") or {}
        told = self.reader.follow(view, symbol, question.arguments.get("cursor"), params)
        first = next(told)  # what cannot be followed is said here
        shape = Request(view, symbol, limit=0, params=params)
        return self.reader.read(shape).schema, _batches(first, told)

    @property
    def _proves(self) -> Proves:
        if not isinstance(self.reader, Proves):
            raise RequestError("this archive tells no proofs")
        return self.reader

    def _stream(self, schema: pa.Schema, rows: Rows) -> None:
        import pyarrow as pa

        from bcore.packing import rows_in

        count, spoke, early, nothing = 0, 0.0, False, pa.RecordBatch.from_pylist([], schema=schema)
        options = pa.ipc.IpcWriteOptions(compression="zstd")
        with pa.ipc.new_stream(pa.PythonFile(self._out, "w"), schema, options=options) as stream:
            for batch, cursor in rows:
                marks = None if cursor is None else {CURSOR: cursor.encode()}
                if self._asked_again():
                    early = True
                    break
                if batch is not None:
                    stream.write_batch(batch, custom_metadata=marks)
                    count, spoke = count + rows_in(batch), time.monotonic()
                elif time.monotonic() - spoke > ALIVE:  # an empty batch, which whoever follows sees as it comes
                    stream.write_batch(nothing, custom_metadata=marks)
                    spoke = time.monotonic()
                self._out.flush()
        self._out.send(DONE, json.dumps({"rows": count, "early": early}).encode())

    def _asked_again(self) -> bool:
        """Whether the other side has said something, or closed its end."""
        return bool(select.select([self.source], [], [], 0)[0])


def _table(table: pa.Table) -> tuple[pa.Schema, Rows]:
    return table.schema, ((batch, None) for batch in table.to_batches())


def _batches(first: tuple[pa.Table | None, str], rest: Told) -> Rows:
    """A table as one batch: its cursor stands behind its last row."""
    for table, cursor in chain((first,), rest):
        yield None if table is None else table.combine_chunks().to_batches()[0], cursor
