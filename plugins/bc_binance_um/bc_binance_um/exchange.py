"""The exchange object: Binance's, for another market."""

from __future__ import annotations

from attrs import define, field

from bc_binance.exchange import Binance
from bc_binance.market import Market
from bc_binance_um.config import BinanceUmConfig
from bc_binance_um.market import UM, route_of
from bc_binance_um.messages import PremiumIndex
from bcore.records import Context

ROUTES = "depth and bookTicker come below /public, trades, candles and mark prices below /market"


@define
class BinanceUm(Binance):
    """Binance USD-M futures, public market data. Safe to use from several threads."""

    config: BinanceUmConfig = field(kw_only=True)
    name: str = "binance_um"
    market: Market = UM

    @classmethod
    def build(cls, config: BinanceUmConfig, context: Context) -> BinanceUm:  # type: ignore[override]
        name = context.section.rpartition(".")[2]
        return cls(context.clock, config=config, name=name, emit=context.emit)

    def route(self, stream: str) -> str:
        """What stands between `stream_url` and the connection that brings a stream."""
        return route_of(stream) if self.config.routed else ""

    @property
    def silence_advice(self) -> str:
        """What to look at where streams are acknowledged and silent."""
        if not self.config.routed:
            return f"{ROUTES}: set routed = true in the exchange's section"
        return f"{ROUTES}: is stream_url in the exchange's section the host alone?"

    def premium_index(self, symbol: str) -> PremiumIndex:
        """The mark price and the funding rate as they stand."""
        return self.ask("premiumIndex", {"symbol": symbol}, 1, PremiumIndex)
