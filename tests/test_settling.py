"""Rows of computed views, each once and when it is final (`bcore/settling.py`)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import pytest
from attrs import frozen
from hypothesis import given
from hypothesis import strategies as st

from bc_toy import T0, bars, tick_batch, ticks
from bcore import following, settling
from bcore.client import Client
from bcore.computing import Access
from bcore.errors import NotFoundError, RequestError
from bcore.instants import SECOND
from bcore.local import StoreReader
from bcore.memory import MemoryStore
from bcore.query import Query
from bcore.records import Batch, Computation, Dataset, Derivation

TIMES = pa.schema([ticks().schema.field("timestamp")])
SHOTS = Dataset("shots", pa.schema([*TIMES, ("symbol", pa.string()), ("tick", pa.float64())]), ("timestamp", "tick"))


@frozen
class NoParams:
    """Nothing is to be chosen."""


def tenths(access: Access, query: Query, params: NoParams) -> Iterator[pa.Table]:
    """The time of every tenth tick."""
    rows = access.read("ticks")
    yield rows.filter(pa.array([number % 10 == 0 for number in rows["id"].to_pylist()])).select(["timestamp"])


def computed(**more: Any) -> Computation:
    return Computation("tenths", ("ticks",), TIMES, NoParams, tenths, **more)


SHOT_TIMES = Derivation(
    "shot_times",
    "shots",
    TIMES,
    NoParams,
    lambda query, params: query,
    lambda table, params: table.select(["timestamp"]),
)


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("FIRST", "LONGEST", "BREATH"):
        monkeypatch.setattr(following, name, 0.0)


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore()


def client_of(store: MemoryStore, *views: Derivation | Computation) -> Client:
    return Client(StoreReader((store,), (ticks(), SHOTS), views or (bars(),)))


def follow(client: Client, view: str = "bars", after: str | None = None, **params: Any) -> tuple[list[Any], str]:
    """What is new, and the cursor behind it."""
    with client.follow(view, "AAA", after=after, timeout=0, as_="arrow", **params) as new:
        found = [row for table in new for row in table.to_pylist()]
    assert new.cursor is not None
    return found, new.cursor


def opened(rows: list[dict[str, Any]]) -> list[int]:
    return [round(row["timestamp"].timestamp()) - T0 // SECOND for row in rows]


def test_a_bar_comes_when_there_is_a_later_one(store: MemoryStore) -> None:
    client = client_of(store)
    store.append(tick_batch(range(15)))
    _, cursor = follow(client, seconds=10)
    store.append(tick_batch(range(15, 19)))
    assert [] == follow(client, after=cursor, seconds=10)[0]
    store.append(tick_batch(range(19, 31)))
    rows, cursor = follow(client, after=cursor, seconds=10)
    assert ([10, 20], [10, 10]) == (opened(rows), [row["count"] for row in rows])
    assert [] == follow(client, after=cursor, seconds=10)[0]


@given(st.lists(st.integers(1, 9), min_size=3, max_size=12), st.data())
def test_each_bar_comes_once_and_as_it_is_in_the_end_however_often_one_resumes(
    sizes: list[int], data: st.DataObject
) -> None:
    store, found, begin = MemoryStore(), list[Any](), 0
    client = client_of(store)
    store.append(tick_batch([0]))
    _, cursor = follow(client, seconds=3)
    for size in sizes:
        store.append(tick_batch(range(begin, begin + size)))
        begin += size
        if data.draw(st.booleans()):
            rows, cursor = follow(client, after=cursor, seconds=3)
            found += rows
    found += follow(client, after=cursor, seconds=3)[0]
    assert client.read("bars", "AAA", seconds=3).to_pylist()[:-1] == found


@pytest.fixture
def holed(store: MemoryStore) -> Iterator[Any]:
    """Somebody follows bars of ten; then ids are stored of which two are missing."""
    store.append(tick_batch([10]))
    with client_of(store).follow("bars", "AAA", as_="arrow", timeout=0, seconds=10) as new:
        assert [] == until_nothing(new)
        store.append(tick_batch([*range(11, 23), *range(25, 50)]))
        yield new


def until_nothing(new: Any) -> list[Any]:
    """The rows that come before the word that nothing is new."""
    found: list[Any] = []
    while (told := next(new._told))[0] is not None:
        found += told[0].to_pylist()
    return found


def test_a_bar_waits_for_ids_that_are_missing_in_it(store: MemoryStore, holed: Any) -> None:
    assert [] == until_nothing(holed)
    store.append(tick_batch([23, 24]))
    rows = until_nothing(holed)
    assert ([10, 20, 30], [False, True, True]) == (opened(rows), [row["whole"] for row in rows])  # there is no id 9


def test_what_does_not_come_is_waited_for_no_longer_than_it_may_come(
    holed: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert [] == until_nothing(holed)
    monkeypatch.setattr(settling, "PATIENCE", 0.0)
    rows = until_nothing(holed)  # although nothing was stored
    assert ([10, 20, 30], [False, False, True]) == (opened(rows), [row["whole"] for row in rows])


def test_rows_of_ids_wait_for_others_of_their_time_and_those_that_come_together_do_not(store: MemoryStore) -> None:
    client = client_of(store, SHOT_TIMES)
    shots = [{"timestamp": T0 + SECOND, "symbol": "AAA", "tick": tick} for tick in (1.0, 5.0)]
    store.append(Batch(SHOTS, "AAA", pa.Table.from_pylist(shots, schema=SHOTS.schema)))
    assert [1, 1] == opened(follow(client, "shot_times", after="-1")[0])


@pytest.mark.parametrize(("grows", "told"), [(False, [0, 10]), (True, [0])])
def test_a_row_of_a_computation_is_final_when_more_is_stored_unless_it_grows(
    store: MemoryStore, grows: bool, told: list[int]
) -> None:
    client = client_of(store, computed(grows=grows))
    store.append(tick_batch(range(11)))
    rows, cursor = follow(client, "tenths", after="-1")
    assert [0] == opened(rows)
    store.append(tick_batch([11]))
    assert told == opened(rows + follow(client, "tenths", after=cursor)[0])


def test_many_rows_of_one_time_stay_together(store: MemoryStore, monkeypatch: pytest.MonkeyPatch) -> None:
    client = client_of(store, SHOT_TIMES)
    for second in (1, 2, 3):
        shots = [{"timestamp": T0 + second * SECOND, "symbol": "AAA", "tick": float(tick)} for tick in range(7)]
        store.append(Batch(SHOTS, "AAA", pa.Table.from_pylist(shots, schema=SHOTS.schema)))
    reader = StoreReader.scan
    monkeypatch.setattr(
        StoreReader,
        "scan",
        lambda self, request: pa.RecordBatchReader.from_batches(
            TIMES, reader(self, request).read_all().combine_chunks().to_batches(max_chunksize=4)
        ),
    )
    with client.follow("shot_times", "AAA", after="-1", timeout=0, as_="arrow") as new:
        tables = [(opened(table.to_pylist()), new.cursor) for table in new]
    assert [second for second in (1, 2, 3) for _ in range(7)] == [each for times, _ in tables for each in times]
    assert all(cursor == str(T0 + times[-1] * SECOND) for times, cursor in tables)


def test_what_cannot_be_followed_is_said(store: MemoryStore) -> None:
    client = client_of(store, bars(), computed(sized_by="size"))
    store.append(tick_batch(range(5)))
    with pytest.raises(RequestError, match="tenths is of one instant: it has no rows to follow"):
        client.follow("tenths", "AAA")
    with pytest.raises(NotFoundError, match="nothing is stored of ticks for the symbol 'BBB'"):
        client.follow("bars", "BBB")
    with pytest.raises(RequestError, match="second is not known \\(did you mean seconds"):
        client.follow("bars", "AAA", second=10)
    with pytest.raises(RequestError, match="after must be a cursor that was told"):
        next(client.follow("bars", "AAA", after="x"))
