"""What the source asks of an exchange. `bc_binance.Binance` is one; any object of this shape will do."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

import msgspec
from attrs import frozen


@runtime_checkable
class Venue(Protocol):
    """An exchange that serves aggregate trades by id. All methods raise `bcore.errors.ExchangeError`."""

    def now(self) -> int:
        """The exchange's clock, int us UTC."""

    def measure_clock(self) -> int:
        """Asks for the exchange's clock now."""

    def agg_trades(
        self,
        symbol: str,
        *,
        from_id: int | None = None,
        start: int | None = None,
        limit: int = 1000,
        background: bool = False,
    ) -> list[bytes]:
        """One page, oldest first: from an id (inclusive), from a time on, or the newest; one JSON text per record.

        `background` lets live work go first.
        """


@runtime_checkable
class Rules(Protocol):
    """An exchange that says how its trades differ from those of Binance spot."""

    @property
    def trades_tile(self) -> bool:
        """Whether the trades of an aggregate begin where those of the one before it end, if none is lost.

        They do not where fills are left out of the public tape that have ids all the same.
        """

    @property
    def trades_weight(self) -> int:
        """What a page costs."""


@frozen
class Usual:
    """The rules of an exchange that says nothing: spot's."""

    trades_tile: bool = True
    trades_weight: int = 4


def rules_of(venue: object) -> Rules:
    """Its own, or the usual ones."""
    return venue if isinstance(venue, Rules) else Usual()


class Sink(Protocol):
    """Where a feed's messages go. Called in the feed's thread."""

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


@runtime_checkable
class LiveVenue(Venue, Protocol):
    """An exchange whose streams can be followed too."""

    def feed(self, streams: Sequence[str], sink: Sink) -> Feed:
        """Follows combined streams (`btcusdt@aggTrade`, lower case) from now on. Safe to use beside requests."""
