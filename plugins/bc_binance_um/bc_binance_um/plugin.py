"""What bc_binance_um offers to bcore: the exchange kind `binance_um`, and the source `mark_price`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from bcore.hookspecs import hookimpl

if TYPE_CHECKING:
    from bcore.protocols import Exchange, Source
    from bcore.records import Factory


@hookimpl
def bcore_exchanges() -> Iterator[Factory[Exchange]]:
    from bc_binance_um.config import BinanceUmConfig
    from bc_binance_um.exchange import BinanceUm
    from bcore.records import Factory

    summary = "Binance USD-M futures, public market data, no key needed"
    yield Factory("binance_um", BinanceUmConfig, BinanceUm.build, summary=summary, on_request=True)


@hookimpl
def bcore_sources() -> Iterator[Factory[Source]]:
    from bc_binance_um import building
    from bc_binance_um.config import MarkPriceConfig
    from bc_binance_um.marks import MARK_PRICE
    from bcore.records import Factory

    summary = "Mark prices and funding rates of futures, one a second, live or over REST"
    yield Factory(
        "mark_price", MarkPriceConfig, building.mark_price, datasets=(MARK_PRICE,), summary=summary, on_request=True
    )
