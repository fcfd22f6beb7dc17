"""What the tests of the core share: the toy plugin (tests/toys/bc_toy.py), registries of it, and subprocesses."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pluggy
import pytest

from bcore import hookspecs
from bcore.registry import Plugin, Registry

HERE = Path(__file__).parent
TOYS = HERE / "toys"
if str(TOYS) not in sys.path:
    sys.path.insert(0, str(TOYS))

Run = Callable[..., "subprocess.CompletedProcess[str]"]


def registry_of(*modules: object) -> Registry:
    """A registry of these plugin modules and nothing else that may be installed."""
    manager = pluggy.PluginManager("bcore")
    manager.add_hookspecs(hookspecs)
    plugins = []
    for number, module in enumerate(modules):
        name = getattr(module, "__name__", f"plugin{number}")
        manager.register(module, name=name)
        plugins.append(Plugin(name, f"dist-{name}", "1.0", name))
    return Registry(manager, plugins)


def wait_for(holds: Callable[[], object], seconds: float = 60.0) -> None:
    """Polls until `holds()`; fails the test if it does not within `seconds`."""
    deadline = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > deadline:
            pytest.fail(f"did not come true within {seconds} s")
        time.sleep(0.005)


@pytest.fixture(name="registry_of")
def _registry_of() -> Callable[..., Registry]:
    return registry_of


@pytest.fixture(name="wait_for")
def _wait_for() -> Callable[..., None]:
    return wait_for


@pytest.fixture
def registry() -> Registry:
    """The core's own offers and the toy plugin's."""
    import bc_toy
    from bcore import builtin

    return registry_of(builtin, bc_toy)


def site_environment(*sites: str | Path, plugins: str = "toy") -> dict[str, str]:
    """The environment for a subprocess that finds the plugins of these site folders, and of those only `plugins`."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("BCORE_")}
    return {**kept, "PYTHONPATH": os.pathsep.join(map(str, sites)), "BCORE_PLUGINS": plugins}


@pytest.fixture
def bcore(tmp_path: Path) -> Run:
    """Runs `python -m`-like `bcore ...` in a process of its own, in tmp_path, with the toy plugin installed."""

    def run(
        *args: str, sites: tuple[str | Path, ...] = (HERE / "toysite", TOYS), plugins: str = "toy", **env: str
    ) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-c", "from bcore.cli import main; main(prog_name='bcore')", *args],
            cwd=tmp_path,
            env={**site_environment(*sites, plugins=plugins), **env},
            capture_output=True,
            text=True,
            timeout=60,
        )

    return run
