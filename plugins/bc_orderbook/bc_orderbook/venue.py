"""What the source asks of an exchange. `bc_binance.Binance` is one; any object of this shape will do."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, runtime_checkable


class Depth(Protocol):
    """An order book: (price, quantity) as decimal text, best levels first; `received` in the exchange's int us UTC."""

    @property
    def bids(self) -> Sequence[tuple[str, str]]: ...
    @property
    def asks(self) -> Sequence[tuple[str, str]]: ...
    @property
    def received(self) -> int: ...
    @property
    def body(self) -> bytes: ...


class SymbolInfo(Protocol):
    """A symbol's rules: `tick_size` is the price step as decimal text, None where there is none."""

    @property
    def symbol(self) -> str: ...
    @property
    def tick_size(self) -> str | None: ...


class ExchangeInfo(Protocol):
    @property
    def symbols(self) -> Sequence[SymbolInfo]: ...


@runtime_checkable
class Venue(Protocol):
    """An exchange that shows order books. All methods raise `bcore.errors.ExchangeError`."""

    def measure_clock(self) -> int:
        """Asks for the exchange's clock now."""

    def depth(self, symbol: str, limit: int = ...) -> Depth:
        """The best `limit` levels on each side."""

    def exchange_info(self, symbols: tuple[str, ...] = ...) -> ExchangeInfo:
        """The rules of the symbols."""
