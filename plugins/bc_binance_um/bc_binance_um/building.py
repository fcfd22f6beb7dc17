"""The source, imported when it is built: whoever only reads does not wait for what it imports."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bc_binance_um.config import MarkPriceConfig
    from bc_binance_um.source import MarkPriceSource
    from bcore.records import Context


def mark_price(config: MarkPriceConfig, context: Context) -> MarkPriceSource:
    from bc_binance_um.source import MarkPriceSource

    return MarkPriceSource.build(config, context)
