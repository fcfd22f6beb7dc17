"""The pages for authors of plugins: what they show runs, and nothing that an author needs is left out."""

from __future__ import annotations

import inspect
import re
import subprocess
import sys
from collections.abc import Iterator
from importlib import import_module
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

import attrs
import click
import pytest

import bcore.protocols
from bcore import hookspecs
from bcore.cli import main

DOCS = Path(__file__).parents[1] / "docs"


def reference() -> Any:
    """What writes the pages of records and of commands."""
    spec = spec_from_file_location("reference_page", DOCS / "reference.py")
    assert spec is not None
    assert spec.loader is not None
    made = module_from_spec(spec)
    spec.loader.exec_module(made)
    return made


PAGES = sorted((DOCS / "plugins").glob("*.md"))
PYTHON = re.compile(r"```python\n(.*?)```", re.DOTALL)
HOOKS = {name: hook for name, hook in vars(hookspecs).items() if name.startswith("bcore_")}
RECORDS = reference().classes()
PROTOCOLS = [
    name
    for name, kind in vars(bcore.protocols).items()
    if inspect.isclass(kind) and kind.__module__ == bcore.protocols.__name__
]


# Hooks that plugins own, each with its page.
OWNED = {"bc_http.hookspecs": ("bc_http_routes", "routes.md", "bc_http.routes")}


def section(text: str, heading: str) -> str:
    """What stands under a heading, up to the next one; "" where there is none."""
    found = re.search(rf"^#+ {re.escape(heading)}$(.*?)(?=^#|\Z)", text, re.MULTILINE | re.DOTALL)
    return found[1] if found else ""


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_what_a_page_shows_runs_from_top_to_bottom(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if page.name == "routes.md":
        pytest.importorskip("bc_http", reason="bc-http is not installed")
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {"__name__": f"page_{page.stem}"}
    for number, text in enumerate(PYTHON.findall(page.read_text()), 1):
        exec(compile(text, f"{page.name}, example {number}", "exec"), names)


@pytest.mark.parametrize("page", [page for page in PAGES if "Tests):" in page.read_text()], ids=lambda page: page.name)
def test_the_tests_that_a_page_shows_pass(page: Path, tmp_path: Path) -> None:
    file = tmp_path / f"test_page_{page.stem}.py"
    file.write_text("\n".join(PYTHON.findall(page.read_text())))
    words = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(file)]
    ended = subprocess.run(words, capture_output=True, text=True, timeout=300, cwd=tmp_path)
    assert 0 == ended.returncode, ended.stdout


@pytest.mark.parametrize("hook", HOOKS)
def test_every_hook_has_a_page_with_its_signature_and_an_example(hook: str) -> None:
    arguments = ", ".join(inspect.signature(HOOKS[hook]).parameters)
    page = DOCS / "plugins" / f"{hook.removeprefix('bcore_').replace('event', 'events')}.md"
    text = page.read_text()
    assert f"`{hook}({arguments})`" in text.splitlines()[0]
    assert f"@hookimpl\ndef {hook}({arguments}):" in "".join(PYTHON.findall(text))
    assert f"`{hook}`" in (DOCS / "plugins" / "index.md").read_text()


@pytest.mark.parametrize("module", OWNED)
def test_a_hook_that_a_plugin_owns_has_a_page_too_with_the_fields_of_its_record(module: str) -> None:
    hook, name, records = OWNED[module]
    specs = vars(pytest.importorskip(module, reason="the plugin is not installed"))
    text = (DOCS / "plugins" / name).read_text()
    assert f"`{hook}({', '.join(inspect.signature(specs[hook]).parameters)})`" in text.splitlines()[0]
    assert f"def {hook}(" in "".join(PYTHON.findall(text))
    kinds = [each for each in vars(import_module(records)).values() if inspect.isclass(each) and attrs.has(each)]
    for kind in (each for each in kinds if each.__module__ == records):
        told = section(text, kind.__name__)
        assert [] == [each.name for each in attrs.fields(kind) if f"| `{each.name}` |" not in told]


def test_every_hook_that_a_plugin_owns_is_known_here() -> None:
    files = (DOCS.parent / "plugins").glob("*/*/hookspecs.py")
    assert set(OWNED) == {f"{file.parent.name}.hookspecs" for file in files}


@pytest.mark.parametrize("name", PROTOCOLS)
def test_every_protocol_is_explained_under_its_name_on_a_page_that_runs(name: str) -> None:
    found = [page for page in PAGES if section(page.read_text(), name).strip()]
    assert 1 == len(found), name
    assert PYTHON.search(found[0].read_text())


@pytest.mark.parametrize("record", RECORDS, ids=lambda kind: kind.__name__)
def test_every_field_of_a_record_is_listed(record: type) -> None:
    told = section((DOCS / "plugins" / "records.md").read_text(), record.__name__)
    assert (inspect.getdoc(record) or "").splitlines()[0] in told
    missing = [each.name for each in attrs.fields(record) if each.init and f"| `{each.name}` |" not in told]
    assert [] == missing, "python docs/reference.py writes the page anew"


def commands() -> Iterator[tuple[str, click.Command]]:
    """Those of the core and of the installed plugins, with the commands of their groups."""
    context = click.Context(main)
    waiting = [(name, main.get_command(context, name)) for name, _ in reference().owners()]
    while waiting:
        name, command = waiting.pop()
        assert command is not None
        yield name, command
        if isinstance(command, click.Group):
            waiting += [
                (f"{name} {each}", command.get_command(context, each)) for each in command.list_commands(context)
            ]


def test_commands_of_plugins_are_among_them() -> None:
    pytest.importorskip("bc_replay", reason="replay and demo come with bc_replay")
    assert {"replay", "demo", "read"} <= {name for name, _ in commands()}
    assert "Comes with bc-replay." in section((DOCS / "cli.md").read_text(), "bcore replay")


@pytest.mark.parametrize(("name", "command"), list(commands()), ids=lambda each: each if isinstance(each, str) else "")
def test_every_command_is_on_its_page_with_its_options(name: str, command: click.Command) -> None:
    told = section((DOCS / "cli.md").read_text(), f"bcore {name}")
    assert told, f"docs/cli.md has nothing of bcore {name}"
    common = {"--config", "--data", "--verbose", "--help"}
    options = {word for each in command.params for word in each.opts if word.startswith("--")} - common
    missing = [option for option in sorted(options) if option not in told]
    assert [] == missing, "python docs/reference.py writes the page anew"


def test_every_page_can_be_found_from_the_first() -> None:
    text = (DOCS / "plugins" / "index.md").read_text()
    assert [] == [page.name for page in PAGES if page.name != "index.md" and f"({page.name})" not in text]
