"""For scripts and notebooks: sources that run when asked, one per symbol. Plugins build their collectors on this."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Self

from attrs import define

from bcore.app import App, completed
from bcore.collect import Job
from bcore.config import Tree
from bcore.errors import ConfigError
from bcore.registry import Registry


def symbol_names(symbols: Iterable[str]) -> tuple[str, ...]:
    """The symbols that a script named, each once; a single one may be plain text. Raises `ConfigError` for none."""
    names = (symbols,) if isinstance(symbols, str) else tuple(dict.fromkeys(symbols))
    if not names:
        raise ConfigError(['symbols: name at least one, such as symbols=["BTCUSDT"]'])
    return names


@define
class SymbolJobs:
    """An app with one source per symbol, so that each can fail by itself. Use as a context manager, or close it."""

    app: App
    jobs: dict[str, Job]

    @classmethod
    def of(
        cls, sections: Mapping[str, Tree], exchanges: Tree, data_path: str | Path, registry: Registry | None = None
    ) -> Self:
        """From each symbol's source section. Raises `ConfigError` with every argument that cannot be used."""
        registry = registry or Registry.load()
        sources = {
            f"{section['kind']}_{number}": {**section, "symbols": [symbol]}
            for number, (symbol, section) in enumerate(sections.items())
        }
        tree = {"exchanges": exchanges, "sources": sources}
        app = App.of(completed(tree, registry, data=str(data_path)), registry)
        return cls(app, dict(zip(sections, app.jobs(), strict=True)))

    def close(self) -> None:
        """Frees the connections, and the archive for other writers."""
        self.app.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
