"""A second store kind beside bc-parquet: archives that are there go on being read, written and synced as before."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from attrs import define, frozen
from click.testing import CliRunner, Result

import bc_toy
import bcore
from bcore import builtin
from bcore.app import completed, only_store
from bcore.cli import main
from bcore.cli.options import Options
from bcore.config import read_tree
from bcore.errors import ConfigError
from bcore.hookspecs import hookimpl
from bcore.memory import MemoryStore
from bcore.records import Factory
from bcore.registry import Registry

pytest.importorskip("bc_parquet", reason="the store that others stand beside")
import bc_parquet.plugin
import bc_parquet.store

MARK = "drawer"


@define
class Drawer(MemoryStore):
    """Keeps nothing, but an archive of it is a folder with a mark in it."""

    path: Path = Path()


@frozen
class DrawerConfig:
    path: str = "drawers"


def drawers(**more: Any) -> SimpleNamespace:
    """A plugin with a store of its own; `more` is what its factory says."""

    def build(config: DrawerConfig, context: object) -> Drawer:
        store = Drawer(path=Path(config.path))
        store.append(bc_toy.tick_batch([7], symbol="DRAWN"))
        return store

    def bcore_stores() -> list[Factory[Any]]:
        return [Factory("drawer", DrawerConfig, build, **more)]

    return SimpleNamespace(__name__="drawers", bcore_stores=hookimpl(bcore_stores))


def marked(path: Path) -> bool:
    return (path / MARK).exists()


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with a Parquet archive at "parquet" and a drawer at "drawer"."""
    monkeypatch.chdir(tmp_path)
    store = bc_parquet.store.ParquetStore(tmp_path / "parquet")
    store.append(bc_toy.tick_batch([1, 2, 3]))
    store.close()
    (tmp_path / "drawer").mkdir()
    (tmp_path / "drawer" / MARK).touch()
    return tmp_path


@pytest.fixture
def installed(
    folder: Path, registry_of: Callable[..., Registry], monkeypatch: pytest.MonkeyPatch
) -> Callable[..., Registry]:
    """Installs these plugins beside bc-parquet, and nothing else."""

    def install(*plugins: object) -> Registry:
        registry = registry_of(builtin, bc_parquet.plugin, *plugins)
        monkeypatch.setattr(Registry, "load", lambda *args, **more: registry)
        return registry

    return install


def cli(*args: str) -> Result:
    return CliRunner().invoke(main, args, obj=Options())


def test_a_store_on_request_is_not_meant_by_none(installed: Callable[..., Registry], folder: Path) -> None:
    registry = installed(drawers(on_request=True))
    assert ["parquet"] * 3 == [only_store(registry, path).name for path in (None, "new", folder / "drawer")]
    assert {"main": {"kind": "parquet", "path": "new"}} == completed({}, registry, data="new", groups=())["stores"]
    assert ["AAA"] == bcore.open(folder / "parquet").reader.symbols()
    assert 0 == cli("verify", "--data", "parquet").exit_code


@pytest.mark.parametrize("on_request", [False, True])
def test_an_archive_that_is_there_is_read_by_the_store_that_knows_it(
    installed: Callable[..., Registry], on_request: bool
) -> None:
    installed(drawers(on_request=on_request, recognises=marked))
    assert (["AAA"], ["DRAWN"]) == (bcore.open("parquet").reader.symbols(), bcore.open("drawer").reader.symbols())
    read = cli("read", "ticks", "DRAWN", "--data", "drawer")
    assert (0, True) == (read.exit_code, read.stdout.splitlines()[1].startswith("7 ")), read.output
    synced = cli("sync", "drawer", "--data", "parquet")
    assert (0, True) == (synced.exit_code, "ticks/DRAWN: 1 row came" in synced.stdout), synced.output
    assert ["AAA", "DRAWN"] == bcore.open("parquet").reader.symbols()


def test_two_usual_stores_are_a_choice_where_nothing_is_there(installed: Callable[..., Registry]) -> None:
    registry = installed(drawers(recognises=marked))
    for path in (None, "new"):
        with pytest.raises(ConfigError, match=r"several stores are installed \(parquet, drawer\); choose one"):
            only_store(registry, path)


def test_a_store_that_cannot_say_what_it_knows_costs_the_others_nothing(
    installed: Callable[..., Registry], caplog: pytest.LogCaptureFixture
) -> None:
    def failing(path: Path) -> bool:
        raise RuntimeError("no idea")

    installed(drawers(on_request=True, recognises=failing))
    assert ["AAA"] == bcore.open("parquet").reader.symbols()
    assert "the store drawer cannot say whether parquet is an archive of its" in caplog.text


@pytest.mark.parametrize(
    ("on_request", "main_kind", "other"), [(True, "parquet", "drawer"), (False, "drawer", "parquet")]
)
def test_config_init_writes_every_store_and_one_of_them_is_in_force(
    installed: Callable[..., Registry], folder: Path, on_request: bool, main_kind: str, other: str
) -> None:
    installed(drawers(on_request=on_request), bc_toy)
    made = cli("config", "init")
    assert 0 == made.exit_code, made.output
    text = (folder / "bcore.toml").read_text()
    assert {"main": {"kind": main_kind}} == read_tree(folder / "bcore.toml", {})["stores"]
    (folder / "bcore.toml").write_text(text.replace(f"# [stores.{other}]", f"[stores.{other}]"))
    checked = cli("config", "check")
    assert "ok: 1 sources, 2 stores\n" == checked.stdout, checked.output


def test_a_folder_of_something_else_is_no_empty_archive(installed: Callable[..., Registry], folder: Path) -> None:
    installed()
    said = cli("sync", "drawer", "--data", "parquet")
    assert 1 == said.exit_code
    assert "bcore: drawer is not empty, but ParquetStore finds no series in it: is the archive a folder" in said.stderr
    (folder / "empty").mkdir()
    said = cli("sync", "empty", "--data", "parquet")
    assert (0, "empty holds nothing\n") == (said.exit_code, said.stdout)
