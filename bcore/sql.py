"""SQL over an archive, answered by DuckDB: every view is a table of that name, with `symbol` as a column.

What a store keeps as Parquet files DuckDB reads itself, no more of it than the question needs. What is computed, or
comes from another machine, is brought into a file that DuckDB drops afterwards, and only if the question names it.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from attrs import evolve, frozen

from bcore.errors import ConfigError, NotFoundError, RequestError
from bcore.fields import fields_of
from bcore.local import StoreReader
from bcore.naming import near
from bcore.powers import Files
from bcore.query import Request

if TYPE_CHECKING:
    import pyarrow as pa

    from bcore.protocols import Reader, ViewInfo

MEMORY = "1GB"  # beyond it DuckDB uses its file


@frozen
class Question:
    """A statement, and what of computed and far views it may see: these symbols (all if None), this time, these
    parameters."""

    text: str
    symbols: tuple[str, ...] | None = None
    start: int | None = None
    end: int | None = None
    params: Mapping[str, Any] | None = None


def answered(reader: Reader, question: Question) -> pa.Table:
    """Raises `RequestError` with DuckDB's own words and the views that there are; `ConfigError` without DuckDB."""
    try:
        import duckdb
    except ImportError as error:
        raise ConfigError(["sql needs DuckDB: pip install 'bcore[sql]'"]) from error
    views = reader.views()
    with tempfile.TemporaryDirectory(prefix="bcore-sql-") as folder:
        connection = duckdb.connect(str(Path(folder) / "sql.duckdb"))
        try:
            for setting in (f"memory_limit='{MEMORY}'", "TimeZone='UTC'", "python_enable_replacements=false"):
                connection.execute(f"SET {setting}")
            for name in _named(question.text, views):
                _offer(connection, reader, views[name], question)
            _check(question, views)
            return _table(connection.sql(question.text))
        except duckdb.Error as error:
            raise RequestError(*_told(error, question.text, views)) from error
        finally:
            connection.close()


def _table(result: Any) -> pa.Table:
    if result is None:
        raise RequestError("the statement answers nothing: ask with SELECT")
    return result.to_arrow_table()


def _named(text: str, views: Iterable[str]) -> list[str]:
    """The views whose names stand in the text; one too many does no harm."""
    words = set(re.findall(r"\w+", text.lower()))
    return [name for name in views if name.lower() in words]


def _offer(connection: Any, reader: Reader, view: ViewInfo, question: Question) -> None:
    files = list(_files(reader, view.name))
    if files:
        listed = ", ".join("'" + str(path).replace("'", "''") + "'" for path in files)
        connection.execute(f'CREATE VIEW "{view.name}" AS SELECT * FROM read_parquet([{listed}], union_by_name=true)')
        return
    symbols = reader.symbols(view.name) if question.symbols is None else question.symbols
    columns = "*" if "symbol" in view.schema.names else "*, $symbol AS symbol"
    connection.register("bcore_new", view.schema.empty_table())
    _execute(connection, f'CREATE TABLE "{view.name}" AS SELECT {columns} FROM bcore_new', "")
    for symbol in symbols:
        connection.register("bcore_new", reader.scan(_request(view, symbol, question)))
        _execute(connection, f'INSERT INTO "{view.name}" SELECT {columns} FROM bcore_new', symbol)
    connection.unregister("bcore_new")


def _execute(connection: Any, statement: str, symbol: str) -> None:
    connection.execute(statement, {"symbol": symbol} if "$symbol" in statement else None)


def _files(reader: Reader, dataset: str) -> Iterator[Path]:
    for store, series in reader.held(dataset) if isinstance(reader, StoreReader) else ():
        if not isinstance(store, Files):
            return
        yield from store.files(series)


def _request(view: ViewInfo, symbol: str, question: Question) -> Request:
    taken = {name: value for name, value in (question.params or {}).items() if name in _parameters(view)}
    request = Request(view.name, symbol, params=taken)
    return request if view.sized_by else evolve(request, start=question.start, end=question.end)


def _parameters(view: ViewInfo) -> set[str]:
    own = () if view.params is None else (each.name for each in fields_of(view.params))
    return {*view.facets, *own}


def _check(question: Question, views: Mapping[str, ViewInfo]) -> None:
    known = {name for view in _named(question.text, views) for name in _parameters(views[view])}
    if unknown := [name for name in question.params or {} if name not in known]:
        there = ", ".join(sorted(known)) or "none"
        raise RequestError(
            *(f"no view of the statement takes {name!r}{near(name, known)}; they take {there}" for name in unknown)
        )


def _told(error: Exception, text: str, views: Mapping[str, ViewInfo]) -> list[str]:
    missing = re.search(r"Table with name (\S+) does not exist", str(error))
    if missing is None:
        return [str(error)]
    raise NotFoundError(f"there is no view {missing[1]!r}{near(missing[1], views)}; views: {', '.join(sorted(views))}")
