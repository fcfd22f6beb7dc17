"""Whose a depth reply is: the exchange does not say (protocol section 4.3)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from bc_replay.errors import RecordingError
from bc_replay.readers.naming import symbol_of
from bc_replay.readers.reel import Footage
from bc_replay.records import Snapshot

Neighbours = Iterable[tuple[Path, Sequence[str]]]


def adopt(footage: Footage, path: Path, forced: str | None, neighbours: Neighbours) -> None:
    """Give each snapshot of `footage` to its symbol; RecordingError where that cannot be told."""
    for snapshot in footage.orphans:
        symbol = forced or _by_events(footage, snapshot) or symbol_of(path) or _by_neighbours(path, neighbours)
        if symbol is None:
            raise RecordingError(f"{path}: nothing tells whose depth snapshot this is; give it as SYMBOL={path}")
        footage.reel(symbol).snapshots.append(snapshot)
    footage.orphans.clear()


def renamed(footage: Footage, path: Path, symbol: str) -> Footage:
    """With all records under `symbol`, as the user said."""
    if len(footage.reels) > 1:
        raise RecordingError(f"{path}: cannot be {symbol}: it holds {', '.join(sorted(footage.reels))}")
    reels = dict(zip([symbol], footage.reels.values(), strict=False))
    return Footage(reels, footage.orphans, footage.ignored, footage.markets)


def _by_events(footage: Footage, snapshot: Snapshot) -> str | None:
    """The file's only symbol, else the only one whose update ids reach over the snapshot's."""
    if len(footage.reels) == 1:
        return next(iter(footage.reels))
    reaching = [
        symbol
        for symbol, reel in footage.reels.items()
        if reel.updates and reel.updates[0].after <= snapshot.last_update_id <= reel.updates[-1].last
    ]
    return reaching[0] if len(reaching) == 1 else None


def _by_neighbours(path: Path, neighbours: Neighbours) -> str | None:
    near = {symbol for other, symbols in neighbours if other.parent == path.parent for symbol in symbols}
    return near.pop() if len(near) == 1 else None
