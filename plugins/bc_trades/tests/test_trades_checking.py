"""Our candles against the exchange's: what is compared, what is left out, and what is told of a difference."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from decimal import Decimal
from typing import Any

import pytest
from attrs import define, field

from bc_binance.messages import Kline
from bc_trades import TRADES, to_table
from bc_trades.checking import Check
from bc_trades.config import TradesConfig
from bc_trades.ohlcv import OHLCV
from bc_trades.source import TradesSource
from bcore.errors import SourceError
from bcore.local import StoreReader
from bcore.memory import MemoryStore
from bcore.records import Batch, Compared

MINUTE, HOUR, DAY = 60_000_000, 3_600_000_000, 86_400_000_000
JANUARY = 1_704_067_200_000_000  # 2024-01-01
FIRST = 1000  # no one can know that nothing was before it
Record = dict[str, Any]


def record(number: int, time: int, price: str = "100.10", quantity: str = "0.30001") -> Record:
    ids = {"a": number, "f": 3 * number, "l": 3 * number + 2}
    return {**ids, "p": price, "q": quantity, "T": time, "m": number % 3 == 0, "M": True}


def every(step: int, length: int, price: Callable[[int], str] = lambda n: f"{100 + n % 7}.1") -> list[Record]:
    """A trade each `step` us from 2024 on, for `length` us."""
    return [record(FIRST + n, JANUARY + n * step, price(n)) for n in range(length // step)]


@define
class Exchange:
    """Sums its candles up in decimals, straight from the records, and counts what it is asked."""

    records: list[Record]
    time: int = JANUARY + 1000 * DAY
    edit: Callable[[Kline], Kline | None] = lambda kline: kline
    asked: list[tuple[str, int, int]] = field(factory=list)

    def now(self) -> int:
        return self.time

    def klines(self, symbol: str, interval: str, *, start: int, end: int, **_: Any) -> list[Kline]:
        width = {"1h": HOUR, "1m": MINUTE}[interval]
        self.asked.append((interval, start, end))
        made = (self._kline(opened, width) for opened in range(start, min(end, self.time) + 1, width))
        return [kline for each in made if (kline := self.edit(each)) is not None]

    def _kline(self, opened: int, width: int) -> Kline:
        held = [each for each in self.records if opened <= each["T"] < opened + width]
        prices = [Decimal(each["p"]) for each in held] or [Decimal(1)]
        bought = [each for each in held if not each["m"]]
        return Kline(
            opened,
            *(f"{price:.8f}" for price in (prices[0], max(prices), min(prices), prices[-1])),
            _sum(Decimal(each["q"]) for each in held),
            opened + width - 1,
            _sum(Decimal(each["q"]) * Decimal(each["p"]) for each in held),
            sum(each["l"] - each["f"] + 1 for each in held),
            _sum(Decimal(each["q"]) for each in bought),
            _sum(Decimal(each["q"]) * Decimal(each["p"]) for each in bought),
        )


def _sum(numbers: Iterable[Decimal]) -> str:
    return f"{sum(numbers, Decimal(0)):.8f}"


@pytest.fixture
def compare(texts: Any) -> Callable[..., list[Compared]]:
    def run(exchange: Exchange, held: list[Record], start: int = JANUARY, end: int = JANUARY + DAY) -> list[Compared]:
        store = MemoryStore()
        store.append(Batch(TRADES, "BTCUSDT", to_table(texts(held), "BTCUSDT").table))
        reader = StoreReader((store,), (TRADES,), (OHLCV,))
        return list(Check(exchange, reader, "BTCUSDT").compare(start, end))

    return run


def counts(compared: list[Compared]) -> list[tuple[str, int, int, int]]:
    return [(each.what, each.count, each.skipped, len(each.disagreements)) for each in compared]


def test_every_hour_that_is_complete_is_compared_and_the_edges_minute_by_minute(compare: Any) -> None:
    records = every(10 * MINUTE, 5 * HOUR)
    exchange = Exchange(records)
    # The first row has no neighbour before it, the last one none after it; what follows the first is not proven empty.
    assert [("1h candles", 3, 2, 0), ("1m candles", 41, 10, 0), ("1m candles", 50, 1, 0)] == counts(
        compare(exchange, records)
    )


def test_nothing_held_is_nothing_compared_and_nobody_is_asked(compare: Any) -> None:
    exchange = Exchange(every(10 * MINUTE, 5 * HOUR))
    assert [] == compare(exchange, exchange.records, JANUARY + DAY, JANUARY + 2 * DAY)
    assert [] == exchange.asked


@pytest.mark.parametrize(
    "name",
    ["open", "high", "low", "close", "volume", "quote_volume", "taker_buy_volume", "taker_buy_quote_volume"],
)
def test_a_difference_in_the_last_digit_of_any_field_is_told(compare: Any, name: str) -> None:
    from msgspec.structs import replace

    hour, records = JANUARY + 2 * HOUR, every(10 * MINUTE, 5 * HOUR)

    def edit(kline: Kline) -> Kline:
        if (kline.open_time, kline.close_time) != (hour, hour + HOUR - 1):
            return kline
        return replace(kline, **{name: f"{Decimal(getattr(kline, name)) + Decimal('0.00000001'):.8f}"})

    found = [each for piece in compare(Exchange(records, edit=edit), records) for each in piece.disagreements]
    assert [(hour, name)] == [(each.time, each.what) for each in found]
    assert float(found[0].ours) != float(found[0].theirs)


def test_a_row_that_is_not_what_the_exchange_has_is_found(compare: Any) -> None:
    records = every(10 * MINUTE, 5 * HOUR)
    held = [*records[:15], {**records[15], "q": "0.3"}, *records[16:]]
    (hours, *_) = compare(Exchange(records), held)
    whats = {"volume", "quote_volume", "taker_buy_volume", "taker_buy_quote_volume"}
    assert {(JANUARY + 2 * HOUR, what) for what in whats} == {(each.time, each.what) for each in hours.disagreements}


def test_hours_with_a_hole_are_not_compared_but_their_other_minutes_are(compare: Any) -> None:
    records = every(10 * MINUTE, 6 * HOUR)
    held = [each for each in records if each["a"] != FIRST + 20]
    compared = compare(Exchange(records), held)
    assert ("1h candles", 3, 3, 0) == counts(compared)[0]
    assert 0 == sum(len(each.disagreements) for each in compared)
    assert 3 == len({each.start for each in compared if each.what == "1m candles"})


def test_an_hour_in_which_nothing_traded_is_compared_too(compare: Any) -> None:
    records = [each for each in every(10 * MINUTE, 6 * HOUR) if each["T"] // HOUR * HOUR != JANUARY + 2 * HOUR]
    records = [record(FIRST + number, each["T"]) for number, each in enumerate(records)]
    assert ("1h candles", 4, 2, 0) == counts(compare(Exchange(records), records))[0]


def test_an_hour_that_the_exchange_has_and_we_do_not_is_told_where_our_ids_leave_no_room(compare: Any) -> None:
    records = every(10 * MINUTE, 6 * HOUR)
    rest = [each for each in records if each["T"] // HOUR * HOUR != JANUARY + 2 * HOUR]
    held = [record(FIRST + number, each["T"], each["p"]) for number, each in enumerate(rest)]
    (hours, *_) = compare(Exchange(records), held)
    assert (JANUARY + 2 * HOUR, "trade_count", "0", "18") in [
        (each.time, each.what, each.ours, each.theirs) for each in hours.disagreements
    ]


def test_a_candle_that_only_we_have_is_told(compare: Any) -> None:
    records, gone = every(10 * MINUTE, 5 * HOUR), JANUARY + 2 * HOUR
    exchange = Exchange(records, edit=lambda kline: None if kline.open_time == gone else kline)
    (found,) = compare(exchange, records)[0].disagreements
    assert (gone, "candle", "18 trades", "none") == (found.time, found.what, found.ours, found.theirs)


def test_the_hour_that_is_running_or_has_only_just_ended_is_compared_by_its_minutes(compare: Any) -> None:
    records = every(10 * MINUTE, 8 * HOUR)
    held, over = records[:30], JANUARY + 4 * HOUR
    # A minute counts up to the last one that we have something of: a trade each ten minutes, so 51 of an hour.
    first, running = ("1m candles", 41, 10, 0), ("1m candles", 51, 0, 0)
    assert [("1h candles", 2, 1, 0), first, running] == counts(compare(Exchange(records, over + 59_000_000), held))
    assert [("1h candles", 3, 1, 0), first] == counts(compare(Exchange(records, over + 61_000_000), held))
    late = compare(Exchange(records, over + 25 * MINUTE), held)
    assert (("1m candles", 21, 0, 0), over + 24 * MINUTE) == (counts(late)[-1], late[-1].end)


def test_only_the_asked_time_is_compared(compare: Any) -> None:
    records = every(10 * MINUTE, 12 * HOUR)
    exchange = Exchange(records)
    assert [("1h candles", 3, 0, 0)] == counts(compare(exchange, records, JANUARY + 3 * HOUR, JANUARY + 6 * HOUR))
    assert [("1h", JANUARY + 3 * HOUR, JANUARY + 5 * HOUR)] == exchange.asked


def test_a_long_time_is_asked_for_page_by_page(compare: Any) -> None:
    records = every(30 * MINUTE, 1500 * HOUR)
    exchange = Exchange(records)
    compared = compare(exchange, records, JANUARY, JANUARY + 1500 * HOUR)
    assert [("1h candles", 999, 1, 0), ("1h candles", 499, 1, 0)] == counts(compared)[:2]
    assert [1000, 500] == [(end - start) // HOUR + 1 for what, start, end in exchange.asked if what == "1h"]


def test_a_source_whose_exchange_has_no_candles_says_so() -> None:
    class NoCandles:
        def now(self) -> int:
            return 0

    source = TradesSource(TradesConfig(), NoCandles(), ("BTCUSDT",))  # type: ignore[arg-type]
    with pytest.raises(SourceError, match="no candles to compare with"):
        source.check("BTCUSDT", None, 0, 1)  # type: ignore[arg-type]
