"""The files in `deploy/`: what they start does start, as they would start it, and ends as they would end it."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import signal
import stat
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

pytest.importorskip("bc_http", reason="needs the HTTP server")
pytest.importorskip("bc_trades", reason="needs trades")

from attrs import frozen
from processes import environment

import bcore
from bc_replay.testing import ReplayServer

pytestmark = pytest.mark.skipif(os.getuid() == 0 and not shutil.which("setpriv"), reason="root may write anywhere")

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
UNITS = ("bcore.service", "bcore-api.service")
BOUND = 15  # tenths of what `systemd-analyze security` calls exposure, 0 to 100
# Nothing that root may do and others may not: what is read-only is so for root too.
POWERLESS = ["setpriv", "--no-new-privs", "--bounding-set=-all", "--inh-caps=-all"] if os.getuid() == 0 else []
MDWE = "import ctypes, os, sys; ctypes.CDLL(None).prctl(65, 1, 0, 0, 0); os.execv(sys.argv[1], sys.argv[1:])"


@frozen
class Unit:
    """A unit file whose folders lie below `root`."""

    name: str
    root: Path

    @property
    def text(self) -> str:
        return (DEPLOY / self.name).read_text()

    def key(self, name: str) -> str:
        (found,) = re.findall(rf"^{name}=-?(.*)$", self.text, re.MULTILINE)
        return str(found)

    def below(self, path: str) -> Path:
        return self.root / path.lstrip("/")

    def start(self, *more: str) -> subprocess.Popen[str]:
        """ExecStart as it stands, but for where its folders are; without more memory that may be run."""
        words = [str(self.below(each)) if each.startswith("/") else each for each in shlex.split(self.key("ExecStart"))]
        environ = environment() | {"HOME": "/nonexistent", "PYTHONDONTWRITEBYTECODE": "1"}
        if "EnvironmentFile" in self.text:
            lines = self.below(self.key("EnvironmentFile")).read_text().splitlines()
            environ |= dict(line.split("=", 1) for line in lines)
        mask = int(self.key("UMask"), 8)
        return subprocess.Popen(
            [*POWERLESS, sys.executable, "-c", MDWE, *words, *more],
            cwd=self.below(self.key("WorkingDirectory")),
            env=environ,
            umask=mask,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )

    def stop(self, process: subprocess.Popen[str]) -> int:
        process.send_signal(getattr(signal, self.key("KillSignal")))
        status = process.wait(float(self.key("TimeoutStopSec")))
        assert process.stdout is not None
        process.stdout.close()
        return status


def layout(root: Path, config: str) -> None:
    """As the comments of the units say: the program, its configuration, and room for data."""
    for folder in ("opt/bcore/bin", "etc/bcore", "var/lib/bcore"):
        (root / folder).mkdir(parents=True)
    (root / "etc/bcore/bcore.toml").write_text(config)
    program = root / "opt/bcore/bin/bcore"
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m bcore "$@"\n')
    program.chmod(0o555)


@pytest.fixture
def collected(tmp_path: Path, wait_until: Callable[..., None]) -> Iterator[Path]:
    """The folders after the collector's unit ran for a while."""
    unit = Unit("bcore.service", tmp_path / "root")
    with ReplayServer(speed=30.0, symbols=["BTCUSDT"]) as exchange:
        venue = f'rest_url = "{exchange.url}"\nstream_url = "{exchange.ws_url}"\n'
        layout(unit.root, f'symbols = ["BTCUSDT"]\n[exchanges.binance]\n{venue}[sources.trades]\n')
        (unit.root / "etc/bcore").chmod(0o555)
        process = unit.start()
        data = unit.root / "var/lib/bcore/data"
        wait_until(lambda: process.poll() is not None or list(data.glob("trades/BTCUSDT.parquet/*")), "rows are stored")
        assert 0 == unit.stop(process)
    yield unit.root
    for path in [unit.root, *unit.root.rglob("*")]:
        path.chmod(path.stat().st_mode | stat.S_IWUSR)


def test_the_collectors_unit_stores_what_its_group_may_read_and_nobody_else(collected: Path) -> None:
    data = collected / "var/lib/bcore/data"
    modes = {path: path.stat().st_mode for path in data.rglob("*")}
    assert modes
    assert [] == [path for path, mode in modes.items() if not mode & stat.S_IRGRP or mode & stat.S_IRWXO]
    with bcore.open(data) as archive:
        assert archive.read("trades", "BTCUSDT", limit=5).num_rows


def test_the_apis_unit_serves_what_it_cannot_write(collected: Path, wait_until: Callable[..., None]) -> None:
    unit = Unit("bcore-api.service", collected)
    config = '[servers.api]\nkind = "http"\nport = 0\napi_key = { env = "BCORE_API_KEY" }\n'
    (collected / "etc/bcore").chmod(0o755)
    (collected / "etc/bcore/bcore.toml").write_text(config)
    (collected / "etc/bcore/api.env").write_text("BCORE_API_KEY=a-key-from-a-file\n")
    before = sorted(collected.rglob("*"))
    for path in [collected, *before]:
        path.chmod(path.stat().st_mode & ~(stat.S_IWUSR | stat.S_IWGRP | stat.S_IWOTH))
    assert subprocess.run(
        [*POWERLESS, "touch", str(collected / "var/lib/bcore/data/x")], capture_output=True
    ).returncode
    process = unit.start()
    assert process.stdout is not None
    url = process.stdout.readline().strip().removeprefix("listening on ")

    def status(path: str, key: str = "a-key-from-a-file") -> int:
        try:
            with urllib.request.urlopen(urllib.request.Request(url + path, headers={"X-API-Key": key})) as reply:
                reply.read()
                return int(reply.status)
        except urllib.error.HTTPError as error:
            with error:
                return error.code

    paths = ("/health", "/trades/BTCUSDT", "/hot/trades/BTCUSDT", "/ohlcv/BTCUSDT?timeframe=1m", "/metrics")
    assert [200] * 5 == [status(path) for path in paths]
    assert 401 == status("/trades/BTCUSDT", "no-key")
    workers = _children(process.pid)
    reload = unit.key("ExecReload").replace("$MAINPID", str(process.pid))
    subprocess.run(shlex.split(reload), check=True)
    wait_until(lambda: status("/trades/BTCUSDT") == 200 and not workers & _children(process.pid), "new workers")
    assert 0 == unit.stop(process)
    assert before == sorted(collected.rglob("*"))


def _children(pid: int) -> set[str]:
    """Of a process, and theirs: the program may have been started by way of others."""
    own = set(Path(f"/proc/{pid}/task/{pid}/children").read_text().split())
    return own.union(*(_children(int(each)) for each in own if Path(f"/proc/{each}").exists()))


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="needs systemd-analyze")
@pytest.mark.parametrize("name", UNITS)
def test_systemd_takes_the_units_and_calls_them_tight(name: str, tmp_path: Path) -> None:
    text = (DEPLOY / name).read_text().replace("/opt/bcore/bin/bcore", "/bin/true")
    (tmp_path / name).write_text(text)
    verified = subprocess.run(["systemd-analyze", "verify", tmp_path / name], capture_output=True, text=True)
    assert (0, "") == (verified.returncode, verified.stderr)
    words = ["systemd-analyze", "security", "--offline=true", f"--threshold={BOUND}", "--no-pager", tmp_path / name]
    rated = subprocess.run(words, capture_output=True, text=True)
    if "unrecognized option" in rated.stderr:
        pytest.skip("this systemd-analyze is too old to look at files")
    assert 0 == rated.returncode, rated.stdout


def instructions() -> dict[str, list[str]]:
    """The container file: the instructions by name, continued lines joined."""
    text = re.sub(r"\\\n\s*", "", (DEPLOY / "Containerfile").read_text())
    found: dict[str, list[str]] = {}
    for line in text.splitlines():
        if line and not line.startswith("#"):
            name, _, rest = line.partition(" ")
            found.setdefault(name, []).append(rest)
    return found


def test_the_image_installs_what_is_there() -> None:
    (install,) = [each for each in instructions()["RUN"] if "pip install" in each]
    plugins = re.findall(r"\./(plugins/\w+)", install)
    assert {"plugins/bc_parquet", "plugins/bc_http", "plugins/bc_trades", "plugins/bc_orderbook"} <= set(plugins)
    assert [] == [each for each in plugins if not (ROOT / each / "pyproject.toml").is_file()]
    ignored = (ROOT / ".dockerignore").read_text().splitlines()
    assert {".git", "data", "**/.venv"} <= set(ignored)
    assert [] == [each for each in ("bcore", "plugins", "pyproject.toml", "README.md") if each in ignored]


def test_the_images_command_serves_an_empty_archive_that_it_cannot_write(tmp_path: Path) -> None:
    (entry,), (given,) = (
        (json.loads(each) for each in instructions()["ENTRYPOINT"]),
        map(json.loads, instructions()["CMD"]),
    )
    (volume,) = instructions()["VOLUME"]
    data = tmp_path / "data"
    data.mkdir(mode=0o555)
    words = [str(data) if each == volume else each for each in [*entry[1:], *given]]
    process = subprocess.Popen(
        [*POWERLESS, sys.executable, "-m", entry[0], *words, "--port", "0"],
        cwd=data,
        env=environment() | {"HOME": "/nonexistent"},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    url = process.stdout.readline().strip().removeprefix("listening on ")
    with urllib.request.urlopen(url + "/health") as reply:
        assert 200 == reply.status
    process.send_signal(getattr(signal, instructions()["STOPSIGNAL"][0]))
    assert 0 == process.wait(60)
    process.stdout.close()
    assert [] == list(data.iterdir())
