"""What the exchange object tells its observers of the request weight."""

from __future__ import annotations

from collections.abc import Callable
from threading import Lock

from attrs import define, field

from bc_binance.budget import WeightBudget
from bcore.events import Event, WeightUsed

PAUSE = 1.0  # seconds


@define(eq=False)
class WeightTeller:
    """Tells how much weight is used, at most once in a second; `source` is the exchange's section."""

    source: str
    budget: WeightBudget
    emit: Callable[[Event], None]
    _told: float = field(default=float("-inf"), init=False)
    _lock: Lock = field(factory=Lock, init=False)

    def tell(self) -> None:
        with self._lock:
            now = self.budget.clock.monotonic()
            if now - self._told < PAUSE:
                return
            self._told = now
        self.emit(WeightUsed(self.source, self.budget.used, self.budget.limit))
