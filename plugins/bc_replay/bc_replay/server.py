"""The server process: recordings read, a port bound, gunicorn's asgi worker run, everything put away."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import socket
import stat
import sys
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from attrs import define, evolve
from gunicorn.app.base import BaseApplication

from bc_replay.app import Lifespan, create_app
from bc_replay.bulk.bucket import Bucket
from bc_replay.bulk.press import Press
from bc_replay.bulk.shelf import Shelf
from bc_replay.clock import SECOND, Clock
from bc_replay.exchange import Exchange
from bc_replay.faults import Faults, parse_faults
from bc_replay.hub import Hub
from bc_replay.keepalive import Habits
from bc_replay.laps import Laps
from bc_replay.limits import WeightLimiter
from bc_replay.markets import MARKETS, SPOT, Market
from bc_replay.options import Options
from bc_replay.recording import Recording, read_recording
from bc_replay.synthetic import is_synthetic
from bc_replay.wire import Front, bound

LOOK = 0.1  # seconds between two looks at whether the recording is over
LINGER = 1.0  # seconds in which the last clients may still ask

LONGEST_SOCKET = 100


class StartError(Exception):
    """The server cannot come up; the message says why and what to do."""


class Gunicorn(BaseApplication):  # type: ignore[misc]
    """One asgi worker on a private socket."""

    def __init__(self, make_app: Callable[[], Any], path: Path, leave: Callable[[], None], verbose: bool) -> None:
        self._make_app, self._path, self._leave, self._verbose = make_app, path, leave, verbose
        super().__init__()

    def load_config(self) -> None:
        wanted = {
            "bind": f"unix:{self._path}",
            "workers": 1,
            "worker_class": "asgi",
            "asgi_loop": "asyncio",
            "asgi_lifespan": "on",
            "keepalive": 75,
            "graceful_timeout": 1,
            "timeout": 0,
            "loglevel": "info" if self._verbose else "warning",
            "control_socket_disable": True,
            "limit_request_line": 0,
            "child_exit": _worker_gone,
            "worker_int": lambda worker: self._leave(),
        }
        for name, value in wanted.items():
            if name in self.cfg.settings:
                self.cfg.set(name, value)

    def load(self) -> Any:
        return self._make_app()


def _worker_gone(arbiter: Any, worker: Any) -> None:
    """Without its worker the exchange's state is lost: end, rather than begin again unnoticed."""
    os.kill(os.getpid(), signal.SIGTERM)


@define(eq=False)
class Closing:
    """Ends the server when the recording has, or when its parent has, as far as the options say so."""

    options: Options
    master: int

    def ready(self, exchange: Exchange) -> None:
        host, port = exchange.front.address
        shown = f"[{host}]" if ":" in host else host
        print(f"listening on http://{shown}:{port}", flush=True)
        # gunicorn's graceful stop would wait for the streams to end by themselves; its quick one takes leave of them.
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, os.kill, os.getpid(), signal.SIGQUIT)
        if self.options.die_with_parent:
            asyncio.get_running_loop().add_reader(sys.stdin.fileno(), self._parent_wrote)

    async def finish(self, exchange: Exchange) -> None:
        if not self.options.exit_at_end:
            return
        while not (exchange.clock.ended and _drained(exchange)):
            await asyncio.sleep(LOOK)
        await asyncio.sleep(LINGER)
        self._end()

    def _parent_wrote(self) -> None:
        if not os.read(sys.stdin.fileno(), 4096):
            asyncio.get_running_loop().remove_reader(sys.stdin.fileno())
            self._end()

    def _end(self) -> None:
        os.kill(self.master, signal.SIGTERM)


def _drained(exchange: Exchange) -> bool:
    """Whether every stream client has been sent all there was."""
    over = not exchange.hub.listened or exchange.pump.position >= exchange.clock.end
    return over and not exchange.front.unsent and not any(session.waiting for session in exchange.sessions)


def build(options: Options, recording: Recording, address: tuple[str, int], upstream: Path) -> Exchange:
    laps = Laps(recording.tapes) if options.loop else None
    tapes = recording.tapes if laps is None else laps.tapes
    start = recording.start if options.start_at is None else options.start_at
    clock = Clock(start, recording.end if laps is None else laps.end, options.speed, waiting=options.wait)
    market = market_of(options, recording)
    exchange = Exchange(
        tapes,
        clock,
        Faults(parse_faults(options.faults)),
        WeightLimiter(options.weight_limit or market.weight_limit),
        Front(address, str(upstream), _habits(options, market), tight=options.speed == 0),
        Hub(tapes, clock.market, market=market),
        options.retention_floor,
        market,
    )
    if laps is not None:
        exchange.pump.onward = partial(_onward, laps, clock)
    return exchange


def market_of(options: Options, recording: Recording) -> Market:
    """What the recording is of, unless the options say so; spot where nothing does. Raises StartError."""
    told = sorted(recording.markets)
    if len(told) > 1:
        raise StartError(f"the recordings are of {' and '.join(told)}, whose ids differ: serve each by itself")
    if options.market and told and told != [options.market]:
        raise StartError(f"the recording is of {told[0]}, and cannot be served as {options.market}: leave --market out")
    return MARKETS[options.market or (told[0] if told else SPOT.name)]


def _habits(options: Options, market: Market) -> Habits:
    ping, pong = options.ping_interval, options.pong_timeout
    usual = market.habits
    return evolve(usual, ping_every=ping or usual.ping_every, pong_within=pong or usual.pong_within)


def _onward(laps: Laps, clock: Clock, now: int) -> bool:
    moved = laps.onward(now)
    clock.end = laps.end
    return moved


def _bucket(options: Options, exchange: Exchange, folder: Path) -> Bucket:
    """A recording that loops has no past to make files of: only given files are served with it."""
    delay = int(options.bulk_delay * SECOND)
    press = None if options.loop else Press(exchange.tapes, folder / "made", delay, exchange.market.bulk)
    shelf = None if options.bulk is None else Shelf(options.bulk)
    return Bucket(exchange.faults, exchange.clock.now, folder, press, shelf)


def serve(options: Options) -> None:
    """Serve until a signal comes; exits the process. Raises StartError, RecordingError or FaultError before."""
    parse_faults(options.faults)
    _check_parent(options)
    recording = read_recording(options.paths, options.symbols)
    _say_what_stands_still(recording)
    _check_start(options, recording)
    reserved = _reserved(options)
    folder = _socket_folder()
    try:
        exchange = build(options, recording, reserved.getsockname()[:2], folder / "app")
        closing = Closing(options, os.getpid())
        lifespan = Lifespan(exchange, closing.ready, closing.finish)
        upstream, leave = folder / "app", exchange.front.shut
        bucket = _bucket(options, exchange, folder / "bulk")
        Gunicorn(lambda: create_app(exchange, bucket, lifespan), upstream, leave, options.verbose).run()
    finally:
        reserved.close()
        shutil.rmtree(folder, ignore_errors=True)


def _say_what_stands_still(recording: Recording) -> None:
    """A book without changes is served for ever, which nobody should take for the market."""
    for symbol, tape in recording.tapes.items():
        if tape.snapshots and not tape.updates:
            sentence = f"{symbol}: the recording has order books and no changes between them: depth stands still"
            print(f"bc_replay: {sentence}", file=sys.stderr, flush=True)


def _socket_folder() -> Path:
    """A temporary folder for the private socket, whose path the system limits to about a hundred bytes."""
    folder = Path(tempfile.mkdtemp(prefix="bc_replay-"))
    if len(os.fsencode(folder / "app")) <= LONGEST_SOCKET:
        return folder
    folder.rmdir()
    return Path(tempfile.mkdtemp(prefix="bc_replay-", dir="/tmp"))


def _check_parent(options: Options) -> None:
    if options.die_with_parent and not stat.S_ISFIFO(os.fstat(sys.stdin.fileno()).st_mode):
        raise StartError("--die-with-parent watches standard input: start the server with a pipe there")


def _check_start(options: Options, recording: Recording) -> None:
    if options.loop and options.exit_at_end:
        raise StartError("--loop never ends: leave out --exit-at-end")
    if options.loop and any(map(is_synthetic, options.paths)):
        raise StartError("a synthetic exchange goes on for years: leave out --loop")
    if options.start_at is not None and not recording.start <= options.start_at <= recording.end:
        raise StartError(
            f"--start-at {options.start_at} is outside the recording, which spans "
            f"{recording.start} to {recording.end} (us UTC)"
        )


def _reserved(options: Options) -> socket.socket:
    try:
        return bound(options.host, options.port)
    except OSError as error:
        where = f"{options.host} port {options.port}"
        raise StartError(
            f"cannot listen on {where}: {error.strerror}; name another --port, or 0 for any that is free"
        ) from None
