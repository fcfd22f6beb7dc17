"""How long to wait after failures."""

from __future__ import annotations

import random
from collections.abc import Callable

from attrs import frozen

from bcore.errors import ExchangeError


@frozen
class Backoff:
    """How long to wait after the nth failure in a row: doubling from `first` to `cap` seconds, with jitter.

    Jitter in the upper half keeps many collectors from coming back in step. What the exchange itself asks for
    (`retry_after`) is a lower bound that nothing cuts short.
    """

    first: float = 0.5
    cap: float = 60.0
    draw: Callable[[], float] = random.random

    def seconds(self, failures: int, error: Exception) -> float:
        exponent = min(failures - 1, 32)  # beyond that the power would overflow, and the cap rules anyway
        full = min(self.first * 2.0**exponent, self.cap)
        jittered = full * (0.5 + 0.5 * self.draw())
        asked = error.retry_after if isinstance(error, ExchangeError) else None
        return jittered if asked is None else max(asked, 0.0) + jittered * 0.1
