"""Given ids once more, over real sockets."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from attrs import define, field

from bc_binance.testing import Answer, Asked, LocalVenue, answer
from bc_trades.datasets import TRADES
from bc_trades.filling import Filler
from bc_trades.parsing import to_table
from bc_trades.source import TradesSource
from bcore.errors import FaultyReplyError, RefusedError
from bcore.protocols import Fills
from bcore.records import Batch, Finding
from bcore.spans import Spans

Open = Callable[..., TradesSource]


@define
class Rushing:
    """A clock on which waiting takes no time."""

    seconds: float = 0.0

    def now(self) -> int:
        return 0

    def monotonic(self) -> float:
        return self.seconds

    def sleep(self, seconds: float) -> None:
        self.seconds += seconds


def ids(batches: list[Batch]) -> list[int]:
    return [number for batch in batches for number in batch.table.column("agg_trade_id").to_pylist()]


def findings(batches: list[Batch]) -> list[tuple[int, int, str]]:
    return [(found.first, found.last, found.state) for batch in batches for found in batch.findings]


@pytest.fixture
def fill(exchange: Any) -> Callable[..., list[Batch]]:
    def fill_all(first: int, last: int, history: Any = None) -> list[Batch]:
        return list(Filler(exchange, Rushing(), 10, history).fill("BTCUSDT", first, last))

    return fill_all


def test_the_source_has_the_power_to_fill(market: Any, open_source: Open) -> None:
    market.grow("BTCUSDT", 50)
    source = open_source(page=10)
    assert isinstance(source, Fills)
    assert list(range(5, 28)) == ids(list(source.fill("BTCUSDT", 5, 27)))


def test_ids_come_page_by_page_lowest_first_and_no_others(market: Any, fill: Any, venue: LocalVenue) -> None:
    market.grow("BTCUSDT", 50)
    batches = fill(0, 24)
    assert [10, 10, 5] == [batch.table.num_rows for batch in batches]
    assert list(range(25)) == ids(batches)
    assert {"rest"} == {batch.origin.kind for batch in batches}
    assert ["0", "10", "20"] == [asked.params["fromId"] for asked in venue.asked_of("aggTrades")]
    assert [(0, 24, "filled")] == findings(batches)


def test_the_next_page_is_fetched_only_when_the_last_one_is_stored(
    market: Any, open_source: Open, venue: LocalVenue
) -> None:
    market.grow("BTCUSDT", 50)
    next(open_source(page=10).fill("BTCUSDT", 0, 24))
    assert 1 == len(venue.asked_of("aggTrades"))


def test_ids_that_rest_does_not_have_are_told_after_asking_twice(market: Any, fill: Any, venue: LocalVenue) -> None:
    market.grow("BTCUSDT", 50)
    market.served_from = 20
    batches = fill(15, 24)
    assert list(range(20, 25)) == ids(batches)
    assert [(20, 24, "filled"), (15, 19, "unfillable")] == sorted(findings(batches), key=lambda found: found[2])
    assert 2 == len(venue.asked_of("aggTrades"))


def test_what_rest_does_not_have_comes_from_the_history_where_there_is_one(market: Any, fill: Any, texts: Any) -> None:
    @define
    class Files:
        asked: list[tuple[str, int, int]] = field(factory=list)

        def fill(self, symbol: str, first: int, last: int) -> Iterator[Batch]:
            self.asked.append((symbol, first, last))
            rows = [row for row in market.records[symbol] if first <= row["a"] <= min(last, 17)]
            missing = (Finding(18, 19, "unfillable", "no file has it"),)
            yield Batch(TRADES, symbol, to_table(texts(rows), symbol).table, findings=missing)

    market.grow("BTCUSDT", 50)
    market.served_from = 20
    files = Files()
    batches = fill(15, 24, files)
    assert [("BTCUSDT", 15, 19)] == files.asked
    assert [*range(15, 18), *range(20, 25)] == sorted(ids(batches))
    assert [(18, 19, "unfillable")] == [found for found in findings(batches) if found[2] == "unfillable"]


def test_ids_that_do_not_exist_yet_end_in_an_error_that_says_so(market: Any, fill: Any) -> None:
    market.grow("BTCUSDT", 20)
    with pytest.raises(FaultyReplyError, match="no aggregate trades from 20 on yet; ask again later"):
        fill(15, 24)


def test_rest_that_is_behind_is_waited_for(market: Any, fill: Any, venue: LocalVenue) -> None:
    market.grow("BTCUSDT", 20)

    def grow(asked: Asked) -> Answer:
        reply = market(asked)
        market.grow("BTCUSDT", 2)
        return reply

    venue.on("aggTrades", grow)
    assert list(range(15, 25)) == ids(fill(15, 24))


def test_an_unknown_symbol_is_refused(market: Any, fill: Any) -> None:
    with pytest.raises(RefusedError):
        fill(0, 9)


def test_a_badly_formed_record_is_put_aside_once(market: Any, fill: Any) -> None:
    market.grow("BTCUSDT", 20)
    market.records["BTCUSDT"][7]["q"] = "1e3"
    batches = fill(5, 9)
    assert [5, 6, 8, 9] == ids(batches)
    assert 1 == sum(len(rejected.rows) for batch in batches for rejected in batch.rejected)
    assert (7, 7, "unfillable") in findings(batches)


def test_nothing_is_asked_for_an_id_twice(market: Any, fill: Any) -> None:
    market.grow("BTCUSDT", 100)
    got = ids(fill(3, 96))
    assert [(3, 96)] == list(Spans.of((number, number) for number in got))
    assert len(set(got)) == len(got)


def test_an_answer_from_before_what_was_asked_for_is_faulty(fill: Any, venue: LocalVenue, trade: Any) -> None:
    venue.on("aggTrades", lambda _: answer([trade(3)]))
    with pytest.raises(FaultyReplyError, match="from 8 on and got 3"):
        fill(8, 9)
