"""Query: which rows, in a store's words. Request: what to show, in a consumer's words.

A request is what the CLI, a query string, the SDK and the SSH command build alike. A reader turns it into queries.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from attrs import evolve, field, frozen

from bcore.errors import RequestError
from bcore.records import Dataset, Series

if TYPE_CHECKING:
    import pyarrow as pa

LARGEST = 2**62  # with an offset added it still fits Arrow's int64


@frozen
class Query:
    """Rows of one series: those that match every bound, sorted by key, then counted off.

    - `start`, `end`: the dataset's time column in [start, end), int us UTC.
    - `first`, `last`: the dataset's sequence column in [first, last], both inclusive.
    - `where`: facet -> accepted values.
    - `limit`, `offset`: from the oldest on. `tail`: the newest that many, after `offset` newest ones are left out.
      Not both. The answer is in ascending key order either way.
    - `columns`: which columns to return, in this order; all if None.
    """

    dataset: Dataset
    symbol: str
    start: int | None = None
    end: int | None = None
    first: int | None = None
    last: int | None = None
    where: Mapping[str, tuple[Any, ...]] = field(factory=dict)
    columns: tuple[str, ...] | None = None
    limit: int | None = None
    offset: int = 0
    tail: int | None = None

    def __attrs_post_init__(self) -> None:
        if self.limit is not None and self.tail is not None:
            raise ValueError("a query has a limit (oldest first) or a tail (newest), not both")
        if (self.first is not None or self.last is not None) and not self.dataset.sequence:
            raise ValueError(f"dataset {self.dataset.name} has no sequence column to bound")

    @property
    def series(self) -> Series:
        return Series(self.dataset, self.symbol)

    @property
    def newest_only(self) -> bool:
        """Whether the newest rows (of some facet values) are all that is asked for, which a hot file can answer."""
        return self.unbounded and self.tail is not None

    @property
    def unbounded(self) -> bool:
        """Whether neither time nor sequence decides which rows match."""
        return all(bound is None for bound in (self.start, self.end, self.first, self.last))

    @property
    def everything(self) -> bool:
        """Whether the query neither bounds nor counts rows (facets apart)."""
        return self.unbounded and self.limit is None and self.tail is None

    def matching(self, table: pa.Table) -> pa.Table:
        """The rows of `table` (any rows of the series) that every bound lets through, in their order."""
        condition = self._condition()
        return table if condition is None else table.filter(condition)

    def counted(self, table: pa.Table) -> pa.Table:
        """`table` (matching rows, sorted by key) after offset, limit and tail, with the wanted columns."""
        if self.tail is not None:
            stop = max(table.num_rows - self.offset, 0)
            table = table.slice(max(stop - self.tail, 0), min(self.tail, stop))
        elif self.offset or self.limit is not None:
            table = table.slice(self.offset, self.limit)
        return table if self.columns is None else table.select(list(self.columns))

    def apply(self, table: pa.Table) -> pa.Table:
        """What this query selects from `table`, which holds the whole series sorted by key: the reference meaning."""
        return self.counted(self.matching(table))

    def _condition(self) -> Any:
        import pyarrow as pa
        import pyarrow.compute as pc

        instant = pa.timestamp("us", tz="UTC")
        time, parts = pc.field(self.dataset.time), []
        if self.start is not None:
            parts.append(time >= pa.scalar(self.start, instant))
        if self.end is not None:
            parts.append(time < pa.scalar(self.end, instant))
        if self.first is not None:
            parts.append(pc.field(self.dataset.sequence) >= self.first)
        if self.last is not None:
            parts.append(pc.field(self.dataset.sequence) <= self.last)
        for facet, values in self.where.items():
            kind = self.dataset.schema.field(facet).type
            parts.append(pc.field(facet).isin(pa.array(list(values), kind)))
        condition = None
        for part in parts:
            condition = part if condition is None else condition & part
        return condition


@frozen
class Request:
    """What a consumer wants to see of a view. Times in int us UTC (see `bcore.instants.parse_instant`).

    `limit` without `start` or `after` counts from the newest row back, as the exchange itself does; with one of
    them it counts from the oldest on. `tail` always counts from the newest. `offset` skips rows at the end that is
    counted from. `after` is a value of the view's sequence column: rows after it, for paging that never skips.
    `params` are the view's own parameters and facets by name (`timeframe`, `tick_size`), as typed. `hot` without a
    count asks for no more than the newest rows, as many as the store keeps hot.
    """

    view: str
    symbol: str
    start: int | None = None
    end: int | None = None
    limit: int | None = None
    offset: int = 0
    tail: int | None = None
    after: int | None = None
    columns: tuple[str, ...] | None = None
    params: Mapping[str, Any] = field(factory=dict)
    hot: bool = False

    def __attrs_post_init__(self) -> None:
        problems = self._type_problems() or [*self._count_problems(), *self._order_problems()]
        if problems:
            raise RequestError(*problems)

    def _type_problems(self) -> list[str]:
        text: list[str] = [] if isinstance(self.symbol, str) else [f"the symbol must be text, not {self.symbol!r}"]
        counts = self._counts().items()
        return text + [
            f"{name} must be a whole number, not {value!r}" for name, value in counts if not _is_whole(value)
        ]

    def _counts(self) -> dict[str, int]:
        counts = {"limit": self.limit, "offset": self.offset, "tail": self.tail, "after_id": self.after}
        return {name: value for name, value in counts.items() if value is not None}

    def _count_problems(self) -> list[str]:
        given = self._counts()
        low = [f"{name} must be 0 or more, not {value}" for name, value in given.items() if value < 0]
        return low + [f"{name} must be below 2**62, not {value}" for name, value in given.items() if value >= LARGEST]

    def _order_problems(self) -> list[str]:
        problems = []
        if self.limit is not None and self.tail is not None:
            problems.append("limit and tail cannot be combined: tail counts from the newest row")
        if self.start is not None and self.end is not None and self.start > self.end:
            problems.append("start_time is after end_time")
        return problems

    @property
    def newest_first(self) -> bool:
        """Whether the count is from the newest row back."""
        return self.tail is not None or (self.limit is not None and self.start is None and self.after is None)

    @property
    def newest_kept(self) -> bool:
        """Whether only the newest rows are wanted, as many as are kept hot."""
        return self.hot and self.limit is None and self.tail is None

    def query(self, dataset: Dataset, where: Mapping[str, tuple[Any, ...]]) -> Query:
        """This request in a store's words, with the whole width of columns."""
        query = Query(
            dataset,
            self.symbol,
            start=self.start,
            end=self.end,
            where=where,
            offset=self.offset,
            limit=self.limit,
        )
        if self.newest_first:
            query = evolve(query, limit=None, tail=self.tail if self.tail is not None else self.limit)
        if self.after is not None:
            if dataset.sequence is None:
                raise RequestError(f"{dataset.name} has no ids to page by: use start_time")
            query = evolve(query, first=self.after + 1)
        return query


def guessed(query: Query, apart: int) -> Query:
    """The query without its counts: the window in which so many rows are to be expected, one every `apart` us.

    It is what the `needs` of most derivations comes to: a reader that finds too few rows there asks for more.
    """
    wanted, start, end = query.offset, query.start, query.end
    if query.tail is not None and end is not None:
        start = max(end - (query.tail + wanted) * apart, start if start is not None else -LARGEST)
    if query.limit is not None and start is not None:
        end = min(start + (query.limit + wanted) * apart, end if end is not None else LARGEST)
    return evolve(query, start=start, end=end, limit=None, tail=None, offset=0)


def _is_whole(value: object) -> bool:
    """Whether it counts as an int: numpy's and pandas' own do, True and 1.5 do not."""
    return hasattr(value, "__index__") and not isinstance(value, bool)


def clip(table: pa.Table, time: str, start: int | None, end: int | None) -> pa.Table:
    """The rows of `table` whose column `time` lies in [start, end), int us UTC."""
    import pyarrow as pa
    import pyarrow.compute as pc

    instant = pa.timestamp("us", tz="UTC")
    if start is not None:
        table = table.filter(pc.field(time) >= pa.scalar(start, instant))
    if end is not None:
        table = table.filter(pc.field(time) < pa.scalar(end, instant))
    return table
