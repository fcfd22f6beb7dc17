"""One pass after another against a market over real sockets."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import pytest

from bc_binance.testing import Answer, Asked, LocalVenue, answer, page
from bc_trades.config import TradesConfig
from bc_trades.source import TradesSource
from bcore.clock import SystemClock
from bcore.collect import Job
from bcore.errors import (
    BannedError,
    ConfigError,
    StoreError,
    SymbolsError,
    UnreachableError,
)
from bcore.memory import MemoryStore
from bcore.records import Appended, Batch, Context, Series

Open = Callable[..., TradesSource]
Trade = Callable[..., dict[str, Any]]
START = 1_700_000_000_000_000
MODES = ("stream", "poll")


def run(source: TradesSource, store: MemoryStore) -> int:
    return Job("trades", source, store).run_once(lambda event: None)


def ids(store: MemoryStore, source: TradesSource, symbol: str = "BTCUSDT") -> list[tuple[int, int]]:
    return list(store.spans(Series(source.datasets[0], symbol)))


def test_the_first_pass_begins_with_the_newest_page(market: Any, open_source: Open) -> None:
    market.grow("BTCUSDT", 50)
    source, store = open_source(page=10), MemoryStore()
    assert 10 == run(source, store)
    assert [(40, 49)] == ids(store, source)


def test_a_later_pass_brings_everything_new_and_nothing_twice(
    market: Any, open_source: Open, venue: LocalVenue
) -> None:
    market.grow("BTCUSDT", 10)
    source, store = open_source(page=10), MemoryStore()
    run(source, store)
    market.grow("BTCUSDT", 25)
    before = len(venue.asked_of("aggTrades"))
    assert 25 == run(source, store)
    assert [(0, 34)] == ids(store, source)
    assert ["10", "20", "30"] == [asked.params["fromId"] for asked in venue.asked_of("aggTrades")[before:]]


def test_a_pass_without_news_costs_one_request_and_brings_no_batch(
    market: Any, open_source: Open, venue: LocalVenue
) -> None:
    market.grow("BTCUSDT", 3)
    assert [] == list(open_source().catch_up({"BTCUSDT": (2,)}))
    assert 1 == len(venue.asked_of("aggTrades"))


def test_trades_that_come_during_a_pass_are_brought_by_it(market: Any, open_source: Open) -> None:
    market.grow("BTCUSDT", 10)
    rows = 0
    for batch in open_source(page=10).catch_up({}):
        rows += batch.table.num_rows
        if rows == 10:
            market.grow("BTCUSDT", 4)
    assert 14 == rows


def test_an_instant_begins_with_the_first_trade_from_then_on(market: Any, open_source: Open, venue: LocalVenue) -> None:
    market.grow("BTCUSDT", 60)
    source, store = open_source(page=10, start="2023-11-14T22:13:42.5"), MemoryStore()
    run(source, store)
    assert [(23, 59)] == ids(store, source)
    assert ["fromId" in asked.params for asked in venue.asked_of("aggTrades")] == [False, True, True, True]


def test_an_instant_in_the_future_brings_nothing_yet(market: Any, open_source: Open) -> None:
    market.grow("BTCUSDT", 5)
    assert [] == list(open_source(start=START + 10**9).catch_up({}))


def test_time_ago_counts_from_the_exchanges_now(market: Any, open_source: Open, venue: LocalVenue) -> None:
    venue.on("time", lambda _: answer({"serverTime": START + 100_000_000}))
    market.grow("BTCUSDT", 100)
    batches = list(open_source(start="10s ago").catch_up({}))
    assert 90 <= batches[0].table.column("agg_trade_id")[0].as_py() <= 91


def test_a_series_that_holds_something_ignores_start(market: Any, open_source: Open) -> None:
    market.grow("BTCUSDT", 10)
    batches = list(open_source(start=START + 9_000_000).catch_up({"BTCUSDT": (4,)}))
    assert [5, 6, 7, 8, 9] == batches[0].table.column("agg_trade_id").to_pylist()


def test_symbols_take_turns_page_by_page(market: Any, open_source: Open) -> None:
    market.grow("BTCUSDT", 40)
    market.grow("ETHUSDT", 15)
    batches = open_source("BTCUSDT", "ETHUSDT", page=10).catch_up({"BTCUSDT": (-1,), "ETHUSDT": (-1,)})
    assert ["BTCUSDT", "ETHUSDT", "BTCUSDT", "ETHUSDT", "BTCUSDT", "BTCUSDT"] == [each.symbol for each in batches]


def test_a_page_is_fetched_only_when_the_last_one_is_stored(market: Any, open_source: Open, venue: LocalVenue) -> None:
    market.grow("BTCUSDT", 30)
    batches = open_source(page=10).catch_up({"BTCUSDT": (-1,)})
    next(batches)
    assert 1 == len(venue.asked_of("aggTrades"))


def test_a_page_that_could_not_be_stored_is_asked_for_again(market: Any, open_source: Open) -> None:
    class FullOnce(MemoryStore):
        full = True

        def append(self, batch: Batch) -> Appended:
            if self.full:
                self.full = False
                raise StoreError("no space left")
            return super().append(batch)

    market.grow("BTCUSDT", 5)
    source, store = open_source(), FullOnce()
    with pytest.raises(StoreError):
        run(source, store)
    assert 5 == run(source, store)


def test_batches_tell_the_exchanges_clock_when_they_were_fetched(
    market: Any, open_source: Open, venue: LocalVenue
) -> None:
    ahead = 3_600_000_000
    venue.on("time", lambda _: answer({"serverTime": SystemClock().now() + ahead}))
    market.grow("BTCUSDT", 1)
    (batch,) = open_source().catch_up({})
    assert batch.observed is not None
    assert abs(batch.observed - SystemClock().now() - ahead) < 60_000_000


def test_the_clock_is_measured_once_per_pass(market: Any, open_source: Open, venue: LocalVenue) -> None:
    market.grow("BTCUSDT", 30)
    source = open_source(page=10)
    list(source.catch_up({}))
    list(source.catch_up({"BTCUSDT": (9,)}))
    assert 2 == len(venue.asked_of("time"))


def test_ids_that_are_no_longer_served_are_a_hole_that_is_told(
    market: Any, open_source: Open, caplog: pytest.LogCaptureFixture
) -> None:
    market.grow("BTCUSDT", 30)
    market.served_from = 20
    source, store = open_source(), MemoryStore()
    store.append(next(iter(open_source(page=5).catch_up({"BTCUSDT": (19,)}))))
    with caplog.at_level(logging.WARNING):
        batches = list(source.catch_up({"BTCUSDT": (4,)}))
    assert [20, 29] == [batches[0].table.column("agg_trade_id")[n].as_py() for n in (0, -1)]
    assert "BTCUSDT: the exchange does not serve aggregate trades 5 to 19" in caplog.text
    (found,) = batches[0].findings
    assert (5, 19, "unfillable") == (found.first, found.last, found.state)
    assert "the first that it has is 20" in found.reason


def test_a_page_that_leaves_ids_out_once_is_asked_for_again_and_believed_then(
    market: Any, open_source: Open, venue: LocalVenue
) -> None:
    market.grow("BTCUSDT", 30)
    market.served_from = 20

    def heal(asked: Asked) -> Answer:
        reply, market.served_from = market(asked), 0
        return reply

    venue.on("aggTrades", heal)
    (batch,) = open_source().catch_up({"BTCUSDT": (4,)})
    assert (list(range(5, 30)), ()) == (batch.table.column("agg_trade_id").to_pylist(), batch.findings)


def test_a_hole_inside_a_page_is_told_and_stays_visible(
    market: Any, open_source: Open, caplog: pytest.LogCaptureFixture
) -> None:
    market.grow("BTCUSDT", 10)
    del market.records["BTCUSDT"][4:7]
    source, store = open_source(), MemoryStore()
    with caplog.at_level(logging.WARNING):
        run(source, store)
    assert [(0, 3), (7, 9)] == ids(store, source)
    assert "does not serve aggregate trades 4 to 6" in caplog.text


def test_ids_before_those_asked_for_are_a_faulty_reply(venue: LocalVenue, open_source: Open, trade: Trade) -> None:
    venue.on("aggTrades", lambda _: answer([trade(3)]))
    with pytest.raises(SymbolsError, match="from 8 on and got 3"):
        list(open_source().catch_up({"BTCUSDT": (7,)}))


def test_a_bad_record_is_put_aside_once_and_costs_the_page_nothing(market: Any, open_source: Open) -> None:
    market.grow("BTCUSDT", 10)
    market.records["BTCUSDT"][9]["p"] = "nan"
    source, store = open_source(), MemoryStore()
    (batch,) = source.catch_up({})
    assert (9, 1) == (batch.table.num_rows, len(batch.rejected))
    assert [(9, 9, "open")] == [(found.first, found.last, found.state) for found in batch.findings]
    store.append(batch)
    assert [] == list(source.catch_up({"BTCUSDT": (8,)}))
    market.grow("BTCUSDT", 2)
    (later,) = source.catch_up({"BTCUSDT": (8,)})
    assert ([10, 11], ()) == (later.table.column("agg_trade_id").to_pylist(), later.rejected)


def test_a_full_page_of_bad_records_does_not_end_the_pass(market: Any, open_source: Open) -> None:
    market.grow("BTCUSDT", 25)
    for record in market.records["BTCUSDT"][:10]:
        record["q"] = "-1"
    batches = list(open_source(page=10).catch_up({"BTCUSDT": (-1,)}))
    assert [0, 10, 5] == [batch.table.num_rows for batch in batches]
    assert 10 == len(batches[0].rejected[0].rows)


def test_a_full_page_without_a_single_id_is_a_faulty_reply(venue: LocalVenue, open_source: Open) -> None:
    venue.on("aggTrades", lambda _: answer([{}, {}]))
    with pytest.raises(SymbolsError, match="not one of 2"):
        list(open_source(page=2).catch_up({}))


def test_a_refused_symbol_is_raised_after_the_others_were_served(market: Any, open_source: Open) -> None:
    market.grow("BTCUSDT", 5)
    source, store = open_source("BTCUSD", "BTCUSDT"), MemoryStore()
    with pytest.raises(SymbolsError, match=r"'BTCUSD' \(did you mean BTCUSDT"):
        run(source, store)
    assert [(0, 4)] == ids(store, source)


def test_several_symbols_that_fail_are_named_together(market: Any, open_source: Open, venue: LocalVenue) -> None:
    market.grow("BTCUSDT", 5)
    source, store = open_source("XXX", "ETHUSDT", "BTCUSDT"), MemoryStore()

    def behave(asked: Asked) -> Answer:
        return page(502) if asked.params["symbol"] == "ETHUSDT" else market(asked)

    venue.on("aggTrades", behave)
    with pytest.raises(SymbolsError, match=r"XXX: .*lists no symbol 'XXX'.*; ETHUSDT: .* status 502"):
        run(source, store)
    assert [(0, 4)] == ids(store, source)


def test_an_exchange_that_asks_to_wait_is_not_asked_for_the_rest(
    market: Any, open_source: Open, venue: LocalVenue
) -> None:
    market.grow("BTCUSDT", 5)
    market.grow("ETHUSDT", 5)
    venue.once("aggTrades", answer({}, 418, Retry_After="120"))
    with pytest.raises(BannedError):
        list(open_source("BTCUSDT", "ETHUSDT").catch_up({}))
    assert 1 == len(venue.asked_of("aggTrades"))


def test_a_symbol_that_hangs_does_not_keep_the_others_waiting_for_ever(
    market: Any, open_source: Open, venue: LocalVenue
) -> None:
    market.grow("BTCUSDT", 5)
    market.grow("ETHUSDT", 5)

    def behave(asked: Asked) -> Answer:
        return Answer(reset=True) if asked.params["symbol"] == "BTCUSDT" else market(asked)

    venue.on("aggTrades", behave)
    source, store = open_source("BTCUSDT", "ETHUSDT"), MemoryStore()
    for _ in range(2):
        with pytest.raises(UnreachableError):
            run(source, store)
    assert [(0, 4)] == ids(store, source, "ETHUSDT")


def test_it_takes_its_symbols_and_exchange_from_the_context(exchange: Any) -> None:
    context = Context("sources.trades", SystemClock(), lambda: exchange, lambda event: None, ("BTCUSDT",))
    source = TradesSource.build(TradesConfig(interval=2.5), context)
    assert (("BTCUSDT",), 2.5) == (source.symbols, source.interval)


def test_an_exchange_without_aggregate_trades_is_a_config_error() -> None:
    class Other:
        name = "other"

        def now(self) -> int:
            return 0

        def close(self) -> None:
            pass

    context = Context("sources.trades", SystemClock(), Other, lambda event: None, ("BTCUSDT",))
    with pytest.raises(ConfigError, match=r"sources\.trades\.exchange: other serves no aggregate trades"):
        TradesSource.build(TradesConfig(), context)


class Polled:
    """An exchange without streams."""

    name = "polled"

    def now(self) -> int:
        return 0

    def close(self) -> None:
        pass

    def measure_clock(self) -> int:
        return 0

    def agg_trades(self, symbol: str, **_: Any) -> list[bytes]:
        return []


def test_an_exchange_without_streams_can_be_polled_and_is_a_config_error_otherwise() -> None:
    context = Context("sources.trades", SystemClock(), Polled, lambda event: None, ("BTCUSDT",))
    assert not TradesSource.build(TradesConfig(mode="poll"), context).streaming
    with pytest.raises(ConfigError, match=r'sources\.trades\.mode: polled has no streams.*set mode = "poll"'):
        TradesSource.build(TradesConfig(), context)


def test_streams_are_followed_unless_polling_is_asked_for(exchange: Any) -> None:
    context = Context("sources.trades", SystemClock(), lambda: exchange, lambda event: None, ("BTCUSDT",))
    assert [True, False] == [TradesSource.build(TradesConfig(mode=mode), context).streaming for mode in MODES]
