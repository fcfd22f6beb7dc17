"""A recording that begins again: each lap is the recording with ids and times shifted, so that both go on unbroken.

The tape in use is the lap being played with the one before and the one after it; REST reaches no further back, as the
exchange's own does not (protocol section 4.6, retention). Times go on by whole seconds, so that candles keep their
shape. Between two laps one made-up depth update turns the last book into the first, so that a local book stays true.
"""

from __future__ import annotations

from array import array
from collections.abc import Mapping, Sequence

from attrs import define, evolve, field, frozen

from bc_replay.columns import AggTrades, Columns, Rows, Trades
from bc_replay.tape import Book, DepthUpdate, Snapshot, Tape, Ticker

SECOND = 1_000_000
EVERY_LEVEL = 10**9
EMPTY = Book(0, (), ())


@frozen
class Shift:
    """By how much one lap differs from the recording."""

    time: int
    aggregates: int
    trades: int
    updates: int


@define(eq=False)
class Track:
    """One symbol's tape, lap after lap; `period` is the same for all symbols of a recording."""

    tape: Tape
    period: int
    _last_book: Book | None = field(init=False)

    def __attrs_post_init__(self) -> None:
        self._last_book = self.tape.happened(self.tape.end).book(EVERY_LEVEL)

    def laps(self, first: int, last: int) -> Tape:
        """The laps from `first` to `last` (0 is the recording itself) as one tape."""
        shifts = [self._shift(lap) for lap in range(first, last + 1)]
        aggregates, trades = Columns(), Columns()
        updates: list[DepthUpdate] = []
        for shift in shifts:
            aggregates.extend(_shifted(self.tape.agg_trades.columns, shift, shift.aggregates))
            trades.extend(_shifted(self.tape.trades.columns, shift, shift.trades))
            updates += self._updates(shift)
        return Tape(
            self.tape.symbol,
            AggTrades(aggregates),
            Trades(trades),
            updates,
            [snapshot for shift in shifts for snapshot in _snapshots(self.tape.snapshots, shift)],
            [ticker for shift in shifts for ticker in _tickers(self.tape.tickers, shift)],
            trades_complete=self.tape.trades_complete,
        )

    def _shift(self, lap: int) -> Shift:
        aggregates, trades = _span(self.tape.agg_trades.columns.id), _span(self._trade_ids())
        return Shift(lap * self.period, lap * aggregates, lap * trades, lap * self._update_span())

    def _trade_ids(self) -> array[int]:
        columns = self.tape.agg_trades.columns
        ends = (*columns.first, *columns.last, *self.tape.trades.columns.id)
        return array("q", (id for id in ends if id >= 0))

    def _update_span(self) -> int:
        """The ids of one lap, and one for the update that joins it to the next."""
        updates = self.tape.updates
        return updates[-1].last - updates[0].first + 2 if updates else 0

    def _updates(self, shift: Shift) -> list[DepthUpdate]:
        shifted = [
            evolve(
                update,
                first=update.first + shift.updates,
                last=update.last + shift.updates,
                event_time=update.event_time + shift.time,
                at=update.at + shift.time,
                previous=None if update.previous is None else update.previous + shift.updates,
                time=update.time + shift.time if update.time else 0,
            )
            for update in self.tape.updates
        ]
        joint = self._joint(shift, shifted)
        if joint and shifted[0].previous is not None:
            joint = [evolve(joint[0], previous=joint[0].first - 1)]
            shifted[0] = evolve(shifted[0], previous=joint[0].last)
        return [*joint, *shifted]

    def _joint(self, shift: Shift, shifted: Sequence[DepthUpdate]) -> list[DepthUpdate]:
        """The update from the last book to the first; none before lap 0, nor where the last book is not known."""
        if not shift.time or not shifted or self._last_book is None:
            return []
        first = self.tape.snapshots[0] if self.tape.snapshots else EMPTY
        number, at = shifted[0].first - 1, self.tape.start + shift.time
        bids = _difference(self._last_book.bids, first.bids)
        asks = _difference(self._last_book.asks, first.asks)
        return [DepthUpdate(number, number, at, bids, asks, min(at, shifted[0].at))]


@define(eq=False)
class Laps:
    """The laps of a whole recording. `tapes` is replaced in place when `onward` takes the next lap up."""

    recorded: Mapping[str, Tape]
    tapes: dict[str, Tape] = field(init=False)
    number: int = 0  # the lap being played
    period: int = field(init=False)
    _tracks: dict[str, Track] = field(init=False)
    _start: int = field(init=False)
    _end: int = field(init=False)

    def __attrs_post_init__(self) -> None:
        self._start = min(tape.start for tape in self.recorded.values())
        self._end = max(tape.end for tape in self.recorded.values())
        self.period = ((self._end - self._start) // SECOND + 1) * SECOND
        self._tracks = {symbol: Track(tape, self.period) for symbol, tape in self.recorded.items()}
        self.tapes = {}
        self._lay()

    @property
    def end(self) -> int:
        """The end of the lap after the one being played."""
        return self._end + (self.number + 1) * self.period

    def onward(self, now: int) -> bool:
        """Take up the lap that `now` is in; True where that is another one than before."""
        number = max(0, (now - self._start) // self.period)
        if number <= self.number:
            return False
        self.number = number
        self._lay()
        return True

    def _lay(self) -> None:
        first = max(0, self.number - 1)
        self.tapes.update({symbol: track.laps(first, self.number + 1) for symbol, track in self._tracks.items()})


def _span(ids: Sequence[int]) -> int:
    return max(ids) - min(ids) + 1 if ids else 0


def _shifted(columns: Rows, shift: Shift, ids: int) -> Columns:
    return Columns(
        price=array("q", columns.price),
        quantity=array("q", columns.quantity),
        flags=bytearray(columns.flags),
        id=_moved(columns.id, ids),
        first=_moved(columns.first, shift.trades),
        last=_moved(columns.last, shift.trades),
        time=_moved(columns.time, shift.time),
        at=_moved(columns.at, shift.time),
        event=_moved(columns.event, shift.time, lowest=1),
    )


def _moved(values: Sequence[int], by: int, lowest: int = 0) -> array[int]:
    """Values below `lowest` stand for nothing (-1: no trade, 0: no event time) and stay."""
    return array("q", (value + by if value >= lowest else value for value in values))


def _snapshots(snapshots: Sequence[Snapshot], shift: Shift) -> list[Snapshot]:
    return [
        evolve(shot, last_update_id=shot.last_update_id + shift.updates, at=shot.at + shift.time) for shot in snapshots
    ]


def _tickers(tickers: Sequence[Ticker], shift: Shift) -> list[Ticker]:
    return [evolve(ticker, update_id=ticker.update_id + shift.updates, at=ticker.at + shift.time) for ticker in tickers]


def _difference(old: tuple[tuple[str, str], ...], new: tuple[tuple[str, str], ...]) -> tuple[tuple[str, str], ...]:
    """The levels to send so that `old` becomes `new`."""
    kept = dict(new)
    gone = ((price, "0.00000000") for price, _ in old if price not in kept)
    return (*gone, *new)
