"""Who may ask, and how often."""

from __future__ import annotations

import math
from base64 import urlsafe_b64decode
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from hashlib import sha256
from hmac import compare_digest

from attrs import define, field, frozen

from bc_http.config import HASHED, HttpConfig

OFFERED = b"bcore.key."  # followed by the key, base64url
MOST = 10_000  # clients whose pace is remembered
Headers = Iterable[tuple[bytes, bytes]]


def digest_of(key: str) -> bytes:
    """What is compared instead of a key: hashes are of one length, whatever somebody guesses."""
    if key.startswith(HASHED):
        return bytes.fromhex(key.removeprefix(HASHED))
    return sha256(key.encode()).digest()


@frozen
class Keyring:
    """The keys by name, as SHA-256 hashes. Empty: everybody may ask."""

    digests: Mapping[str, bytes] = field(factory=dict, repr=False)

    @classmethod
    def of(cls, config: HttpConfig) -> Keyring:
        keys = {name: key.value for name, key in config.keys.items()}
        if config.api_key is not None:
            keys["api_key"] = config.api_key.value
        return cls({name: digest_of(key) for name, key in keys.items()})

    def __bool__(self) -> bool:
        return bool(self.digests)

    def name_of(self, presented: bytes | None) -> str | None:
        """Whose key it is; None for nobody's. Takes as long for every key, right or wrong."""
        given = sha256(presented or b"").digest()
        found = None
        for name, digest in self.digests.items():
            if compare_digest(digest, given) and presented:
                found = name
        return found


def presented(headers: Headers) -> bytes | None:
    """The key that a request carries: `X-API-Key`, else `Authorization: Bearer`, else among the WebSocket protocols it
    offers, which are all that a browser lets a page say."""
    bearer = offered = None
    for name, value in headers:
        if name == b"x-api-key":
            return value.strip()
        if name == b"authorization" and value[:7].lower() == b"bearer ":
            bearer = value[7:].strip()
        if name == b"sec-websocket-protocol":
            offered = next((each.strip() for each in value.split(b",") if each.strip().startswith(OFFERED)), offered)
    return bearer or (None if offered is None else _decoded(offered[len(OFFERED) :]))


def _decoded(text: bytes) -> bytes | None:
    """base64url without padding: keys may have characters that protocols may not."""
    try:
        return urlsafe_b64decode(text + b"=" * (-len(text) % 4))
    except ValueError:
        return None


@define(eq=False)
class Pace:
    """A bucket of tokens for each client: `rate` a second, and at most a second's worth saved."""

    rate: float
    _buckets: OrderedDict[str, tuple[float, float]] = field(factory=OrderedDict, init=False)

    def wait(self, client: str, now: float) -> int:
        """0 if the client may ask now; else the seconds after which it may. `now` is monotonic."""
        room = max(self.rate, 1.0)
        tokens, at = self._buckets.pop(client, (room, now))
        tokens = min(room, tokens + (now - at) * self.rate)
        allowed = tokens >= 1.0
        self._buckets[client] = (tokens - 1.0 if allowed else tokens, now)
        if len(self._buckets) > MOST:
            self._buckets.popitem(last=False)
        return 0 if allowed else max(1, math.ceil((1.0 - tokens) / self.rate))
