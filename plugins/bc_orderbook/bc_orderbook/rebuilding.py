"""The book at any instant, from the nearest snapshot before it and the changes after that.

Nothing is glued over a break (protocol section 7.2): where an event does not follow on the one before it, the book
stays as it was before the break, and is suspect, until the next snapshot.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from attrs import define, field, frozen

from bc_orderbook.checkpoints import LAG, Checkpoint, Horizon, checkpoint_at, checkpoints
from bc_orderbook.diffs import SUSPECT, UNKNOWN, VERIFIED
from bc_orderbook.pricelevels import PriceLevels
from bc_orderbook.tape import Changes, Tape
from bc_orderbook.trust import Trust
from bcore.computing import Access
from bcore.errors import NotFoundError
from bcore.instants import HOUR

FARTHEST = HOUR  # how long before a snapshot's time its id may lie
WIDER = 6


@frozen(eq=False)
class Rebuilt:
    """The book at `time`: as it was after update `update_id`, which the exchange sent at `event_time` (int us UTC).

    `state`: "verified", "suspect" or "unknown", as the collector noted, or worse where the stored events tell it.
    `horizon`: the lowest bid and the highest ask up to which every level is known, NaN where all are.
    """

    time: int
    event_time: int
    update_id: int
    state: str
    horizon: Horizon
    levels: PriceLevels


def known(access: Access) -> tuple[int, int]:
    """The first and the last instant of which a book is known. Raises `NotFoundError` where none is."""
    snapshots, changes = access.stats("depth_snapshots"), access.stats("depth")
    if snapshots.first_time is None or snapshots.last_time is None:
        raise NotFoundError(f"no snapshot of the book of {access.symbol} is stored")
    return snapshots.first_time, max(snapshots.last_time, changes.last_time or 0)


def rebuilt(access: Access, instants: Iterable[int], last: int) -> Iterator[Rebuilt]:
    """The book at each of the instants, which rise up to at most `last`. Raises `NotFoundError` where none is known."""
    running: Rebuilding | None = None
    for instant in instants:
        running = running or Rebuilding.beginning(access, instant, last)
        yield running.at(instant)


@define(eq=False)
class Rebuilding:
    """A book on its way through time. Each snapshot it comes by takes the place of what was rebuilt before."""

    access: Access
    trust: Trust
    checkpoint: Checkpoint
    _coming: Iterator[Checkpoint]
    _last: int
    _tape: Tape = field(init=False)
    _levels: PriceLevels = field(init=False)
    _id: int = field(init=False)
    _event_time: int = field(init=False)
    _broken: bool = field(default=False, init=False)
    _waiting: list[Checkpoint] = field(factory=list, init=False)

    @classmethod
    def beginning(cls, access: Access, instant: int, last: int) -> Rebuilding:
        """Raises `NotFoundError` where no book is known at the instant."""
        coming = checkpoints(access, instant + 1, last + LAG) if last > instant else iter(())
        return cls(access, Trust.over(access, instant, last), checkpoint_at(access, instant), coming, last)

    def __attrs_post_init__(self) -> None:
        self._tape = tape_after(self.access, self.checkpoint, self._last)
        self._begin(self.checkpoint)

    def at(self, instant: int) -> Rebuilt:
        """The book at an instant, not before the one asked for last."""
        self._pass_checkpoints(instant)
        if not self._broken:
            for changes in self._tape.until(instant):
                self._apply(changes)
        noted = self.trust.at(instant)  # a doubt that was noted says why events are missing
        state = self._told(instant) if noted == VERIFIED else noted
        return Rebuilt(instant, self._event_time, self._id, state, self.checkpoint.horizon, self._levels)

    def _begin(self, checkpoint: Checkpoint) -> None:
        self.checkpoint, self._levels, self._broken = checkpoint, checkpoint.levels, False
        self._id, self._event_time = checkpoint.update_id, checkpoint.time

    def _pass_checkpoints(self, instant: int) -> None:
        """Goes on from the newest snapshot that is known at the instant, if there is a newer one."""
        while not self._waiting or self._waiting[-1].time <= instant + LAG:
            upcoming = next(self._coming, None)
            if upcoming is None:
                break
            self._waiting.append(upcoming)
        passed = [each for each in self._waiting if each.time <= instant]
        self._waiting = [each for each in self._waiting if each.time > instant]
        if passed and passed[-1].key > self.checkpoint.key:
            behind = self._broken or passed[-1].update_id < self._id
            self._begin(passed[-1])
            if behind:
                self._tape = tape_after(self.access, self.checkpoint, self._last)
            else:
                self._tape.skip(self.checkpoint.update_id)

    def _apply(self, changes: Changes) -> None:
        good = changes.tiling(self._id) if not self._broken else 0
        self._broken = self._broken or good < len(changes)
        if good:
            self._levels = self._levels.after(changes.keys[:good], changes.quantities[:good])
            self._id, self._event_time = int(changes.lasts[good - 1]), int(changes.times[good - 1])

    def _told(self, instant: int) -> str:
        """What the events themselves say: the book stands until the next one, if that follows on it."""
        if self._broken:
            return SUSPECT
        first = self._tape.next_first
        if first is None:
            return VERIFIED if instant <= max(self._event_time, self.checkpoint.time) else UNKNOWN
        return VERIFIED if first <= self._id + 1 else SUSPECT


def tape_after(access: Access, checkpoint: Checkpoint, until: int) -> Tape:
    """The events after the snapshot, which its time need not precede: from far enough back to join it."""
    distance, first = LAG, access.stats("depth").first_time
    while True:
        tape = Tape.since(access, checkpoint.time - distance, until)
        joined = tape.begins_by(checkpoint.update_id + 1)
        if joined or first is None or checkpoint.time - distance <= first or distance >= FARTHEST:
            tape.skip(checkpoint.update_id)
            return tape
        distance *= WIDER
