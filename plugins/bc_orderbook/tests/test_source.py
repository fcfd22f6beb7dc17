"""The source: which books it asks for, when, and what becomes of those that fail."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

import pytest

from bc_orderbook import ORDERBOOK
from bc_orderbook.config import OrderBookConfig
from bc_orderbook.source import OrderBookSource
from bcore.clock import SystemClock
from bcore.collect import Job
from bcore.errors import (
    BannedError,
    ConfigError,
    ExchangeError,
    FaultyReplyError,
    RateLimitedError,
    RefusedError,
    SymbolsError,
    UnreachableError,
)
from bcore.events import BatchStored, Event, RowsRejected
from bcore.memory import MemoryStore
from bcore.protocols import Key
from bcore.query import Query
from bcore.records import Batch, Context, Series

BOOK = ([("100.30", "1.0"), ("99.90", "3.0")], [("100.40", "5.0"), ("101.20", "8.0")])
CROSSED = ([("100.40", "1.0")], [("100.30", "5.0")])
TICKS = OrderBookConfig(tick_sizes=(1.0, 10.0))


def source_of(venue: Any, *symbols: str, config: OrderBookConfig = TICKS) -> OrderBookSource:
    return OrderBookSource(config, venue, symbols)


def context_of(exchange: Any, *symbols: str) -> Context:
    return Context("sources.orderbook", SystemClock(), lambda: exchange, lambda event: None, symbols)


def one_pass(source: OrderBookSource, after: Mapping[str, Key] | None = None) -> tuple[list[Batch], Exception | None]:
    """What a pass brought, and what it raised at its end."""
    batches: list[Batch] = []
    try:
        batches.extend(source.catch_up(after or {}))
    except ExchangeError as error:
        return batches, error
    return batches, None


def key_of(batch: Batch) -> Key:
    """The last key of what the batch holds."""
    last = batch.table.slice(batch.table.num_rows - 1).to_pylist()[0]
    return (last["timestamp"], last["tick_size"])


@pytest.fixture
def venue(fake_venue: Callable[..., Any]) -> Any:
    return fake_venue({"AAA": BOOK, "BBB": BOOK, "CCC": BOOK})


def test_a_pass_brings_each_symbol_s_book_at_every_tick_size(venue: Any) -> None:
    batches, _ = one_pass(source_of(venue, "AAA", "BBB"))

    assert [("AAA", [1.0, 10.0]), ("BBB", [1.0, 10.0])] == [
        (batch.symbol, batch.table.column("tick_size").to_pylist()) for batch in batches
    ]


def test_rows_carry_the_exchange_s_time_of_receipt(venue: Any) -> None:
    [batch], _ = one_pass(source_of(venue, "AAA"))

    assert [venue.now, venue.now] == batch.table.column("timestamp").cast("int64").to_pylist()
    assert venue.now == batch.observed


def test_the_exchange_s_clock_is_measured_once_per_pass_and_first(venue: Any) -> None:
    one_pass(source_of(venue, "AAA", "BBB"))

    assert ["clock", "depth", "depth"] == [each[0] for each in venue.asked]


def test_as_many_levels_are_asked_for_as_configured(venue: Any) -> None:
    one_pass(source_of(venue, "AAA", config=OrderBookConfig(tick_sizes=(1.0,), depth=5000)))

    assert [("AAA", 5000)] == venue.asked_of("depth")


def test_the_next_book_is_fetched_only_when_the_last_was_taken(venue: Any) -> None:
    batches = source_of(venue, "AAA", "BBB").catch_up({})
    next(batches)

    assert [("AAA", 1000)] == venue.asked_of("depth")


def test_the_dataset_has_the_configured_number_of_levels(venue: Any) -> None:
    source = source_of(venue, "AAA", config=OrderBookConfig(tick_sizes=(1.0,), num_levels=3))
    [batch], _ = one_pass(source)

    assert 9 + 8 * 3 == len(source.datasets[0].schema) == batch.table.num_columns


def test_the_pause_between_passes_is_the_configured_interval(venue: Any) -> None:
    assert 12.5 == source_of(venue, "AAA", config=OrderBookConfig(interval=12.5)).interval


@pytest.mark.parametrize("error", [RefusedError("no such symbol", code=-1121), FaultyReplyError("a web page")])
def test_a_symbol_that_fails_is_raised_after_the_others_were_served(venue: Any, error: Exception) -> None:
    venue.books["AAA"] = error
    batches, raised = one_pass(source_of(venue, "AAA", "BBB", "CCC"))

    assert ["BBB", "CCC"] == [batch.symbol for batch in batches]
    assert isinstance(raised, SymbolsError)
    assert {"AAA": error} == raised.failures


def test_a_symbol_that_failed_waits_while_the_others_go_on(venue: Any) -> None:
    venue.books["AAA"] = RefusedError("no such symbol", code=-1121)
    source = source_of(venue, "AAA", "BBB")
    passes = [one_pass(source) for _ in range(3)]

    assert [["BBB"]] * 3 == [[batch.symbol for batch in batches] for batches, _ in passes]
    assert ["no such symbol"] * 3 == [str(raised) for _, raised in passes]
    assert 1 == len([symbol for symbol, _ in venue.asked_of("depth") if symbol == "AAA"])


def test_several_that_fail_are_raised_together(venue: Any) -> None:
    venue.books |= {"AAA": RefusedError("gone"), "CCC": FaultyReplyError("a web page", retry_after=7.0)}
    batches, raised = one_pass(source_of(venue, "AAA", "BBB", "CCC"))

    assert ["BBB"] == [batch.symbol for batch in batches]
    assert "AAA: gone; CCC: a web page" == str(raised)


@pytest.mark.parametrize("kind", [RateLimitedError, BannedError, UnreachableError])
def test_an_exchange_that_says_wait_is_not_asked_for_the_rest(venue: Any, kind: type[ExchangeError]) -> None:
    venue.books["AAA"] = kind("wait", retry_after=3.0)
    batches, raised = one_pass(source_of(venue, "AAA", "BBB"))

    assert ([], venue.books["AAA"]) == (batches, raised)
    assert [("AAA", 1000)] == venue.asked_of("depth")


def test_a_crossed_book_is_kept_aside_whole_and_the_rest_goes_on(venue: Any) -> None:
    venue.books["AAA"] = CROSSED
    batches, raised = one_pass(source_of(venue, "AAA", "BBB"))
    [rejected] = batches[0].rejected

    assert (0, 2, None) == (batches[0].table.num_rows, batches[1].table.num_rows, raised)
    assert "the book is crossed: the best bid, 100.4, is not below the best ask, 100.3" == rejected.reason
    assert ('[[["100.40", "1.0"]], [["100.30", "5.0"]]]',) == rejected.rows


@pytest.mark.parametrize("book", [([("abc", "1.0")], []), ([], [("2.0", "1.0"), ("1.0", "1.0")])])
def test_a_malformed_book_is_kept_aside(venue: Any, book: Any) -> None:
    venue.books["AAA"] = book
    [batch], _ = one_pass(source_of(venue, "AAA"))

    assert (0, 1) == (batch.table.num_rows, len(batch.rejected))


def test_a_malformed_book_that_stands_still_is_kept_aside_once(venue: Any) -> None:
    venue.books["AAA"] = CROSSED
    source = source_of(venue, "AAA")
    passes = [one_pass(source)[0], one_pass(source)[0]]
    venue.books["AAA"] = (CROSSED[0], [("100.20", "5.0")])
    passes.append(one_pass(source)[0])

    assert [1, 0, 1] == [len(batches) for batches in passes]


def test_a_symbol_that_hangs_does_not_keep_the_others_from_being_served_next_time(venue: Any) -> None:
    venue.books["AAA"] = UnreachableError("no reply in time")
    source = source_of(venue, "AAA", "BBB", "CCC")
    passes = [one_pass(source) for _ in range(3)]

    assert [[], ["BBB", "CCC"], ["BBB", "CCC"]] == [[batch.symbol for batch in batches] for batches, _ in passes]
    assert all(isinstance(raised, UnreachableError) for _, raised in passes)


def test_passes_into_a_store_add_a_snapshot_each(venue: Any) -> None:
    job, events = Job("orderbook", source_of(venue, "AAA"), MemoryStore()), list[Event]()

    assert [2, 2, 2] == [job.run_once(events.append) for _ in range(3)]
    assert 6 == job.store.read(Query(ORDERBOOK, "AAA")).num_rows
    assert ["100.3"] * 3 == [event.highlight for event in events if isinstance(event, BatchStored)]


def test_a_malformed_book_reaches_no_reader_of_the_store(venue: Any) -> None:
    venue.books["AAA"] = CROSSED
    job, events = Job("orderbook", source_of(venue, "AAA"), MemoryStore()), list[Event]()
    job.run_once(events.append)

    assert 0 == job.store.read(Query(ORDERBOOK, "AAA")).num_rows
    assert [1] == [len(event.rows) for event in events if isinstance(event, RowsRejected)]


@pytest.mark.parametrize("step", [0, -1_000_000])
def test_a_clock_that_does_not_advance_stores_nothing_and_says_so(venue: Any, step: int) -> None:
    job = Job("orderbook", source_of(venue, "AAA", "BBB"), MemoryStore())
    job.run_once(lambda event: None)
    held = job.store.last(Series(ORDERBOOK, "AAA"))
    assert held is not None
    venue.now, venue.step = held[0].timestamp() * 1_000_000, step

    with pytest.raises(ExchangeError, match=r"AAA.*nothing is stored until it does"):
        job.run_once(lambda event: None)
    assert 2 == job.store.read(Query(ORDERBOOK, "AAA")).num_rows


def test_a_clock_that_went_back_on_one_symbol_leaves_the_others_alone(venue: Any) -> None:
    source = source_of(venue, "AAA", "BBB")
    [first, _], _ = one_pass(source)
    time, tick = key_of(first)
    batches, raised = one_pass(source, {"AAA": (time + timedelta(hours=1), tick)})

    assert ["BBB"] == [batch.symbol for batch in batches]
    assert isinstance(raised, SymbolsError)
    assert ["AAA"] == list(raised.failures)


def test_without_tick_sizes_five_are_chosen_by_the_price_and_its_grid(venue: Any) -> None:
    venue.grids["AAA"] = "0.05000000"
    [batch], _ = one_pass(source_of(venue, "AAA", config=OrderBookConfig()))

    assert [0.05, 0.1, 0.5, 1.0, 5.0] == batch.table.column("tick_size").to_pylist()


def test_without_a_price_rule_the_grid_is_what_the_book_shows(venue: Any) -> None:
    [batch], _ = one_pass(source_of(venue, "AAA", config=OrderBookConfig()))

    assert [0.1, 0.5, 1.0, 5.0, 10.0] == batch.table.column("tick_size").to_pylist()


def test_symbols_that_the_table_leaves_out_get_automatic_tick_sizes(venue: Any) -> None:
    config = OrderBookConfig(tick_sizes={"AAA": (7.0,)})
    batches, _ = one_pass(source_of(venue, "AAA", "BBB", config=config))

    assert [1, 5] == [batch.table.num_rows for batch in batches]
    assert [("BBB",)] == venue.asked_of("rules")


def test_chosen_tick_sizes_stay_while_the_price_moves(venue: Any) -> None:
    source = source_of(venue, "AAA", config=OrderBookConfig())
    [first], _ = one_pass(source)
    venue.books["AAA"] = ([("9000.0", "1.0")], [])
    [second], _ = one_pass(source)

    assert first.table.column("tick_size") == second.table.column("tick_size")
    assert [("AAA",)] == venue.asked_of("rules")


def test_a_restart_goes_on_with_the_tick_sizes_in_use(venue: Any) -> None:
    venue.grids["AAA"] = "0.01"
    venue.books["AAA"] = ([("99.99", "1.0")], [])
    [first], _ = one_pass(source_of(venue, "AAA", config=OrderBookConfig()))
    venue.books["AAA"] = ([("100.01", "1.0")], [])
    [second], _ = one_pass(source_of(venue, "AAA", config=OrderBookConfig()), {"AAA": key_of(first)})

    assert [0.01, 0.05, 0.1, 0.5, 1.0] == first.table.column("tick_size").to_pylist()
    assert first.table.column("tick_size") == second.table.column("tick_size")


def test_an_empty_book_is_stored_where_the_tick_sizes_are_known(venue: Any) -> None:
    venue.books["AAA"] = ([], [])
    [batch], _ = one_pass(source_of(venue, "AAA"))

    assert (2, 0) == (batch.table.num_rows, len(batch.rejected))


def test_an_empty_book_leaves_nothing_to_choose_tick_sizes_by(venue: Any) -> None:
    venue.books["AAA"] = ([], [])
    [batch], _ = one_pass(source_of(venue, "AAA", config=OrderBookConfig()))

    assert (0, 1) == (batch.table.num_rows, len(batch.rejected))
    assert "no price to choose tick sizes by" in batch.rejected[0].reason


def test_an_exchange_without_order_books_is_a_mistake_in_the_configuration() -> None:
    class TapeOnly:
        name = "tape"

    with pytest.raises(ConfigError, match=r"sources\.orderbook\.exchange: tape shows no order books"):
        OrderBookSource.build(TICKS, context_of(TapeOnly(), "AAA"))


def test_tick_sizes_of_a_symbol_that_is_not_collected_are_warned_of(
    venue: Any, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        OrderBookSource.build(OrderBookConfig(from_="rest", tick_sizes={"AAB": (1.0,)}), context_of(venue, "AAA"))

    assert ["sources.orderbook.tick_sizes: AAB is not collected: its tick sizes are not used"] == caplog.messages


def test_a_book_cannot_be_kept_on_an_exchange_without_streams(venue: Any) -> None:
    with pytest.raises(
        ConfigError, match=r'sources\.orderbook\.from: fake has no streams to follow; set from = "rest"'
    ):
        OrderBookSource.build(OrderBookConfig(), context_of(venue, "AAA"))
