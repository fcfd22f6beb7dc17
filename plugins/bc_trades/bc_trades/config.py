"""The section `[sources.trades]`."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from attrs import Attribute, field, frozen
from attrs.validators import in_

from bcore.errors import RequestError
from bcore.instants import parse_instant

NEWEST = "newest"
STREAM, POLL = "stream", "poll"
LARGEST_PAGE = 1000
SHA256 = re.compile(r"[0-9a-f]{64}")


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


def _a_count(_: Any, attribute: Attribute[int], value: int) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise ValueError(f"must be a whole number from 1, not {value!r}")


def _lower(values: Iterable[str]) -> tuple[str, ...]:
    return tuple(value.lower() if isinstance(value, str) else value for value in values)


def _checksums(_: Any, attribute: Attribute[Any], value: tuple[str, ...]) -> None:
    wrong = [each for each in value if not isinstance(each, str) or not SHA256.fullmatch(each)]
    if wrong:
        raise ValueError(f"must be SHA-256 sums of 64 hex digits, not {wrong[0]!r}")


@frozen
class TradesConfig:
    """How to collect trades."""

    mode: str = field(
        default=STREAM,
        validator=in_((STREAM, POLL)),
        metadata={"help": '"stream" follows the exchange live, "poll" asks over REST again and again'},
    )
    interval: float = field(
        default=1.0,
        validator=_a_pause,
        metadata={"help": "poll: seconds between passes once everything is caught up"},
    )
    flush: float = field(
        default=1.0,
        validator=_a_pause,
        metadata={"help": "stream: seconds between two writes of a symbol; more where there are hundreds of symbols"},
    )
    hold: int = field(
        default=20_000,
        validator=_a_count,
        metadata={"help": "stream: missing trades that later ones wait for; a longer hole is filled beside them"},
    )
    queue: int = field(
        default=200_000,
        validator=_a_count,
        metadata={"help": "stream: trades that may wait in memory; what exceeds them is asked for again over REST"},
    )
    start: Any = field(
        default=NEWEST,
        validator=_a_start,
        metadata={"help": 'where a series that holds nothing begins: "newest", an instant, or "2h ago"'},
    )
    page: int = field(
        default=LARGEST_PAGE, validator=_a_page, metadata={"help": "trades per request; every request costs the same"}
    )
    tmp: str | None = field(
        default=None,
        metadata={
            "help": "back-fill: folder for files while they are read; the system's own for such things if not set"
        },
    )
    accept_checksums: tuple[str, ...] = field(
        default=(),
        converter=_lower,
        validator=_checksums,
        metadata={"help": "back-fill: SHA-256 of files that are taken although their CHECKSUM says something else"},
    )
    require_checksum: bool = field(
        default=True,
        metadata={"help": "back-fill: whether a file without a CHECKSUM is refused"},
    )
