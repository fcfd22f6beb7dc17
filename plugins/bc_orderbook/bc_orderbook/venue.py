"""What the sources ask of an exchange. `bc_binance.Binance` is one; any object of this shape will do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol, runtime_checkable

import msgspec
from attrs import field, frozen


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


@runtime_checkable
class Rules(Protocol):
    """An exchange that says how its books differ from those of Binance spot."""

    @property
    def most_levels(self) -> int:
        """The most levels of a side that `depth` gives."""

    @property
    def depth_speeds(self) -> Mapping[str, str]:
        """How often changes can come ("100ms") -> what follows `@depth` in the name of that stream."""

    def depth_weight(self, limit: int) -> int:
        """What a book of so many levels costs."""


@frozen
class Usual:
    """The rules of an exchange that says nothing: spot's (protocol sections 3.1 and 6)."""

    most_levels: int = 5000
    depth_speeds: Mapping[str, str] = field(factory=lambda: {"100ms": "@100ms", "1000ms": ""}, hash=False)

    def depth_weight(self, limit: int) -> int:
        return next((weight for levels, weight in ((100, 5), (500, 25), (1000, 50)) if limit <= levels), 250)


def rules_of(venue: object) -> Rules:
    """Its own, or the usual ones."""
    return venue if isinstance(venue, Rules) else Usual()


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
