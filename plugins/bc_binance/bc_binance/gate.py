"""The gate that all requests pass: closed while the exchange has told this IP address to wait."""

from __future__ import annotations

from threading import Lock

from attrs import define, field

from bcore.errors import ExchangeError
from bcore.protocols import Clock


@define
class Gate:
    """Shared by all users of one exchange object: limits and bans are per IP address, not per symbol."""

    clock: Clock
    _until: float = field(default=0.0, init=False)
    _reason: ExchangeError | None = field(default=None, init=False)
    _lock: Lock = field(factory=Lock, init=False)

    def close(self, reason: ExchangeError) -> None:
        """Lets nothing through for `reason.retry_after` seconds; a longer closure that stands is kept."""
        until = self.clock.monotonic() + (reason.retry_after or 0.0)
        with self._lock:
            if self._reason is None or until > self._until:
                self._until, self._reason = until, reason

    def check(self) -> None:
        """Raises what closed the gate, with the seconds that are left, as long as it is closed."""
        with self._lock:
            left = self._until - self.clock.monotonic()
            if self._reason is None or left <= 0:
                self._reason = None
                return
            raise type(self._reason)(str(self._reason), retry_after=left)
