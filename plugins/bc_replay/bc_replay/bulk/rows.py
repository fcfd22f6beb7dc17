"""The rows of a bulk file, out of a tape (protocol sections 8.3 and 8.4)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice

from bc_replay import payloads
from bc_replay.bulk.keys import Key
from bc_replay.candles import next_open, open_time
from bc_replay.records import AggTrade, Candle, Trade
from bc_replay.tape import Tape

MICROS_FROM = 1_735_689_600_000_000  # 2025-01-01: rows from here on are in us, earlier ones in ms
EVER = 2**62
SPOT = "spot"
UM_HEADERS = {
    "aggTrades": "agg_trade_id,price,quantity,first_trade_id,last_trade_id,transact_time,is_buyer_maker",
    "trades": "id,price,qty,quote_qty,time,is_buyer_maker",
    "klines": "open_time,open,high,low,close,volume,close_time,quote_volume,count,"
    "taker_buy_volume,taker_buy_quote_volume,ignore",
}
PIECE = 4096  # rows


def holds(tape: Tape, key: Key) -> bool:
    """Whether the recording has anything for this file."""
    if key.kind == "trades":
        return tape.trades_complete and bool(tape.trades.between(key.start, key.end - 1, 1))
    if key.kind == "aggTrades":
        return bool(tape.agg_trades.between(key.start, key.end - 1, 1))
    return _has_bar(tape, key)


def content(tape: Tape, key: Key) -> Iterator[bytes]:
    """The CSV of the file, some thousand rows at a time: every record whose T (klines: open time) it covers."""
    rows = _rows(tape, key) if key.market == SPOT else _um_rows(tape, key)
    while piece := "".join(islice(rows, PIECE)):
        yield piece.encode()


def _rows(tape: Tape, key: Key) -> Iterable[str]:
    first, last = key.start, key.end - 1
    if key.kind == "aggTrades":
        return map(_agg_trade, tape.agg_trades.within(first, last))
    if key.kind == "trades":
        return map(_trade, tape.trades.within(first, last))
    bars = tape.happened(EVER).candles(key.interval, first, last, EVER)
    return map(_kline, bars)


def _um_rows(tape: Tape, key: Key) -> Iterator[str]:
    """With a header, as since 2022, without isBestMatch, booleans in lower case, times always in ms."""
    yield f"{UM_HEADERS[key.kind]}\n"
    first, last = key.start, key.end - 1
    if key.kind == "klines":
        bars = tape.happened(EVER).candles(key.interval, first, last, EVER)
        yield from (",".join(map(str, payloads.rest_kline(bar, False))) + "\n" for bar in bars)
        return
    if key.kind == "aggTrades":
        yield from map(_um_agg_trade, tape.agg_trades.within(first, last))
    else:
        yield from map(_um_trade, tape.trades.within(first, last))


def _has_bar(tape: Tape, key: Key) -> bool:
    """Whether a candle opens in the file's time, from that of the first trade on; without summing one up."""
    if tape.born is None:
        return False
    opened = open_time(max(tape.born, key.start), key.interval)
    if opened < key.start:
        opened = next_open(opened, key.interval)
    return opened < key.end and opened <= tape.horizon


def _agg_trade(t: AggTrade) -> str:
    ids = f"{t.first},{t.last}"
    return f"{t.id},{t.price},{t.quantity},{ids},{_stamp(t.time)},{t.buyer_maker},{t.best_match}\n"


def _trade(t: Trade) -> str:
    quote = payloads.rest_trade(t, True)["quoteQty"]
    return f"{t.id},{t.price},{t.quantity},{quote},{_stamp(t.time)},{t.buyer_maker},{t.best_match}\n"


def _um_agg_trade(t: AggTrade) -> str:
    ids = f"{t.first},{t.last}"
    return f"{t.id},{t.price},{t.quantity},{ids},{t.time // 1000},{str(t.buyer_maker).lower()}\n"


def _um_trade(t: Trade) -> str:
    quote = payloads.rest_trade(t, False)["quoteQty"]
    return f"{t.id},{t.price},{t.quantity},{quote},{t.time // 1000},{str(t.buyer_maker).lower()}\n"


def _kline(bar: Candle) -> str:
    cells = payloads.rest_kline(bar, bar.open_time >= MICROS_FROM)
    return ",".join(map(str, cells)) + "\n"


def _stamp(time: int) -> int:
    return payloads.instant(time, time >= MICROS_FROM)
