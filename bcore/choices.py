"""What the methods of a client take, said once: to type checkers as typed keywords, to `help()` as a signature."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from inspect import Parameter, signature
from typing import Any, Literal, TypedDict, TypeVar

from bcore.instants import Instant

As = Literal["pandas", "arrow", "polars"]
Pandas = Literal["pandas"]
Arrow = Literal["arrow"]
Polars = Literal["polars"]
F = TypeVar("F", bound=Callable[..., Any])
DEFAULTS = {"offset": 0, "timeframe": "1m"}  # None for all others


class Range(TypedDict, total=False):
    """Which rows of a view, and which of their columns."""

    start_time: Instant | None
    end_time: Instant | None
    limit: int | None
    offset: int
    tail: int | None
    columns: str | Iterable[str] | None


class Rows(Range, total=False):
    """Of rows that have ids."""

    after_id: int | None


class Snapshots(Range, total=False):
    """Of order books at several tick sizes: those of `tick_size`, and of their columns only so many `levels`."""

    tick_size: float | Iterable[float] | None
    levels: int | None


class Candles(Range, total=False):
    """Of bars of a length: 1s, 1m ... 12h, 1d, 3d, 1w, 1M."""

    timeframe: str


class Levels(TypedDict, total=False):
    """How much of a book: so many `levels` of each side, as they are or in buckets of `tick_size`."""

    levels: int | None
    tick_size: float | None


def spelled(options: type) -> Callable[[F], F]:
    """Gives a method that takes `**options` the signature of the typed keywords that these are."""

    def decorated(method: F) -> F:
        shown = signature(method)
        own = [each for each in shown.parameters.values() if each.kind is not Parameter.VAR_KEYWORD]
        keywords = [
            Parameter(name, Parameter.KEYWORD_ONLY, default=DEFAULTS.get(name), annotation=_told(kind))
            for name, kind in options.__annotations__.items()
        ]
        method.__signature__ = shown.replace(parameters=[*own, *keywords])  # type: ignore[attr-defined]
        return method

    return decorated


def _told(kind: Any) -> Any:
    """As it was written."""
    return getattr(kind, "__forward_arg__", kind)
