"""Our own archive: `trades/BTCUSDT.parquet`, one Parquet file or a folder (maybe behind a symlink) of them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bc_replay.columns import Columns
from bc_replay.decimals import scaled_float
from bc_replay.errors import RecordingError
from bc_replay.readers.opening import UnknownKindError
from bc_replay.readers.reel import Footage

COLUMNS = (
    "agg_trade_id",
    "price",
    "quantity",
    "first_trade_id",
    "last_trade_id",
    "timestamp",
    "is_buyer_maker",
    "is_best_match",
)


def archived(path: Path) -> bool:
    """Whether `path` is a series of the archive: a .parquet file, or a folder of nothing but such."""
    if path.is_dir():
        return any(path.glob("*.parquet")) and all(part.is_file() for part in path.glob("*.parquet"))
    return path.suffix == ".parquet" and path.is_file()


def read_archive(path: Path, symbol: str | None) -> Footage:
    """The symbol is the forced one, else that of the `symbol` column, else the file's name."""
    footage = Footage()
    name = path.name.split(".", 1)[0].removesuffix("_hot")
    # The link is followed once: the archive may swing it to its next version while we read.
    for part in _parts(path.resolve()):
        for batch in _batches(part, path):
            for owner, rows in _by_symbol(batch, symbol or name, symbol is not None):
                _add(footage.reel(owner).agg_trades, rows, part)
    return footage


def _parts(path: Path) -> list[Path]:
    return sorted(path.glob("*.parquet")) if path.is_dir() else [path]


def _batches(part: Path, path: Path) -> Iterator[Any]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        file = pq.ParquetFile(part)
    except pa.ArrowException as problem:
        raise RecordingError(f"{part}: cannot be read as Parquet: {problem}") from None
    missing = [name for name in COLUMNS if name not in file.schema_arrow.names]
    if missing:
        raise UnknownKindError(f"{path}: not a trades archive: it lacks the columns {', '.join(missing)}")
    extra = ["symbol"] if "symbol" in file.schema_arrow.names else []
    yield from file.iter_batches(columns=[*COLUMNS, *extra])


def _by_symbol(batch: Any, name: str, forced: bool) -> Iterator[tuple[str, Any]]:
    import pyarrow.compute as pc

    if forced or "symbol" not in batch.schema.names:
        yield name, batch
        return
    for symbol in pc.unique(batch["symbol"]).to_pylist():
        yield symbol, batch.filter(pc.equal(batch["symbol"], symbol))


def _add(trades: Columns, rows: Any, part: Path) -> None:
    import pyarrow as pa

    instants = rows["timestamp"].cast(pa.timestamp("us", tz="UTC")).cast(pa.int64()).to_pylist()
    values = [rows[name].to_pylist() for name in COLUMNS if name != "timestamp"]
    try:
        for id, price, quantity, first, last, maker, best, time in zip(*values, instants, strict=True):
            trades.add_agg(id, scaled_float(price), scaled_float(quantity), first, last, time, maker, best, time)
    except (TypeError, ValueError, OverflowError) as problem:
        raise RecordingError(f"{part}: a row is no trade: {problem}") from None
