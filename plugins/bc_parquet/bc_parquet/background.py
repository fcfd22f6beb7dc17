"""Merging beside the appends: one thread for a store, that lives from the first series in need of it until `stop`."""

from __future__ import annotations

import logging
import time
from threading import Condition, Thread

import pyarrow as pa
from attrs import define, field

from bc_parquet.writer import SeriesWriter
from bcore.errors import StoreError

log = logging.getLogger(__name__)
RELEASE = 10.0  # seconds after which memory that merges needed is given back, at the earliest


@define
class Compactor:
    """Merges the small parts of the series it is told of, one series at a time."""

    _due: dict[int, SeriesWriter] = field(factory=dict, init=False)
    _changed: Condition = field(factory=Condition, init=False)
    _thread: Thread | None = field(default=None, init=False)
    _stopping: bool = field(default=False, init=False)
    _released: float = field(factory=time.monotonic, init=False)

    def notice(self, writer: SeriesWriter) -> None:
        """The series may need a merge; returns at once."""
        with self._changed:
            if self._stopping:
                return
            self._due[id(writer)] = writer
            if self._thread is None:
                self._thread = Thread(target=self._work, name="bc_parquet compaction", daemon=True)
                self._thread.start()
            self._changed.notify()

    def stop(self) -> None:
        """Ends the thread after the merge it is at. Nothing that is left undone is lost: parts stay as they are."""
        with self._changed:
            self._stopping = True
            self._changed.notify()
            thread, self._thread = self._thread, None
        if thread is not None:
            thread.join()

    def _work(self) -> None:
        while (writer := self._next()) is not None:
            try:
                writer.tidy()
            except StoreError as error:
                # The parts are as they were. A disk that stays full is met again, loudly, by the next append.
                log.warning("merging is put off until the next append: %s", error)
            except Exception:
                log.exception("merging failed; the parts are left as they are")
            self._release()

    def _release(self) -> None:
        """Gives memory that is free again back to the system: merges take much, seldom, in pieces of every size.

        Allocators keep what they had, the more of it the longer; a collector of a hundred books grew by 0.5 GB.
        """
        if time.monotonic() >= self._released + RELEASE:
            for pool in (pa.default_memory_pool(), pa.system_memory_pool()):  # the latter is malloc's
                pool.release_unused()
            self._released = time.monotonic()

    def _next(self) -> SeriesWriter | None:
        with self._changed:
            while not self._due and not self._stopping:
                self._changed.wait()
            return None if self._stopping else self._due.pop(next(iter(self._due)))
