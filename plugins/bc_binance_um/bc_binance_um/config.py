"""The sections `[exchanges.*]` of kind `binance_um`, and `[sources.mark_price]`."""

from __future__ import annotations

from typing import Any, Literal
from urllib.parse import urlsplit

from attrs import Attribute, field, frozen

from bc_binance.config import BULK_URL, BinanceConfig

STREAM_URLS = {
    "fapi.binance.com": "wss://fstream.binance.com",
    "demo-fapi.binance.com": "wss://fstream.binancefuture.com",
    "testnet.binancefuture.com": "wss://fstream.binancefuture.com",
}
ROUTED = "fstream.binance.com"
STREAM, POLL = "stream", "poll"
_TAILS = ("/ws", "/stream", "/public", "/market", "/private")


def _base(url: str) -> str:
    """People paste whole paths."""
    return url.rstrip("/").removesuffix("/v1").removesuffix("/fapi")


def _stream_base(url: str) -> str:
    url = url.rstrip("/")
    while tail := next((tail for tail in _TAILS if url.endswith(tail)), None):
        url = url.removesuffix(tail).rstrip("/")
    return url


def _bare(url: str) -> str:
    return url.rstrip("/")


def _a_host(*schemes: str) -> Any:
    def check(_: Any, attribute: Attribute[str], value: str) -> None:
        parts = urlsplit(value)
        if parts.scheme not in schemes or not parts.netloc or parts.query or parts.fragment:
            allowed = " or ".join(f"{scheme}://" for scheme in schemes)
            raise ValueError(f"must be the address of a host, {allowed}..., not {value!r}")

    return check


def _seconds(_: Any, attribute: Attribute[float], value: float) -> None:
    if not 0 < value < float("inf"):
        raise ValueError(f"must be more than 0 seconds, not {value!r}")


def _streams(_: Any, attribute: Attribute[int], value: int) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= 200:
        raise ValueError(f"must be a whole number from 1 to 200, not {value!r}")


@frozen
class BinanceUmConfig(BinanceConfig):
    """How to reach the exchange: as on spot, with other hosts, and streams below `/public` and `/market`."""

    rest_url: str = field(
        default="https://fapi.binance.com",
        converter=_base,
        validator=_a_host("https", "http"),
        metadata={"help": "REST host; https://testnet.binancefuture.com or a replay's address also work"},
    )
    stream_url: str = field(
        converter=_stream_base,
        validator=_a_host("wss", "ws"),
        metadata={"help": "WebSocket host, without /public or /market; if not given, the one that goes with rest_url"},
    )
    bulk_url: str = field(
        converter=_bare,
        validator=_a_host("https", "http"),
        metadata={"help": "host of the daily and monthly files; without it, the one that goes with rest_url"},
    )
    routed: bool = field(
        default=True,
        metadata={
            "help": "whether streams are asked for below /public and /market, without which the exchange acknowledges "
            "trades, candles and mark prices and never sends any; false for a host that knows no such addresses"
        },
    )
    stream_limit: int = field(
        default=200, validator=_streams, metadata={"help": "streams per connection; the exchange allows 200"}
    )
    stream_silence: float = field(
        default=240.0,
        validator=_seconds,
        metadata={"help": "seconds without data or ping after which a connection is dead; pings come every 180"},
    )

    @stream_url.default
    def _streams_beside_rest(self) -> str:
        parts = urlsplit(self.rest_url)
        scheme = "ws" if parts.scheme == "http" else "wss"
        return STREAM_URLS.get(parts.hostname or "", f"{scheme}://{parts.netloc}")

    @bulk_url.default
    def _files_beside_rest(self) -> str:
        return BULK_URL if urlsplit(self.rest_url).hostname == "fapi.binance.com" else self.rest_url

    def __attrs_post_init__(self) -> None:
        if not self.routed and urlsplit(self.stream_url).hostname == ROUTED:
            raise ValueError(
                f"routed must be true for {ROUTED}: without a route it acknowledges trades, candles and mark prices, "
                "and never sends any"
            )


@frozen
class MarkPriceConfig:
    """How to collect mark prices."""

    mode: Literal["stream", "poll"] = field(
        default=STREAM,
        metadata={"help": '"stream" follows the exchange live, one a second; "poll" asks over REST again and again'},
    )
    interval: float = field(
        default=10.0, validator=_seconds, metadata={"help": "poll: seconds between two questions; each weighs 1"}
    )
    flush: float = field(
        default=5.0, validator=_seconds, metadata={"help": "stream: seconds between two writes of a symbol"}
    )
    patience: float = field(
        default=15.0,
        validator=_seconds,
        metadata={"help": "stream: seconds of silence after which it is subscribed again: there is one a second"},
    )
    queue: int = field(
        default=200_000, metadata={"help": "stream: marks that may wait in memory; what exceeds them is lost"}
    )
