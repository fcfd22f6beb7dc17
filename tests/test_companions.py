from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import enumerate as threads
from typing import Any

import pytest
from attrs import define, field, frozen

import bc_toy
from bcore import builtin
from bcore.app import App
from bcore.board import Board
from bcore.companions import Watchman, accompanied, folders, watched
from bcore.errors import ConfigError
from bcore.heartbeat import beats
from bcore.hookspecs import hookimpl
from bcore.local import StoreReader
from bcore.records import Context, Factory, Transport
from bcore.registry import Registry
from bcore.status import Status

WaitFor = Callable[..., None]
Registries = Callable[..., Registry]


@frozen
class DoorConfig:
    taken: bool = False


@define
class Door:
    """A server that accompanies a collector; `log` tells what it was asked."""

    config: DoorConfig
    context: Context
    log: list[str] = field(factory=list)
    status: Callable[[], Status] | None = None
    reader: Any = None

    def watch(self, status: Callable[[], Status]) -> None:
        self.log.append("watch")
        self.status = status

    def start(self, reader: Any) -> None:
        if self.config.taken:
            raise ConfigError([f"{self.context.section}: the port is taken"])
        self.log.append("start")
        self.reader = reader

    def close(self) -> None:
        self.log.append("close")

    def serve(self, reader: Any) -> None:
        raise AssertionError("a collector does not serve")


class Alone:
    """A server that does not accompany anybody."""

    def serve(self, reader: Any) -> None:
        raise AssertionError("a collector does not serve")


class Doors:
    """A plugin that offers both, and remembers the doors that were made."""

    def __init__(self) -> None:
        self.made: list[Door] = []

    @hookimpl
    def bcore_transports(self) -> Iterator[Transport]:
        yield Transport("door", server=Factory("door", DoorConfig, self._door))
        yield Transport("alone", server=Factory("alone", DoorConfig, lambda config, context: Alone()))

    def _door(self, config: DoorConfig, context: Context) -> Door:
        self.made.append(Door(config, context))
        return self.made[-1]


@pytest.fixture
def doors() -> Doors:
    return Doors()


@pytest.fixture
def app_of(registry_of: Registries, doors: Doors, tmp_path: Path) -> Callable[..., App]:
    def make(**servers: dict[str, Any]) -> App:
        stores = {"main": {"kind": "shelf", "path": str(tmp_path / "data")}, "aside": {"kind": "memory"}}
        sources: dict[str, Any] = {"ticks": {}, "more": {"kind": "ticks", "dataset": "more", "store": "aside"}}
        tree = {"symbols": ["AAA"], "stores": stores, "sources": sources, "exchanges": {"toyex": {}}}
        return App.of({**tree, "servers": servers}, registry_of(builtin, bc_toy, doors))

    return make


def test_a_server_that_accompanies_lives_as_long_as_the_collector(app_of: Callable[..., App], doors: Doors) -> None:
    app = app_of(front={"kind": "door"}, side={"kind": "alone"})
    board = Board(app.clock)
    with accompanied(app, board):
        (door,) = doors.made
        assert ["watch", "start"] == door.log
        assert isinstance(door.reader, StoreReader)
        assert door.status is not None
        assert board.status().started == door.status().started
    assert ["watch", "start", "close"] == door.log


def test_a_server_is_told_its_section_and_may_observe(app_of: Callable[..., App], doors: Doors) -> None:
    app = app_of(front={"kind": "door"})
    with accompanied(app, Board(app.clock)):
        assert "servers.front" == doors.made[0].context.section
        assert app.registry.manager is doors.made[0].context.plugins


def test_one_that_cannot_start_stops_the_others_and_says_why(app_of: Callable[..., App], doors: Doors) -> None:
    app = app_of(first={"kind": "door"}, second={"kind": "door", "taken": True})
    with pytest.raises(ConfigError, match=r"servers\.second: the port is taken"), accompanied(app, Board(app.clock)):
        pytest.fail("it started")
    assert [["watch", "start", "close"], ["watch"]] == [door.log for door in doors.made]


def test_one_that_cannot_close_is_logged_and_the_others_are_closed(
    app_of: Callable[..., App], doors: Doors, caplog: pytest.LogCaptureFixture
) -> None:
    app = app_of(first={"kind": "door"}, second={"kind": "door"})
    with accompanied(app, Board(app.clock)):
        doors.made[1].log = None  # type: ignore[assignment]
    assert "close" == doors.made[0].log[-1]
    assert "closing servers.second failed" in caplog.text


def test_only_stores_with_a_folder_have_one(app_of: Callable[..., App], tmp_path: Path) -> None:
    assert {"main": tmp_path / "data"} == folders(app_of().settings.stores.values())


def test_each_archive_has_the_heartbeat_of_what_is_written_there(
    app_of: Callable[..., App], tmp_path: Path, wait_for: WaitFor
) -> None:
    app = app_of()
    jobs, board = app.jobs(), Board(app.clock)
    for job in jobs:
        job.run_once(board.on_event)
    with watched(app, jobs, board):
        wait_for(lambda: beats(tmp_path / "data", app.clock.now()))
        (found,) = beats(tmp_path / "data", app.clock.now())
    assert [] == beats(tmp_path / "data", app.clock.now())
    assert found.beat is not None
    assert [("ticks/AAA", 26, 25)] == [(x.name, x.rows, x.last_id) for x in found.beat.status.series]
    assert ["main"] == [disk.store for disk in found.beat.status.disks]


def test_the_heartbeat_goes_when_the_collector_fails(
    app_of: Callable[..., App], tmp_path: Path, wait_for: WaitFor
) -> None:
    app = app_of()

    def collect() -> None:
        with watched(app, app.jobs(), Board(app.clock)):
            wait_for(lambda: beats(tmp_path / "data", app.clock.now()))
            raise RuntimeError("a defect")

    with pytest.raises(RuntimeError):
        collect()
    assert not (tmp_path / "data").exists()


def test_a_watchman_whose_round_fails_makes_the_others_and_says_it_once(caplog: pytest.LogCaptureFixture) -> None:
    walked: list[int] = []

    def fail() -> None:
        raise OSError(f"no {len(walked) // 3}")

    watchman = Watchman((fail, lambda: walked.append(1)))
    with caplog.at_level(logging.WARNING):
        for _ in range(6):
            watchman.walk()
    assert 6 == len(walked)
    assert ["watching the collector: no 0", "watching the collector: no 1"] == [r.message for r in caplog.records]


def test_a_watchman_walks_until_it_is_told_to_stop(wait_for: WaitFor) -> None:
    walked: list[int] = []
    with Watchman((lambda: walked.append(1),), every=0.001):
        wait_for(lambda: len(walked) >= 3)
    assert "watchman" not in [thread.name for thread in threads()]
