"""read, stats, views: looking into an archive."""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping
from contextlib import contextmanager
from inspect import signature
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bcore.cli.options import with_globals
from bcore.cli.output import aligned, form_of, format_option, write
from bcore.cli.viewhelp import ViewCommand, columns, parameters

if TYPE_CHECKING:
    import pyarrow as pa

    from bcore.cli.options import Options
    from bcore.client import Client
    from bcore.protocols import ViewInfo
    from bcore.records import SeriesStats

FOR_EYES = 10
NO_GAP = "no gap was ever found"

remote_option = click.option(
    "--remote", metavar="NAME", help="Of another archive: a section of [remotes], an address, or a folder."
)


@contextmanager
def read_from(
    options: Options, *, hot: bool = False, remote: str | None = None, rows: bool = False
) -> Iterator[Client]:
    """A client onto the archive that the options name, or another one. `rows`: it is an error if there can be none."""
    from bcore.cli.choosing import elsewhere, nothing, there
    from bcore.errors import NotFoundError
    from bcore.local import absent

    if remote is not None and options.data is not None:
        raise click.UsageError("--remote and --data name two archives: read one at a time")
    if remote is not None:
        with elsewhere(options, remote, hot=hot) as client:
            yield client
        return
    from bcore.app import App, completed
    from bcore.client import Client

    registry = options.registry()
    tree = completed(options.tree(), registry, data=options.data, groups=())
    # Reading needs no source and no exchange: a mistake there is no reason to keep an archive shut.
    app = App.of({"stores": tree["stores"]}, registry)
    with Client(app.reader(), hot=hot) as client:
        there(app, options.data)
        if rows and absent(app.stores().values()) is not None:
            raise NotFoundError(f"{nothing(app.stores().values())}; {_begin(options)}")
        yield client


@click.command(cls=ViewCommand, context_settings={"ignore_unknown_options": True, "allow_extra_args": True})
@click.argument("view")
@click.argument("symbol")
@click.option(
    "--start", "--start-time", "start_time", help="From this instant on: ISO 8601 (UTC), epoch, or '15m ago'."
)
@click.option("--end", "--end-time", "end_time", help="Up to and without this instant.")
@click.option(
    "--limit",
    type=int,
    help="At most so many rows (default in a table for eyes: 10, of a book 10 levels a side; else all).",
)
@click.option("--all", "everything", is_flag=True, help="No limit in a table either.")
@click.option("--offset", type=int, default=0, help="Leave out so many rows at the end that is counted from.")
@click.option("--tail", type=int, help="The newest so many rows of the range.")
@click.option("--after-id", type=int, help="Only rows with a higher id.")
@click.option("--columns", help="Only these columns, separated by commas.")
@click.option("--hot", is_flag=True, help="From the newest rows that are kept hot.")
@remote_option
@click.option("-o", "--output", type=click.Path(path_type=Path), help="Write to a file.")
@format_option
@with_globals
@click.pass_context
def read(
    ctx: click.Context,
    /,
    view: str,
    symbol: str,
    form: str | None,
    output: Path | None,
    hot: bool,
    remote: str | None,
    **options: Any,
) -> None:
    """Print rows of a view: bcore read trades BTCUSDT --limit 5.

    A view's own parameters and facets are options too: bcore read ohlcv BTCUSDT --timeframe 1h. `bcore views` lists
    them, `bcore read ohlcv --help` and `bcore views ohlcv` say what they mean. The format follows the ending of the
    file that -o names, unless --format is given.
    """
    form = form_of(form, output)
    counted = options["everything"] or options["limit"] is not None or options["tail"] is not None
    from bcore.ledger import ledger_of
    from bcore.query import Request
    from bcore.verdicts import count as count_of

    with read_from(ctx.obj, hot=hot, remote=remote, rows=True) as client:
        if (known := _unfound(client, view, symbol)) is not None:
            write(ledger_of(known.series.dataset).schema.empty_table(), form, output)
            found = f"of {count_of(known.gaps, 'gap')} nothing is noted: bcore verify tells" if known.gaps else NO_GAP
            click.echo(f"(no rows: {known.series}: {found})", err=True)
            return
        params = _params(ctx.args, taken=signature(type(client).read).parameters)
        eyes = form == "table" and output is None and not counted
        known_view = client.reader.views().get(view)
        sized_by = None if known_view is None else known_view.sized_by
        cut = _shorten(sized_by, options, params) if eyes else None
        request = Request(view, symbol, **_typed(options), params=params, hot=hot)
        # What is hot or of one instant is little; everything else may be more than memory holds.
        rows = client.reader.read(request) if hot or sized_by or cut == "--limit" else client.reader.scan(request)
        count = write(rows, form, output)
        for line in _unknown(rows) if sized_by and count else ():
            click.echo(line, err=True)
        if not count:
            click.echo("\n".join(_holdings(client, view, symbol)), err=True)
        if cut == "--limit" and count == FOR_EYES:
            click.echo(f"({FOR_EYES} rows are shown; --limit N or --all shows more)", err=True)
        elif cut and count >= FOR_EYES:
            click.echo(f"(shown with {cut} {FOR_EYES}; {cut} N or --all shows more)", err=True)


def _unfound(client: Client, view: str, symbol: str) -> SeriesStats | None:
    """The series whose ledger is asked for, where that was never written: it comes to be with the first finding."""
    from bcore.ledger import SUFFIX

    if not view.endswith(SUFFIX):
        return None
    held = {(each.series.dataset.name, each.series.symbol): each for each in client.reader.stats()}
    known = held.get((view.removesuffix(SUFFIX), symbol))
    has_ids = known is not None and known.series.dataset.sequence is not None
    return known if has_ids and (view, symbol) not in held else None


def _begin(options: Options) -> str:
    """How one gets an archive."""
    return "`bcore run` collects" + (", `bcore demo` shows how without a network" if options.offers("demo") else "")


def _unknown(rows: pa.Table) -> Iterator[str]:
    """That nothing is known of the instant which was asked for, where the rows of a book say so."""
    from bcore.instants import from_datetime, iso

    names = ("state", "event_time", "timestamp")
    if set(names) <= set(rows.column_names):
        state, seen, asked = (rows.column(name)[0].as_py() for name in names)
        if state == "unknown":
            then = iso(from_datetime(seen))
            yield f"(nothing is known between {then} and {iso(from_datetime(asked))}: the book is as of {then})"


def _holdings(client: Client, view: str, symbol: str) -> Iterator[str]:
    """What there would have been: of the view's own series, else of all that the symbol has."""
    from bcore.instants import iso

    dataset = getattr(client.reader.views().get(view), "dataset", None)
    held = [each for each in client.reader.stats() if each.series.symbol == symbol and each.first_time is not None]
    own = [each for each in held if each.series.dataset.name in (view, getattr(dataset, "name", view))]
    for each in own or held:
        if each.first_time is not None and each.last_time is not None:
            first, last = iso(each.first_time), iso(each.last_time)
            yield f"(no rows: {each.series} holds {each.rows:,}, from {first} to {last})"


def _shorten(sized_by: str | None, options: dict[str, Any], params: dict[str, Any]) -> str | None:
    """What fits the eye: ten rows, or a tenfold of what the view is made of, such as the levels of a book.

    Returns the option that was taken for it; None where it was given.
    """
    if not sized_by:
        options["limit"] = FOR_EYES
        return "--limit"
    if sized_by in params:
        return None
    params[sized_by] = str(FOR_EYES)
    return f"--{sized_by.replace('_', '-')}"


def _typed(options: dict[str, Any]) -> dict[str, Any]:
    import time

    from bcore.instants import parse_instant

    columns = options["columns"]
    now = time.time_ns() // 1000
    start, end = (
        None if options[name] is None else parse_instant(options[name], now=now) for name in ("start_time", "end_time")
    )
    names = None if columns is None else tuple(name.strip() for name in columns.split(","))
    counts = {name: options[name] for name in ("limit", "offset", "tail")}
    return {"start": start, "end": end, "after": options["after_id"], "columns": names, **counts}


def _params(args: list[str], taken: Container[str]) -> dict[str, Any]:
    """`--tick-size 10` or `--tick-size=10`, for whatever the view takes; `taken` are names that are no view's."""
    params: dict[str, Any] = {}
    rest = list(args)
    while rest:
        word = rest.pop(0)
        if not word.startswith("--"):
            raise click.UsageError(f"unexpected argument {word!r}")
        name, equals, value = word.removeprefix("--").partition("=")
        if not equals:
            if not rest:
                raise click.UsageError(f"--{name} needs a value")
            value = rest.pop(0)
        param = name.replace("-", "_")
        if param in taken or param in params:
            raise click.UsageError(f"--{name} cannot be given here, or not twice; see bcore read --help")
        params[param] = value
    return params


@click.command()
@remote_option
@format_option
@with_globals
@click.pass_obj
def stats(options: Options, form: str | None, remote: str | None) -> None:
    """Row counts, bytes and time ranges of everything stored."""
    import pyarrow as pa

    from bcore.cli.choosing import nothing

    form = form_of(form)
    with read_from(options, remote=remote) as client:
        rows = [_stats_row(each) for each in client.reader.stats()]
        stores = getattr(client.reader, "stores", ())
    if not rows and form == "table":
        click.echo(f"{nothing(stores)}; {_begin(options)}")
        return
    instant = pa.timestamp("us", tz="UTC")
    schema = pa.schema(
        {"dataset": pa.string(), "symbol": pa.string(), "rows": pa.int64(), "bytes": pa.int64()}
        | {"bytes_per_row": pa.float64(), "gaps": pa.int64(), "first_time": instant, "last_time": instant}
    )
    write(pa.Table.from_pylist(rows, schema=schema), form)


def _stats_row(stats: SeriesStats) -> dict[str, Any]:
    return {
        "dataset": stats.series.dataset.name,
        "symbol": stats.series.symbol,
        "rows": stats.rows,
        "bytes": stats.bytes,
        "bytes_per_row": round(stats.bytes / stats.rows, 2) if stats.rows else None,
        "gaps": stats.gaps,
        "first_time": stats.first_time,
        "last_time": stats.last_time,
    }


@click.command()
@click.argument("view", required=False)
@click.option("--format", "form", type=click.Choice(["table", "json"]), default="table", show_default=True)
@remote_option
@with_globals
@click.pass_obj
def views(options: Options, view: str | None, form: str, remote: str | None) -> None:
    """What can be read, with the parameters each view takes; of one VIEW also what they mean, and its columns."""
    import json

    with read_from(options, remote=remote) as client:
        known = client.reader.views()
    if view is not None and form == "table":
        click.echo("\n".join(_told(view, known)))
        return
    rows = [
        {
            "view": name,
            "summary": each.summary,
            "parameters": [name for name, _ in parameters(each)],
            "columns": each.schema.names,
        }
        for name, each in sorted(known.items())
        if view in (None, name)
    ]
    if not rows and view is not None:
        list(_told(view, known))
    if form == "json":
        click.echo(json.dumps(rows, indent=2))
        return
    cells = [[row["view"], " ".join(row["parameters"]) or "-", row["summary"]] for row in rows]
    click.echo("\n".join(aligned(["view", "parameters", "summary"], cells)))


def _told(name: str, views: Mapping[str, ViewInfo]) -> Iterator[str]:
    """Everything about one view. Raises `NotFoundError` that names what there is."""
    from bcore.errors import NotFoundError
    from bcore.naming import near

    if name not in views:
        raise NotFoundError(f"there is no view {name!r}{near(name, views)}; views: {', '.join(sorted(views))}")
    view = views[name]
    yield f"{name}: {view.summary}"
    if helps := parameters(view):
        yield ""
        yield from aligned(["parameter", "meaning"], helps)
    yield ""
    yield from aligned(["column", "type"], columns(view))


def _typed_names(view: ViewInfo) -> list[str]:
    return [name for name, _ in parameters(view)]
