"""The page's first snippet, `pip install git+...`, from a repository of what is committed here into a new environment.

As docs/migrating.md has it, for nothing of ours is on an index. It builds eight packages and fetches
what they need, which is why only the session `thirdparty` asks for it.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
MIGRATING = (ROOT / "docs" / "migrating.md").read_text()
PROGRAM = """\
from binance_collector import TradesCollector, get_local_client

collector = TradesCollector(symbols=['BTCUSDT'])
stats = collector.update()
print(stats['BTCUSDT']['rows'], len(get_local_client(data_path='data').get_trades('BTCUSDT')))
"""

pytestmark = pytest.mark.skipif("BCORE_FROM_GIT" not in os.environ, reason="takes a minute: set BCORE_FROM_GIT=1")


def said(*words: object, folder: Path, **env: str) -> str:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "BCORE_", "VIRTUAL"))}
    done = subprocess.run(
        [*map(str, words)], cwd=folder, env={**kept, **env}, capture_output=True, text=True, timeout=900
    )
    assert done.returncode == 0, f"{words}: {done.stdout}{done.stderr}"
    return done.stdout


@pytest.fixture
def repository(tmp_path: Path) -> str:
    """The address of a repository of what is committed here."""
    if not (ROOT / ".git").exists():
        pytest.skip("this checkout is no git repository")
    said("git", "clone", "--quiet", ROOT, tmp_path / "repository", folder=tmp_path)
    return (tmp_path / "repository").as_uri()


def test_installation(repository: str, tmp_path: Path) -> None:
    from bc_replay.testing import ReplayServer

    said(sys.executable, "-m", "venv", tmp_path / "venv", folder=tmp_path)
    python, elsewhere = tmp_path / "venv" / "bin" / "python", tmp_path / "elsewhere"
    elsewhere.mkdir()
    (block,) = re.findall(r"^```bash\n(R=git\+file:///srv/bcore .*?)^```", MIGRATING, re.DOTALL | re.MULTILINE)
    script = block.replace("file:///srv/bcore", repository).replace("pip install", "pip install --quiet --no-compile")
    said("bash", "-euc", script, folder=elsewhere, PATH=f"{python.parent}{os.pathsep}{os.environ['PATH']}")
    where = said(python, "-c", "import binance_collector as b; print(b.__file__)", folder=elsewhere)
    assert Path(where.strip()).is_relative_to(tmp_path / "venv")
    with ReplayServer(options=["--start-at", str(1_723_161_600_000_000)]) as exchange:
        stored, read = said(python, "-c", PROGRAM, folder=elsewhere, BINANCE_BASE_URL=exchange.url).split()
    assert int(read) == int(stored) >= 1000
