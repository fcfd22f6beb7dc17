"""The keys of a `[servers.*]` and of a `[remotes.*]` section of kind "http"."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from attrs import field, frozen, validators

from bcore.secrets import Secret

HASHED = "sha256:"


def _at_least(least: float) -> Any:
    return validators.ge(least)


def _a_port(_: object, __: object, value: int) -> None:
    if not 0 <= value <= 65535:
        raise ValueError(f"must be a port, 0 to 65535, not {value}")


def _an_origin(_: object, __: object, value: tuple[str, ...]) -> None:
    wrong = [each for each in value if each != "*" and ("://" not in each or each.count("/") != 2)]
    if wrong:
        raise ValueError(f"must be origins as browsers send them, https://example.com, not {', '.join(wrong)}")


def _keys(_: object, __: object, value: Mapping[str, Secret]) -> None:
    for name, key in value.items():
        digest = key.value.removeprefix(HASHED)
        if key.value.startswith(HASHED) and not (len(digest) == 64 and set(digest) <= set("0123456789abcdef")):
            raise ValueError(f"{name}: {HASHED} is followed by 64 hexadecimal digits in lower case")


@frozen
class HttpConfig:
    """What the server is told. Sizes are bytes, times seconds."""

    host: str = field(
        default="127.0.0.1",
        validator=validators.min_len(1),
        metadata={"help": "address to listen on; beyond this machine only with a key, or with open = true"},
    )
    port: int = field(default=8000, validator=_a_port, metadata={"help": "TCP port; 0 takes a free one"})
    socket: str | None = field(default=None, metadata={"help": "path of a unix socket to listen on instead of TCP"})
    workers: int = field(
        default=1,
        validator=[validators.ge(1), validators.le(64)],
        metadata={"help": "processes that answer; one serves thousands of small requests a second"},
    )
    threads: int = field(
        default=4,
        validator=[validators.ge(1), validators.le(64)],
        metadata={"help": "threads of each process that read the archive"},
    )
    certfile: str | None = field(default=None, metadata={"help": "TLS certificate (PEM), with keyfile: serve https"})
    keyfile: str | None = field(default=None, metadata={"help": "private key of the certificate (PEM)"})
    api_key: Secret | None = field(
        default=None,
        metadata={"help": 'the key that clients send as X-API-Key or Bearer: { env = "NAME" } or { file = "path" }'},
    )
    keys: Mapping[str, Secret] = field(
        factory=dict,
        validator=_keys,
        metadata={"help": 'several keys by name, each { env = ".." }, { file = ".." } or "sha256:HEX" of the key'},
    )
    open: bool = field(
        default=False, metadata={"help": "serve other machines without any key: whoever reaches the port reads all"}
    )
    origins: tuple[str, ...] = field(
        default=(),
        validator=_an_origin,
        metadata={"help": "web pages of these origins may ask (CORS); none if empty, * for all"},
    )
    rate_limit: float = field(
        default=0.0,
        validator=_at_least(0),
        metadata={"help": "requests per second of each key (without keys: each address); 0 for no limit"},
    )
    max_rows: int = field(
        default=100_000,
        validator=_at_least(1),
        metadata={"help": "rows of one answer in JSON; the streamed formats have no limit"},
    )
    default_rows: int = field(
        default=1000, validator=_at_least(1), metadata={"help": "rows of an answer in JSON when none are asked for"}
    )
    fresh: float = field(
        default=0.1,
        validator=[validators.ge(0), validators.le(60)],
        metadata={"help": "seconds for which the archive is taken as unchanged; an answer is at most so old"},
    )
    cache_bytes: int = field(
        default=64 * 2**20, validator=_at_least(0), metadata={"help": "memory for answers that are asked for again"}
    )
    max_url: int = field(default=8192, validator=_at_least(256), metadata={"help": "longest path with its query"})
    max_headers: int = field(default=16384, validator=_at_least(1024), metadata={"help": "all headers together"})
    max_body: int = field(default=65536, validator=_at_least(0), metadata={"help": "longest body of a request"})
    max_connections: int = field(
        default=1000, validator=_at_least(1), metadata={"help": "connections of each process at one time"}
    )
    header_timeout: float = field(
        default=10.0, validator=_at_least(0.1), metadata={"help": "time in which a request's headers must arrive"}
    )
    keepalive: int = field(
        default=75, validator=_at_least(1), metadata={"help": "time that an idle connection is kept open"}
    )
    write_timeout: float = field(
        default=30.0, validator=_at_least(0.1), metadata={"help": "time in which a client must take the next piece"}
    )
    live_interval: float = field(
        default=0.05,
        validator=[validators.ge(0.001), validators.le(60)],
        metadata={"help": "seconds between two looks for new rows, while somebody follows them"},
    )
    live_buffer: int = field(
        default=4 * 2**20,
        validator=_at_least(1024),
        metadata={"help": "bytes that may wait for one live client; one that is further behind is dropped"},
    )
    live_heartbeat: float = field(
        default=15.0, validator=_at_least(0.1), metadata={"help": "seconds of silence after which live clients hear so"}
    )
    access_log: bool = field(
        default=False, metadata={"help": "one line per request on standard error; never a key in it"}
    )


@frozen
class RemoteConfig:
    """How to reach a server."""

    url: str = field(
        default="http://127.0.0.1:8000",
        validator=validators.matches_re(r"https?://[^/\s]+.*"),
        metadata={"help": "where it is: http://host:8000"},
    )
    api_key: Secret | None = field(
        default=None, metadata={"help": 'its key, where it wants one: { env = "NAME" } or { file = "path" }'}
    )
    timeout: float = field(
        default=30.0, validator=_at_least(0.1), metadata={"help": "seconds to wait for the next piece of an answer"}
    )
    retries: int = field(
        default=3, validator=_at_least(0), metadata={"help": "how often a request that met no server is sent again"}
    )
