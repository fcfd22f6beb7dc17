"""Streams that are sent at a fixed cadence: folded depth, partial depth and klines (protocol section 6)."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator
from functools import partial
from operator import attrgetter

from bc_replay import payloads, um_payloads
from bc_replay.channels import Channel, Render
from bc_replay.marks import mark_of
from bc_replay.names import Carries, Stream
from bc_replay.tape import Candle, DepthUpdate, Seen, Tape
from bc_replay.wording import SPOT, Wording

_at = attrgetter("at")


def next_tick(cadences: Iterable[int], position: int) -> int | None:
    """The first instant after `position` at which a paced stream may be due."""
    return min(((position // cadence + 1) * cadence for cadence in cadences), default=None)


def emissions(channel: Channel, tape: Tape, tick: int, now: int, wording: Wording = SPOT) -> Iterator[Render]:
    """What the stream sends at `tick`; `now` is `tick`, or the recording's end where that comes before it."""
    if channel.stream.carries is Carries.DEPTH:
        return _folded(channel, tape, tick, now, wording)
    makers = {Carries.PARTIAL: _partial, Carries.KLINE: _klines, Carries.MARK: _mark}
    return makers[channel.stream.carries](channel, tape, tick, now)


def fold(updates: Iterable[DepthUpdate]) -> DepthUpdate | None:
    """Consecutive updates as one: `U` of the first, `u` and `E` of the last, the last quantity of each price."""
    run = list(updates)
    if not run:
        return None
    bids: dict[str, str] = {}
    asks: dict[str, str] = {}
    for update in run:
        bids.update(update.bids)
        asks.update(update.asks)
    last = run[-1]
    sides = tuple(bids.items()), tuple(asks.items())
    return DepthUpdate(run[0].first, last.last, last.event_time, *sides, last.at, run[0].previous, last.time)


def _folded(channel: Channel, tape: Tape, tick: int, now: int, wording: Wording) -> Iterator[Render]:
    first = bisect_right(tape.updates, tick - channel.stream.cadence, key=_at)
    update = fold(tape.updates[first : bisect_right(tape.updates, now, key=_at)])
    if update is not None:
        yield wording.render(tape.symbol, update)


def _mark(channel: Channel, tape: Tape, tick: int, now: int) -> Iterator[Render]:
    """Whether it has changed or not."""
    mark = mark_of(tape.happened(now))
    if mark is not None:
        yield partial(um_payloads.stream_mark_price, tape.symbol, mark, at=tick)


def _partial(channel: Channel, tape: Tape, tick: int, now: int) -> Iterator[Render]:
    book = tape.happened(now).book(channel.stream.levels)
    if book is not None and book != channel.last:
        channel.last = book
        yield lambda micros: payloads.rest_depth(book)


def _klines(channel: Channel, tape: Tape, tick: int, now: int) -> Iterator[Render]:
    stream, seen = channel.stream, tape.happened(now)
    for bar in _bars(stream, seen, channel.last):
        closed = bar.close_time < now
        channel.last = bar
        yield partial(_kline, tape.symbol, bar, closed=closed, interval=stream.interval, at=now)


def _bars(stream: Stream, seen: Seen, last: object) -> list[Candle]:
    """The bars that are new or not what was sent last, oldest first; only the newest for a listener that just came."""
    if not isinstance(last, Candle):
        return seen.candles(stream.interval, None, None, 1, stream.zone)
    bars = seen.candles(stream.interval, last.open_time, None, 1000, stream.zone)
    # The bar sent last goes out again where it changed, or where a later one shows that it is final now.
    return bars if len(bars) > 1 else [bar for bar in bars if bar != last]


def _kline(symbol: str, bar: Candle, micros: bool, *, closed: bool, interval: str, at: int) -> payloads.Payload:
    return payloads.stream_kline(symbol, bar, micros, closed, interval=interval, at=at)
