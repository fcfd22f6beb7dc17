"""What runs beside a collector: the servers that accompany it, and a watchman who looks at stores and disks."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from threading import Event as Flag
from threading import Thread

from attrs import define, field, fields_dict, frozen

from bcore.app import App
from bcore.board import Board
from bcore.collect import Job
from bcore.config import Section
from bcore.disk import DiskWatch
from bcore.errors import SeriesBusyError
from bcore.heartbeat import Beat, Found, Heart, beats, place
from bcore.logs import one_line
from bcore.protocols import Accompanies, Watches
from bcore.survey import Kept, Survey, stats_of

log = logging.getLogger(__name__)
EVERY = 1.0  # seconds between two rounds
LONGEST = 4.0  # and at most; well below `heartbeat.STALE`
SPARING = 200  # times as long as a round took it waits: with hundreds of series it must not cost what collecting costs


@define
class Watchman:
    """Makes its rounds in a thread of its own. A round that fails is logged, once, and made again."""

    rounds: tuple[Callable[[], None], ...]
    every: float = EVERY
    _over: Flag = field(factory=Flag, init=False)
    _thread: Thread | None = field(default=None, init=False)
    _failing: dict[int, str] = field(factory=dict, init=False)

    def __enter__(self) -> Watchman:
        self._thread = Thread(target=self._watch, name="watchman", daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        if self._thread:
            self._thread.join(2.0)

    def walk(self) -> None:
        """One round of everything."""
        for number, look in enumerate(self.rounds):
            try:
                look()
            except Exception as error:
                self._failed(number, error)
            else:
                self._failing.pop(number, None)

    def _watch(self) -> None:
        while True:
            began = time.thread_time()
            self.walk()
            taken = time.thread_time() - began
            if self._over.wait(min(max(self.every, SPARING * taken), max(self.every, LONGEST))):
                return

    def _failed(self, number: int, error: Exception) -> None:
        sentence = one_line(error)
        if self._failing.get(number) != sentence:
            log.warning("watching the collector: %s", sentence, exc_info=log.isEnabledFor(logging.DEBUG))
        self._failing[number] = sentence


@frozen
class Archive:
    """A store that keeps a folder, and the jobs that fill it."""

    store: str
    path: Path
    jobs: tuple[Job, ...]

    @classmethod
    def of(cls, app: App, jobs: Iterable[Job]) -> list[Archive]:
        """Those that are written to."""
        stores = app.stores()
        filled = {name: tuple(job for job in jobs if job.store is stores[name]) for name in stores}
        paths = folders(app.settings.stores.values())
        return [cls(name, path, filled[name]) for name, path in paths.items() if filled[name]]


def folders(sections: Iterable[Section]) -> dict[str, Path]:
    """Store -> its folder, of the stores that have one."""
    return {
        section.name: Path(section.config.path).expanduser()
        for section in sections
        if "path" in fields_dict(type(section.config))
    }


def assert_alone(app: App, jobs: Iterable[Job]) -> None:
    """Raises `SeriesBusyError` if another collector that lives writes a series of these jobs.

    Stores refuse a second writer too; this says so before anything is fetched, and does not wait for the end of it.
    """
    for archive in Archive.of(app, jobs):
        ours = {f"{kept.series}" for kept in Kept.of(archive.jobs)}
        for found in beats(archive.path, app.clock.now()):
            if found.beat is not None and _works(found, found.beat):
                shared = ours & {line.name for line in found.beat.status.series}
                if shared:
                    raise SeriesBusyError(_refusal(archive.path, found.beat, sorted(shared)))


def _works(found: Found, beat: Beat) -> bool:
    """Whether it is another collector that may go on. A silent one of another machine may be dead for long."""
    there = found.state == "running" or (found.state == "silent" and beat.place == place())
    return there and beat.pid != os.getpid()


def _refusal(path: Path, beat: Beat, shared: list[str]) -> str:
    what = shared[0] if len(shared) == 1 else f"{shared[0]} and {len(shared) - 1} more series"
    return (
        f"{path}: process {beat.pid} collects {what} here already; stop it first, or give this collector another "
        "folder with --data"
    )


@contextmanager
def watched(app: App, jobs: list[Job], board: Board) -> Iterator[None]:
    """While inside, the board knows what stores and disks hold, and each archive's folder has a heartbeat."""
    archives = Archive.of(app, jobs)
    hearts = {archive.store: Heart(archive.path) for archive in archives}
    for heart in hearts.values():
        heart.clear(app.clock.now())
    rounds = [Survey(board, tuple(Kept.of(jobs)), app.clock).look]
    rounds += [partial(_look_at_disk, board, _disk(app, archive)) for archive in archives]
    rounds += [partial(_beat, board, archive, hearts[archive.store]) for archive in archives]
    try:
        with Watchman(tuple(rounds)):
            yield
    finally:
        for heart in hearts.values():
            heart.stop()


def _disk(app: App, archive: Archive) -> DiskWatch:
    kept = tuple(Kept.of(archive.jobs))
    return DiskWatch(archive.store, archive.path, lambda: stats_of(kept), app.clock, app.emit)


def _look_at_disk(board: Board, watch: DiskWatch) -> None:
    board.measure(watch.look())


def _beat(board: Board, archive: Archive, heart: Heart) -> None:
    heart.beat(board.status().of([job.name for job in archive.jobs], archive.store))


@contextmanager
def accompanied(app: App, board: Board) -> Iterator[None]:
    """While inside, the configured servers that accompany a collector run in this process. Raises `ConfigError`."""
    with ExitStack() as running:
        for name, section in app.settings.servers.items():
            server = app.server(name)
            if isinstance(server, Accompanies):
                _start(server, app, board)
                running.callback(_close, section.path, server)
        yield


def _start(server: Accompanies, app: App, board: Board) -> None:
    if isinstance(server, Watches):
        server.watch(board.status)
    server.start(app.reader())


def _close(path: str, server: Accompanies) -> None:
    try:
        server.close()
    except Exception:
        log.exception("closing %s failed", path)
