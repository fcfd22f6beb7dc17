"""What no change may break: who may import whom, and what the core may know (docs/architecture.md)."""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from attrs import frozen

from bcore import hookspecs

ROOT = Path(__file__).parents[1]
CORE = ROOT / "bcore"
KIT = CORE / "testing"
DISTRIBUTIONS = sorted(path for path in (ROOT / "plugins").iterdir() if (path / "pyproject.toml").exists())
# A front gives what other distributions do under other names. It offers no hooks, and nothing imports it.
FRONTS = [path for path in DISTRIBUTIONS if path.name == "binance_collector"]
PLUGINS = [path for path in DISTRIBUTIONS if path not in FRONTS]
HEAVY = {"pyarrow", "pandas", "numpy", "polars", "duckdb", "falcon", "gunicorn", "requests", "cattrs", "websockets"}
LIBRARY = "bc_binance"
WEB = {"bc_http", "bc_replay"}
OWNED_HOOKS = {"bc_http.routes"}  # what a hook of a plugin's own takes: who implements it needs the record, no more
HOOKS = [hook for name, hook in vars(hookspecs).items() if name.startswith("bcore_")]


@frozen
class Import:
    """One import: of `module` in `file`, `inside` a function or not."""

    module: str
    file: Path
    line: int
    inside: bool

    @property
    def top(self) -> str:
        return self.module.split(".")[0]

    def __str__(self) -> str:
        return f"{self.file.relative_to(ROOT)}:{self.line} imports {self.module}"


def only_for_types(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)


def imports_in(node: ast.AST, file: Path, inside: bool = False) -> Iterator[Import]:
    """Every import below the node, less those that only a type checker reads."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Import):
            yield from (Import(alias.name, file, child.lineno, inside) for alias in child.names)
        elif isinstance(child, ast.ImportFrom):
            yield Import(child.module or "", file, child.lineno, inside)
        elif only_for_types(child):
            yield from imports_in(ast.Module(child.orelse, []), file, inside)  # type: ignore[attr-defined]
        else:
            function = isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda))
            yield from imports_in(child, file, inside or function)


def imports_of(folder: Path) -> list[Import]:
    files = sorted(folder.rglob("*.py"))
    return [found for file in files for found in imports_in(ast.parse(file.read_text()), file)]


def package(plugin: Path) -> Path:
    """The folder of the plugin's code, without its tests."""
    return plugin / plugin.name


def shown(imports: list[Import]) -> list[str]:
    return [str(each) for each in imports]


def test_there_is_something_to_look_at() -> None:
    assert len(imports_of(CORE)) > 50
    assert {"bc_trades", "bc_orderbook", "bc_parquet", "bc_replay", "bc_binance"} <= {path.name for path in PLUGINS}
    assert all(imports_of(package(plugin)) for plugin in PLUGINS)


def test_the_reading_of_imports_sees_what_it_must() -> None:
    text = (
        "import a.b\nfrom c import d\nif TYPE_CHECKING:\n    import e\nelse:\n    import f\n"
        "def g():\n    import h\n    class I:\n        import j\ntry:\n    import k\nexcept ImportError:\n    pass\n"
    )
    found = {each.module: each.inside for each in imports_in(ast.parse(text), CORE)}
    assert {"a.b": False, "c": False, "f": False, "h": True, "j": True, "k": False} == found


def test_the_core_imports_no_plugin() -> None:
    plugins = {plugin.name for plugin in DISTRIBUTIONS}
    assert [] == shown([each for each in imports_of(CORE) if each.top in plugins or each.top.startswith("bc_")])


def test_the_core_imports_no_web_framework() -> None:
    assert [] == shown([each for each in imports_of(CORE) if each.top in {"falcon", "gunicorn", "websockets"}])


@pytest.mark.parametrize("name", ["binance", "kraken", "coinbase", "okx", "bybit"])
def test_the_core_names_no_exchange(name: str) -> None:
    files = [file for file in CORE.rglob("*") if file.is_file() and file.suffix != ".pyc"]
    named = [str(file.relative_to(ROOT)) for file in files if name in file.read_text(encoding="utf-8").lower()]
    assert [] == named


@pytest.mark.parametrize("plugin", PLUGINS, ids=lambda path: path.name)
def test_no_plugin_imports_another_but_the_exchange_as_a_library(plugin: Path) -> None:
    others = {other.name for other in DISTRIBUTIONS} - {plugin.name, LIBRARY}
    found = [each for each in imports_of(package(plugin)) if each.top in others]
    allowed = [each for each in found if each.module in OWNED_HOOKS and each.file.name == "plugin.py"]
    assert [] == shown([each for each in found if each not in allowed])


@pytest.mark.parametrize("front", FRONTS, ids=lambda path: path.name)
def test_a_front_offers_no_hooks_and_declares_what_it_imports(front: Path) -> None:
    project = (front / "pyproject.toml").read_text()
    assert not (package(front) / "plugin.py").exists()
    assert "entry-points.bcore]" not in project
    used = {each.top for each in imports_of(package(front))} & {path.name for path in PLUGINS}
    assert used
    assert [] == [name for name in sorted(used) if f'"{name.replace("_", "-")}>=' not in project]


@pytest.mark.parametrize("plugin", PLUGINS, ids=lambda path: path.name)
def test_the_exchange_is_a_declared_dependency_where_it_is_imported(plugin: Path) -> None:
    used = plugin.name != LIBRARY and any(each.top == LIBRARY for each in imports_of(package(plugin)))
    project = (plugin / "pyproject.toml").read_text()
    assert not used or re.search(r'^\s*"bc-binance\b', project, re.MULTILINE)


@pytest.mark.parametrize("plugin", [path for path in DISTRIBUTIONS if path.name not in WEB], ids=lambda path: path.name)
def test_only_the_web_plugins_import_falcon(plugin: Path) -> None:
    assert [] == shown([each for each in imports_of(package(plugin)) if each.top in {"falcon", "gunicorn"}])


@pytest.mark.parametrize("folder", [CORE, *map(package, DISTRIBUTIONS)], ids=lambda path: path.name)
def test_pandas_is_imported_only_inside_functions(folder: Path) -> None:
    assert [] == shown([each for each in imports_of(folder) if each.top == "pandas" and not each.inside])


def test_the_core_imports_what_is_heavy_only_inside_functions() -> None:
    late = {CORE / "fields.py", CORE / "hashing.py"}  # nothing but cattrs, and but pyarrow: themselves imported late
    late |= set(KIT.rglob("*.py"))
    heavy = [each for each in imports_of(CORE) if each.top in HEAVY and not each.inside and each.file not in late]
    assert [] == shown(heavy)


def test_nothing_but_tests_imports_the_kit() -> None:
    code = [each for folder in (CORE, *map(package, PLUGINS)) for each in imports_of(folder)]
    users = [each for each in code if each.module.startswith("bcore.testing") and KIT not in each.file.parents]
    assert [] == shown(users)


@pytest.mark.parametrize("plugin", PLUGINS, ids=lambda path: path.name)
def test_plugin_modules_import_nothing_heavy_at_the_top(plugin: Path) -> None:
    file = package(plugin) / "plugin.py"
    found = [each for each in imports_in(ast.parse(file.read_text()), file) if not each.inside]
    assert [] == shown([each for each in found if each.top in HEAVY])


@pytest.mark.parametrize("plugin", PLUGINS, ids=lambda path: path.name)
def test_plugin_modules_hold_hooks_and_nothing_else(plugin: Path) -> None:
    tree = ast.parse((package(plugin) / "plugin.py").read_text())
    functions = [node for node in tree.body if isinstance(node, (ast.FunctionDef, ast.ClassDef))]
    assert functions
    strangers = [
        node.name
        for node in functions
        if not any("hookimpl" in ast.unparse(decorator) for decorator in node.decorator_list)
    ]
    assert [] == strangers


def test_there_are_no_more_than_seven_hooks() -> None:
    assert 1 <= len(HOOKS) <= 7


@pytest.mark.parametrize("hook", HOOKS, ids=lambda hook: hook.__name__)
def test_every_hook_is_explained_with_an_example_that_is_python(hook: object) -> None:
    (example,) = re.findall(r"```python\n(.*?)```", inspect.getdoc(hook) or "", re.DOTALL)
    (function,) = ast.parse(example).body
    assert isinstance(function, ast.FunctionDef)
    assert (hook.__name__, ["hookimpl"]) == (  # type: ignore[attr-defined]
        function.name,
        [ast.unparse(decorator) for decorator in function.decorator_list],
    )


@pytest.mark.parametrize("hook", HOOKS, ids=lambda hook: hook.__name__)
def test_no_hook_lets_the_first_result_decide(hook: object) -> None:
    options = hook.bcore_spec  # type: ignore[attr-defined]
    assert not options["firstresult"]
    assert not options["historic"]
