"""How sure a book is, and since when: told to its journal whenever that changes."""

from __future__ import annotations

from attrs import define, field

from bc_orderbook.booktables import Turning
from bc_orderbook.diffs import SUSPECT, UNKNOWN, VERIFIED
from bc_orderbook.journal import Journal


@define(eq=False)
class Standing:
    """Verified, suspect or unknown. Times in the exchange's int us UTC; those of two changes are never the same."""

    journal: Journal
    state: str = field(default=UNKNOWN, init=False)
    _turned: int | None = field(default=None, init=False)
    _from: int | None = field(default=None, init=False)
    _why: str = field(default="", init=False)

    @property
    def verified(self) -> bool:
        return self.state == VERIFIED

    def vouch(self, time: int, why: str) -> None:
        """From `time` on the book is right, as soon as nothing else speaks against it."""
        if not self.verified:
            self._from, self._why = time, why

    def verify(self, time: int, update_id: int) -> None:
        """Nothing speaks against the book any more; from `time` on, where nothing vouched for it from another."""
        if self.verified:
            return
        if self._from is None:
            self._from, self._why = time, "nothing was missed: the next event followed"
        self._turn(self._from, update_id, VERIFIED, self._why)

    def suspect(self, time: int, update_id: int, reason: str) -> None:
        """Something speaks against the book from `time` on. One that was not verified is no worse than before."""
        self._from = None
        if self.verified:
            self._turn(time, update_id, SUSPECT, reason)

    def unknow(self, time: int, update_id: int, reason: str) -> None:
        """Nobody looks from `time` on."""
        self._turn(time, update_id, UNKNOWN, reason)

    def _turn(self, time: int, update_id: int, state: str, reason: str) -> None:
        self._turned = time if self._turned is None else max(time, self._turned + 1)
        self.state = state
        self.journal.turned(Turning(self._turned, update_id, state, reason))
