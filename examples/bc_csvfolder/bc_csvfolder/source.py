"""The source: what is new in SYMBOL.csv since the last id that is stored, page by page."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping
from itertools import dropwhile, islice
from pathlib import Path

import pyarrow as pa
from attrs import field, frozen, validators

from bcore.errors import RefusedError, SymbolsError
from bcore.instants import parse_instant
from bcore.protocols import Key
from bcore.records import Batch, Context, Dataset, Rejected

CSVFOLDER = Dataset(
    "csvfolder",
    pa.schema(
        [
            pa.field("id", pa.int64(), nullable=False),
            pa.field("timestamp", pa.timestamp("us", tz="UTC"), nullable=False),
            pa.field("symbol", pa.string(), nullable=False),
            pa.field("price", pa.float64(), nullable=False),
            pa.field("quantity", pa.float64(), nullable=False),
        ]
    ),
    key=("id",),
    sequence="id",
    highlight="price",
    summary="Trades from CSV files, by id",
)
Row = dict[str, str]


@frozen
class CsvfolderConfig:
    folder: str = field(default="csv", metadata={"help": "where the SYMBOL.csv files are"})
    interval: float = field(default=5.0, validator=validators.ge(0), metadata={"help": "pause between looks, seconds"})
    page: int = field(default=1000, validator=validators.ge(1), metadata={"help": "rows that are stored at once"})


@frozen
class CsvfolderSource:
    """Files with the columns id, timestamp, price, quantity, rows in the order of ids, that grow at their end."""

    config: CsvfolderConfig
    symbols: tuple[str, ...]
    datasets: tuple[Dataset, ...] = (CSVFOLDER,)

    @classmethod
    def build(cls, config: CsvfolderConfig, context: Context) -> CsvfolderSource:
        return cls(config, context.symbols)

    @property
    def interval(self) -> float:
        return self.config.interval

    def catch_up(self, after: Mapping[str, Key]) -> Iterator[Batch]:
        failed = {}
        for symbol in self.symbols:
            try:
                yield from self._new(symbol, after[symbol][0] if symbol in after else None)
            except OSError as error:
                failed[symbol] = RefusedError(f"{error.filename}: {error.strerror}")
        if failed:
            raise SymbolsError(failed)

    def _new(self, symbol: str, last: int | None) -> Iterator[Batch]:
        with (Path(self.config.folder) / f"{symbol}.csv").open(newline="") as file:
            rows: Iterator[Row] = csv.DictReader(file)
            fresh = rows if last is None else dropwhile(lambda row: not _is_after(row, last), rows)
            while page := tuple(islice(fresh, self.config.page)):
                yield batch_of(symbol, page)


def _is_after(row: Row, last: int) -> bool:
    try:
        return int(row["id"]) > last
    except (KeyError, TypeError, ValueError):
        return False


def batch_of(symbol: str, rows: tuple[Row, ...]) -> Batch:
    """The rows as a batch. Those that make no sense are put aside as they are: their ids show as missing."""
    good, bad = [], []
    for row in rows:
        try:
            good.append(
                {
                    "id": int(row["id"]),
                    "timestamp": parse_instant(row["timestamp"]),
                    "symbol": symbol,
                    "price": float(row["price"]),
                    "quantity": float(row["quantity"]),
                }
            )
        except Exception:  # whatever it is: a row that cannot be read
            bad.append(",".join(str(value) for value in row.values()))
    rejected = (Rejected("not a row of id, timestamp, price, quantity", bad),) if bad else ()
    return Batch(CSVFOLDER, symbol, pa.Table.from_pylist(good, schema=CSVFOLDER.schema), rejected=rejected)
