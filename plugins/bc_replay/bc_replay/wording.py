"""How a market words the events of its streams."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

from attrs import frozen

from bc_replay import payloads, um_payloads
from bc_replay.channels import Render
from bc_replay.payloads import Payload
from bc_replay.records import AggTrade, DepthUpdate, Event, Ticker, Trade


def _spot_ticker(symbol: str, ticker: Ticker, micros: bool) -> Payload:
    return payloads.stream_book_ticker(symbol, ticker)


@frozen
class Wording:
    agg_trade: Callable[[str, AggTrade, bool], Payload] = payloads.stream_agg_trade
    trade: Callable[[str, Trade, bool], Payload] = payloads.stream_trade
    depth_update: Callable[[str, DepthUpdate, bool], Payload] = payloads.stream_depth_update
    book_ticker: Callable[[str, Ticker, bool], Payload] = _spot_ticker

    def render(self, symbol: str, record: Event) -> Render:
        """What makes the record into what is sent, once it is known in which unit times go out."""
        if isinstance(record, AggTrade):
            return partial(self.agg_trade, symbol, record)
        if isinstance(record, Trade):
            return partial(self.trade, symbol, record)
        if isinstance(record, DepthUpdate):
            return partial(self.depth_update, symbol, record)
        return partial(self.book_ticker, symbol, record)


SPOT = Wording()
WORDINGS: Mapping[str, Wording] = {
    "spot": SPOT,
    "um": Wording(
        um_payloads.stream_agg_trade,
        um_payloads.stream_trade,
        um_payloads.stream_depth_update,
        um_payloads.stream_book_ticker,
    ),
}
