"""The instant at which a request is answered, and what may be said at it."""

from __future__ import annotations

from collections.abc import Mapping

from attrs import frozen

from bc_replay import refusals
from bc_replay.parameters import Parameters
from bc_replay.tape import Seen, Tape


@frozen
class Moment:
    """`market` is the instant as of which data is answered, `server` the exchange's own time; both us UTC.

    `micros` chooses the unit of times in replies. `floor` is the lowest trade or aggregate id that REST still reaches.
    """

    tapes: Mapping[str, Tape]
    market: int
    server: int
    micros: bool = False
    floor: int = 0
    weight_limit: int = 6000

    def seen(self, symbol: str | None) -> Seen:
        """Raises -1121 for a symbol that the recording does not have."""
        tape = self.tapes.get(symbol or "")
        if tape is None:
            raise refusals.bad_symbol()
        return tape.happened(self.market)

    def stamp(self, at: int) -> int:
        return at if self.micros else at // 1000

    def chosen(self, parameters: Parameters) -> list[str]:
        """The symbols that `symbol`, `symbols` or neither of them ask for."""
        if parameters.symbol is not None:
            self.seen(parameters.symbol)
            return self._by_status([parameters.symbol], parameters, single=True)
        for symbol in parameters.symbols or ():
            self.seen(symbol)
        return self._by_status(list(parameters.symbols or self.tapes), parameters, single=False)

    def _by_status(self, symbols: list[str], parameters: Parameters, *, single: bool) -> list[str]:
        if parameters.symbol_status in (None, "TRADING"):
            return symbols
        if single:
            raise refusals.status_mismatch()
        return []
