"""How many bytes a change of a book takes on disk, and what of: `python bench/changes.py`.

The sample that bc_replay brings, whole and its first seconds by themselves, and every recording of a depth stream
beside the project, each appended second by second and merged into one file of the archive. Beside it what the same rows
take without a file format: whole numbers column by column at zstd's level 19 (see bound.py). When an event was received
is made up: 20 to 60 ms after it.
"""

from __future__ import annotations

import struct
import tempfile
from collections.abc import Iterator, Mapping
from itertools import pairwise, takewhile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from attrs import frozen
from bound import bound
from measuring import DATA, machine

from bc_orderbook.diffrows import DiffRows
from bc_orderbook.diffs import DEPTH
from bc_orderbook.events import Arrival, read_events
from bc_parquet.config import ParquetConfig
from bc_parquet.store import ParquetStore
from bc_replay import payloads, sample
from bc_replay.channels import encoded
from bc_replay.errors import RecordingError
from bc_replay.recording import read_recording
from bc_replay.records import DepthUpdate
from bcore.records import Batch, Origin, Series

SECOND = 1_000_000
CUTS, CUT = (30, 60, 180), " of it"  # seconds
FEW = 2_000  # rows; below them a file is mostly what every file has
GROUPS = {
    "ids, times": ("first_update_id", "last_update_id", "timestamp", "received"),
    "price": ("price",),
    "quantity": ("quantity",),
    "side, symbol": ("side", "symbol"),
}


def recorded() -> Iterator[tuple[str, list[DepthUpdate]]]:
    """The updates of each symbol of each recording, with a name; first the sample's."""
    for symbol, updates in _updates(list(sample.paths())):
        for seconds in CUTS:
            until = updates[0].event_time + seconds * SECOND
            begun = list(takewhile(lambda each, until=until: each.event_time < until, updates))
            yield f"{symbol}, {seconds} s{CUT}", begun
        yield f"{symbol}, {round((updates[-1].event_time - updates[0].event_time) / SECOND)} s", updates
    for folder in ("ws_raw_nexo", "deep_orderbook_*/ETHBTC", "cryptofeed"):
        for path in sorted(DATA.glob(folder)):
            yield from ((f"{symbol} ({path.name})", updates) for symbol, updates in _updates([path]))


def _updates(paths: list[Path]) -> Iterator[tuple[str, list[DepthUpdate]]]:
    try:
        tapes = read_recording(paths).tapes
    except RecordingError as error:
        print(f"{paths[0].name}: {error}")
        return
    yield from ((symbol, list(tape.updates)) for symbol, tape in tapes.items() if tape.updates)


def table(symbol: str, updates: list[DepthUpdate]) -> pa.Table:
    """Rows as the collector would have stored them."""
    late = np.random.default_rng(1).integers(20_000, 60_000, len(updates))
    arrivals = [
        Arrival(encoded(payloads.stream_depth_update(symbol, update, True)), update.event_time + int(by))
        for update, by in zip(updates, late, strict=True)
    ]
    run, rows = read_events(arrivals, symbol), DiffRows()
    rows.extend(run.events, run.numbers)
    return rows.table(symbol)


def seconds(rows: pa.Table) -> Iterator[pa.Table]:
    """The rows of each second of the events."""
    each = rows.column("timestamp").cast("int64").to_numpy() // SECOND
    borders = [0, *(np.flatnonzero(each[1:] != each[:-1]) + 1), len(each)]
    yield from (rows.slice(begin, end - begin) for begin, end in pairwise(borders))


def parts(path: Path) -> Mapping[str, float]:
    """Bytes of a file by what they are of."""
    metadata = pq.read_metadata(path)
    columns = [
        metadata.row_group(g).column(c) for g in range(metadata.num_row_groups) for c in range(len(DEPTH.schema))
    ]
    sizes = {
        name: sum(each.total_compressed_size for each in columns if each.path_in_schema in names)
        for name, names in GROUPS.items()
    }
    (footer,) = struct.unpack("<I", path.read_bytes()[-8:-4])
    return {**sizes, "footer": footer + 12}


@frozen
class Measured:
    """A stored recording: `sizes` of its file's bytes by what they are of, `least` bytes a row without a format."""

    rows: int
    events: int
    bytes: int
    sizes: Mapping[str, float]
    least: float

    @classmethod
    def of(cls, symbol: str, updates: list[DepthUpdate]) -> Measured:
        rows = table(symbol, updates)
        with tempfile.TemporaryDirectory() as folder:
            store = ParquetStore(Path(folder), ParquetConfig())
            for second in seconds(rows):  # as a collector stores them; then as they stay
                store.append(Batch(DEPTH, symbol, second, origin=Origin("stream")))
            store.compact(Series(DEPTH, symbol))
            store.close()
            (path,) = [each for each in Path(folder).rglob("*.parquet") if each.is_file()]
            return cls(rows.num_rows, len(updates), path.stat().st_size, parts(path), bound(rows))

    def line(self, name: str) -> str:
        """A row of a Markdown table."""
        shares = " | ".join(f"{value / self.rows:.2f}" for value in self.sizes.values())
        each, size = self.rows / self.events, self.bytes / self.rows
        return f"| {name} | {self.rows} | {each:.1f} | {size:.2f} | {shares} | {self.least:.2f} |"


def main() -> None:
    print(machine())
    print(f"| recording | rows | a event | bytes a row | {' | '.join(GROUPS)} | footer | no format, zstd 19 |")
    print("|---" * (len(GROUPS) + 6) + "|")
    whole = []
    for name, updates in recorded():
        measured = Measured.of(name.partition(",")[0].partition(" ")[0], updates)
        if not name.endswith(CUT):
            whole.append(measured)
        if measured.rows >= FEW:
            print(measured.line(name))
    rows, few = sum(each.rows for each in whole), sum(each.rows < FEW for each in whole)
    print(f"all {len(whole)} whole recordings: {rows} rows, {sum(each.bytes for each in whole) / rows:.2f} bytes a row")
    print(f"{few} of fewer than {FEW} rows are not in the table")


if __name__ == "__main__":
    main()
