"""Recorded books of several symbols, and what the recording itself says of them, by the tests' own few lines."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterable, Iterator, Mapping
from itertools import groupby, islice
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from attrs import frozen

COLUMNS = ("first_update_id", "last_update_id", "timestamp", "side", "price", "quantity")
ID_STEP, PRICE_STEP = 10_000_000_000, 1_000  # between two symbols, so that nothing of one passes for another's
Sides = tuple[dict[float, float], dict[float, float]]


def write_recording(sources: Iterable[Path], to: Path, symbols: tuple[str, ...], diffs: int) -> None:
    """The first depth events of a recording of BTCUSDT, and the first snapshot among them, under several symbols.

    Each symbol has ids and prices of its own.
    """
    for number, symbol in enumerate(symbols):
        with gzip.open(to / f"{symbol.lower()}.gz", "wt", compresslevel=1) as out:
            out.writelines(_renamed(line, symbol, number) for line in islice(_depth_lines(sources), diffs))


def _depth_lines(sources: Iterable[Path]) -> Iterator[str]:
    for source in sources:
        with gzip.open(source, "rt") as lines:
            yield from (line for line in lines if "@depth" in line[:60] or '"lastUpdateId"' in line[:60])


def _renamed(line: str, symbol: str, number: int) -> str:
    at, _, text = line.partition(" ")
    body = json.loads(text)
    if "stream" in body:
        body["stream"], body["data"]["s"] = f"{symbol.lower()}@depth@100ms", symbol
    data = body.get("data", body)
    data |= {key: data[key] + number * ID_STEP for key in ("U", "u", "lastUpdateId") if key in data}
    for key in {"a", "b", "asks", "bids"} & data.keys():
        data[key] = [[f"{float(price) + number * PRICE_STEP:.8f}", quantity] for price, quantity in data[key]]
    return f"{at} {json.dumps(body)}\n"


@frozen
class Told:
    """One event of a recording."""

    first: int
    last: int
    time: int
    levels: list[tuple[int, float, float]]


@frozen
class Truth:
    """What a recording has of one symbol: its events, and the one snapshot."""

    events: list[Told]
    snapshot: tuple[int, Sides]

    @classmethod
    def of(cls, path: Path) -> Truth:
        events, snapshot = [], None
        with gzip.open(path, "rt") as lines:
            for line in lines:
                body = json.loads(line.partition(" ")[2])
                data = body.get("data", body)
                if "u" in data:
                    levels = [(side, float(p), float(q)) for side, key in ((-1, "a"), (1, "b")) for p, q in data[key]]
                    events.append(Told(data["U"], data["u"], data["E"] * 1000, sorted(levels) or [(0, 0.0, 0.0)]))
                else:
                    sides = tuple({float(p): float(q) for p, q in data[key]} for key in ("bids", "asks"))
                    snapshot = data["lastUpdateId"], sides
        assert snapshot is not None
        return cls(events, snapshot)  # type: ignore[arg-type]

    @property
    def table(self) -> pa.Table:
        """As the archive is to have it: event by event, level by level, in order."""
        rows = [(e.first, e.last, e.time, *level) for e in self.events for level in e.levels]
        columns = [pa.array(column) for column in zip(*rows, strict=True)]
        return pa.table(dict(zip(COLUMNS, columns, strict=True)))

    def books(self, update_ids: list[int]) -> Iterator[tuple[int, Sides]]:
        """After each of these updates, which rise: the snapshot, and every event after it, applied one by one."""
        number, (bids, asks) = self.snapshot
        sides: dict[int, dict[float, float]] = {1: dict(bids), -1: dict(asks), 0: {}}
        coming = [event for event in self.events if event.last > number][::-1]
        for update_id in update_ids:
            while coming and coming[-1].last <= update_id:
                for side, price, quantity in coming.pop().levels:
                    sides[side][price] = quantity
                    if not quantity:
                        del sides[side][price]
            yield update_id, (dict(sides[1]), dict(sides[-1]))

    def missing(self, held: set[int]) -> list[list[Told]]:
        """The runs of events, between the first and the last that is held, of which none is."""
        first, last = min(held), max(held)
        inside = [event for event in self.events if first <= event.last <= last]
        return [list(run) for gone, run in groupby(inside, lambda event: event.last not in held) if gone]

    def before(self, event: Told) -> Told:
        return self.events[self.events.index(event) - 1]

    def after(self, update_id: int) -> Told:
        """The first event that a book of this id does not contain."""
        return next(event for event in self.events if event.last > update_id)

    def at(self, instant: int, seeds: list[tuple[int, int]]) -> int:
        """The id of the book at an instant: of the newest snapshot (id, time) by then, or of the last event since."""
        ids = [event.last for event in self.events if event.time <= instant]
        return max([*ids, *(number for number, time in seeds if time <= instant)])


def comparable(table: pa.Table) -> pa.Table:
    """Of rows of `depth`, what a recording can tell."""
    numbers = {name: table.column(name) for name in COLUMNS}
    return pa.table(numbers | {name: numbers[name].cast(pa.int64()) for name in ("timestamp", "side")})


def outside(table: pa.Table, doubtful: list[tuple[int, int]], first: int, last: int) -> pa.Table:
    """The rows of ids from `first` to `last` that are in none of the intervals, their ends excepted."""
    ids, times = table.column("last_update_id"), table.column("timestamp")
    kept = pc.and_(pc.greater_equal(ids, first), pc.less_equal(ids, last))
    for start, end in doubtful:
        kept = pc.and_(kept, pc.or_(pc.less_equal(times, start), pc.greater_equal(times, end)))
    return table.filter(kept).combine_chunks()


def sides_of(rows: list[Mapping[str, Any]]) -> Sides:
    """The bids and asks of a book as rows, of the view `book` or of `depth_snapshots`."""
    made: Sides = ({}, {})
    for row in rows:
        made[row["side"] in ("ask", -1)][row["price"]] = row["quantity"]
    return made


def known(sides: Sides, horizon: tuple[float, float]) -> Sides:
    """The levels within a horizon: those beyond are known only where they have changed."""
    (bids, asks), (lowest, highest) = sides, horizon
    return (
        {price: quantity for price, quantity in bids.items() if not price < lowest},
        {price: quantity for price, quantity in asks.items() if not price > highest},
    )
