from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hand_clock import START, MovingClock

from bc_toy import ShelfConfig, ShelfStore, tick_batch
from bcore.board import Board
from bcore.events import BatchStored, SourceFailed, StreamOpened, WeightUsed
from bcore.heartbeat import FORGOTTEN, STALE, Heart, beats, born
from bcore.instants import SECOND
from bcore.status import DiskStatus, Status


@pytest.fixture
def status() -> Status:
    """One with something in every part."""
    board = Board(MovingClock())
    board.on_event(BatchStored("ticks", "ticks", "AAA", 100, 0, START, START + SECOND, "101.5"))
    board.on_event(SourceFailed("ticks", ValueError("no"), 1.5, 1))
    board.on_event(StreamOpened("toy", 1, 10))
    board.on_event(WeightUsed("toy", 5, 6000))
    board.measure(DiskStatus("main", "data", 5, 10, 2.5, low=True))
    return board.status()


def changed(heart: Heart, **values: Any) -> None:
    plain = json.loads(heart.path.read_text())
    heart.path.write_text(json.dumps(plain | values))


def state(archive: Path, now: int = START) -> str:
    (found,) = beats(archive, now)
    return found.state


def gone() -> tuple[int, str]:
    """The number and the birth of a process that has ended."""
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    birth = born(child.pid)
    child.communicate(b"\n")
    return child.pid, birth


def test_a_status_comes_back_as_it_was_written(tmp_path: Path, status: Status) -> None:
    Heart(tmp_path).beat(status)
    (found,) = beats(tmp_path, START + 2 * SECOND)
    assert found.beat is not None
    assert (status, os.getpid(), 2.0, "running") == (found.beat.status, found.beat.pid, found.age, found.state)


def test_without_a_folder_there_is_no_beat(tmp_path: Path) -> None:
    assert [] == beats(tmp_path / "nothing", START)


def test_a_beat_replaces_the_one_before_and_leaves_nothing_else(tmp_path: Path, status: Status) -> None:
    heart = Heart(tmp_path)
    for _ in range(3):
        heart.beat(status)
    assert [heart.path] == list(heart.path.parent.iterdir())


def test_a_clean_stop_leaves_no_trace(tmp_path: Path, status: Status) -> None:
    heart = Heart(tmp_path / "archive")
    heart.beat(status)
    heart.stop()
    assert [] == list(tmp_path.iterdir())
    heart.stop()


def test_a_clean_stop_leaves_what_is_in_the_archive(tmp_path: Path, status: Status) -> None:
    heart = Heart(tmp_path / "archive")
    heart.beat(status)
    (tmp_path / "archive" / "kept").touch()
    heart.stop()
    assert ["kept"] == [path.name for path in (tmp_path / "archive").iterdir()]


def test_an_empty_folder_that_was_there_before_stays(tmp_path: Path, status: Status) -> None:
    heart = Heart(tmp_path)
    heart.beat(status)
    heart.stop()
    assert tmp_path.is_dir()


def test_a_process_that_is_there_and_does_not_beat_is_silent(tmp_path: Path, status: Status) -> None:
    Heart(tmp_path).beat(status)
    assert "running" == state(tmp_path, START + int(STALE * SECOND))
    assert "silent" == state(tmp_path, START + int((STALE + 1) * SECOND))


def test_a_process_that_has_ended_is_dead_however_fresh_its_beat(tmp_path: Path, status: Status) -> None:
    heart = Heart(tmp_path)
    heart.beat(status)
    pid, birth = gone()
    changed(heart, pid=pid, born=birth)
    assert "dead" == state(tmp_path)


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="births of processes are told by /proc")
def test_another_process_of_the_same_number_is_not_the_collector(tmp_path: Path, status: Status) -> None:
    heart = Heart(tmp_path)
    heart.beat(status)
    changed(heart, born="1")
    assert "dead" == state(tmp_path)


def test_a_number_alone_tells_where_births_are_not_known(tmp_path: Path, status: Status) -> None:
    heart = Heart(tmp_path)
    heart.beat(status)
    changed(heart, born="")
    assert "running" == state(tmp_path)
    changed(heart, pid=gone()[0])
    assert "dead" == state(tmp_path)


def test_a_process_on_another_machine_is_judged_by_its_beat_alone(tmp_path: Path, status: Status) -> None:
    heart = Heart(tmp_path)
    heart.beat(status)
    changed(heart, place="elsewhere", pid=gone()[0])
    assert ("running", "silent") == (state(tmp_path), state(tmp_path, START + 60 * SECOND))


@pytest.mark.parametrize("content", ["", "{", "[]", "{}", '{"format": 2}', '{"format": 1, "pid": 1}', "\xff\x00"])
def test_a_file_that_says_nothing_is_unreadable_and_no_error(tmp_path: Path, status: Status, content: str) -> None:
    heart = Heart(tmp_path)
    heart.beat(status)
    heart.path.write_bytes(content.encode("latin-1"))
    assert "unreadable" == state(tmp_path)


def test_a_status_with_parts_of_a_later_version_is_read(tmp_path: Path, status: Status) -> None:
    heart = Heart(tmp_path)
    heart.beat(status)
    changed(heart, news="later", status=json.loads(heart.path.read_text())["status"] | {"more": [1]})
    assert "running" == state(tmp_path)


def test_a_new_collector_clears_away_the_dead_and_forgotten_and_nobody_else(tmp_path: Path, status: Status) -> None:
    heart = Heart(tmp_path)
    heart.beat(status)
    living = heart.path.read_text()
    pid, birth = gone()
    changed(heart, pid=pid, born=birth)
    heart.path.rename(heart.path.with_name("dead.json"))
    heart.path.write_text(living)
    heart.clear(START)
    assert [heart.path] == [found.path for found in beats(tmp_path, START)]
    heart.clear(START + int((FORGOTTEN + 1) * SECOND))
    assert [] == beats(tmp_path, START)


def test_on_a_full_disk_the_beat_before_is_written_over(
    tmp_path: Path, status: Status, monkeypatch: pytest.MonkeyPatch
) -> None:
    heart = Heart(tmp_path)
    heart.beat(status)
    size = heart.path.stat().st_size

    def full(path: Path, content: bytes) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    board = Board(MovingClock(7.0))
    board.on_event(SourceFailed("ticks", ValueError("no" * 2000), 1.5, 1))  # more to say than before
    heart.beat(board.status())
    (found,) = beats(tmp_path, board.clock.now())
    assert found.beat is not None
    assert ("running", board.status()) == (found.state, found.beat.status)
    assert size == heart.path.stat().st_size


def test_readers_of_the_archive_take_no_notice(tmp_path: Path, status: Status) -> None:
    ShelfStore(folder=tmp_path).append(tick_batch([1, 2, 3]))
    Heart(tmp_path).beat(status)
    again = ShelfStore.build(ShelfConfig(str(tmp_path)), None)  # type: ignore[arg-type]
    assert ["ticks/AAA"] == [str(series) for series in again.series()]
