"""The section `[sources.trades]`."""

from __future__ import annotations

from typing import Any

from attrs import Attribute, field, frozen

from bcore.errors import RequestError
from bcore.instants import parse_instant

NEWEST = "newest"
LARGEST_PAGE = 1000


def _a_pause(_: Any, attribute: Attribute[float], value: float) -> None:
    if not 0 <= value < float("inf"):
        raise ValueError(f"must be 0 or more seconds, not {value!r}")


def _a_page(_: Any, attribute: Attribute[int], value: int) -> None:
    if not 1 <= value <= LARGEST_PAGE:
        raise ValueError(f"must be 1 to {LARGEST_PAGE}, the most that the exchange gives at once, not {value!r}")


def _a_start(_: Any, attribute: Attribute[Any], value: Any) -> None:
    try:
        resolve(value, now=0)
    except RequestError as error:
        raise ValueError(
            f'must be "newest", an instant such as "2026-02-15T00:00:00" (UTC), or "2h ago", not {value!r}'
        ) from error


def resolve(start: Any, now: int) -> int | None:
    """`start` as int us UTC; None for the newest trades. Raises `RequestError` if it is neither."""
    return None if start == NEWEST else parse_instant(start, now=now)


@frozen
class TradesConfig:
    """How to collect trades."""

    interval: float = field(
        default=1.0, validator=_a_pause, metadata={"help": "seconds between passes once everything is caught up"}
    )
    start: Any = field(
        default=NEWEST,
        validator=_a_start,
        metadata={"help": 'where a series that holds nothing begins: "newest", an instant, or "2h ago"'},
    )
    page: int = field(
        default=LARGEST_PAGE, validator=_a_page, metadata={"help": "trades per request; every request costs the same"}
    )
