"""A bulk file, fetched, checked and read: its rows, all there before the first is given away."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory

import pyarrow as pa
from attrs import define, evolve, field, frozen

from bc_binance.bulk import Downloaded
from bc_binance.bulk_files import BulkFile
from bc_binance.errors import ChecksumError, MissingChecksumError
from bc_trades.config import TradesConfig
from bc_trades.csvrows import rows_of
from bc_trades.datasets import TRADES
from bc_trades.past import Bulk
from bc_trades.sheaf import HELD, Bound, Sheaf
from bc_trades.unchecked import as_it_is
from bcore.errors import FaultyReplyError, RefusedError
from bcore.records import Batch, Finding, Origin, Rejected

log = logging.getLogger(__name__)
BULK = "bulk"
BATCH = 1_050_000  # rows that are stored at once, at least, where there are so many: what an archive need not merge


@frozen
class Contents:
    """What a file of one symbol holds; `bound` is None if that is nothing. Gone when the file is closed."""

    symbol: str
    origin: Origin
    bound: Bound | None
    rejected: tuple[Rejected, ...] = ()
    at_once: int = BATCH

    def batches(self) -> Iterator[Batch]:
        """Everything, in batches of `at_once` rows up to twice as many; what was put aside comes with the first."""
        findings = self.bound.findings if self.bound else ()
        told = Batch(TRADES, self.symbol, _whole(None, self.symbol), rejected=self.rejected, findings=findings)
        for table in self.bound.slices(self.at_once) if self.bound else ():
            yield evolve(told, table=_whole(table, self.symbol), origin=self.origin)
            told = evolve(told, rejected=(), findings=())
        if told.rejected or told.findings:
            yield told

    def between(self, first: int, last: int) -> Iterator[Batch]:
        """The rows with these ids."""
        import pyarrow.compute as pc

        ids = pc.field("agg_trade_id")
        for batch in self.batches():
            table = batch.table.filter((ids >= first) & (ids <= last))
            if table.num_rows:
                yield Batch(TRADES, self.symbol, table, origin=self.origin)


@define
class Opener:
    """Opens bulk files, as far as the configuration lets it believe them.

    `in_memory` and `at_once` are numbers of rows; `known` has the ids of the files seen so far, by key.
    """

    config: TradesConfig
    bulk: Bulk
    in_memory: int = HELD
    at_once: int = BATCH
    known: dict[str, tuple[int, int] | None] = field(factory=dict)

    @contextmanager
    def opened(self, file: BulkFile, symbol: str) -> Iterator[Contents]:
        """The file's contents; what lies on disk meanwhile is gone afterwards.

        Raises `ExchangeError`: `RefusedError` for what will not become better by asking again soon.
        """
        with TemporaryDirectory(prefix="bcore-", dir=self.config.tmp, ignore_cleanup_errors=True) as folder:
            got = self._fetched(file, Path(folder))
            try:
                sheaf, rejected = self._read(got.path, file)
            except FaultyReplyError as error:
                raise RefusedError(f"{error}. It is what its host publishes; {_else()}") from error
            bound = sheaf.bound()
            self.known[file.key] = (bound.first, bound.last) if bound else None
            origin = Origin(BULK, file.key, got.sha256, bound.count if bound else 0)
            yield Contents(symbol, origin, bound, rejected, self.at_once)

    def ids(self, file: BulkFile, symbol: str) -> tuple[int, int] | None:
        """The lowest and the highest id of the file; None for an empty one."""
        if file.key not in self.known:
            with self.opened(file, symbol):
                pass
        return self.known[file.key]

    def sha256_now(self, file: BulkFile, before: str) -> str:
        """That of the file as it is published now: its CHECKSUM, or its own where that was not asked for `before`.

        Raises `MissingFileError`, `MissingChecksumError`.
        """
        try:
            if before not in self.config.accept_checksums:
                return self.bulk.checksum(file)
        except MissingChecksumError:
            if self.config.require_checksum:
                raise
        with TemporaryDirectory(prefix="bcore-", dir=self.config.tmp, ignore_cleanup_errors=True) as folder:
            return as_it_is(self.bulk, file, Path(folder)).sha256

    def _read(self, path: Path, file: BulkFile) -> tuple[Sheaf, tuple[Rejected, ...]]:
        sheaf, rejected = Sheaf(path.parent, self.in_memory), []
        with self.bulk.open_csv(path, file.name) as stream:
            with suppress(OSError):
                path.unlink()  # so that a process that is killed leaves nothing large behind, where that is possible
            for parsed in rows_of(stream, file.name):
                sheaf.add(parsed.table)
                rejected += [evolve(each, reason=f"{file.name}: {each.reason}") for each in parsed.rejected]
                self.bulk.clock.sleep(0)  # raises Stopped where the work is to stop
        return sheaf, tuple(rejected)

    def _fetched(self, file: BulkFile, folder: Path) -> Downloaded:
        try:
            return self._checked(file, folder)
        except MissingChecksumError as error:
            if self.config.require_checksum:
                raise RefusedError(
                    f"{error}. To take it as it is, set require_checksum = false in the source's section; {_else()}"
                ) from error
        log.warning("%s has no CHECKSUM, and is taken as it is", file.name)
        return as_it_is(self.bulk, file, folder)

    def _checked(self, file: BulkFile, folder: Path) -> Downloaded:
        """Fetched once more where it is not what its CHECKSUM says."""
        try:
            return self.bulk.download(file, folder)
        except ChecksumError:
            log.info("%s is not what its CHECKSUM says; fetching it once more", file.name)
        try:
            return self.bulk.download(file, folder)
        except ChecksumError as error:
            return self._accepted(file, folder, error)

    def _accepted(self, file: BulkFile, folder: Path, error: ChecksumError) -> Downloaded:
        if error.found in self.config.accept_checksums:
            got = as_it_is(self.bulk, file, folder)
            if got.sha256 in self.config.accept_checksums:
                log.warning("%s is not what its CHECKSUM says, and is taken because %s is", file.name, got.sha256)
                return got
        raise RefusedError(
            f"{file.name} is not what its CHECKSUM says, twice: SHA-256 {error.found}, where {error.expected} is "
            f'published. To take it all the same, set accept_checksums = ["{error.found}"] in the source\'s section; '
            f"{_else()}"
        ) from error


def _else() -> str:
    return "its rows are taken over REST instead, as far as that goes back"


def _whole(table: pa.Table | None, symbol: str) -> pa.Table:
    """With the symbol, as the dataset has it."""
    if table is None:
        return TRADES.schema.empty_table()
    place = TRADES.schema.get_field_index("symbol")
    return table.add_column(place, TRADES.schema.field(place), pa.repeat(symbol, table.num_rows))


def nobody_has(first: int, last: int, symbol: str, reason: str) -> Batch:
    """A batch that says so."""
    finding = Finding(first, last, "unfillable", reason)
    return Batch(TRADES, symbol, TRADES.schema.empty_table(), findings=(finding,))
