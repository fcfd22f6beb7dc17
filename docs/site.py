"""Builds the documentation as a site: python docs/site.py [FOLDER]; `nox -s site` does it, and `nox -s docs` too.

The pages stay where they are useful, beside the code. They are copied with what they link to into one tree, in which
every relative link still holds, and mkdocs makes the site of that. Links that lead nowhere end it.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[1]
LINK = re.compile(r"\]\(([^)#\s]+)(#[^)]*)?\)")
LEFT_OUT = ("tests", "build", "dist", "site")


def pages() -> list[Path]:
    """Every page of the project but those of tests."""
    found = (page.relative_to(ROOT) for page in ROOT.rglob("*.md"))
    return sorted(page for page in found if not any(part in LEFT_OUT or part.startswith(".") for part in page.parts))


def gather(folder: Path) -> None:
    """The pages and the files that they link to; a link to a folder becomes one to a list of it."""
    for page in pages():
        text = (ROOT / page).read_text(encoding="utf-8")
        for link in {found[1] for found in LINK.finditer(text) if "://" not in found[1]}:
            target = (ROOT / page.parent / link).resolve()
            if target.is_file() and target.suffix != ".md":
                copied = folder / target.relative_to(ROOT)
                copied.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(target, copied)
            elif target.is_dir():
                text = text.replace(f"]({link})", f"]({link.rstrip('/')}/contents.md)")
                _list(target, folder / target.relative_to(ROOT))
        (folder / page).parent.mkdir(parents=True, exist_ok=True)
        (folder / page).write_text(text, encoding="utf-8")


def _list(folder: Path, to: Path) -> None:
    to.mkdir(parents=True, exist_ok=True)
    names = sorted(path.name for path in folder.iterdir() if path.is_file())
    for name in names:
        shutil.copy(folder / name, to / name)
    (to / "contents.md").write_text(f"# {folder.name}\n\n" + "".join(f"- [{name}]({name})\n" for name in names))


def main(site: Path) -> None:
    with tempfile.TemporaryDirectory() as place:
        gather(Path(place) / "pages")
        settings = (ROOT / "docs" / "mkdocs.yml").read_text(encoding="utf-8")
        (Path(place) / "mkdocs.yml").write_text(f"{settings}\ndocs_dir: pages\nsite_dir: {site.resolve()}\n")
        command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet"]
        subprocess.run(command, cwd=place, env={**os.environ, "NO_MKDOCS_2_WARNING": "1"}, check=True)
    print(f"built {site}/index.html")


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "site"))
