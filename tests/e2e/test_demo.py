"""`bcore demo`, as a newcomer runs it."""

from __future__ import annotations

import re
import shlex
import subprocess
from collections.abc import Callable
from pathlib import Path

import recorded

Run = Callable[..., "subprocess.CompletedProcess[str]"]


def test_the_demo_archive_is_the_recording(bcore_run: Run, tmp_path: Path) -> None:
    from bc_replay import sample

    ended = bcore_run("demo", "--for", 6, "--speed", 20, "--data", "archive")
    assert (0, "") == (ended.returncode, "" if ended.returncode == 0 else ended.stderr)
    held = recorded.archived(tmp_path / "archive", "BTCUSDT")
    ids = [row[0] for row in held]
    assert list(range(ids[0], ids[0] + len(ids))) == ids
    everything = recorded.aggregates(Path(str(path)) for path in sample.paths())
    assert 6 * 20 * 0.8 * 1e6 < held[-1][1] - held[0][1]
    assert everything[: len(held)] == [row[1:] for row in held]
    assert re.search(r"^depth/BTCUSDT: proven complete: update ids .*, 0 gaps; verified ", ended.stdout, re.MULTILINE)
    commands = [shlex.split(line) for line in ended.stdout.partition("read it, and prove it:\n")[2].splitlines()]
    assert [["read", "trades"], ["read", "ohlcv"], ["read", "book"], ["verify", "--data"]] == [
        each[1:3] for each in commands if each[0].endswith("/bcore")
    ]
    for words in commands:
        done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, timeout=120)
        assert 0 == done.returncode, done.stderr
        assert "BTCUSDT" in done.stdout or "agg_trade_id" in done.stdout


def test_the_demo_goes_to_the_end_of_another_recording(bcore_run: Run, tmp_path: Path, shared: Path) -> None:
    recording = shared / "ws_raw_nexo" / "nexousdt_20240723.dat.gz"
    ended = bcore_run("demo", recording, "--speed", 120, "--data", "archive")
    assert (0, "") == (ended.returncode, "" if ended.returncode == 0 else ended.stderr)
    held = recorded.archived(tmp_path / "archive", "NEXOUSDT")
    assert recorded.aggregates([recording]) == [row[1:] for row in held]


def test_a_second_demo_into_the_same_folder_adds_nothing_twice(
    bcore_run: Run, two_symbols: Path, tmp_path: Path
) -> None:
    for _ in range(2):
        ended = bcore_run("demo", two_symbols, "--speed", 20, "--data", "archive")
        assert (0, "") == (ended.returncode, "" if ended.returncode == 0 else ended.stderr)
        assert "the archive is exactly the recording" in ended.stdout
    held = recorded.archived(tmp_path / "archive", "ETHUSDT")
    assert recorded.agg_trade_events(two_symbols / "ETHUSDT" / "trades.json") == held


def test_the_demo_keeps_out_of_somebody_elses_archive(bcore_run: Run, two_symbols: Path, shared: Path) -> None:
    other = shared / "deep_orderbook_20201101_09h" / "ETHUSDT"
    assert 0 == bcore_run("demo", other, "--speed", 3000, "--for", 1, "--data", "archive").returncode
    ended = bcore_run("demo", two_symbols, "--for", 1, "--data", "archive")
    assert 2 == ended.returncode
    assert "choose another folder with --data" in ended.stderr
