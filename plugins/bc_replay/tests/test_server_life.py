"""How a server starts and ends."""

from __future__ import annotations

import itertools
import json
import os
import platform
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import requests
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from bc_replay import testing
from bc_replay.testing import ReplayFailed, ReplayServer

PLUGIN = Path(__file__).resolve().parents[1]


def command(*arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    return subprocess.run(
        [sys.executable, "-m", "bc_replay", *arguments], capture_output=True, text=True, timeout=30, env=environment
    )


def ending(ws: ClientConnection) -> ConnectionClosed:
    try:
        while True:
            ws.recv(timeout=30)
    except ConnectionClosed as closed:
        return closed


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_with_0_and_soon(recording: Path, number: signal.Signals) -> None:
    with ReplayServer(recording) as server, connect(f"{server.ws_url}/ws/btcusdt@aggTrade") as ws:
        ws.recv(timeout=30)
        began = time.monotonic()
        os.kill(server.pid, number)
        assert 0 == server.wait(30)
        assert time.monotonic() - began < 2
        assert [1001] == [end.rcvd.code for end in [ending(ws)] if end.rcvd]


def test_it_ends_when_its_parent_does_and_leaves_nothing(recording: Path, tmp_path: Path) -> None:
    program = (
        "import os, sys; from bc_replay.testing import ReplayServer;"
        f"server = ReplayServer({str(recording)!r}).start(); print(server.url, flush=True); os._exit(1)"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path)), "TMPDIR": str(tmp_path)}
    dead = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=30, env=environment)
    assert dead.stdout.startswith("http"), dead.stderr
    deadline = time.monotonic() + 60
    while answers(dead.stdout.strip()) or any(tmp_path.iterdir()):
        assert time.monotonic() < deadline, "the server outlived its parent"
        time.sleep(0.05)


def answers(url: str) -> bool:
    try:
        return requests.get(f"{url}/api/v3/ping", timeout=1).ok
    except requests.RequestException:
        return False


def test_it_exits_at_the_end_after_the_streams_have_been_sent(recording: Path) -> None:
    with ReplayServer(recording, speed=0, exit_at_end=True) as server:
        with connect(f"{server.ws_url}/ws/btcusdt@aggTrade") as ws:
            got = [json.loads(message)["a"] for message in ws]
        assert list(range(1000, 4000)) == got
        assert 0 == server.wait(30)


def test_a_loop_goes_on_with_unbroken_ids_and_times_and_a_true_book(recording: Path) -> None:
    with (
        ReplayServer(recording, speed=0, loop=True) as server,
        connect(f"{server.ws_url}/stream?streams=btcusdt@aggTrade/btcusdt@depth@100ms", close_timeout=0.2) as ws,
    ):
        trades: list[dict[str, Any]] = []
        updates: list[dict[str, Any]] = []
        while len(trades) < 7000:
            event = json.loads(ws.recv(timeout=30))["data"]
            (trades if event["e"] == "aggTrade" else updates).append(event)
    assert list(range(1000, 8000)) == [trade["a"] for trade in trades]
    assert all(a["l"] + 1 == b["f"] and a["T"] < b["T"] for a, b in itertools.pairwise(trades))
    assert all(a["u"] + 1 == b["U"] for a, b in itertools.pairwise(updates))
    book: dict[str, str] = {}
    for update in updates[:601]:
        book |= dict(update["b"])
    assert {"89.00000000": "1.00000000"} == {p: q for p, q in book.items() if q != "0.00000000"}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["/nowhere.gz"], "/nowhere.gz"),
        (["--fault", "earthquake@1"], "there are disconnect"),
        (["--fault", "disconnect"], "KIND@SECONDS"),
        (["--fault", "gap@1:0"], "whole number of events"),
        (["--fault", "disconnect@1:5"], "takes no argument"),
        (["--start-at", "2020-01-01"], "outside the recording"),
        (["--start-at", "yesterday"], "ISO 8601"),
        (["--loop", "--exit-at-end"], "--loop never ends"),
        (["synthetic:1x1", "--loop"], "leave out --loop"),
        (["--bulk", "/nowhere"], "/nowhere"),
        (["--fault", "header@1:1.5"], "whole number of files"),
        (["--sample", "x"], "either --sample or RECORDINGs"),
    ],
)
def test_a_misuse_is_explained_and_exits_2(arguments: list[str], message: str) -> None:
    done = command(*arguments)
    assert (2, True) == (done.returncode, message in done.stderr), done.stderr


def test_a_port_that_is_taken_is_explained(recording: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        done = command(str(recording), "--port", str(taken.getsockname()[1]))
    assert 2 == done.returncode
    assert "cannot listen on 127.0.0.1" in done.stderr
    assert "another --port, or 0 for any that is free" in done.stderr


def test_the_kinds_of_faults_can_be_listed() -> None:
    shown = command("--list-faults").stdout
    kinds = "disconnect reset silence refuse shutdown rotate 429 418 403html 451 500 502html hang truncate"
    kinds += " gap duplicate reorder lag stale acksilent late missing nosum wrongsum replaced header shuffled shortday"
    kinds += " pathtrick bomb filecut filehalf"
    assert set(kinds.split()) == {line.split()[0] for line in shown.splitlines()}


def test_the_help_imports_no_server_libraries() -> None:
    program = (
        "import sys; from bc_replay.cli import replay; import bc_replay.plugin;"
        "print([name for name in ('falcon', 'gunicorn', 'pyarrow', 'pandas') if name in sys.modules])"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, env=environment)
    assert "[]" == done.stdout.strip(), done.stderr


def test_a_server_that_does_not_answer_is_described(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    python = tmp_path / "python"
    monkeypatch.setattr(sys, "executable", str(python))
    monkeypatch.setattr(testing, "ANSWER", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        url = f"http://127.0.0.1:{deaf.getsockname()[1]}"
        python.write_text(f"#!/bin/sh\necho strange >&2\necho listening on {url}\nexec sleep 600\n")
        python.chmod(0o755)
        with pytest.raises(ReplayFailed) as failed:
            ReplayServer(speed=3).start()
    told = f"listens on {url}, and did not answer GET /_replay/status in 0.2 s: `{python} -m bc_replay --speed 3 "
    assert told in str(failed.value)
    assert f"Python {platform.python_version()}" in str(failed.value)
    assert str(failed.value).endswith("it wrote to standard error:\nstrange")


def test_a_server_that_ends_before_it_listens_is_described(recording: Path) -> None:
    with pytest.raises(ReplayFailed) as failed:
        ReplayServer(recording, loop=True, exit_at_end=True).start()
    told = str(failed.value)
    assert f"server ended with exit code 2 before it listened: `{sys.executable} -m bc_replay " in told
    assert told.endswith("--loop never ends: leave out --exit-at-end")


def test_a_long_temporary_folder_does_not_keep_it_from_starting(recording: Path, tmp_path: Path) -> None:
    deep = tmp_path / ("d" * 90)
    deep.mkdir()
    program = (
        "from bc_replay.testing import ReplayServer;"
        f"server = ReplayServer({str(recording)!r}); server.start(); print(server.status()['ended']); server.stop()"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path)), "TMPDIR": str(deep)}
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=30, env=environment)
    assert ended.stdout.startswith("False"), ended.stderr
