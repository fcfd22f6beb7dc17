"""The remote, through the tests that every transport has to pass; `bcore answer` runs here, in place of ssh."""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from bc_ssh.config import SshConfig
from bc_ssh.reader import SshReader
from bcore.protocols import Reader
from bcore.testing import TransportTests

FAR = """
from bcore.answering import Answering
from bcore.local import StoreReader
from bcore.memory import MemoryStore
from bcore.testing import samples
store = MemoryStore()
for batch in samples.archive():
    store.append(batch)
Answering(StoreReader((store,), (samples.TICKS, samples.QUOTES)), 0, 1).serve()
"""


def ssh_that(folder: Path, runs: str) -> str:
    """The search path to an `ssh` that does this."""
    ssh = folder / "ssh"
    ssh.write_text(f"#!/bin/sh\n{runs}\n")
    ssh.chmod(ssh.stat().st_mode | stat.S_IXUSR)
    return f"{folder}{os.pathsep}{os.environ['PATH']}"


@pytest.fixture(scope="module")
def remote(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Reader]:
    folder = tmp_path_factory.mktemp("far")
    (folder / "far.py").write_text(FAR)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PATH", ssh_that(folder, f"exec {sys.executable} {folder}/far.py"))
        reader = SshReader(SshConfig(host="far"))
        yield reader
        reader.close()


class TestSsh(TransportTests):
    kind = "ssh"

    @pytest.fixture
    def unreachable(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[], Reader]:
        refused = "echo 'ssh: connect to host far port 22: Connection refused' >&2; exit 255"
        monkeypatch.setenv("PATH", ssh_that(tmp_path, refused))
        return lambda: SshReader(SshConfig(host="far"))
