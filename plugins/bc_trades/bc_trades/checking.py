"""Our candles against the exchange's own (protocol section 4.7): every field, to the last digit."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from attrs import define, field, frozen

from bc_binance.messages import Kline
from bc_trades.past import CandleVenue
from bc_trades.timeframes import TIMEFRAMES, Timeframe
from bcore.instants import SECOND
from bcore.protocols import Reader
from bcore.query import Request
from bcore.records import Compared, Disagreement

PAGE = 1000  # candles of a request
GRACE = 60 * SECOND  # until the exchange's candles, which come from a database, have everything
COARSE, FINE = TIMEFRAMES["1h"], TIMEFRAMES["1m"]
PRICES = ("open", "high", "low", "close", "volume", "quote_volume", "taker_buy_volume", "taker_buy_quote_volume")
FIELDS = (*PRICES, "trade_count")
Bar = dict[str, Any]


@frozen
class Span:
    """Bars that open in [start, end), int us UTC."""

    start: int
    end: int


@define
class Check:
    """Of one symbol: hours first, then the minutes of those hours that are not complete, or not over. Raises
    `ExchangeError`."""

    venue: CandleVenue
    reader: Reader
    symbol: str
    _before: Bar | None = field(default=None, init=False)

    def compare(self, start: int, end: int) -> Iterator[Compared]:
        """What is held of [start, end), int us UTC, page by page of the exchange's candles."""
        over = self.venue.now() - GRACE
        stop = min(end, over)
        partial: list[int] = []
        for span in _pages(COARSE, start, stop):
            ours = self._ours(COARSE, span)
            if ours:
                yield self._compared(COARSE, span, ours, over)
                partial += [opened for opened, bar in ours.items() if not bar["complete"]]
        running = COARSE.floor(stop)
        for hours in _runs([*partial, *([running] if start <= running < stop else [])]):
            yield from self._minutes(Span(hours.start, min(hours.end, stop)), over)

    def _minutes(self, minutes: Span, over: int) -> Iterator[Compared]:
        self._before = None
        for span in _pages(FINE, minutes.start, minutes.end):
            ours = self._ours(FINE, span)
            if any(bar["complete"] for bar in ours.values()):
                yield self._compared(FINE, span, ours, over)

    def _ours(self, frame: Timeframe, span: Span) -> dict[int, Bar]:
        """Our bars by opening time."""
        asked = Request("ohlcv", self.symbol, start=span.start, end=span.end, params={"timeframe": frame.name})
        table = self.reader.scan(asked).read_all()
        opened = table.column("timestamp").cast("int64").to_pylist()
        return dict(zip(opened, table.select([*FIELDS, "complete"]).to_pylist(), strict=True))

    def _compared(self, frame: Timeframe, span: Span, ours: dict[int, Bar], over: int) -> Compared:
        """An hour in which we have nothing counts where it is proven that nothing was missed between its neighbours."""
        last = span.end - frame.length
        asked = self.venue.klines(self.symbol, frame.name, start=span.start, end=last, limit=PAGE, background=True)
        theirs = {kline.open_time: kline for kline in asked if span.start <= kline.open_time < span.end}
        count, skipped, found = 0, 0, list[Disagreement]()
        until = max(ours)
        for opened in sorted({*ours, *(each for each in theirs if each <= until)}):
            bar = ours.get(opened)
            told = bar if bar is not None else self._before
            self._before = told
            if opened + frame.length > over or told is None or not told["complete"]:
                skipped += told is not None or theirs[opened].trade_count > 0
                continue
            count += 1
            found += _differences(opened, bar, theirs.get(opened))
        return Compared(f"{frame.name} candles", span.start, span.end, count, skipped, tuple(found))


def _differences(opened: int, ours: Bar | None, theirs: Kline | None) -> Iterator[Disagreement]:
    if ours is None:
        if theirs is not None and theirs.trade_count:
            yield Disagreement(opened, "trade_count", "0", str(theirs.trade_count))
        return
    if theirs is None:
        yield Disagreement(opened, "candle", f"{ours['trade_count']} trades", "none")
        return
    for name in FIELDS:
        said = getattr(theirs, name)
        if ours[name] != (float(said) if name in PRICES else said):
            yield Disagreement(opened, name, str(ours[name]), str(said))


def _pages(frame: Timeframe, start: int, end: int) -> Iterator[Span]:
    """[start, end) in whole bars, as many at a time as a request gives; a last one that is not over is left out."""
    stop = frame.floor(end)
    for begin in range(frame.floor(start), stop, PAGE * frame.length):
        yield Span(begin, min(begin + PAGE * frame.length, stop))


def _runs(hours: Iterable[int]) -> Sequence[Span]:
    """Hours by their opening times, ascending, as few spans as they are."""
    runs: list[Span] = []
    for opened in hours:
        if runs and runs[-1].end == opened:
            runs[-1] = Span(runs[-1].start, opened + COARSE.length)
        else:
            runs.append(Span(opened, opened + COARSE.length))
    return runs
