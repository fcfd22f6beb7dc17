"""What one may ask of the views of rebuilt books."""

from __future__ import annotations

from math import isfinite
from time import time_ns
from typing import Any

from attrs import Attribute, field, frozen

from bc_orderbook.durations import microseconds
from bcore.errors import RequestError
from bcore.instants import parse_instant

MOST_BPS = 10_000


def _an_instant(_: Any, attribute: Attribute[Any], value: str | int | None) -> None:
    try:
        _parsed(value)
    except RequestError as error:
        raise ValueError(f"must be an instant: {error}") from None


def _parsed(value: str | int | None) -> int | None:
    return None if value is None else parse_instant(value, now=time_ns() // 1000)


def _a_step(_: Any, attribute: Attribute[str], value: str) -> None:
    microseconds(value)


def _one_or_more(_: Any, attribute: Attribute[int | None], value: int | None) -> None:
    if value is not None and value < 1:
        raise ValueError(f"must be 1 or more, not {value}")


def _positive(_: Any, attribute: Attribute[Any], value: float | tuple[float, ...] | None) -> None:
    sizes = value if isinstance(value, tuple) else () if value is None else (value,)
    if value == ():
        raise ValueError("must name at least one")
    for size in sizes:
        if not (isfinite(size) and size > 0):
            raise ValueError(f"must be more than 0, not {size!r}")


def _bps(_: Any, attribute: Attribute[float], value: float) -> None:
    if not 0 < value <= MOST_BPS:
        raise ValueError(f"must be above 0 and at most {MOST_BPS}, not {value!r}")


def _not_negative(_: Any, attribute: Attribute[float], value: float) -> None:
    if not (isfinite(value) and value >= 0):
        raise ValueError(f"must be 0 or more, not {value!r}")


def levels_field(default: int | None = None, help: str = "levels on each side; all if not given") -> Any:
    return field(default=default, validator=_one_or_more, metadata={"help": help})


def every_field(default: str = "1s") -> Any:
    return field(
        default=default,
        validator=_a_step,
        metadata={
            "help": "from one book to the next: 100ms, 1s, 5m, 1h; times are multiples of it",
            "pattern": "^[1-9][0-9]{0,3}(ms|s|m|h)$",
        },
    )


def tick_size_field() -> Any:
    return field(
        default=None,
        validator=_positive,
        metadata={"help": "width of price buckets, bids rounded down to it and asks up; single levels if not given"},
    )


def tick_sizes_field() -> Any:
    return field(validator=_positive, metadata={"help": "widths of the price buckets, a row for each"})


def bps_field(default: float = 10.0) -> Any:
    return field(
        default=default, validator=_bps, metadata={"help": "how far from the mid, in hundredths of a percent of it"}
    )


def decay_field() -> Any:
    return field(
        default=0.5,
        validator=_not_negative,
        metadata={"help": "how fast the weight of levels falls: e ** -decay from one to the next, 0 for all alike"},
    )


@frozen
class BookParams:
    """Of the view `book`."""

    at: str | int | None = field(
        default=None,
        validator=_an_instant,
        metadata={"help": "the instant: ISO 8601 (UTC), epoch, or '15m ago'; the newest known if not given"},
    )
    levels: int | None = levels_field()
    tick_size: float | None = tick_size_field()

    @property
    def instant(self) -> int | None:
        """`at` in int us UTC."""
        return _parsed(self.at)


@frozen
class StatesParams:
    """Of the view `book_states`."""

    every: str = every_field()
    levels: int | None = levels_field()
    tick_size: float | None = tick_size_field()


@frozen
class OrderbookParams:
    """Of the view `orderbook_rebuilt`."""

    tick_size: tuple[float, ...] = tick_sizes_field()
    every: str = every_field("30s")
    depth: int | None = levels_field(1000, "levels on each side to make the buckets of")


@frozen
class MeasuresParams:
    """Of the view `book_measures`."""

    every: str = every_field()
    levels: int | None = levels_field(5, "levels on each side for imbalance and pressure")
    bps: float = bps_field()
    decay: float = decay_field()
