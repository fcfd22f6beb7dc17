"""`bcore replay`: serve a recording as a Binance-compatible exchange."""

from __future__ import annotations

import logging
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from bc_replay.options import Options

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def _instant(ctx: click.Context, param: click.Parameter, text: str | None) -> int | None:
    """ISO 8601 text, or an epoch number in s, ms or us, as us UTC."""
    if text is None:
        return None
    if text.isdigit():
        number = int(text)
        return number if number >= 10**14 else number * 1000 if number >= 10**11 else number * 1_000_000
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise click.BadParameter(f"{text!r} is neither ISO 8601 (2024-08-09T00:00:00Z) nor an epoch number") from None
    aware = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment
    return (aware - EPOCH) // timedelta(microseconds=1)


@click.command()
@click.argument("recordings", nargs=-1, metavar="[RECORDING]...")
@click.option("--sample", is_flag=True, help="Serve the --market's bundled BTCUSDT sample; so does no RECORDING.")
@click.option("--port", type=click.IntRange(0, 65535), default=0, help="0, the default, takes a free one.")
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option(
    "--speed",
    type=click.FloatRange(min=0, max=1e9),
    default=1.0,
    show_default=True,
    help="Recorded seconds per second; 0 goes as fast as the clients take it.",
)
@click.option("--symbol", "symbols", multiple=True, metavar="S", help="Serve only these. Repeatable.")
@click.option("--loop", is_flag=True, help="Begin again at the end; ids and times go on.")
@click.option("--start-at", callback=_instant, metavar="INSTANT", help="Begin at this instant: ISO 8601, ms or us.")
@click.option("--wait", is_flag=True, help="Hold the clock until the first market-data client comes.")
@click.option("--exit-at-end", is_flag=True, help="Exit 0 when the recording is over.")
@click.option(
    "--fault", "faults", multiple=True, metavar="KIND@SECONDS[:ARG[/WHICH]]", help="Repeatable; see --list-faults."
)
@click.option("--list-faults", is_flag=True, help="Show the kinds of faults and exit.")
@click.option(
    "--market",
    type=click.Choice(["spot", "um"]),
    help="Serve it as spot or as USD-M futures, where the recording does not tell.",
)
@click.option("--weight-limit", type=click.IntRange(min=1), metavar="N", help="The market's own if not given.")
@click.option("--retention-floor", type=click.IntRange(min=0), default=0, metavar="ID", help="REST skips older ids.")
@click.option(
    "--bulk",
    type=click.Path(exists=True, file_okay=False, resolve_path=True, path_type=Path),
    metavar="DIR",
    help="Serve the bulk files in DIR, which lie there as in the bucket (data/spot/daily/...).",
)
@click.option(
    "--bulk-delay",
    type=click.FloatRange(min=0),
    default=0.0,
    metavar="S",
    help="Make a day's bulk file appear S seconds (of the exchange's time) after midnight.",
)
@click.option("--ping-interval", type=click.FloatRange(min=0.05), metavar="S", help="20 on spot, 180 on um.")
@click.option("--pong-timeout", type=click.FloatRange(min=0.05), metavar="S", help="60 on spot, 600 on um.")
@click.option("--die-with-parent", is_flag=True, help="Exit when standard input, a pipe, is closed.")
@click.option("-v", "--verbose", is_flag=True, help="Show requests on standard error.")
def replay(
    recordings: tuple[str, ...],
    sample: bool,
    port: int,
    host: str,
    speed: float,
    symbols: tuple[str, ...],
    loop: bool,
    start_at: int | None,
    wait: bool,
    exit_at_end: bool,
    faults: tuple[str, ...],
    list_faults: bool,
    market: str | None,
    weight_limit: int | None,
    retention_floor: int,
    bulk: Path | None,
    bulk_delay: float,
    ping_interval: float | None,
    pong_timeout: float | None,
    die_with_parent: bool,
    verbose: bool,
) -> None:
    """Serve RECORDINGs as Binance spot or USD-M futures: REST and WebSocket, with faults on demand.

    A RECORDING is a file or folder of raw stream lines, JSON events, bulk-format CSV, or an archive of bcore; write
    SYMBOL=PATH where the file does not tell its symbol. The first line on standard output is
    `listening on http://HOST:PORT`.
    """
    from bc_replay.errors import RecordingError
    from bc_replay.faults import FaultError
    from bc_replay.options import Options
    from bc_replay.sample import paths

    if list_faults:
        _show_faults()
        return
    if sample and recordings:
        raise click.UsageError("give either --sample or RECORDINGs")
    options = Options(
        paths=recordings or tuple(map(str, paths(market or "spot"))),
        host=host,
        port=port,
        speed=speed,
        symbols=symbols or None,
        loop=loop,
        wait=wait,
        start_at=start_at,
        exit_at_end=exit_at_end,
        faults=faults,
        market=market,
        weight_limit=weight_limit,
        ping_interval=ping_interval,
        pong_timeout=pong_timeout,
        retention_floor=retention_floor,
        bulk=bulk,
        bulk_delay=bulk_delay,
        die_with_parent=die_with_parent,
        verbose=verbose,
    )
    logging.basicConfig(level=logging.INFO if verbose else logging.WARNING, stream=sys.stderr)
    try:
        _serve(options)
    except (RecordingError, FaultError) as error:
        raise click.UsageError(str(error)) from None


def _serve(options: Options) -> None:
    from bc_replay.server import StartError, serve

    try:
        serve(options)
    except StartError as error:
        raise click.UsageError(str(error)) from None


def _show_faults() -> None:
    from bc_replay.kinds import KINDS

    for kind in KINDS.values():
        argument = f":{kind.unit}, default {kind.default:g}" if kind.unit else ""
        click.echo(f"{kind.name:<11} {kind.summary}  [{kind.meets.value}{argument}]")
