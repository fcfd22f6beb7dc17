"""What the source asks of an exchange. `bc_binance.Binance` is one; any object of this shape will do."""

from __future__ import annotations

from typing import Protocol, runtime_checkable


@runtime_checkable
class Venue(Protocol):
    """An exchange that serves aggregate trades by id. All methods raise `bcore.errors.ExchangeError`."""

    def now(self) -> int:
        """The exchange's clock, int us UTC."""

    def measure_clock(self) -> int:
        """Asks for the exchange's clock now."""

    def agg_trades(
        self, symbol: str, *, from_id: int | None = None, start: int | None = None, limit: int = 1000
    ) -> list[bytes]:
        """One page, oldest first: from an id (inclusive), from a time on, or the newest; one JSON text per record."""
