"""What bc_binance offers to bcore: the exchange kind `binance`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from bcore.hookspecs import hookimpl

if TYPE_CHECKING:
    from bcore.protocols import Exchange
    from bcore.records import Factory


@hookimpl
def bcore_exchanges() -> Iterator[Factory[Exchange]]:
    from bc_binance.config import BinanceConfig
    from bc_binance.exchange import Binance
    from bcore.records import Factory

    yield Factory("binance", BinanceConfig, Binance.build, summary="Binance spot, public market data, no key needed")
