"""The recorded events of chosen streams, merged in happening order from any instant on."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from heapq import merge
from operator import attrgetter

from bc_replay.names import Carries, Stream
from bc_replay.tape import Event, Tape

Happening = tuple[int, int, str, Event]
_at = attrgetter("at")
FINEST = 100_000  # the fastest depth stream: whatever finer was recorded goes out on it as it is
_IN_STEP = 500_000  # a recording whose updates come closer than this was made at the 100 ms cadence


def is_fine(tape: Tape) -> bool:
    """Whether the depth updates were recorded at 100 ms, so that the 1000 ms stream has to be folded from them."""
    updates = tape.updates
    if len(updates) < 2:
        return False
    span = updates[-1].event_time - updates[0].event_time
    return span < _IN_STEP * (len(updates) - 1)


def is_real_time(stream: Stream, tape: Tape) -> bool:
    """Whether a stream passes recorded events on as they are."""
    if stream.carries is Carries.DEPTH:
        return stream.cadence <= FINEST or not is_fine(tape)
    return stream.cadence == 0


class Timeline:
    """What happens on some streams, each after its own position; `due` is when the next happens, None at the end."""

    def __init__(self, runs: Iterable[tuple[Stream, Tape, int]] = ()) -> None:
        # A unique number per stream settles ties, so that two records are never compared.
        ordered = [
            _run(number, stream.name, _recorded(stream, tape), position)
            for number, (stream, tape, position) in enumerate(runs)
        ]
        self._events = merge(*ordered)
        self._next = next(self._events, None)

    @property
    def due(self) -> int | None:
        return None if self._next is None else self._next[0]

    def take(self, until: int, most: int) -> list[Happening]:
        """Those with at <= until, in order: about `most` of them, but never a part of those of one instant."""
        taken: list[Happening] = []
        while (happening := self._next) is not None and happening[0] <= until:
            if len(taken) >= most and happening[0] > taken[-1][0]:
                break
            taken.append(happening)
            self._next = next(self._events, None)
        return taken


def _run(number: int, name: str, records: Sequence[Event], position: int) -> Iterator[Happening]:
    first = bisect_right(records, position, key=_at)
    return ((record.at, number, name, record) for record in records[first:])


def _recorded(stream: Stream, tape: Tape) -> Sequence[Event]:
    columns: dict[Carries, Sequence[Event]] = {
        Carries.AGG_TRADE: tape.agg_trades,
        Carries.TRADE: tape.trades,
        Carries.TICKER: tape.tickers,
        Carries.DEPTH: tape.updates,
    }
    return columns[stream.carries]
