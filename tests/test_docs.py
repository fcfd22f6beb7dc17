"""What the documents say exists."""

from __future__ import annotations

import ast
import re
import shlex
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import click
import pytest

from bcore.cli import main
from bcore.cli.referencing import reference
from bcore.registry import Registry

ROOT = Path(__file__).parents[1]
PAGES = sorted(
    page for page in ROOT.rglob("*.md") if not {part for part in page.relative_to(ROOT).parts if part.startswith(".")}
)
LINK = re.compile(r"\[[^\]]+\]\(([^)#\s]+)(?:#[^)]*)?\)")
BLOCK = re.compile(r"```(\w+)\n(.*?)```", re.DOTALL)


def blocks(page: Path, language: str) -> list[str]:
    return [text for name, text in BLOCK.findall(page.read_text()) if name == language]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_relative_link_leads_somewhere(page: Path) -> None:
    links = [link for link in LINK.findall(page.read_text()) if "://" not in link]
    assert [] == [link for link in links if not (page.parent / link).exists()]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_python_block_is_python(page: Path) -> None:
    for text in blocks(page, "python"):
        ast.parse(text)


def documented_commands() -> list[list[str]]:
    lines = "\n".join(blocks(ROOT / "README.md", "bash")).splitlines()
    return [shlex.split(line, comments=True)[1:] for line in lines if line.startswith("bcore ")]


def test_the_readme_shows_the_main_commands() -> None:
    assert {"run", "read", "stats", "views", "config", "replay"} <= {words[0] for words in documented_commands()}


@pytest.mark.parametrize("words", documented_commands(), ids=" ".join)
def test_every_command_in_the_readme_exists_with_its_options(words: list[str]) -> None:
    command, rest = resolved(words)
    options = {name for parameter in command.params for name in parameter.opts}
    typed = {word.partition("=")[0] for word in rest if word.startswith("--")}
    free = bool(command.context_settings.get("ignore_unknown_options"))
    assert free or typed <= options


def resolved(words: list[str]) -> tuple[click.Command, list[str]]:
    command: click.Command = main
    while isinstance(command, click.Group):
        found = command.get_command(click.Context(command, info_name="bcore"), words[0])
        if found is None and words[0] in ("replay", "demo"):
            pytest.importorskip("bc_replay", reason="replay and demo come with bc_replay")
        assert found is not None, words
        command, words = found, words[1:]
    return command, words


def test_the_architecture_page_names_every_module_of_the_core() -> None:
    page = (ROOT / "docs" / "architecture.md").read_text()
    modules = [path.name for path in (ROOT / "bcore").glob("*.py") if not path.name.startswith("__")]
    assert [] == [name for name in modules if f"`{name}`" not in page]


def test_the_configuration_reference_is_current() -> None:
    """`bcore config reference > docs/configuration.md` makes it so."""
    assert reference(Registry.load()) + "\n" == (ROOT / "docs" / "configuration.md").read_text()


def test_the_schema_page_is_current() -> None:
    """`python docs/schema.py` makes it so."""
    spec = spec_from_file_location("schema_page", ROOT / "docs" / "schema.py")
    assert spec is not None
    assert spec.loader is not None
    made = module_from_spec(spec)
    spec.loader.exec_module(made)
    assert made.page(Registry.load()) == (ROOT / "docs" / "schema.md").read_text()
