"""Configuration: TOML (or the same tree in YAML) and environment into checked sections, every problem at once.

A section is a named instance: `[stores.main] kind = "parquet"`; `kind` defaults to the section's name. What a section
may hold is declared by the attrs class of its kind's factory.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from attrs import field, frozen

from bcore.errors import ConfigError
from bcore.naming import near
from bcore.records import NAME

if TYPE_CHECKING:
    from bcore.records import Factory
    from bcore.registry import Registry

DEFAULT_FILES = ("bcore.toml", "bcore.yaml", "bcore.yml")
PREFIX = "BCORE_"
GROUPS = ("exchanges", "stores", "sources", "servers", "remotes")
Tree = dict[str, Any]
T = TypeVar("T")


@frozen
class Section:
    """One checked section: `path` is its place in the file, `config` an instance of its kind's config class."""

    path: str
    name: str
    kind: str
    config: Any
    factory: Factory[Any]


def _a_dataset_name(_: object, __: object, value: str | None) -> None:
    if value is not None and not NAME.fullmatch(value):
        raise ValueError(f"must be lower-case letters, digits and _ (at most 63), not {value!r}")


@frozen
class Wiring:
    """The keys of a source section that the core reads itself."""

    exchange: str | None = field(default=None, metadata={"help": "the section of [exchanges] to use"})
    symbols: tuple[str, ...] = field(default=(), metadata={"help": "symbols of this source alone"})
    dataset: str | None = field(
        default=None,
        validator=_a_dataset_name,
        metadata={"help": "another name for the dataset it writes"},
    )
    store: str | None = field(default=None, metadata={"help": "the section of [stores] to write to"})


@frozen
class SourceSection(Section):
    """A source's section with its wiring."""

    wiring: Wiring = field(factory=Wiring)


@frozen
class Settings:
    """The whole configuration, checked."""

    symbols: tuple[str, ...]
    exchanges: Mapping[str, Section]
    stores: Mapping[str, Section]
    sources: Mapping[str, SourceSection]
    servers: Mapping[str, Section]
    remotes: Mapping[str, Section]


def find_file(folder: Path) -> Path | None:
    """The configuration file that stands in `folder`, if one does."""
    return next((folder / name for name in DEFAULT_FILES if (folder / name).is_file()), None)


def read_tree(path: Path | None, environ: Mapping[str, str] | None = None) -> Tree:
    """The raw tree of a file (none: empty), with the environment laid over it. Raises `ConfigError`."""
    tree = {} if path is None else _read_file(path)
    return _overlaid(tree, os.environ if environ is None else environ)


def _read_file(path: Path) -> Tree:
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError([f"{path}: cannot be read: {getattr(error, 'strerror', None) or error}"]) from error
    tree = _yaml(path, text) if path.suffix in (".yaml", ".yml") else _toml(path, text)
    if not isinstance(tree, dict):
        raise ConfigError([f"{path}: must be a table of sections"])
    return tree


def _toml(path: Path, text: str) -> Any:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError([f"{path}: not TOML: {error}"]) from error


def _yaml(path: Path, text: str) -> Any:
    try:
        import yaml
    except ImportError as error:
        raise ConfigError([f"{path}: reading YAML needs PyYAML: pip install 'bcore[yaml]', or write TOML"]) from error
    try:
        return _text_keys(yaml.safe_load(text) or {})
    except yaml.YAMLError as error:
        raise ConfigError([f"{path}: not YAML: {' '.join(str(error).split())}"]) from error


def _text_keys(tree: Any) -> Any:
    """YAML takes `on` for a truth value and `1` for a number, as keys too; a section's keys are text."""
    if isinstance(tree, dict):
        return {str(key): _text_keys(value) for key, value in tree.items()}
    return [_text_keys(each) for each in tree] if isinstance(tree, list) else tree


def _overlaid(tree: Tree, environ: Mapping[str, str]) -> Tree:
    """BCORE_SOURCES__TRADES__INTERVAL=5 sets sources.trades.interval; BCORE_SYMBOLS sets symbols.

    Below a section's keys case is kept: BCORE_SOURCES__ORDERBOOK__TICK_SIZES__BTCUSDT=10.
    """
    for name in sorted(environ):
        words = name.removeprefix(PREFIX).split("__")
        path = [*(word.lower() for word in words[:3]), *words[3:]]
        if not name.startswith(PREFIX) or (len(path) == 1 and path != ["symbols"]):
            continue
        if path != ["symbols"] and path[0] not in GROUPS:
            raise ConfigError(
                [f"{name}: there is no group {path[0]!r}{near(path[0], GROUPS)}; groups: {', '.join(GROUPS)}"]
            )
        _put(tree, path, _literal(environ[name]), name)
    return tree


def _put(tree: Tree, path: list[str], value: Any, name: str) -> None:
    for part in path[:-1]:
        tree = tree.setdefault(part, {})
        if not isinstance(tree, dict):
            raise ConfigError([f"{name}: {part} is not a section"])
    tree[path[-1]] = value


def _literal(text: str) -> Any:
    """A list or table in TOML's notation; anything else is text, which every field takes (a path may be `2024`)."""
    try:
        value = tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text
    return value if isinstance(value, (list, dict)) else text


def check(tree: Mapping[str, Any], registry: Registry) -> Settings:
    """The settings that the tree describes. Raises `ConfigError` with every problem, each with its path."""
    checker = _Checker(registry)
    settings = checker.settings(tree)
    if checker.problems:
        raise ConfigError(checker.problems)
    return settings


@frozen
class _Checker:
    registry: Registry
    problems: list[str] = field(factory=list)

    def settings(self, tree: Mapping[str, Any]) -> Settings:
        known = ("symbols", "plugins", *GROUPS)
        self.problems.extend(
            f"{key}: is not known{near(key, known)}; known: {', '.join(known)}" for key in tree if key not in known
        )
        symbols = self._parsed("", Wiring, {"symbols": tree.get("symbols", ())})
        return Settings(
            symbols=symbols.symbols if symbols else (),
            exchanges=self._sections(tree, "exchanges"),
            stores=self._sections(tree, "stores"),
            sources=self._sections(tree, "sources"),  # type: ignore[arg-type]
            servers=self._sections(tree, "servers"),
            remotes=self._sections(tree, "remotes"),
        )

    def _kinds(self, group: str) -> dict[str, Factory[Any]]:
        """Asked for only where there are sections: a plugin may have much to import before it can answer."""
        return self._transports(group.removesuffix("s")) if group in ("servers", "remotes") else self.registry.of(group)

    def _transports(self, side: str) -> dict[str, Factory[Any]]:
        offered = self.registry.of("transports").items()
        return {name: getattr(transport, side) for name, transport in offered if getattr(transport, side)}

    def _sections(self, tree: Mapping[str, Any], group: str) -> dict[str, Section]:
        raw = tree.get(group, {})
        if not isinstance(raw, Mapping):
            self.problems.append(f"{group}: must hold sections, [{group}.NAME]")
            return {}
        kinds = self._kinds(group) if raw else {}
        sections = {name: self._section(group, name, values, kinds, tree) for name, values in raw.items()}
        return {name: section for name, section in sections.items() if section}

    def _section(
        self, group: str, name: str, raw: Any, kinds: Mapping[str, Factory[Any]], tree: Mapping[str, Any]
    ) -> Section | None:
        path = f"{group}.{name}"
        if not isinstance(raw, Mapping):
            self.problems.append(f"{path}: must be a section, not {raw!r}")
            return None
        values = dict(raw)
        kind = values.pop("kind", name)
        if not isinstance(kind, str) or kind not in kinds:
            self.problems.append(f"{path}: {self._no_kind(group, str(kind), kinds)}")
            return None
        wiring = self._wiring(path, values, tree) if group == "sources" else None
        config = self._parsed(path, kinds[kind].config, values)
        if config is None:
            return None
        if group == "sources":
            return SourceSection(path, name, kind, config, kinds[kind], wiring or Wiring())
        return Section(path, name, kind, config, kinds[kind])

    def _wiring(self, path: str, values: Tree, tree: Mapping[str, Any]) -> Wiring | None:
        mine: Tree = {key: values.pop(key) for key in ("exchange", "symbols", "dataset", "store") if key in values}
        for key, group in (("exchange", "exchanges"), ("store", "stores")):
            known, name = tree.get(group) or {}, mine.get(key)
            if isinstance(name, str) and isinstance(known, Mapping) and name not in known:
                names = ", ".join(map(str, known)) or "none"
                self.problems.append(f"{path}.{key}: there is no {key} {name!r}{near(name, known)}; {group}: {names}")
        return self._parsed(path, Wiring, mine)

    def _parsed(self, path: str, cls: Callable[..., T], values: Mapping[str, Any]) -> T | None:
        from bcore.fields import FieldsError, parse  # brings cattrs, which `bcore --help` must not wait for

        try:
            return parse(cls, values)
        except FieldsError as error:
            self.problems.extend(
                f"{'.'.join(part for part in (path, name) if part)}: {sentence}" for name, sentence in error.problems
            )
        return None

    def _no_kind(self, group: str, kind: str, kinds: Mapping[str, Factory[Any]]) -> str:
        noun = group.removesuffix("s")
        lines = f"no installed plugin offers the {noun} kind {kind!r}{near(kind, kinds)}"
        lines += f"; known: {', '.join(sorted(kinds)) or 'none'}"
        failed = [f"plugin {plugin} was left out: {plugin.problems[0]}" for plugin in self.registry.failures()]
        return "; ".join([lines, *failed])
