"""The section `[sources.orderbook]`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from math import isfinite
from typing import Any, Literal

from attrs import Attribute, field, frozen

MAX_DEPTH = 5000
MAX_LEVELS = 500
BOOK, REST = "book", "rest"
SHORTEST = 0.1  # seconds between snapshots of a book: the exchange sums up its changes for as long

TickSizes = tuple[float, ...]


def seconds(_: Any, attribute: Attribute[float], value: float) -> None:
    """More than none."""
    if not (isfinite(value) and value > 0):
        raise ValueError(f"must be more than 0 seconds, not {value!r}")


def between(least: int, most: int) -> Any:
    """A validator of whole numbers, both bounds included."""

    def check(_: Any, attribute: Attribute[int], value: int) -> None:
        if not least <= value <= most:
            raise ValueError(f"must be from {least} to {most}, not {value!r}")

    return check


def _tick_sizes(_: Any, attribute: Attribute[Any], value: Mapping[str, TickSizes] | TickSizes | None) -> None:
    if value is None:
        return
    lists = value if isinstance(value, Mapping) else {"": value}
    for symbol, sizes in lists.items():
        whose = f" of {symbol}" if symbol else ""
        if not sizes:
            raise ValueError(f"the list{whose} is empty: name a tick size, or leave the key out for automatic ones")
        wrong = [size for size in sizes if not (isfinite(size) and size > 0)]
        if wrong:
            raise ValueError(f"a tick size{whose} must be more than 0, not {wrong[0]!r}")


@frozen
class OrderBookConfig:
    """What to take of the order books, and how often."""

    from_: Literal["book", "rest"] = field(
        default=BOOK,
        metadata={
            "help": '"book": from a book that is kept up to date over streams, at any interval, on the clock; '
            '"rest": asked for anew each time'
        },
    )
    interval: float = field(
        default=30.0,
        validator=seconds,
        metadata={"help": 'seconds between snapshots; with from = "book" they stand at its multiples, 0.1 at least'},
    )
    tick_sizes: Mapping[str, TickSizes] | TickSizes | None = field(
        default=None,
        validator=_tick_sizes,
        metadata={
            "help": "widths of the price buckets: a list for every symbol, or a table of lists by symbol; "
            "five that suit the price where none are named"
        },
    )
    num_levels: int = field(
        default=15, validator=between(1, MAX_LEVELS), metadata={"help": "buckets to keep on each side"}
    )
    depth: int = field(
        default=1000,
        validator=between(1, MAX_DEPTH),
        metadata={
            "help": "levels of either side to look at; over REST they weigh 5 to 100, 25 to 500, 50 to 1000, 250"
        },
    )
    flush: float = field(
        default=1.0, validator=seconds, metadata={"help": "from the book: seconds between two writes of a symbol"}
    )

    def __attrs_post_init__(self) -> None:
        if self.from_ == BOOK and self.interval < SHORTEST:
            raise ValueError(f'interval must be {SHORTEST} seconds or more with from = "book", not {self.interval!r}')

    def ticks_of(self, symbol: str) -> TickSizes | None:
        """The symbol's configured tick sizes, ascending, each once; None if none are named."""
        named = self.tick_sizes.get(symbol) if isinstance(self.tick_sizes, Mapping) else self.tick_sizes
        return None if named is None else tuple(sorted({float(size) for size in named}))

    def unused(self, symbols: Iterable[str]) -> list[str]:
        """The symbols that `tick_sizes` names and `symbols` does not."""
        return sorted(set(self.tick_sizes) - set(symbols)) if isinstance(self.tick_sizes, Mapping) else []
