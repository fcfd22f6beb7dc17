"""The exchange's own best prices (bookTicker, protocol section 6), kept beside the depth stream to compare it with."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from math import inf
from threading import Lock

import msgspec
import pyarrow as pa
from attrs import define, field

from bc_orderbook.diffs import DEPTH_TICKERS
from bc_orderbook.events import Arrival, Message
from bc_orderbook.venue import Sink
from bcore.records import Batch, Origin, Rejected

log = logging.getLogger(__name__)


class Ticker(msgspec.Struct, gc=False, rename={"bid_quantity": "B", "ask_quantity": "A", "bid": "b", "ask": "a"}):
    """Best prices as of update `u`; texts of numbers become the nearest float64. It carries no time."""

    u: int
    s: str
    bid: float
    bid_quantity: float
    ask: float
    ask_quantity: float

    @property
    def usable(self) -> bool:
        return all(0 <= each < inf for each in (self.bid, self.bid_quantity, self.ask, self.ask_quantity))


_decoder = msgspec.json.Decoder(Ticker, strict=False)


@define(eq=False)
class Tickers:
    """A feed's sink that keeps what comes of its own `streams`, and hands everything else on to `beyond`.

    At most `limit` wait; what exceeds them is left out, and only makes fewer to compare with.
    """

    streams: Mapping[str, str]  # the name of a stream -> its symbol
    beyond: Sink
    limit: int
    _waiting: dict[str, list[Arrival]] = field(factory=dict, init=False)
    _count: int = field(default=0, init=False)
    _lock: Lock = field(factory=Lock, init=False)

    def message(self, stream: str, data: Message, received: int) -> None:
        symbol = self.streams.get(stream)
        if symbol is None:
            self.beyond.message(stream, data, received)
            return
        with self._lock:
            if self._count < self.limit:
                self._waiting.setdefault(symbol, []).append(Arrival(data, received))
                self._count += 1

    def joined(self, streams: tuple[str, ...]) -> None:
        self.beyond.joined(streams)

    def lost(self, streams: tuple[str, ...], reason: str) -> None:
        self.beyond.lost(streams, reason)

    def batches(self, observed: int | None) -> Iterator[Batch]:
        """All that waits."""
        with self._lock:
            waiting, self._waiting, self._count = self._waiting, {}, 0
        for symbol, arrivals in waiting.items():
            yield _batch(symbol, arrivals, observed)


def _batch(symbol: str, arrivals: list[Arrival], observed: int | None) -> Batch:
    found: dict[int, tuple[Ticker, int]] = {}
    rejected = []
    for arrival in arrivals:
        try:
            ticker = _decoder.decode(arrival.data)
        except msgspec.MsgspecError as error:
            rejected.append(_rejected(f"this is no bookTicker: {error}", arrival))
            continue
        if ticker.s == symbol and ticker.usable:
            found[ticker.u] = ticker, arrival.received
        else:
            rejected.append(_rejected(f"these are no best prices of {symbol}", arrival))
    table = _table(symbol, [ticker for ticker, _ in found.values()], [received for _, received in found.values()])
    return Batch(DEPTH_TICKERS, symbol, table, observed, tuple(rejected), origin=Origin("stream"))


def _table(symbol: str, tickers: Sequence[Ticker], received: Sequence[int]) -> pa.Table:
    """Column by column: there may be thousands a second."""
    columns = [
        pa.array([each.u for each in tickers], pa.int64()),
        pa.array(received, pa.int64()).cast(DEPTH_TICKERS.schema.field("timestamp").type),
        pa.repeat(pa.scalar(symbol, pa.string()), len(tickers)),
        pa.array([each.bid for each in tickers], pa.float64()),
        pa.array([each.bid_quantity for each in tickers], pa.float64()),
        pa.array([each.ask for each in tickers], pa.float64()),
        pa.array([each.ask_quantity for each in tickers], pa.float64()),
    ]
    return pa.Table.from_arrays(columns, schema=DEPTH_TICKERS.schema)


def _rejected(reason: str, arrival: Arrival) -> Rejected:
    return Rejected(reason, (bytes(arrival.data).decode("utf-8", "replace"),))
