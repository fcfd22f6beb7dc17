"""New plugins: a whole package that works, made from the example of its kind with other names.

The examples (examples/ in the repository, a part of the wheel) are installed and tested as strangers' plugins are, so
that what is written here works.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from keyword import iskeyword
from pathlib import Path

from bcore.errors import ConfigError
from bcore.records import NAME

# Kind -> the example, and the word in it that the new name stands for.
KINDS: Mapping[str, tuple[str, str]] = {
    "derivation": ("bc_example", "notional"),
    "source": ("bc_csvfolder", "csvfolder"),
    "store": ("bc_sqlite", "sqlite"),
    "transport": ("bc_wire", "wire"),
    "exchange": ("bc_venue", "venue"),
}
CI = """\
name: tests
on: [push, pull_request]
jobs:
  tests:
    runs-on: ubuntu-latest
    strategy:
      matrix:
        python: ["3.11", "3.12", "3.13"]
    steps:
      - uses: actions/checkout@v4
      - uses: actions/setup-python@v5
        with:
          python-version: ${{ matrix.python }}
      - run: pip install -U pip
      - run: pip install . --group tests
      - run: pytest
      - run: bcore plugins doctor
"""
IGNORED = "__pycache__/\n*.egg-info/\n.venv/\n.pytest_cache/\n.hypothesis/\ndist/\n"


def files_of(name: str, kind: str) -> dict[str, str]:
    """Path -> text of every file of a new plugin. Raises `ConfigError` for a name that cannot be one."""
    if not NAME.fullmatch(name) or iskeyword(name) or name.endswith("_") or "__" in name or len(name) < 3:
        what = f"take three or more lower-case letters, digits and _, such as my_{kind}"
        raise ConfigError([f"{name!r} cannot be a plugin's name: {what}"])
    folder, word = KINDS[kind]
    example = _examples() / folder
    paths = [path for path in sorted(example.rglob("*.*")) if path.is_file()]
    texts = {str(path.relative_to(example)): path.read_text(encoding="utf-8") for path in paths if _is_source(path)}
    renamed = {_renamed(path, folder, word, name): _renamed(text, folder, word, name) for path, text in texts.items()}
    return {**renamed, ".github/workflows/tests.yml": CI, ".gitignore": IGNORED}


def write(name: str, kind: str, place: Path) -> Path:
    """The folder with the new plugin. Raises `ConfigError` where one is there already."""
    files = files_of(name, kind)
    folder = place / f"bc_{name}"
    if folder.exists():
        raise ConfigError([f"{folder} exists already; nothing was written"])
    for path, text in files.items():
        file = folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
    return folder


def _is_source(path: Path) -> bool:
    """Of a checkout's folder only what was written by hand."""
    return path.suffix in (".py", ".toml", ".md", ".typed")


def _examples() -> Path:
    """Beside this module in a wheel, beside the package in a checkout."""
    here = Path(__file__).parent
    return next(folder for folder in (here / "examples", here.parent / "examples") if folder.is_dir())


def _renamed(text: str, folder: str, word: str, name: str) -> str:
    package, camel = folder.removeprefix("bc_"), "".join(part.title() for part in name.split("_"))
    text = text.replace(f"bc-{package}", f"bc-{name.replace('_', '-')}").replace(folder, f"bc_{name}")
    scheme = name.replace("_", "-")  # of an address, which knows no underscore
    text = text.replace(f"{word}://", f"{scheme}://").replace(f'schemes=("{word}",)', f'schemes=("{scheme}",)')
    text = re.sub(rf'^{package} = "bc_', f'{name} = "bc_', text, flags=re.MULTILINE)
    for old, new in ((word, name), (word.upper(), name.upper()), (word.title(), camel)):
        text = re.sub(rf"(?<![A-Za-z0-9]){old}(?![a-z0-9])", new, text)
        text = re.sub(rf"(?<=Test){old}(?![a-z0-9])", new, text)
    return text
