from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bc_history import MONDAY, batch, deals, series
from bc_toy import bars, tick_batch, ticks
from bcore import following
from bcore.client import Client
from bcore.errors import NotFoundError, RequestError
from bcore.following import Told, place_in
from bcore.instants import SECOND
from bcore.ledger import ledger_of, noted
from bcore.local import StoreReader
from bcore.memory import MemoryStore
from bcore.records import Batch, Dataset, Finding, Series
from bcore.spans import Spans

INSTANT = pa.timestamp("us", tz="UTC")
BOOKS = Dataset(
    "books", pa.schema({"timestamp": INSTANT, "symbol": pa.string(), "tick": pa.float64()}), key=("timestamp", "tick")
)
SHELF = Series(BOOKS, "AAA")
# As diffs of a book are: several rows of one id, in the order of ids, whose times are no order.
DIFFS = Dataset(
    "diffs",
    pa.schema(
        {"last": pa.int64(), "side": pa.string(), "timestamp": INSTANT, "symbol": pa.string(), "first": pa.int64()}
    ),
    key=("last", "side"),
    chain=("first", "last"),
)


def books(*moments: tuple[int, float]) -> Batch:
    rows = [{"timestamp": MONDAY + each * SECOND, "symbol": "AAA", "tick": tick} for each, tick in moments]
    return Batch(BOOKS, "AAA", pa.Table.from_pylist(rows, schema=BOOKS.schema))


def diffs(*rows: tuple[int, str, int]) -> Batch:
    told = [
        {"last": last, "side": side, "timestamp": MONDAY + at, "symbol": "AAA", "first": last}
        for last, side, at in rows
    ]
    return Batch(DIFFS, "AAA", pa.Table.from_pylist(told, schema=DIFFS.schema))


def followed(store: MemoryStore, of: Series, cursor: str | None) -> Told:
    return following.followed(place_in(store, of, {}), ((store, of),), cursor)


class Follower:
    """Takes what is there, up to the next word that nothing is new; `again` begins anew with its cursor."""

    def __init__(self, store: MemoryStore, of: Series, cursor: str | None = None) -> None:
        self.store, self.of, self.cursor = store, of, cursor
        self.told = followed(store, of, cursor)

    def take(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        for table, cursor in self.told:
            self.cursor = cursor
            if table is None:
                return found
            found += table.to_pylist()
        raise AssertionError("it ended")

    def again(self) -> Follower:
        return Follower(self.store, self.of, self.cursor)


def ids(rows: list[dict[str, Any]]) -> list[int]:
    return [row["id"] for row in rows]


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(following, "FIRST", 0.0)
    monkeypatch.setattr(following, "LONGEST", 0.0)


def test_new_rows_come_once_and_what_is_held_before_does_not() -> None:
    store = MemoryStore()
    store.append(batch(range(1000, 1010)))
    follower = Follower(store, series())
    assert [] == follower.take()
    store.append(batch(range(1010, 1013)))
    assert [1010, 1011, 1012] == ids(follower.take())
    assert ([], "1012") == (follower.take(), follower.cursor)
    assert [1005] == ids(Follower(store, series(), "1004").take())[:1]


@given(st.permutations(range(1000, 1012)), st.data())
def test_whatever_order_rows_come_in_and_however_often_one_resumes_each_comes_once(
    order: list[int], data: st.DataObject
) -> None:
    store = MemoryStore()
    store.append(batch([999]))
    follower = Follower(store, series())
    follower.take()
    found: list[int] = []
    while order:
        some = data.draw(st.integers(1, 4))
        store.append(batch(order[:some]))
        order = order[some:]
        if data.draw(st.booleans()):
            follower = follower.again()
        found += ids(follower.take())
    assert list(range(1000, 1012)) == sorted(found)
    assert "1011" == follower.cursor


def test_a_hole_that_is_passed_shows_in_the_cursor_and_is_told_when_it_is_filled() -> None:
    store = MemoryStore()
    store.append(batch([1000]))
    follower = Follower(store, series())
    follower.take()
    store.append(batch([1001, 1005, 1006]))
    assert [1001, 1005, 1006] == ids(follower.take())
    assert "1006~1002-1004" == follower.cursor
    follower = follower.again()
    store.append(batch([1003, 1007]))
    assert [1003, 1007] == ids(follower.take())
    assert "1007~1002-1002_1004-1004" == follower.cursor


def test_much_comes_in_pieces_and_one_may_stop_between_two(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(following, "ROWS", 4)
    store = MemoryStore()
    store.append(batch(range(1000, 1010)))
    first = next(table for table, _ in followed(store, series(), "999") if table is not None)
    assert 4 == first.num_rows
    assert [1004, 1005] == ids(Follower(store, series(), "1003").take())[:2]


def test_rows_without_ids_come_by_time_and_key_also_those_of_the_same_instant() -> None:
    store = MemoryStore()
    store.append(books((1, 5.0), (2, 5.0)))
    follower = Follower(store, SHELF)
    assert [] == follower.take()
    store.append(books((2, 50.0), (3, 5.0)))
    assert [50.0, 5.0] == [row["tick"] for row in follower.take()]
    follower = follower.again()
    store.append(books((3, 50.0), (4, 5.0)))
    assert [50.0, 5.0] == [row["tick"] for row in follower.take()]
    assert f"{MONDAY + 4 * SECOND},5.0" == follower.cursor


def test_diffs_come_in_the_order_of_their_ids_whatever_their_times(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(following, "ROWS", 2)
    store, of = MemoryStore(), Series(DIFFS, "AAA")
    store.append(diffs((1, "a", 500), (1, "b", 500)))
    follower = Follower(store, of)
    follower.take()
    store.append(diffs((2, "a", 100), (2, "b", 100), (3, "a", 400), (4, "a", 50), (5, "a", 900)))
    assert [2, 2, 3, 4, 5] == [row["last"] for row in follower.take()]
    assert [] == follower.again().take()


def test_a_ledger_is_followed_by_time() -> None:
    store, of = MemoryStore(), Series(ledger_of(deals()), "AAA")
    store.append(noted([Finding(5, 6, "open", "r")], series(), MONDAY))
    follower = Follower(store, of)
    follower.take()
    store.append(noted([Finding(1, 2, "open", "earlier ids")], series(), MONDAY + 1))
    assert ["earlier ids"] == [row["reason"] for row in follower.take()]


@pytest.mark.parametrize("cursor", ["x", "5~x", "5~3-1"])
def test_an_id_cursor_that_is_none_is_refused(cursor: str) -> None:
    store = MemoryStore()
    store.append(batch([1000]))
    with pytest.raises(RequestError, match="must be an id, or a cursor"):
        Follower(store, series(), cursor).take()


@pytest.mark.parametrize("cursor", ["x,1.0", "5", "5,x", "99999999999999999999999,1.0"])
def test_a_key_cursor_that_is_none_is_refused(cursor: str) -> None:
    store = MemoryStore()
    store.append(books((1, 1.0)))
    with pytest.raises(RequestError, match=r"must be a cursor that was told \(of timestamp, tick\)"):
        Follower(store, SHELF, cursor).take()


@pytest.fixture
def client() -> Iterator[Client]:
    store = MemoryStore()
    store.append(tick_batch([*range(10), *range(15, 20)]))
    with Client(StoreReader((store,), (ticks(),), (bars(),))) as made:
        yield made


def test_the_client_hands_out_frames_and_a_cursor_to_go_on_with(client: Client) -> None:
    with client.follow("ticks", "AAA", after=12, timeout=0) as new:
        (frame,) = list(new)
        assert ([15, 16, 17, 18, 19], "19~13-14") == (frame["id"].tolist(), new.cursor)
    arrow = next(iter(client.follow("ticks", "AAA", after=17, as_="arrow")))
    assert [18, 19] == arrow["id"].to_pylist()
    assert [] == list(client.follow("ticks", "AAA", after=new.cursor, timeout=0))


def test_what_is_not_there_is_not_followed(client: Client) -> None:
    with pytest.raises(NotFoundError, match="nothing is stored of ticks for the symbol 'AAB'"):
        client.follow("ticks", "AAB")
    with pytest.raises(NotFoundError, match=r"there is no view 'tick' \(did you mean ticks"):
        client.follow("tick", "AAA")
    with pytest.raises(RequestError, match="lots is not known; known: none"):
        client.follow("ticks", "AAA", lots=1)


def test_rows_of_a_facet_are_followed_alone(client: Client) -> None:
    with client.follow("ticks", "AAA", after=5, lot=1, timeout=0, as_="arrow") as new:
        found = [each for rows in new for each in rows["id"].to_pylist()]
    assert [7, 16, 19] == found
    assert "19~10-14" == new.cursor


def test_gaps_are_told_as_a_frame(client: Client) -> None:
    (gap,) = client.gaps("ticks", "AAA", as_="arrow").to_pylist()
    assert (10, 14, 5, "open") == (gap["first_id"], gap["last_id"], gap["ids"], gap["state"])
    assert ["first_id", "last_id", "ids", "state", "reason", "since"] == list(client.gaps("ticks", "AAA").columns)


def test_spans_are_what_a_cursor_is_made_of() -> None:
    assert ((1002, 1004),) == Spans.of([(1002, 1003), (1004, 1004)]).runs
