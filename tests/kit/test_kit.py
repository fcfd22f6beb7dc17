"""What the kit itself promises: excuses that expire, a network that is closed, rows that can be trusted."""

from __future__ import annotations

import ast
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from filestore import FileStore

import bcore.testing
from bcore.errors import ConfigError
from bcore.records import Factory
from bcore.schema import conform
from bcore.testing import Kit, NetworkClosed, StoreTests, closed_network, made, samples

ROOT = Path(bcore.testing.__file__).parent
MAY = {"bcore", "pytest", "hypothesis", "pyarrow", "attrs", "pluggy"}
EXCUSED = """
from bcore.testing import Kit

class Base(Kit):
    def test_one(self):
        assert self.right

class TestRight(Base):
    right = True
    excuses = {"test_one": "it used to fail"}

class TestWrong(Base):
    right = False
    excuses = {"test_one": "a known fault"}
"""


def run(folder: Path, text: str) -> subprocess.CompletedProcess[str]:
    (folder / "test_excused.py").write_text(text)
    words = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(folder)]
    return subprocess.run(words, capture_output=True, text=True, timeout=120, cwd=folder)


def test_an_excuse_ends_with_the_fault_and_a_typing_mistake_in_one_ends_the_run(tmp_path: Path) -> None:
    ended = run(tmp_path, EXCUSED)
    assert 1 == ended.returncode
    assert "1 failed, 1 xfailed" in ended.stdout
    assert "XPASS(strict)" in ended.stdout
    ended = run(tmp_path, EXCUSED.replace('{"test_one": "a known', '{"test_won": "a known'))
    assert 2 == ended.returncode, "the run is aborted"
    assert "TestWrong.excuses: there is no test 'test_won' (did you mean test_one?)" in ended.stdout


def test_an_excuse_needs_a_reason() -> None:
    with pytest.raises(TypeError, match="test_a_store_may_be_closed_twice is excused without a reason"):
        type("Mine", (StoreTests,), {"excuses": {"test_a_store_may_be_closed_twice": " "}})


def test_a_store_without_back_doors_is_told_which_are_missing() -> None:
    with pytest.raises(TypeError, match="plant"):
        type("Mine", (StoreTests,), {"open": FileStore})()


@pytest.mark.parametrize("host", ["192.0.2.1", "example.com", "2001:db8::1"])
def test_the_network_is_closed(host: str) -> None:
    with closed_network(), pytest.raises(NetworkClosed, match="tests talk to this machine only"):
        socket.create_connection((host, 80), timeout=1)


def test_this_machine_can_be_reached_and_the_network_is_open_again_afterwards() -> None:
    before = (socket.getaddrinfo, socket.socket.connect)
    with socket.create_server(("127.0.0.1", 0)) as server, closed_network():
        socket.create_connection(server.getsockname()).close()
        socket.create_connection(("localhost", server.getsockname()[1])).close()
    assert before == (socket.getaddrinfo, socket.socket.connect)


def test_a_product_is_made_from_a_section_as_bcore_makes_it() -> None:
    from bcore.memory import MemoryConfig, MemoryStore

    factory = Factory("memory", MemoryConfig, MemoryStore.build)
    assert isinstance(made(factory), MemoryStore)
    with pytest.raises(ConfigError, match=r"memory.pth: is not known"):
        made(factory, {"pth": "x"})


@pytest.mark.parametrize(
    "batch", [samples.ticks(range(50)), samples.quotes(range(9)), samples.trades(range(9), voided=(3,))]
)
def test_sample_rows_fit_their_datasets(batch: object) -> None:
    conformed = conform(batch)  # type: ignore[arg-type]
    assert batch.table.num_rows == conformed.table.num_rows  # type: ignore[attr-defined]


def test_times_of_samples_do_not_rise_with_their_ids() -> None:
    """As an exchange's do not."""
    times = [samples.time_of(number) for number in range(100)]
    assert sorted(times) != times
    assert len(set(times)) < 100


def test_the_kit_needs_nothing_but_the_core_and_pytest() -> None:
    found = set()
    for file in ROOT.glob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            found |= {name.split(".")[0] for name in names}
    assert set() == found - MAY - set(sys.stdlib_module_names)


def test_hypothesis_is_imported_where_it_is_used() -> None:
    code = "import sys; sys.modules['hypothesis'] = None; import bcore.testing, bcore.testing.fixtures"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


def test_every_class_of_the_kit_is_exported() -> None:
    kits = {"Store", "Source", "Exchange", "Derivation", "Computation", "Transport", "Server"}
    for name in kits:
        assert issubclass(getattr(bcore.testing, f"{name}Tests"), Kit)
    assert [] == [name for name in bcore.testing.__all__ if not hasattr(bcore.testing, name)]


@pytest.mark.parametrize("kit", [name for name in bcore.testing.__all__ if name.endswith("Tests")])
def test_each_class_of_the_kit_is_failed_by_something_wrong(kit: str) -> None:
    """And each of its tests: test_each_test_of_the_kit_finds_something, in the same file."""
    texts = [file.read_text() for file in Path(__file__).parent.glob("test_wrong_*.py")]
    assert [1] == [text.count(f"in dir({kit})") for text in texts if f"in dir({kit})" in text]
