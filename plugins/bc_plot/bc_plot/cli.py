"""bcore plot: a picture of what an archive holds, into a file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from bcore.cli.options import with_globals
from bcore.cli.reading import read_from, remote_option

if TYPE_CHECKING:
    from bc_plot.picture import Picture
    from bcore.cli.options import Options

F = TypeVar("F", bound=Callable[..., Any])


def _output(command: F) -> F:
    wanted = click.Path(path_type=Path, dir_okay=False)
    return click.option("-o", "--output", type=wanted, help="File to write: .png, .svg, .pdf or .html.")(command)


def _range(command: F) -> F:
    end = click.option("--end", "end_time", help="Up to and without this instant.")
    start = click.option("--start", "start_time", help="From this instant on: ISO 8601 (UTC), epoch, or '7d ago'.")
    return start(end(command))


@click.group()
def plot() -> None:
    """Draw candles, a book, spreads, or what is held, into a file.

    .html is a page to move about in that needs no network; .png, .svg and .pdf are pictures. Without -o the file is
    named after what it shows.
    """


@plot.command()
@click.argument("symbol")
@click.option("--timeframe", default="1m", show_default=True, help="Length of a bar: 1s to 1M.")
@click.option("--limit", type=int, help="So many bars (default: the newest 120, or all of a range).")
@_range
@remote_option
@_output
@with_globals
@click.pass_obj
def candles(options: Options, /, symbol: str, remote: str | None, output: Path | None, **asked: Any) -> None:
    """Candles and volume: bcore plot candles BTCUSDT --timeframe 1h."""
    from bc_plot.methods import plot_candles

    with read_from(options, remote=remote) as client:
        _write(plot_candles(client, symbol, **_instants(asked)), output, f"candles-{symbol}.png")


@plot.command()
@click.argument("symbol")
@click.option("--at", help="The instant (default: the newest book): ISO 8601 (UTC), epoch, or '5m ago'.")
@click.option("--levels", type=int, help="The best so many levels of each side (default: those near the mid).")
@click.option("--tick-size", type=float, help="In buckets of this width.")
@remote_option
@_output
@with_globals
@click.pass_obj
def depth(options: Options, /, symbol: str, remote: str | None, output: Path | None, **asked: Any) -> None:
    """What lies on either side of a book: bcore plot depth BTCUSDT --at 2024-08-09T00:00:00."""
    from bc_plot.methods import plot_depth

    with read_from(options, remote=remote) as client:
        _write(plot_depth(client, symbol, **asked), output, f"depth-{symbol}.png")


@plot.command()
@click.argument("symbol")
@click.option("--limit", type=int, help="So many snapshots (default: the newest 2000, or all of a range).")
@_range
@remote_option
@_output
@with_globals
@click.pass_obj
def spread(options: Options, /, symbol: str, remote: str | None, output: Path | None, **asked: Any) -> None:
    """Best bid, best ask and spread over time: bcore plot spread BTCUSDT."""
    from bc_plot.methods import plot_spread

    with read_from(options, remote=remote) as client:
        _write(plot_spread(client, symbol, **_instants(asked)), output, f"spread-{symbol}.png")


@plot.command()
@click.argument("symbols", nargs=-1)
@click.option("--dataset", default="trades", show_default=True, help="Of which dataset.")
@_range
@remote_option
@_output
@with_globals
@click.pass_obj
def coverage(
    options: Options, /, symbols: tuple[str, ...], remote: str | None, output: Path | None, **asked: Any
) -> None:
    """A calendar of day and symbol: complete, gaps, nothing held. All symbols without names."""
    from bc_plot.methods import plot_coverage

    with read_from(options, remote=remote) as client:
        drawn = plot_coverage(client, symbols, **_instants(asked))
        _write(drawn, output, f"coverage-{asked['dataset']}.png")


def _instants(asked: dict[str, Any]) -> dict[str, Any]:
    """What was typed, with "7d ago" understood."""
    from time import time_ns

    from bcore.instants import parse_instant

    now = time_ns() // 1000
    typed = {name: asked[name] for name in ("start_time", "end_time") if asked[name] is not None}
    return {**asked, **{name: parse_instant(text, now=now) for name, text in typed.items()}}


def _write(picture: Picture, output: Path | None, usual: str) -> None:
    path = output or Path(usual)
    try:
        picture.save(path)
    except OSError as error:
        raise click.ClickException(f"{path} cannot be written: {error.strerror}") from error
    click.echo(f"wrote {path}: {picture.title}")
