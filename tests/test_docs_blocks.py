"""Every code block of the README and of docs/ is run: against a replay exchange, in a folder with an archive of it.

Commands of `bcore` run in this process, unless they go on until they are stopped: those are started as processes and
stopped again. What cannot be run here is listed in NOT_RUN with the reason, and what is listed must be there.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import signal
import socket
import subprocess
import sys
import time
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from attrs import define, field, frozen
from click.testing import CliRunner

pytest.importorskip("bc_replay", reason="the blocks are run against the replay exchange")
pytest.importorskip("binance_collector", reason="the migration page speaks of the original's names")

from bc_replay.testing import ReplayServer
from bcore.app import App
from bcore.cli import main
from bcore.clock import SystemClock
from bcore.runner import Runner

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```", re.DOTALL | re.MULTILINE)
MIDNIGHT = 1_723_161_600_000_000  # at which the pages ask for a book
END = 1_723_161_905_000_000  # 2024-08-09 00:05:05, when everything has happened
# How a command begins, and why it is not run here.
NOT_RUN = {
    "python3 -m venv": "makes environments: the package session and CI do so",
    ". .venv/bin/activate": "the same",
    ".venv/bin/bcore": "what that makes",
    "bcore demo": "takes long: tests/e2e/test_demo.py runs it",
    ".nox/demo/bin/": "what the demo session leaves; tests/e2e/test_demo.py runs the demo",
    "R=git+": "makes an environment: tests/test_from_git.py runs it",
    "pip install $R": "the same",
    "useradd": "changes the machine",
    "cp deploy/": "changes the machine",
    "systemctl": "changes the machine",
    "BCORE_REMOTE_KEY=": "needs another machine: tests/e2e/test_ssh.py has one",
    "bcore sync ssh://": "needs another machine: tests/e2e/test_ssh.py has one",
    "bcore import /root": "takes over an archive of the original: plugins/bc_parquet/tests/test_engine.py makes one",
}
PORTS = ("8000", "9000")
# The same of blocks of Python, by how a line begins.
NOT_RUN_PYTHON = {
    "with client.follow(": "goes on for ever: tests/e2e has it follow a collector",
    'far = bcore.open("ssh://': "needs another machine: tests/e2e/test_ssh.py has one",
}
FOREVER = ("bcore run", "bcore serve", "bcore replay", "bcore status --watch")
UNPROVEN = ("bcore verify", "bcore status", "bcore repair")  # end with 1 where something is open, or nobody collects


@frozen
class Block:
    page: Path
    line: int
    language: str
    text: str

    @classmethod
    def of(cls, page: Path) -> Iterator[Block]:
        text = page.read_text()
        for found in BLOCK.finditer(text):
            yield cls(page, text.count("\n", 0, found.start()) + 1, found[1], found[2])

    def __str__(self) -> str:
        return f"{self.page.relative_to(ROOT)}:{self.line}"


BLOCKS = [block for page in PAGES for block in Block.of(page)]


def commands(block: Block) -> list[str]:
    """The lines of a shell block, continued ones as one; ports that others may hold are others."""
    text = block.text.replace("\\\n", " ")
    for port in PORTS:
        text = text.replace(port, str(free_port())) if port in text else text
    return [line.strip() for line in text.splitlines() if shlex.split(line, comments=True)]


@define
class Shell:
    """Runs commands as a reader would type them, in `folder`."""

    folder: Path
    env: dict[str, str]
    running: list[tuple[str, subprocess.Popen[str]]] = field(factory=list)

    def run(self, command: str) -> None:
        if any(command.startswith(each) for each in NOT_RUN):
            return
        if command.startswith(FOREVER) and "--once" not in command:
            self._start(command)
        elif command.startswith("bcore ") and "|" not in command:
            ended = CliRunner().invoke(main, shlex.split(command, comments=True)[1:], prog_name="bcore")
            fine = (0, 1) if command.startswith(UNPROVEN) else (0,)
            assert ended.exit_code in fine, f"{command}: {ended.output}{ended.exception or ''}"
        else:
            done = subprocess.run(command, shell=True, env=self.env, capture_output=True, text=True, timeout=120)
            assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"

    def stop(self) -> None:
        for command, process in reversed(self.running):
            process.send_signal(signal.SIGINT)
            said = process.communicate(timeout=60)[0]
            fine = (0, 1, 130) if command.startswith(UNPROVEN) else (0, 130)
            assert process.returncode in fine, f"{command}: {said}"

    def _start(self, command: str) -> None:
        words = [sys.executable, "-m", "bcore", *shlex.split(command, comments=True)[1:]]
        process = subprocess.Popen(words, env=self.env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        self.running.append((command, process))
        assert process.stdout is not None
        said = process.stdout.readline()
        if command.startswith(("bcore serve", "bcore replay")):
            while "listening on" not in said and (more := process.stdout.readline()):
                said += more
            assert "listening on" in said, said
        else:
            time.sleep(1)  # that it goes on, and ends when it is asked to, is all there is to see
            assert process.poll() is None, said + process.communicate()[0]


@pytest.fixture(scope="module")
def exchange() -> Iterator[ReplayServer]:
    with ReplayServer(options=["--start-at", str(END), "--weight-limit", "1000000"]) as server:
        yield server


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory, exchange: ReplayServer) -> Path:
    """A folder with ten minutes of trades and a snapshot of a book in data/."""
    from bc_orderbook import OrderBookCollector
    from bc_trades import TradesCollector

    folder = tmp_path_factory.mktemp("docs")
    with TradesCollector(["BTCUSDT"], folder / "data", start="2024-08-08T23:54:15", rest_url=exchange.url) as trades:
        assert trades.update()["BTCUSDT"]["rows"] > 11_300
    with OrderBookCollector(["BTCUSDT"], data_path=folder / "data", rest_url=exchange.url) as books:
        books.update()
    with ReplayServer(options=["--start-at", str(MIDNIGHT - 30_000_000)]) as earlier:
        collect_depth(folder / "data", earlier)
    return folder


def collect_depth(path: Path, exchange: ReplayServer) -> None:
    """Follows the depth stream until a whole book is stored, and then beyond midnight."""
    tree = {
        "symbols": ["BTCUSDT"],
        "exchanges": {"binance": {"rest_url": exchange.url}},
        "stores": {"main": {"kind": "parquet", "path": str(path)}},
        "sources": {"depth": {}},
    }
    clock, deadline = SystemClock(), time.monotonic() + 60
    app = App.of(tree, clock=clock)
    (store,) = app.stores().values()

    def stored() -> bool:
        assert time.monotonic() < deadline
        found = {series.dataset.name: series for series in store.series()}
        if "depth_states" not in found:
            return False
        exchange.clock(speed=30)
        return (store.stats(found["depth"]).last_time or 0) > MIDNIGHT

    try:
        Runner(app, clock).run(app.jobs(), until=stored)
    finally:
        app.close()


@pytest.fixture
def shell(filled: Path, exchange: ReplayServer, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shell]:
    for name in [name for name in os.environ if name.startswith("BCORE_")]:
        monkeypatch.delenv(name)
    told = {"BCORE_EXCHANGES__BINANCE__REST_URL": exchange.url, "BINANCE_BASE_URL": exchange.url}
    for name, value in told.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(filled)
    made = Shell(filled, dict(os.environ))
    yield made
    made.stop()


def ids(block: Block) -> str:
    return str(block)


@pytest.mark.parametrize("block", [each for each in BLOCKS if each.language in ("bash", "sh")], ids=ids)
def test_shell_blocks_run(block: Block, shell: Shell) -> None:
    for command in commands(block):
        shell.run(command)


@pytest.mark.parametrize("block", [each for each in BLOCKS if each.language == "python"], ids=ids)
def test_python_blocks_run(block: Block, shell: Shell) -> None:
    """With the names that a page takes for granted."""
    if any(line.startswith(tuple(NOT_RUN_PYTHON)) for line in block.text.splitlines()):
        return
    import pandas as pd

    import bcore

    with bcore.open("data") as client:
        names = {"bcore": bcore, "pd": pd, "client": client, "trades": client.get_trades("BTCUSDT")}
        exec(compile(block.text, str(block), "exec"), names)


@pytest.mark.parametrize("block", [each for each in BLOCKS if each.language in ("toml", "json", "yaml")], ids=ids)
def test_settings_are_well_formed(block: Block) -> None:
    import yaml

    read: Callable[[str], object] = {"toml": tomllib.loads, "json": json.loads, "yaml": yaml.safe_load}[block.language]
    assert read(block.text)


def test_the_readmes_configuration_collects_from_a_replayed_exchange(
    shell: Shell, exchange: ReplayServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (block,) = [each for each in BLOCKS if each.language == "toml" and each.page.name == "README.md"]
    monkeypatch.delenv("BCORE_EXCHANGES__BINANCE__REST_URL")
    monkeypatch.chdir(tmp_path)
    assert "http://127.0.0.1:9000" in block.text
    Path("bcore.toml").write_text(block.text.replace("http://127.0.0.1:9000", exchange.url))
    for command in ("bcore config check", "bcore run --once", "bcore verify trades"):
        ended = CliRunner().invoke(main, command.split()[1:], prog_name="bcore")
        assert 0 == ended.exit_code, f"{command}: {ended.output}{ended.exception or ''}"
    assert "11,349 rows" in ended.stdout


def test_every_block_is_looked_at() -> None:
    known = {"bash", "sh", "python", "toml", "json", "yaml"}
    assert [] == [f"{each} {each.language}" for each in BLOCKS if each.language not in known and each.language]


def test_what_is_not_run_is_there() -> None:
    shown = [command for block in BLOCKS if block.language in ("bash", "sh") for command in commands(block)]
    assert [] == [each for each in NOT_RUN if not any(command.startswith(each) for command in shown)]
    lines = [line for block in BLOCKS if block.language == "python" for line in block.text.splitlines()]
    assert [] == [each for each in NOT_RUN_PYTHON if not any(line.startswith(each) for line in lines)]


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])
