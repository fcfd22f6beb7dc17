"""Makes the bulk files of tapes: a day's once the day is over, a month's once the month is (protocol section 8.5)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from attrs import define, evolve, field

from bc_replay.bulk.keys import DAILY, INTERVALS, MONTHLY, Key, date_of
from bc_replay.bulk.rows import content, holds
from bc_replay.bulk.zips import Stored, stored, write_zip
from bc_replay.candles import DAY
from bc_replay.tape import Tape

KINDS = (("aggTrades", ""), ("trades", ""), *(("klines", interval) for interval in INTERVALS.values()))


@define(eq=False)
class Press:
    """`delay` is how long after its last instant a file appears, in us of the exchange's time.

    A file holds what the recording has of its day or month, be it a part only; one of which it has nothing is not made.
    Each is made once, when it is first asked for, and kept in `folder`.
    """

    tapes: Mapping[str, Tape]
    folder: Path
    delay: int = 0
    market: str = "spot"
    _made: dict[Key, Stored] = field(factory=dict)

    def published(self, key: Key, now: int) -> bool:
        tape = self.tapes.get(key.symbol)
        return tape is not None and key.market == self.market and key.end + self.delay <= now and holds(tape, key)

    def keys(self, prefix: str, now: int) -> Iterator[Key]:
        """What is published by now under a prefix of the bucket."""
        for symbol, tape in self.tapes.items():
            for period in (DAILY, MONTHLY):
                for kind, interval in KINDS:
                    # T may lie before the instant at which a record happens: before midnight, then.
                    first = Key(period, kind, symbol, date_of(tape.start - DAY, period), interval, self.market)
                    if first.sensible and _meet(first.folder, prefix):
                        yield from self._run(tape, first, now)

    def make(self, key: Key) -> Stored:
        """The file of a published key. It may take its time: for a thread."""
        if key not in self._made:
            target = self.folder / key.path
            write_zip(target, key.member, content(self.tapes[key.symbol], key))
            self._made[key] = stored(target, key.end + self.delay)
        return self._made[key]

    def _run(self, tape: Tape, key: Key, now: int) -> Iterator[Key]:
        """A file and those after it that are published by now."""
        while key.start <= tape.horizon and key.end + self.delay <= now:
            if holds(tape, key):
                yield key
            key = evolve(key, date=date_of(key.end, key.period))


def _meet(folder: str, prefix: str) -> bool:
    """Whether the folder may hold keys with this prefix."""
    return folder.startswith(prefix) or prefix.startswith(folder)
