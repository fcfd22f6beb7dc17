from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from math import isnan, nan
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pytest
from click.testing import CliRunner, Result
from hypothesis import given
from hypothesis import strategies as st

from bc_orderbook.book import Book as ExactBook
from bc_orderbook.bookmeasures import BOOK_MEASURES
from bc_orderbook.booktesting import Event, HandWritten, Shown
from bc_orderbook.bookviews import BOOK, BOOK_STATES, ORDERBOOK_REBUILT
from bc_orderbook.datasets import ORDERBOOK
from bc_orderbook.diffs import DEPTH, DEPTH_SNAPSHOTS, DEPTH_STATES
from bc_orderbook.durations import microseconds
from bc_orderbook.snapshot import Snapshot
from bcore.books import Book
from bcore.cli import main
from bcore.cli.options import Options
from bcore.client import Client
from bcore.errors import NotFoundError, RequestError
from bcore.instants import DAY, HOUR, MINUTE, SECOND, iso, to_datetime
from bcore.local import StoreReader
from bcore.memory import MemoryStore
from bcore.protocols import Store
from bcore.query import Request

T0 = 1_723_161_600 * SECOND  # 2024-08-09
VIEWS = (BOOK, BOOK_STATES, ORDERBOOK_REBUILT, BOOK_MEASURES)
Rows = list[dict[str, Any]]


def written(store: Store) -> HandWritten:
    """Book 10 at T0, then 99.00 grows by 1 each second for ten seconds; suspect from second 6 to 8."""
    archive = HandWritten(store)
    archive.snapshot(Shown(10, T0, {99.0: 1.0, 98.25: 2.0, 90.0: 5.0}, {100.0: 1.5, 101.5: 4.0}, horizon=(90.0, nan)))
    archive.events(Event(10 + n, 10 + n, T0 + n * SECOND, bids={99.0: 1.0 + n}) for n in range(1, 11))
    for second, state in ((0, "verified"), (6, "suspect"), (8, "verified")):
        archive.state(T0 + second * SECOND, 10 + second, state)
    return archive


def client_of(store: Store) -> Client:
    return Client(StoreReader((store,), (DEPTH, DEPTH_SNAPSHOTS, DEPTH_STATES), VIEWS))


@pytest.fixture
def client() -> Client:
    return client_of(written(MemoryStore()).store)


def pairs(side: pd.DataFrame) -> list[tuple[float, float]]:
    return list(side.itertuples(index=False, name=None))


def test_a_book_is_two_tables_best_first(client: Client) -> None:
    book = client.get_book("AAA", at="2024-08-09T00:00:02.5")
    assert [(99.0, 3.0), (98.25, 2.0), (90.0, 5.0)] == pairs(book.bids)
    assert [(100.0, 1.5), (101.5, 4.0)] == pairs(book.asks)
    assert (99.0, 100.0, 99.5, 1.0) == (book.best_bid, book.best_ask, book.mid, book.spread)
    assert ("AAA", 12, "verified") == (book.symbol, book.update_id, book.state)
    assert (to_datetime(T0 + 2_500_000), to_datetime(T0 + 2 * SECOND)) == (book.time, book.event_time)
    assert 90.0 == book.horizon[0]
    assert isnan(book.horizon[1])


def test_without_an_instant_it_is_the_newest(client: Client) -> None:
    book = client.get_book("AAA")
    assert (20, to_datetime(T0 + 10 * SECOND), "verified") == (book.update_id, book.time, book.state)


@pytest.mark.parametrize(
    "at", [T0 + SECOND, (T0 + SECOND) // 1000, datetime(2024, 8, 9, 0, 0, 1, tzinfo=UTC), "2024-08-09T02:00:01+02:00"]
)
def test_the_instant_is_what_people_type(client: Client, at: Any) -> None:
    assert 11 == client.get_book("AAA", at=at).update_id


def test_levels_are_the_best_of_each_side(client: Client) -> None:
    book = client.get_book("AAA", levels=1)
    assert (1, 1) == (len(book.bids), len(book.asks))


def test_buckets_round_away_from_the_mid(client: Client) -> None:
    book = client.get_book("AAA", at=T0, tick_size=2)
    assert [(98.0, 3.0), (90.0, 5.0)] == pairs(book.bids)
    assert [(100.0, 1.5), (102.0, 4.0)] == pairs(book.asks)
    assert [(98.0, 3.0)] == pairs(client.get_book("AAA", at=T0, tick_size=2, levels=1).bids)


def test_a_book_comes_in_the_form_that_was_asked_for(client: Client) -> None:
    assert isinstance(client.get_book("AAA", as_="arrow").bids, pa.Table)
    with pytest.raises(RequestError, match="as_ must be pandas"):
        client.get_book("AAA", as_="list")  # type: ignore[arg-type]


def test_an_empty_book_has_no_price() -> None:
    archive = HandWritten()
    archive.snapshot(Shown(1, T0, {}, {}))
    book = client_of(archive.store).get_book("AAA")
    assert (0, 0, True) == (len(book.bids), len(book.asks), isnan(book.best_bid) and isnan(book.spread))


def test_before_the_first_book_there_is_none(client: Client) -> None:
    with pytest.raises(NotFoundError, match="no book of AAA is known at 2024-08-08"):
        client.get_book("AAA", at=T0 - 1)


@pytest.mark.parametrize(
    ("params", "says"),
    [
        ({"at": "soon"}, "at must be an instant: 'soon' is not"),
        ({"levels": 0}, "levels must be 1 or more"),
        ({"tick_size": 0}, "tick_size must be more than 0"),
        ({"depth": 3}, "depth is not known"),
    ],
)
def test_a_wrong_parameter_is_told_in_a_sentence(client: Client, params: dict[str, Any], says: str) -> None:
    with pytest.raises(RequestError, match=says):
        client.read("book", "AAA", **params)


def test_rows_of_a_book_go_from_level_to_level(client: Client) -> None:
    rows = client.read("book", "AAA", at="2024-08-09T00:00:00", levels=2).to_pylist()
    assert [("bid", 1, 99.0), ("ask", 1, 100.0), ("bid", 2, 98.25), ("ask", 2, 101.5)] == [
        (row["side"], row["level"], row["price"]) for row in rows
    ]
    assert 3 == client.read("book", "AAA", limit=3).num_rows


def test_states_are_books_at_multiples_of_the_step(client: Client) -> None:
    states = list(client.book_states("AAA", "2024-08-09T00:00:01.2", "2024-08-09T00:00:04", every="1s", levels=1))
    assert [(12, 3.0), (13, 4.0)] == [(book.update_id, book.bids["quantity"][0]) for book in states]
    assert [to_datetime(T0 + second * SECOND) for second in (2, 3)] == [book.time for book in states]


def test_states_without_a_range_are_all_that_is_known(client: Client) -> None:
    found = [(book.update_id, book.state) for book in client.book_states("AAA", every="2s")]
    doubts = ["verified", "verified", "verified", "verified", "verified", "verified"]
    assert list(zip(range(10, 21, 2), doubts, strict=True)) == found
    assert ["suspect", "suspect"] == [
        book.state for book in client.book_states("AAA", T0 + 6 * SECOND + 1, T0 + 8 * SECOND, every="500ms")
    ][::2]


def test_states_do_not_go_on_where_nothing_is_known(client: Client) -> None:
    books = list(client.book_states("AAA", T0 - HOUR, T0 + HOUR, every="1s"))
    assert (11, 10, 20) == (len(books), books[0].update_id, books[-1].update_id)
    assert [] == list(client.book_states("AAA", T0 + MINUTE, T0 + HOUR))


def test_books_that_are_spread_over_batches_come_whole(client: Client) -> None:
    table = client.read("book_states", "AAA", every="1s")
    pieces = [piece for batch in table.to_batches() for piece in (batch.slice(0, 7), batch.slice(7, 1), batch.slice(8))]
    from bcore.books import books

    assert [5] * 11 == [len(book.bids) + len(book.asks) for book in books(pieces, lambda rows: rows.to_pandas())]


@given(st.integers(0, 70), st.integers(0, 6), st.sampled_from(["tail", "limit"]), st.none() | st.integers(1, 3))
def test_states_are_counted_from_either_end(count: int, offset: int, way: str, levels: int | None) -> None:
    client, columns = client_of(written(MemoryStore()).store), ("timestamp", "side", "level", "quantity")
    everything = client.read("book_states", "AAA", every="1s", levels=levels, columns=columns)
    asked: dict[str, Any] = {way: count, "offset": offset, "columns": columns}
    asked |= {"start_time": T0} if way == "limit" else {}
    found = client.read("book_states", "AAA", every="1s", levels=levels, **asked)
    rows = everything.num_rows
    first, last = (offset, offset + count) if way == "limit" else (rows - offset - count, rows - offset)
    assert everything.slice(max(first, 0), max(min(last, rows) - max(first, 0), 0)) == found


def test_snapshots_made_afterwards_are_those_that_were_made_live(client: Client) -> None:
    exact = ExactBook.of([("99.00", "4.0"), ("98.25", "2"), ("90", "5")], [("100.0", "1.5"), ("101.5", "4")])
    live = Snapshot("AAA", T0 + 3 * SECOND, exact).table([0.5, 10.0])
    made = client.read("orderbook_rebuilt", "AAA", start_time=T0 + 3 * SECOND, limit=2, every="1s", tick_size="10,0.5")
    assert ORDERBOOK.schema == made.schema
    assert live.to_pandas().equals(made.to_pandas())


def test_no_snapshot_is_made_of_a_doubtful_book(client: Client) -> None:
    times = client.read("orderbook_rebuilt", "AAA", every="1s", tick_size=1).column("timestamp").cast("int64")
    assert [0, 1, 2, 3, 4, 5, 6, 8, 9, 10] == [(time - T0) // SECOND for time in times.to_pylist()]


def test_snapshots_are_of_what_is_known_and_of_the_depth_asked_for(client: Client) -> None:
    archive = written(MemoryStore())
    archive.events([Event(21, 21, T0 + 11 * SECOND, bids={80.0: 1.0})])
    made = client_of(archive.store).read("orderbook_rebuilt", "AAA", tail=1, every="1s", tick_size=100, depth=2)
    assert (13.0, 1.5) == (made.column("bid_qty_1")[0].as_py(), made.column("ask_qty_1")[0].as_py())
    whole = client_of(archive.store).read("orderbook_rebuilt", "AAA", tail=1, every="1s", tick_size=100)
    assert 18.0 == whole.column("bid_qty_1")[0].as_py()


def test_snapshots_need_a_tick_size(client: Client) -> None:
    with pytest.raises(RequestError, match="tick_size is needed and was not given"):
        client.read("orderbook_rebuilt", "AAA")


def test_measures_are_of_every_step(client: Client) -> None:
    rows = client.read("book_measures", "AAA", start_time=T0, limit=2, every="1s", levels=2, bps=100).to_pylist()
    row = rows[1]
    assert [99.0, 100.0, 99.5, 1.0] == [row[name] for name in ("best_bid", "best_ask", "mid", "spread")]
    assert (100 * 2 + 99 * 1.5) / 3.5 == pytest.approx(row["microprice"])
    assert (4 - 5.5) / 9.5 == pytest.approx(row["imbalance"])
    assert [2.0, 1.5, 198.0, 150.0] == [
        row[f"{side}_{what}"] for what in ("quantity", "notional") for side in ("bid", "ask")
    ]
    assert row["complete"]


@pytest.mark.parametrize(("bps", "complete"), [(900, True), (1000, False)])
def test_depth_is_complete_up_to_the_horizon(client: Client, bps: float, complete: bool) -> None:
    (row,) = client.read("book_measures", "AAA", tail=1, bps=bps).to_pylist()
    assert complete == row["complete"]


@pytest.mark.parametrize(
    ("text", "length"),
    [("100ms", 100_000), ("1s", SECOND), ("5m", 5 * MINUTE), ("5min", 5 * MINUTE), ("2 h", 2 * HOUR)],
)
def test_a_step_is_a_number_and_a_unit(text: str, length: int) -> None:
    assert length == microseconds(text)


@pytest.mark.parametrize("text", ["0s", "1", "s", "1y", "-1s", "1.5s", "1s 1m", "1us"])
def test_any_other_step_is_refused(client: Client, text: str) -> None:
    with pytest.raises(RequestError, match="every must be a number and a unit"):
        client.read("book_states", "AAA", every=text)


Invoke = Callable[..., Result]


@pytest.fixture
def cli(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Invoke:
    store = pytest.importorskip("bc_parquet.store", reason="a folder needs bc_parquet").ParquetStore(tmp_path / "data")
    written(store)
    store.close()
    monkeypatch.chdir(tmp_path)
    return lambda *args: CliRunner().invoke(main, [str(arg) for arg in args], obj=Options())


def test_the_command_line_shows_a_book(cli: Invoke) -> None:
    shown = cli("read", "book", "AAA", "--at", "2024-08-09T00:00:03", "--levels", 2)
    assert 0 == shown.exit_code, shown.output
    lines = [line.split() for line in shown.stdout.splitlines()]
    assert [["bid", "1", "99"], ["ask", "1", "100"], ["bid", "2", "98.25"], ["ask", "2", "101.5"]] == [
        line[5:8] for line in lines[1:]
    ]


def test_the_command_line_shows_ten_levels_if_not_told(cli: Invoke, tmp_path: Path) -> None:
    store = pytest.importorskip("bc_parquet.store").ParquetStore(tmp_path / "data")
    levels = {float(price): 1.0 for price in range(1, 30)}
    HandWritten(store, "BBB").snapshot(Shown(1, T0, levels, {}))
    store.close()
    shown = cli("read", "book", "BBB")
    assert 11 == len(shown.stdout.splitlines())
    assert shown.stderr.splitlines()[-1] == "(shown with --levels 10; --levels N or --all shows more)"
    assert "shown with" not in cli("read", "book", "BBB", "--levels", "10").stderr
    assert 30 == len(cli("read", "book", "BBB", "--all").stdout.splitlines())
    assert 29 == len(json.loads(cli("read", "book", "BBB", "--format", "json").stdout))


def test_the_command_line_says_where_nothing_is_known_of_the_instant(cli: Invoke, tmp_path: Path) -> None:
    store = pytest.importorskip("bc_parquet.store").ParquetStore(tmp_path / "data")
    book = HandWritten(store, "BBB")
    book.snapshot(Shown(1, T0, {99.0: 1.0}, {100.0: 1.0}))
    book.state(T0, 1, "verified")
    book.state(T0 + SECOND, 1, "unknown")
    store.close()
    assert "" == cli("read", "book", "BBB", "--at", iso(T0)).stderr
    then = iso(T0 + 365 * DAY)
    told = f"(nothing is known between {iso(T0)} and {then}: the book is as of {iso(T0)})\n"
    assert told == cli("read", "book", "BBB", "--at", then).stderr


def test_the_command_line_knows_the_views_and_what_they_take(cli: Invoke) -> None:
    found = {row["view"]: row["parameters"] for row in json.loads(cli("views", "--format", "json").stdout)}
    assert ["--at", "--levels", "--tick-size"] == found["book"]
    assert ["<--tick-size>", "--every=30s", "--depth=1000"] == found["orderbook_rebuilt"]
    assert ["--tick-size", "--levels"] == found["orderbook"]
    assert ["--tick-size", "--bps=10.0"] == found["depth_within"]


def test_a_wrong_parameter_is_exit_code_2(cli: Invoke) -> None:
    refused = cli("read", "book", "AAA", "--start", "2024-08-09")
    assert 2 == refused.exit_code
    assert "book is of one instant" in refused.output


def test_states_stream_to_a_file(cli: Invoke) -> None:
    done = cli("read", "book_states", "AAA", "--every", "500ms", "--levels", "1", "-o", "states.parquet")
    assert 0 == done.exit_code, done.output
    assert 2 * 21 == len(pd.read_parquet("states.parquet"))


def test_a_book_says_what_it_is(client: Client) -> None:
    book = client.get_book("AAA", levels=1)
    assert isinstance(book, Book)
    assert "state='verified'" in repr(book)
    answer = client.reader.read(Request("book", "AAA", params={"levels": "1"}))
    assert 2 == answer.num_rows
