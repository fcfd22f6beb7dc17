"""The section `[exchanges.binance]`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

from attrs import Attribute, field, frozen


def _a_url(*schemes: str) -> Callable[[Any, Attribute[str], str], None]:
    def check(_: Any, attribute: Attribute[str], value: str) -> None:
        parts = urlsplit(value)
        if parts.scheme not in schemes or not parts.netloc or parts.query or parts.fragment:
            allowed = " or ".join(f"{scheme}://" for scheme in schemes)
            raise ValueError(f"must be the address of a host, {allowed}..., not {value!r}")

    return check


def _positive(_: Any, attribute: Attribute[float], value: float) -> None:
    if not 0 < value < float("inf"):
        raise ValueError(f"must be more than 0 seconds, not {value!r}")


def _a_share(_: Any, attribute: Attribute[float], value: float) -> None:
    if not 0 < value <= 1:
        raise ValueError(f"must be a share above 0 and at most 1, such as 0.8, not {value!r}")


def _header_text(_: Any, attribute: Attribute[str], value: str) -> None:
    if not value.isascii() or not value.isprintable() or not value.strip():
        raise ValueError(f"must be printable ASCII text, not {value!r}")


def _base(url: str) -> str:
    """The documentation prints some hosts with `/api`, and people paste whole paths."""
    return url.rstrip("/").removesuffix("/v3").removesuffix("/api")


@frozen
class BinanceConfig:
    """How to reach the exchange.

    The defaults are the market-data-only hosts: the same data as `api.binance.com` without an account behind it, and
    reported to answer from places where `api.binance.com` says 451 (protocol sections 1.1 and 3.3).
    """

    rest_url: str = field(
        default="https://data-api.binance.vision",
        converter=_base,
        validator=_a_url("https", "http"),
        metadata={"help": "REST host; https://api.binance.com, https://api.binance.us or a replay's address also work"},
    )
    stream_url: str = field(
        default="wss://data-stream.binance.vision",
        validator=_a_url("wss", "ws"),
        metadata={"help": "WebSocket host, for sources that follow streams"},
    )
    bulk_url: str = field(
        default="https://data.binance.vision",
        validator=_a_url("https", "http"),
        metadata={"help": "host of the daily and monthly files, for sources that read history"},
    )
    timeout: float = field(
        default=10.0,
        validator=_positive,
        metadata={"help": "seconds to wait for a connection, and for each part of a reply"},
    )
    budget: float = field(
        default=0.8,
        validator=_a_share,
        metadata={"help": "share of the exchange's request weight per minute to use; other programs here count too"},
    )
    user_agent: str = field(
        default="bcore/0.1", validator=_header_text, metadata={"help": "how to introduce ourselves to the exchange"}
    )
