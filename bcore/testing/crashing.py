"""Kills, and readers beside writers: with real processes, and a real SIGKILL."""

from __future__ import annotations

import inspect
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread

import pytest

from bcore.protocols import Store
from bcore.query import Query
from bcore.records import Series
from bcore.spans import Spans
from bcore.testing.agreeing import same_rows
from bcore.testing.child import BATCHES, PER_BATCH, SECOND, THERE
from bcore.testing.opening import StoreKit
from bcore.testing.samples import TICKS, ticks

AAA = Series(TICKS, "AAA")
PATIENCE = 120.0
WHOLE = list(range(SECOND))


class CrashTests(StoreKit):
    @pytest.fixture
    def kills(self) -> int:
        """At how many instants between the begin and the end of an append a writer is killed."""
        return 6

    def test_a_writer_killed_amid_an_append_leaves_all_of_it_or_nothing(
        self, tmp_path: Path, durable: bool, kills: int
    ) -> None:
        if not durable:
            pytest.skip("the store keeps nothing beyond its process")
        with self._child("kill", tmp_path, str(kills)) as lines:
            told = dict(line.strip().split(":") for line in lines)
        killed = [place for place, how in sorted(told.items()) if how == "killed"]
        assert killed, f"no writer was killed while it appended: {told}"
        for place in killed:
            self._check_survivor(tmp_path / place)

    def _check_survivor(self, place: Path) -> None:
        store = self.open(place)
        held = store.read(Query(TICKS, "AAA", columns=("id",)))["id"].to_pylist()
        assert held in (list(range(THERE)), WHOLE), f"killed {place.name}: all of the second batch or nothing of it"
        assert Spans.of((each, each) for each in held) == store.spans(AAA)
        assert len(held) == store.stats(AAA).rows
        assert len(WHOLE) - len(held) == store.append(ticks(range(SECOND))).rows, "what is missing can be sent again"
        same_rows(ticks(range(SECOND)).table, store.read(Query(TICKS, "AAA")), "after it was sent again")
        store.close()

    def test_a_reader_beside_a_writing_process_sees_whole_batches_and_what_was_acknowledged(
        self, tmp_path: Path, durable: bool
    ) -> None:
        if not durable:
            pytest.skip("the store is of one process")
        with self._child("write", tmp_path) as lines:
            assert next(lines).startswith("held:")
            acknowledged = _Told(lines)
            reader, rows = self.open(tmp_path), 0
            while not acknowledged.all:
                promised = acknowledged.rows
                rows = _whole_batches(reader, at_least=max(promised, rows))
            assert _whole_batches(reader, at_least=BATCHES * PER_BATCH) == BATCHES * PER_BATCH
            reader.close()

    def test_threads_may_read_while_others_append(self, store: Store) -> None:
        failed: list[BaseException] = []

        def append(start: int) -> None:
            try:
                for number in range(start, 24, 3):
                    store.append(ticks(range(number * 5, number * 5 + 7)))
            except BaseException as error:
                failed.append(error)

        threads = [Thread(target=append, args=(start,)) for start in range(3)]
        for thread in threads:
            thread.start()
        while any(thread.is_alive() for thread in threads):
            held = store.read(Query(TICKS, "AAA", columns=("id",)))["id"].to_pylist()
            assert sorted(set(held)) == held
        assert [] == failed
        same_rows(ticks(range(122)).table, store.read(Query(TICKS, "AAA")), "after three threads")

    @contextmanager
    def _child(self, what: str, place: Path, *more: str) -> Iterator[Iterator[str]]:
        """What a process says, line by line, that does this with a store as the subclass opens it."""
        kind = type(self)
        if "<locals>" in kind.__qualname__:
            pytest.fail(f"{kind.__qualname__}: the class must stand at the top of a module, for other processes")
        run = "import sys; from bcore.testing.child import main; main(*sys.argv[1:])"
        words = [sys.executable, "-c", run, inspect.getfile(kind), kind.__qualname__, what]
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
        process = subprocess.Popen(
            [*words, str(place), *more],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=environment,
        )
        assert process.stdout is not None
        assert process.stderr is not None
        try:
            yield iter(process.stdout.readline, "")
            said = process.stderr.read()
            assert 0 == process.wait(PATIENCE), said
        finally:
            process.kill()
            process.wait()
            process.stdout.close()
            process.stderr.close()


def _whole_batches(store: Store, at_least: int) -> int:
    held = store.read(Query(TICKS, "AAA", columns=("id",)))["id"].to_pylist()
    assert list(range(len(held))) == held, "rows are missing, doubled or out of order"
    assert 0 == len(held) % PER_BATCH, "a part of a batch is visible"
    assert len(held) >= at_least, "rows that were acknowledged, or seen before, are not there"
    return len(held)


class _Told:
    """How many rows a writer has acknowledged, as its lines come in."""

    def __init__(self, lines: Iterator[str]) -> None:
        self.rows, self.all = 0, False
        self._thread = Thread(target=self._listen, args=(lines,), daemon=True)
        self._thread.start()

    def _listen(self, lines: Iterator[str]) -> None:
        for line in lines:
            self.rows = int(line.split(":")[1])
        self.all = True
