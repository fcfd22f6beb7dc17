"""What the sources ask of an exchange. `bc_binance.Binance` is one; any object of this shape will do."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

import msgspec


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


class NumberedDepth(Depth, Protocol):
    """One that says which update it ends with."""

    @property
    def last_update_id(self) -> int: ...


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


class Sink(Protocol):
    """Where a feed's messages go. Called in the feed's thread, in order."""

    def message(self, stream: str, data: bytes | msgspec.Raw, received: int) -> None:
        """An event's JSON text; `received` is the exchange's clock at receipt, int us UTC."""

    def joined(self, streams: tuple[str, ...]) -> None:
        """From now on everything of these streams arrives."""

    def lost(self, streams: tuple[str, ...], reason: str) -> None:
        """Something of these streams may be missing now."""


class Feed(Protocol):
    """Streams followed live until closed."""

    def resubscribe(self, streams: Sequence[str]) -> None:
        """For streams that are acknowledged and silent."""

    def close(self) -> None:
        """The sink is not called after."""


class BookVenue(Protocol):
    """An exchange that shows order books with their ids. Safe to use from several threads."""

    def depth(self, symbol: str, limit: int = ..., *, background: bool = ...) -> NumberedDepth:
        """The best `limit` levels on each side; `background` lets live work go first."""


@runtime_checkable
class LiveVenue(BookVenue, Protocol):
    """An exchange whose streams can be followed too."""

    def feed(self, streams: Sequence[str], sink: Sink) -> Feed:
        """Follows combined streams (`btcusdt@depth@100ms`, lower case) from now on. Safe to use beside requests."""
