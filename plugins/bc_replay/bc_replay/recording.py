"""A recording: the tapes of some symbols on one clock, put together from any mix of files.

Where a symbol has recorded aggTrade events they are served and any raw trades beside them; where it has only raw
trades, aggregates are made of them (aggregate.py); where it has only aggregates, its raw trades are those aggregates
that are one fill, for no others can be known. The same record in two files counts once; a gap stays a gap.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from heapq import merge
from operator import attrgetter
from pathlib import Path
from typing import TypeVar

from attrs import evolve, field, frozen

from bc_replay.aggregate import aggregated, single_fills
from bc_replay.columns import AggTrades, Trades
from bc_replay.errors import RecordingError
from bc_replay.readers import read_paths
from bc_replay.readers.reel import UNTIMED, Reel
from bc_replay.records import DepthUpdate, Event, Snapshot, Ticker
from bc_replay.synthetic import is_synthetic, synthetic_tapes
from bc_replay.tape import Tape

S = TypeVar("S", DepthUpdate, Snapshot, Ticker)

_last = attrgetter("last")
_moment = attrgetter("at")


def _first_at(timeline: tuple[int, str, Event]) -> int:
    return timeline[0]


@frozen
class Recording:
    """`ignored` counts what the files held beside market data that can be replayed, by kind.

    `markets` are those that its files show themselves to be of ("spot", "um"): none where they could be of either.
    """

    tapes: Mapping[str, Tape]
    ignored: Mapping[str, int] = field(factory=dict)
    markets: frozenset[str] = frozenset()

    @property
    def start(self) -> int:
        return min(tape.start for tape in self.tapes.values())

    @property
    def end(self) -> int:
        return max(tape.end for tape in self.tapes.values())

    def events(self, symbols: Iterable[str] | None = None) -> Iterator[tuple[int, str, Event]]:
        """(at, symbol, event) in happening order, of all or of some symbols."""
        chosen = self.tapes if symbols is None else symbols
        return merge(*(_timeline(self.tapes[symbol]) for symbol in chosen), key=_first_at)


def read_recording(paths: Iterable[str | Path], symbols: Iterable[str] | None = None) -> Recording:
    """Read files and folders; a path may be `SYMBOL=path` where nothing in it tells the symbol.

    `synthetic:500x40` in their place makes an exchange up (synthetic.py).

    RecordingError names the file, the line where there is one, and what is understood.
    """
    given = [*paths]
    made_up = [str(path) for path in given if is_synthetic(str(path))]
    if made_up:
        return _made_up(made_up, given, symbols)
    footage = read_paths(given)
    reels = {symbol: reel for symbol, reel in footage.reels.items() if reel}
    if not reels:
        raise RecordingError("the recording holds no trades and no depth; give a file or folder that does")
    tapes = {symbol: make_tape(symbol, reels[symbol]) for symbol in _wanted(reels, symbols)}
    return evolve(_on_one_clock(tapes, footage.ignored), markets=frozenset(footage.markets))


def _made_up(names: Sequence[str], given: Sequence[object], symbols: Iterable[str] | None) -> Recording:
    if len(given) > 1:
        raise RecordingError(f"{names[0]} makes up a whole exchange: give no other recording with it")
    tapes = synthetic_tapes(names[0])
    return _on_one_clock({symbol: tapes[symbol] for symbol in _wanted(tapes, symbols)}, {})


def _wanted(held: Collection[str], symbols: Iterable[str] | None) -> list[str]:
    wanted = sorted(held) if symbols is None else [symbol.upper() for symbol in symbols]
    absent = [symbol for symbol in wanted if symbol not in held]
    if absent:
        raise RecordingError(f"the recording has no {', '.join(absent)}; it has {', '.join(sorted(held))}")
    return wanted


def _on_one_clock(tapes: Mapping[str, Tape], ignored: Mapping[str, int]) -> Recording:
    horizon = max(tape.end for tape in tapes.values())
    for tape in tapes.values():
        tape.horizon = horizon
    return Recording(tapes, ignored)


def make_tape(symbol: str, reel: Reel) -> Tape:
    """Settle what was read of one symbol: in order, each record once, every snapshot placed in time."""
    trades, aggregates = reel.trades.settled(), reel.agg_trades.settled()
    complete = bool(trades)
    if not aggregates:
        aggregates = aggregated(trades)
    elif not trades:
        trades = single_fills(aggregates)
    updates = _rising(_news(sorted(reel.updates, key=lambda update: (update.last, -update.first))))
    tickers = _rising(_fresh(reel.tickers))
    earliest = [kind[0] for kind in (aggregates.at, trades.at) if kind]
    earliest += [records[0].at for records in (updates, tickers) if records]
    snapshots = _placed(symbol, reel.snapshots, updates, min(earliest, default=None))
    return Tape(
        symbol,
        AggTrades(aggregates),
        Trades(trades),
        updates,
        snapshots,
        tickers,
        trades_complete=complete,
    )


def _timeline(tape: Tape) -> Iterator[tuple[int, str, Event]]:
    return ((event.at, tape.symbol, event) for event in tape.events())


def _news(updates: Sequence[DepthUpdate]) -> Iterator[DepthUpdate]:
    """Those that reach past all before them: drops repeats, and a slow stream recorded beside a fast one."""
    highest = -1
    for update in updates:
        if update.last > highest:
            highest = update.last
            yield update


def _fresh(tickers: Sequence[Ticker]) -> list[Ticker]:
    return sorted({ticker.update_id: ticker for ticker in reversed(tickers)}.values(), key=attrgetter("update_id"))


def _rising(records: Iterable[S]) -> list[S]:
    """With `at` that never falls."""
    rising: list[S] = []
    for record in records:
        latest = rising[-1].at if rising else record.at
        rising.append(record if record.at >= latest else evolve(record, at=latest))
    return rising


def _placed(
    symbol: str, snapshots: Sequence[Snapshot], updates: Sequence[DepthUpdate], start: int | None
) -> list[Snapshot]:
    """In `at` order, without stale ones; an untimed one happens with the update that reaches it, else at `start`."""
    placed: list[Snapshot] = []
    timed = (_timed(symbol, snapshot, updates, start) for snapshot in snapshots)
    for snapshot in sorted(timed, key=_moment):
        if not placed or snapshot.last_update_id > placed[-1].last_update_id:
            placed.append(snapshot)
    return placed


def _timed(symbol: str, snapshot: Snapshot, updates: Sequence[DepthUpdate], start: int | None) -> Snapshot:
    if snapshot.at != UNTIMED:
        return snapshot
    index = bisect_left(updates, snapshot.last_update_id, key=_last)
    at = updates[index].at if index < len(updates) else start
    if at is None:
        raise RecordingError(
            f"the only records of {symbol} are depth snapshots without a time; add the events recorded with them"
        )
    return evolve(snapshot, at=at)
