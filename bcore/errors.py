"""Every error that bcore raises on purpose.

BcoreError
├── ConfigError              the configuration cannot be used; `problems` lists every mistake with its path
├── PluginError              a plugin broke its contract
│   └── ConflictError        two plugins offer one name
├── RequestError             what was asked for cannot be answered as asked (HTTP 400, exit 2)
│   └── NotFoundError        no such view or symbol (HTTP 404, exit 2)
├── StoreError               the store could not keep or give back rows
│   ├── SeriesBusyError      another writer holds the series
│   └── CorruptFileError     a file in the store is not what it should be
├── SourceError              a source could not deliver
│   └── ExchangeError        the exchange said no, or nothing; `retry_after` is in seconds
│       ├── UnreachableError     no connection, or no reply in time
│       ├── RateLimitedError     too many requests (429)
│       ├── BannedError          this IP address is banned (418)
│       ├── BlockedError         a firewall in front of the exchange refused (403)
│       ├── RestrictedError      not served from this place (451)
│       ├── FaultyReplyError     a server fault, or a reply that is not what the protocol says
│       ├── RefusedError         the request itself is wrong (other 4xx); asking again will not help
│       └── SymbolsError         some symbols failed, the others were served; `failures` has each one's error
└── Stopped                  the work was asked to stop; nothing is wrong
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping


class BcoreError(Exception):
    """Anything that bcore raises on purpose."""


class ConfigError(BcoreError):
    """The configuration cannot be used; `problems` has one line per mistake, each with its path."""

    def __init__(self, problems: Iterable[str]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(self.problems))


class PluginError(BcoreError):
    """A plugin broke its contract."""


class ConflictError(PluginError):
    """Two plugins offer one name; the message names both distributions and their versions."""


class RequestError(BcoreError):
    """What was asked for cannot be answered as asked; `problems` has one line per mistake."""

    def __init__(self, *problems: str) -> None:
        self.problems = problems
        super().__init__("; ".join(problems))


class NotFoundError(RequestError):
    """There is no such view or symbol; the message names near matches."""


class StoreError(BcoreError):
    """The store could not keep rows, or could not give them back."""


class SeriesBusyError(StoreError):
    """Another writer holds the series."""


class CorruptFileError(StoreError):
    """A file in the store is not what it should be; the message names it."""


class SourceError(BcoreError):
    """A source could not deliver."""


class ExchangeError(SourceError):
    """The exchange refused or failed; ask again after `retry_after` seconds, if it is given."""

    def __init__(self, message: str, *, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class UnreachableError(ExchangeError):
    """No connection to the exchange, or no reply in time."""


class RateLimitedError(ExchangeError):
    """The exchange asks for fewer requests (HTTP 429)."""


class BannedError(ExchangeError):
    """The exchange has banned this IP address for a while (HTTP 418)."""


class BlockedError(ExchangeError):
    """A firewall in front of the exchange refused the request (HTTP 403)."""


class RestrictedError(ExchangeError):
    """The exchange does not serve this place (HTTP 451)."""


class FaultyReplyError(ExchangeError):
    """A server fault, or a reply that is not what the protocol says."""


class RefusedError(ExchangeError):
    """The request itself is wrong, for example an unknown symbol; `code` is the exchange's own."""

    def __init__(self, message: str, *, code: int | None = None) -> None:
        super().__init__(message)
        self.code = code


class SymbolsError(ExchangeError):
    """Some symbols failed, each with its error in `failures`; the others were served and are not held up."""

    def __init__(self, failures: Mapping[str, ExchangeError]) -> None:
        self.failures = dict(failures)
        several = len(self.failures) > 1
        super().__init__(
            "; ".join(f"{symbol}: {error}" if several else str(error) for symbol, error in failures.items())
        )


class Stopped(BcoreError):
    """The work was asked to stop; nothing is wrong."""
