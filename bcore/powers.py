"""What some readers and stores can do besides, found by isinstance; the powers of sources are in `protocols.py`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from bcore.records import DayProof, Series

if TYPE_CHECKING:
    import pyarrow as pa

    from bcore.audits import Gap


@runtime_checkable
class Proves(Protocol):
    """A reader that says what it provably holds of a series, without giving its rows."""

    def proofs(self, dataset: str, symbol: str, *, end: int | None = None) -> Sequence[DayProof]:
        """What is held of each day (UTC), oldest first; with `end` (int us UTC) only of the time before it.

        Empty for a series that is not held. Raises `CorruptFileError` where a file cannot be believed.
        """

    def gaps(self, dataset: str, symbol: str) -> Sequence[Gap]:
        """The ids that are missing, with what the ledger says of them. Raises `NotFoundError`."""


@runtime_checkable
class Follows(Protocol):
    """A reader that tells of new rows as they arrive."""

    def follow(
        self, view: str, symbol: str, cursor: str | None = None, params: Mapping[str, Any] | None = None
    ) -> Iterator[tuple[pa.Table | None, str]]:
        """The rows that come after those that a cursor speaks of (without one: after what is held now), each once.

        Rows of a computed view come when they are final (`bcore.settling`); `params` are the view's own and its facets.
        With each table comes the cursor after it (`bcore.following`). None in place of a table says that nothing is new
        for now, so that whoever follows may stop; it comes first of all, and from time to time. Never ends by itself.
        Raises `StoreError` where the other side has gone for good.
        """


@runtime_checkable
class Files(Protocol):
    """A store whose series are Parquet files that anybody may open."""

    def files(self, series: Series) -> Sequence[Path]:
        """Files that never change and hold every row of the series once, in the order of keys."""
