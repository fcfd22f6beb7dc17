"""What the source asks of an exchange about the past. `bc_binance.Binance` is one; any object of this shape will do."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import BinaryIO, Protocol, runtime_checkable

from bc_binance.bulk import Downloaded
from bc_binance.bulk_files import BulkFile
from bc_binance.config import BinanceConfig
from bc_binance.messages import Kline
from bc_trades.venue import Venue
from bcore.protocols import Clock


class Bulk(Protocol):
    """The exchange's daily and monthly files. All methods raise `bcore.errors.ExchangeError`."""

    @property
    def config(self) -> BinanceConfig:
        """Where the files are."""

    @property
    def clock(self) -> Clock: ...

    def files(self, kind: str, symbol: str, start: int, end: int) -> Sequence[BulkFile]:
        """What is published for [start, end), int us UTC, in order."""

    def file(self, kind: str, symbol: str, key: str) -> BulkFile | None:
        """The file that a key names, without asking anybody; None where that is none of this kind and symbol."""

    def checksum(self, file: BulkFile) -> str:
        """The SHA-256 that is published for the file now, in lower-case hex."""

    def download(self, file: BulkFile, folder: Path) -> Downloaded:
        """Fetches a file and compares it with its CHECKSUM."""

    def open_csv(self, path: Path, name: str) -> AbstractContextManager[BinaryIO]:
        """The one CSV file inside a zip."""


@runtime_checkable
class BulkVenue(Venue, Protocol):
    """An exchange that publishes files."""

    @property
    def bulk(self) -> Bulk: ...


@runtime_checkable
class CandleVenue(Protocol):
    """An exchange that serves candles of its own."""

    def now(self) -> int:
        """The exchange's clock, int us UTC."""

    def klines(
        self,
        symbol: str,
        interval: str,
        *,
        start: int | None = None,
        end: int | None = None,
        limit: int = 1000,
        background: bool = False,
    ) -> Sequence[Kline]:
        """Candles in order; `start` and `end` (int us UTC) are inclusive and speak of opening times."""


class Allowance(Protocol):
    """What may be spent on requests: `background_allowance` in every `seconds`."""

    @property
    def background_allowance(self) -> int: ...
    @property
    def seconds(self) -> int: ...


@runtime_checkable
class Budgeted(Protocol):
    """An exchange that counts what requests cost."""

    @property
    def budget(self) -> Allowance: ...
