"""Merging beside the appends: one thread for a store, that lives from the first series in need of it until `stop`."""

from __future__ import annotations

import logging
from threading import Condition, Thread

from attrs import define, field

from bc_parquet.writer import SeriesWriter
from bcore.errors import StoreError

log = logging.getLogger(__name__)


@define
class Compactor:
    """Merges the small parts of the series it is told of, one series at a time."""

    _due: dict[int, SeriesWriter] = field(factory=dict, init=False)
    _changed: Condition = field(factory=Condition, init=False)
    _thread: Thread | None = field(default=None, init=False)
    _stopping: bool = field(default=False, init=False)

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

    def _next(self) -> SeriesWriter | None:
        with self._changed:
            while not self._due and not self._stopping:
                self._changed.wait()
            return None if self._stopping else self._due.pop(next(iter(self._due)))
