"""Records and frames: what a row is, and candles of trades."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING

from pydantic import BaseModel, Field

if TYPE_CHECKING:
    import pandas as pd

TRADE_SCHEMA = {
    "agg_trade_id": "int64",
    "timestamp": "datetime64[ns]",
    "symbol": "string",
    "price": "float64",
    "quantity": "float64",
    "first_trade_id": "int64",
    "last_trade_id": "int64",
    "is_buyer_maker": "bool",
    "is_best_match": "bool",
}
ORDERBOOK_BASE_SCHEMA = {
    "timestamp": "datetime64[ns]",
    "symbol": "string",
    "tick_size": "float64",
    "best_bid": "float64",
    "best_ask": "float64",
    "spread": "float64",
    "spread_pct": "float64",
    "imbalance": "float64",
    "depth_ratio": "float64",
}


class TradeRecord(BaseModel):
    """An aggregate trade. Price and quantity may be 0: the exchange voids trades and keeps their ids."""

    agg_trade_id: int
    timestamp: datetime
    symbol: str
    price: float = Field(ge=0)
    quantity: float = Field(ge=0)
    first_trade_id: int
    last_trade_id: int
    is_buyer_maker: bool
    is_best_match: bool

    @property
    def side(self) -> str:
        """What the taker did: "buy" or "sell"."""
        return "sell" if self.is_buyer_maker else "buy"

    @property
    def notional(self) -> float:
        """Price times quantity, in the quote asset."""
        return self.price * self.quantity


class OrderBookLevel(BaseModel):
    """A level of a book."""

    price: float = Field(gt=0)
    quantity: float = Field(gt=0)


class OrderBookSnapshot(BaseModel):
    """What a snapshot says beside its levels."""

    timestamp: datetime
    symbol: str
    tick_size: float = Field(gt=0)
    best_bid: float = Field(gt=0)
    best_ask: float = Field(gt=0)
    spread: float = Field(ge=0)
    spread_pct: float = Field(ge=0)
    num_levels: int = Field(default=15, gt=0)


def validate_dataframe(df: pd.DataFrame, schema: Mapping[str, str]) -> pd.DataFrame:
    """The frame with the schema's types. Raises `ValueError` that names what is missing or does not convert.

    The frame that is given stays as it is. Times that know their zone become naive ones in UTC.
    """
    import pandas as pd

    if missing := [name for name in schema if name not in df.columns]:
        raise ValueError(f"the frame has no column {', '.join(missing)}; needed: {', '.join(schema)}")
    converted = {}
    for name, kind in schema.items():
        try:
            if kind.startswith("datetime64"):
                times = pd.to_datetime(df[name], utc=True).dt.tz_localize(None)
                converted[name] = times.dt.as_unit("ns")
            else:
                converted[name] = df[name].astype(kind)  # type: ignore[call-overload]
        except (TypeError, ValueError, OverflowError) as error:
            raise ValueError(f"column {name} does not convert to {kind}: {error}") from error
    return df.assign(**converted)


def trades_to_ohlcv(trades_df: pd.DataFrame, timeframe: str = "1h") -> pd.DataFrame:
    """Candles of trades, a symbol after the other: timestamp, open, high, low, close, volume, and further columns.

    The trades need timestamp (a column, or the index), price and quantity. A bar in which nothing traded is no row.
    """
    import pandas as pd

    from bc_trades import trades_to_ohlcv as candles

    if trades_df.empty:
        return pd.DataFrame()
    trades = trades_df if "timestamp" in trades_df.columns else trades_df.reset_index(names="timestamp")
    if "symbol" not in trades.columns:
        return _nanoseconds(candles(trades, timeframe))
    parts = [
        candles(group.reset_index(drop=True), timeframe).assign(symbol=symbol)
        for symbol, group in trades.groupby("symbol", observed=True)
    ]
    return _nanoseconds(pd.concat(parts, ignore_index=True))


def _nanoseconds(bars: pd.DataFrame) -> pd.DataFrame:
    return bars.assign(timestamp=bars["timestamp"].dt.as_unit("ns"))
