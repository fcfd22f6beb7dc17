"""The options that every command understands, before or after its name: --config, --data, -v."""

from __future__ import annotations

import logging
from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click
from attrs import define, field

from bcore.errors import BcoreError, ConfigError

if TYPE_CHECKING:
    from bcore.registry import Registry

F = TypeVar("F", bound=Callable[..., Any])


@define
class Options:
    """The global options, and what is made from them on first use."""

    config: Path | None = None
    data: str | None = None
    verbose: int = 0
    _tree: dict[str, Any] | None = field(default=None, init=False)
    _registry: Registry | None = field(default=None, init=False)

    def tree(self) -> dict[str, Any]:
        """The configuration tree of the file that was named, or that stands in this folder."""
        from bcore.config import find_file, read_tree

        if self._tree is None:  # read once: a pipe has nothing to say a second time
            self._tree = read_tree(self.config or find_file(Path()))
        return deepcopy(self._tree)

    def registry(self) -> Registry:
        """The plugins, for a command that is at work."""
        from bcore.sparing import spare_pandas

        spare_pandas()  # before plugins hand any value to pyarrow
        return self.plugins()

    def plugins(self) -> Registry:
        """The plugins, for those who ask for no more than their commands: it imports nothing that is heavy."""
        from bcore.registry import Registry

        if self._registry is None:
            self._registry = Registry.load(disabled=self.disabled())
        return self._registry

    def offers(self, command: str) -> bool:
        """Whether a plugin brings the command: what is not here is not recommended."""
        try:
            return command in self.plugins().of("commands")
        except BcoreError:
            return False

    def disabled(self) -> list[str]:
        """The plugins that the configuration leaves out."""
        return _disabled(self.tree())


def _disabled(tree: dict[str, Any]) -> list[str]:
    section = tree.get("plugins", {})
    disabled = section.get("disable", []) if isinstance(section, dict) else None
    if not isinstance(disabled, list) or set(section) - {"disable"}:
        raise ConfigError(['plugins: the only key is disable, a list of plugin names: disable = ["name"]'])
    return [str(name) for name in disabled]


def with_globals(command: F) -> F:
    """Gives a command the options --config, --data and -v; what they say is found in `ctx.obj`, an `Options`."""
    return with_data("what the configuration says, else ./data")(command)


def with_data(default: str) -> Callable[[F], F]:
    """`with_globals` for a command that keeps its archive elsewhere where --data is not given: `default` says where."""

    def with_these(command: F) -> F:
        return _CONFIG(_data(default)(_VERBOSE(command)))

    return with_these


def _options(ctx: click.Context) -> Options:
    return ctx.ensure_object(Options)


def _set_config(ctx: click.Context, _: click.Parameter, value: Path | None) -> None:
    options = _options(ctx)
    options.config = value or options.config


def _set_data(ctx: click.Context, _: click.Parameter, value: str | None) -> None:
    if value == "":
        raise click.BadParameter("an empty path names no folder")
    options = _options(ctx)
    options.data = value or options.data


def _set_verbose(ctx: click.Context, _: click.Parameter, value: int) -> None:
    options = _options(ctx)
    options.verbose = max(value, options.verbose)
    level = {0: logging.WARNING, 1: logging.INFO}.get(options.verbose, logging.DEBUG)
    logging.basicConfig(format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    logging.getLogger().setLevel(level)
    # What it warns of is told in our own words once it comes to anything.
    logging.getLogger("urllib3").setLevel(max(level, logging.INFO) if options.verbose else logging.ERROR)


def _data(default: str) -> Callable[[F], F]:
    return click.option(
        "--data",
        type=click.Path(),
        callback=_set_data,
        expose_value=False,
        help=f"Archive folder (default: {default}).",
    )


_CONFIG = click.option(
    "--config",
    type=click.Path(path_type=Path),
    callback=_set_config,
    expose_value=False,
    help="Configuration file (default: ./bcore.toml if there).",
)
_VERBOSE = click.option(
    "-v",
    "--verbose",
    count=True,
    callback=_set_verbose,
    expose_value=False,
    help="More log lines; twice for debugging.",
)
