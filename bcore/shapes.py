"""What the SDK hands out: Arrow tables as pandas or polars frames, and methods that tell what they take."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from inspect import Parameter, Signature
from typing import TYPE_CHECKING, Any

from bcore.choices import As
from bcore.errors import ConfigError, NotFoundError, RequestError
from bcore.instants import Instant, parse_instant
from bcore.query import Request

if TYPE_CHECKING:
    import pyarrow as pa

    from bcore.protocols import ViewInfo
    from bcore.records import SeriesStats

EVERY = ("start_time", "end_time", "limit", "offset", "tail", "after_id", "columns")


def converter(as_: As) -> Callable[[pa.Table], Any]:
    """What brings an Arrow table into the form that was asked for."""
    if as_ == "arrow":
        return lambda table: table
    if as_ == "pandas":
        return _to_pandas
    if as_ == "polars":
        try:
            import polars
        except ImportError as error:
            raise ConfigError(['as_="polars" needs polars: pip install polars']) from error
        return polars.from_arrow
    raise RequestError(f"as_ must be pandas, arrow or polars, not {as_!r}")


def _to_pandas(table: pa.Table) -> Any:
    try:
        return table.to_pandas()
    except ImportError as error:
        raise ConfigError(["frames need pandas: pip install 'bcore[pandas]', or ask for as_=\"arrow\""]) from error


def stats_table(stats: Iterable[SeriesStats]) -> pa.Table:
    """One row a series."""
    import pyarrow as pa

    instant = pa.timestamp("us", tz="UTC")
    texts, counts = dict.fromkeys(("dataset", "symbol"), pa.string()), dict.fromkeys(("rows", "bytes"), pa.int64())
    schema = pa.schema({**texts, **counts, "first_time": instant, "last_time": instant})
    rows = [
        {"dataset": each.series.dataset.name, "symbol": each.series.symbol}
        | {name: getattr(each, name) for name in ("rows", "bytes", "first_time", "last_time")}
        for each in stats
    ]
    return pa.Table.from_pylist(rows, schema=schema)


def asked(
    view: str,
    symbol: str,
    start: Instant | None,
    end: Instant | None,
    limit: int | None,
    offset: int,
    tail: int | None,
    after: int | None,
    columns: str | Iterable[str] | None,
    params: Mapping[str, Any],
    hot: bool,
) -> Request:
    """What was typed, as a request. Raises `RequestError`."""
    return Request(
        view,
        symbol,
        start=None if start is None else parse_instant(start),
        end=None if end is None else parse_instant(end),
        limit=limit,
        offset=offset,
        tail=tail,
        after=after,
        columns=(columns,) if isinstance(columns, str) else None if columns is None else tuple(columns),
        params={name: value for name, value in params.items() if value is not None},
        hot=hot,
    )


@contextmanager
def listing() -> Iterator[None]:
    """Whoever has mistyped a name is told also of those that every view takes."""
    try:
        yield
    except NotFoundError:
        raise
    except RequestError as error:
        if not any(" is not known" in problem for problem in error.problems):
            raise
        raise RequestError(*error.problems, f"every view takes {', '.join(EVERY)}") from None


def described(get: Callable[..., Any], name: str, view: ViewInfo, read: Signature) -> Callable[..., Any]:
    """`get`, with the name, the signature and the help of a view's own method, which takes what `read` takes."""
    from bcore.fields import fields_of

    own = [] if view.params is None else fields_of(view.params)
    keyword, anything = Parameter.KEYWORD_ONLY, Any
    params = [Parameter(facet, keyword, default=None, annotation=anything) for facet in view.facets]
    params += [Parameter(each.name, keyword, default=each.default, annotation=each.type) for each in own]
    taken = {each.name for each in params}
    common = [each for each in read.parameters.values() if each.kind is not Parameter.VAR_KEYWORD]
    kept = [each for each in common if each.name not in {*taken, "view"}]
    kept.append(Parameter("as_", keyword, default="pandas", annotation=As))
    get.__name__ = get.__qualname__ = name
    get.__signature__ = Signature([*kept, *params])  # type: ignore[attr-defined]
    lines = [f"- `{facet}`: only rows with this value, or one of several" for facet in view.facets]
    lines += [f"- `{each.name}`: {each.help}{_default(each.default)}" for each in own]
    columns = f"Columns: {', '.join(view.schema.names[:40])}{', ...' if len(view.schema.names) > 40 else ''}"
    get.__doc__ = "\n".join([f"{view.summary}; options as in `read`.", "", *lines, *([""] if lines else []), columns])
    return get


def _default(value: Any) -> str:
    return "" if value is None else f" (default: {value})"
