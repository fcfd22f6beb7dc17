"""The section `[exchanges.binance]`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

from attrs import Attribute, field, frozen
from attrs.validators import optional

STREAM_URLS = {
    "data-api.binance.vision": "wss://data-stream.binance.vision",
    "api.binance.us": "wss://stream.binance.us:9443",
    "testnet.binance.vision": "wss://stream.testnet.binance.vision",
    "demo-api.binance.com": "wss://demo-stream.binance.com",
    **{
        f"{host}.binance.com": "wss://stream.binance.com:9443"
        for host in ("api", "api-gcp", "api1", "api2", "api3", "api4")
    },
}
BULK_URL = "https://data.binance.vision"
BULK_OF = {
    "data-api.binance.vision",
    *(host for host in STREAM_URLS if host.startswith("api") and "binance.com" in host),
}
BULK_LISTING_URL = "https://s3-ap-northeast-1.amazonaws.com/data.binance.vision"


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


def _whole(lowest: int, highest: int) -> Callable[[Any, Attribute[int], int], None]:
    def check(_: Any, attribute: Attribute[int], value: int) -> None:
        if isinstance(value, bool) or not isinstance(value, int) or not lowest <= value <= highest:
            raise ValueError(f"must be a whole number from {lowest} to {highest}, not {value!r}")

    return check


def _stream_base(url: str) -> str:
    """People paste whole paths here too."""
    return url.rstrip("/").removesuffix("/ws").removesuffix("/stream")


def _bare(url: str) -> str:
    return url.rstrip("/")


def _bare_or_none(url: str | None) -> str | None:
    return url and _bare(url)


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
        converter=_stream_base,
        validator=_a_url("wss", "ws"),
        metadata={
            "help": "WebSocket host, for sources that follow streams; without it, the one that goes with rest_url"
        },
    )
    bulk_url: str = field(
        converter=_bare,
        validator=_a_url("https", "http"),
        metadata={"help": "host of the daily and monthly files; without it, the one that goes with rest_url"},
    )
    bulk_listing_url: str | None = field(
        default=None,
        converter=_bare_or_none,
        validator=optional(_a_url("https", "http")),
        metadata={"help": "where the files are listed; without it, the bucket of the default bulk_url, else bulk_url"},
    )
    bulk_limit: int = field(
        default=8 * 2**30,
        validator=_whole(1, 2**50),
        metadata={"help": "bytes; a larger daily or monthly file is refused, as is one that holds 16 times as much"},
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
    background_share: float = field(
        default=0.75,
        validator=_a_share,
        metadata={"help": "share of the budget that back-filling may use, so that live work always has some left"},
    )
    stream_limit: int = field(
        default=1024,
        validator=_whole(1, 1024),
        metadata={"help": "streams per connection; the exchange allows 1024"},
    )
    stream_attempts: int = field(
        default=200,
        validator=_whole(1, 300),
        metadata={"help": "connections opened in five minutes at most; the exchange allows 300 per address"},
    )
    stream_silence: float = field(
        default=75.0,
        validator=_positive,
        metadata={"help": "seconds without data or ping after which a connection is taken to be dead"},
    )
    stream_lifetime: float = field(
        default=82_800.0,
        validator=_positive,
        metadata={"help": "seconds after which a connection is replaced, before the exchange cuts it at 24 h"},
    )
    stream_overlap: float = field(
        default=2.0,
        validator=_positive,
        metadata={"help": "seconds in which a connection and its successor both deliver"},
    )
    stream_backlog: int = field(
        default=200_000,
        validator=_whole(1, 100_000_000),
        metadata={"help": "messages kept for a consumer that is behind; what exceeds them is reported as lost"},
    )
    user_agent: str = field(
        default="bcore/0.1", validator=_header_text, metadata={"help": "how to introduce ourselves to the exchange"}
    )

    # Ids of one exchange must never be joined to another's: what is not named follows `rest_url` (protocol section 1).
    @stream_url.default
    def _beside_rest(self) -> str:
        parts = urlsplit(self.rest_url)
        scheme = "ws" if parts.scheme == "http" else "wss"
        return STREAM_URLS.get(parts.hostname or "", f"{scheme}://{parts.netloc}")

    @bulk_url.default
    def _of_the_same_exchange(self) -> str:
        return BULK_URL if urlsplit(self.rest_url).hostname in BULK_OF else self.rest_url

    @property
    def listing_url(self) -> str:
        """Where the bulk files are listed (protocol section 8.6)."""
        return self.bulk_listing_url or (BULK_LISTING_URL if self.bulk_url == BULK_URL else self.bulk_url)
