"""What an archive of a depth stream says against itself: the views `depth_breaks`, `book_intervals`, `book_proofs`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from itertools import pairwise
from typing import Any

import numpy as np
import pyarrow as pa
from attrs import frozen

from bc_orderbook.bookviews import DATASETS, INSTANT, gathered
from bc_orderbook.checkpoints import Checkpoint, checkpoint_at, checkpoints
from bc_orderbook.diffs import UNKNOWN
from bc_orderbook.measures import NoParams
from bc_orderbook.pricelevels import Floats, PriceLevels
from bc_orderbook.rebuilding import known, tape_after
from bc_orderbook.tape import COLUMNS, Changes
from bcore.computing import Access
from bcore.errors import NotFoundError
from bcore.instants import SECOND
from bcore.query import Query
from bcore.records import Computation

Row = dict[str, Any]


def _schema(**columns: pa.DataType) -> pa.Schema:
    columns = {"timestamp": INSTANT, "symbol": pa.string(), **columns}
    return pa.schema([pa.field(name, kind, nullable=False) for name, kind in columns.items()])


BREAK_SCHEMA = _schema(last_update_id=pa.int64(), next_update_id=pa.int64(), missing=pa.int64(), since=INSTANT)
"""At `timestamp` came the event with U = `next_update_id`, although the one before it, of `since`, had ended with
u = `last_update_id`."""

INTERVAL_SCHEMA = _schema(end=INSTANT, seconds=pa.float64(), state=pa.string(), reason=pa.string())
"""[`timestamp`, `end`). The last one ends with the last that is known."""

PROOF_SCHEMA = _schema(
    update_id=pa.int64(),
    kind=pa.string(),
    joined=pa.bool_(),
    compared=pa.int64(),
    differing=pa.int64(),
    crossed=pa.bool_(),
)
"""Of each stored snapshot: how many of its levels could be `compared` with the book rebuilt from the one before it, and
how many differ. Not `joined`: events between the two are missing, so nothing was compared."""


def depth_breaks(access: Access, query: Query, params: NoParams) -> Iterator[pa.Table]:
    """One row for each event that does not follow on the one before it (protocol section 7.2)."""
    held = Changes.nothing()
    if query.start is not None:
        before = access.read("depth", end=query.start, tail=1, columns=COLUMNS)
        held = Changes.of(before.combine_chunks().to_batches()[0]) if before.num_rows else held
    for batch in access.scan("depth", start=query.start, end=query.end, columns=COLUMNS):
        rows = held.and_then(Changes.of(batch))
        starts = [0, *rows.starts.tolist()]
        yield _breaks(access.symbol, rows.between(0, starts[-1]))  # the last event may go on in the next batch
        held = rows.between(starts[max(len(starts) - 2, 0)])
    yield _breaks(access.symbol, held)


def _breaks(symbol: str, rows: Changes) -> pa.Table:
    starts, firsts = rows.starts, rows.event_firsts
    lasts, times = rows.lasts[starts], rows.times[starts]
    places = np.flatnonzero(firsts[1:] > lasts[:-1] + 1)
    last, following = lasts[places], firsts[places + 1]
    instants = [pa.array(times[each]).cast(INSTANT) for each in (places + 1, places)]
    ids = [pa.array(each) for each in (last, following, following - last - 1)]
    symbols = pa.repeat(pa.scalar(symbol, pa.string()), len(places))
    return pa.Table.from_arrays([instants[0], symbols, *ids, instants[1]], schema=BREAK_SCHEMA)


def book_intervals(access: Access, query: Query, params: NoParams) -> Iterator[pa.Table]:
    """One row for each time of one state, as the collector noted it."""
    first, last = known(access)
    rows = access.read("depth_states").to_pylist()
    times = access.read("depth_states", columns=("timestamp",)).column("timestamp").cast(pa.int64()).to_pylist()
    marks = [(time, row["state"], row["reason"]) for time, row in zip(times, rows, strict=True)]
    if not marks or first < marks[0][0]:
        marks.insert(0, (first, UNKNOWN, "nothing was noted"))
    ends = [time for time, _, _ in marks[1:]] + [max(last, marks[-1][0])]
    common = {"symbol": access.symbol}
    yield pa.Table.from_pylist(
        [
            {
                **common,
                "timestamp": time,
                "end": end,
                "seconds": (end - time) / SECOND,
                "state": state,
                "reason": reason,
            }
            for (time, state, reason), end in zip(marks, ends, strict=True)
        ],
        schema=INTERVAL_SCHEMA,
    )


def book_proofs(access: Access, query: Query, params: NoParams) -> Iterator[pa.Table]:
    """One row for each snapshot but the first that is stored."""
    return gathered(
        pa.Table.from_pylist([_proof(access, one, other)], schema=PROOF_SCHEMA)
        for one, other in pairwise(_snapshots(access, query))
    )


def _snapshots(access: Access, query: Query) -> Iterator[Checkpoint]:
    """Those of the query, and the one before them."""
    first, last = known(access)
    start = first if query.start is None else max(query.start, first)
    with suppress(NotFoundError):
        yield checkpoint_at(access, start - 1)
    yield from checkpoints(access, start, last + 1 if query.end is None else query.end)


@frozen(eq=False)
class Joined:
    """A book rebuilt up to an id, which may lie within an event: then what that one `touched` cannot be told."""

    levels: PriceLevels
    touched: Floats


def _proof(access: Access, one: Checkpoint, other: Checkpoint) -> Row:
    joined = _joined(access, one, other)
    compared, differing = (0, 0) if joined is None else _differing(joined, other, one)
    return {
        "timestamp": other.time,
        "symbol": access.symbol,
        "update_id": other.update_id,
        "kind": other.kind,
        "joined": joined is not None,
        "compared": compared,
        "differing": differing,
        "crossed": other.levels.crossed,
    }


def _joined(access: Access, one: Checkpoint, other: Checkpoint) -> Joined | None:
    """The book at the id of the other snapshot, from the one before it; None where events between are missing."""
    tape, levels, reached = tape_after(access, one, other.time), one.levels, one.update_id
    for changes in tape.through(other.update_id):
        if changes.tiling(reached) < len(changes):
            return None
        levels = levels.after(changes.keys, changes.quantities)
        reached = int(changes.lasts[-1]) if len(changes) else reached
    if reached == other.update_id:
        return Joined(levels, np.empty(0))
    event = tape.upcoming
    if not len(event) or event.firsts.min() > reached + 1:
        return None
    return Joined(levels, event.keys)


def _differing(joined: Joined, other: Checkpoint, one: Checkpoint) -> tuple[int, int]:
    """How many levels both know, and how many of them are not alike."""
    horizon = other.covers(one.horizon)
    ours, theirs = joined.levels.known(horizon), other.levels.known(horizon)
    keys = np.setdiff1d(np.union1d(ours.keys, theirs.keys), joined.touched)
    return len(keys), int((ours.at(keys) != theirs.at(keys)).sum())


DEPTH_BREAKS = Computation(
    "depth_breaks",
    ("depth",),
    BREAK_SCHEMA,
    NoParams,
    depth_breaks,
    summary="Where events of the depth stream are missing",
)
BOOK_INTERVALS = Computation(
    "book_intervals",
    ("depth_states", "depth_snapshots", "depth"),
    INTERVAL_SCHEMA,
    NoParams,
    book_intervals,
    grows=True,
    summary="From when to when the recorded book is verified, suspect or unknown, and why",
)
BOOK_PROOFS = Computation(
    "book_proofs",
    DATASETS,
    PROOF_SCHEMA,
    NoParams,
    book_proofs,
    summary="Each stored snapshot of a book against the one rebuilt from the snapshot before it",
)
