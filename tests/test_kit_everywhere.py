"""Everything that our plugins offer is on the kit: the registry is walked, and each thing in it has its test class."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Iterator
from datetime import date
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import pytest

from bcore.registry import Registry
from bcore.testing import (
    ComputationTests,
    DerivationTests,
    ExchangeTests,
    Kit,
    ServerTests,
    SourceTests,
    StoreTests,
    TransportTests,
)

ROOT = Path(__file__).parents[1]
FILES = sorted({*ROOT.glob("plugins/*/tests/test_*kit.py"), *ROOT.glob("tests/test_kit_*.py")} - {Path(__file__)})
NAMED = {"source": SourceTests, "store": StoreTests, "exchange": ExchangeTests, "remote": TransportTests}
# What is not on the kit, until when that is good for, and why.
EXCUSED = {
    "server http": (date(2027, 6, 1), "gunicorn's processes cannot run in a thread: test_http_life.py runs them"),
}


def classes() -> Iterator[type[Kit]]:
    """The test classes of these files. A file of a plugin that is not installed cannot be imported."""
    for number, file in enumerate(FILES):
        spec = spec_from_file_location(f"kit_tests_{number}", file)
        assert spec is not None
        assert spec.loader is not None
        module = module_from_spec(spec)
        sys.modules[spec.name] = module
        try:
            spec.loader.exec_module(module)
        except ModuleNotFoundError as error:
            if not (error.name or "").startswith("bc_"):
                raise
            continue
        yield from (each for name, each in vars(module).items() if name.startswith("Test") and inspect.isclass(each))


def on_the_kit() -> set[str]:
    found = set()
    for kind in classes():
        if issubclass(kind, DerivationTests):
            found.add(f"view {kind.derivation.name}")
        elif issubclass(kind, ComputationTests):
            found.add(f"view {kind.computation.name}")
        elif issubclass(kind, SourceTests):
            found |= {f"source {kind.kind}, {way}" for way in kind.ways}  # type: ignore[attr-defined]
        elif issubclass(kind, ServerTests):
            found.add(f"server {kind.kind}")  # type: ignore[attr-defined]
        else:
            (noun,) = (noun for noun, base in NAMED.items() if issubclass(kind, base))
            found.add(f"{noun} {kind.kind}")  # type: ignore[attr-defined]
    return found


def offered(registry: Registry) -> set[str]:
    """Of our own plugins: those that are tested as examples have tests of their own."""
    found = {f"view {name}" for name in registry.of("derivations")}
    found |= {f"{noun[:-1]} {name}" for noun in ("stores", "exchanges") for name in registry.of(noun)}
    found |= {f"source {name}, {way}" for name in registry.of("sources") for way in ("pass", "live")}
    for name, transport in registry.of("transports").items():
        found |= {f"remote {name}"} if transport.remote else set()
        found |= {f"server {name}"} if transport.server else set()
    return found | ({"source trades, history"} if "trades" in registry.of("sources") else set())


def test_everything_that_is_offered_is_on_the_kit() -> None:
    there = offered(Registry.load(environ={}))
    assert "store memory" in there
    assert [] == sorted(there - on_the_kit() - set(EXCUSED)), "put it on the kit, in a test_*kit.py of its plugin"


def test_the_files_that_are_looked_at_test_something() -> None:
    pytest.importorskip("bc_orderbook", reason="bc-orderbook is not installed")
    assert {"view book", "source depth, live", "store memory"} <= on_the_kit()


@pytest.mark.parametrize("name", EXCUSED)
def test_an_excuse_has_an_end_and_is_needed(name: str) -> None:
    until, why = EXCUSED[name]
    assert why
    assert date.today() <= until, f"{name}: the excuse has run out"
    assert name not in on_the_kit(), f"{name} is on the kit: the excuse can go"
