"""The composition root: settings and registry become stores, sources and readers. Nothing else wires parts together."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from attrs import define, evolve, field, fields_dict

from bcore.catalogue import Offer
from bcore.clock import SystemClock
from bcore.collect import Job
from bcore.config import Section, Settings, SourceSection, Tree, check
from bcore.errors import ConfigError, ConflictError
from bcore.local import StoreReader
from bcore.naming import near
from bcore.protocols import Clock, Exchange, Server, Source, Store
from bcore.records import Context, Dataset, Factory
from bcore.registry import Registry

if TYPE_CHECKING:
    from bcore.events import Event
    from bcore.protocols import Reader

log = logging.getLogger(__name__)
Listener = Callable[["Event"], None]
T = TypeVar("T")


@define
class App:
    """The parts of one process. Stores, exchanges and sources are made when first asked for; `close` frees them."""

    settings: Settings
    registry: Registry
    clock: Clock = field(factory=SystemClock)
    listeners: list[Listener] = field(factory=list)
    _exchanges: dict[str, Exchange] = field(factory=dict, init=False)
    _stores: dict[str, Store] = field(factory=dict, init=False)

    @classmethod
    def of(cls, tree: Mapping[str, Any], registry: Registry | None = None, clock: Clock | None = None) -> App:
        """From a configuration tree, as a file would hold it. Raises `ConfigError` with every problem."""
        registry = registry or Registry.load()
        return cls(check(tree, registry), registry, clock or SystemClock())

    def emit(self, event: Event) -> None:
        """Tells the process's own listeners, then every plugin that observes. None of them can fail the caller."""
        for listener in self.listeners:
            try:
                listener(event)
            except Exception:
                log.exception("a listener failed on %s", type(event).__name__)
        self.registry.notify(event)

    def stores(self) -> dict[str, Store]:
        for name, section in self.settings.stores.items():
            if name not in self._stores:
                self._stores[name] = section.factory.build(section.config, self._context(section))
        return self._stores

    def reader(self) -> StoreReader:
        """Answers requests from this process's stores."""
        return reader_of(self.stores().values(), self.registry)

    def jobs(self) -> list[Job]:
        """What the configured sources collect, each with its store. Raises `ConfigError` with every problem."""
        problems: list[str] = []
        jobs = [job for section in self.settings.sources.values() if (job := self._job(section, problems))]
        problems.extend(_doubled(jobs))
        if not self.settings.sources:
            problems.append("sources: none is configured: add [sources.trades], or install a plugin that offers one")
        if problems:
            raise ConfigError(problems)
        return jobs

    def server(self, name: str) -> Server:
        """What the section of [servers] describes. Raises `ConfigError` where it cannot work."""
        section = self.settings.servers[name]
        built: Server = section.factory.build(section.config, self._context(section))
        return built

    def close(self) -> None:
        """Closes exchanges, then stores. Each failure is logged with its owner; the others are closed all the same."""
        parts: list[tuple[str, Exchange | Store]] = [*self._exchanges.items(), *self._stores.items()]
        for name, part in parts:
            try:
                part.close()
            except Exception:
                log.exception("closing %s failed", name)

    def _job(self, section: SourceSection, problems: list[str]) -> Job | None:
        symbols = tuple(dict.fromkeys(section.wiring.symbols or self.settings.symbols))
        if not symbols:
            problems.append(f'{section.path}: no symbols: set symbols = ["BTCUSDT"] at the top or in the section')
            return None
        try:
            store = self._store_for(section)
            context = evolve(self._context(section), symbols=symbols, exchange=lambda: self._exchange_for(section))
            source: Source = section.factory.build(section.config, context)
        except ConfigError as error:
            problems.extend(error.problems)
            return None
        return Job(section.name, source, store, rename=section.wiring.dataset, clock=self.clock)

    def _store_for(self, section: SourceSection) -> Store:
        stores, wanted = self.stores(), section.wiring.store
        if wanted is None and stores:
            return next(iter(stores.values()))
        if wanted in stores:
            return stores[wanted]
        known = ", ".join(stores) or "none is configured: add [stores.main]"
        raise ConfigError([f"{section.path}.store: there is no store {wanted!r}; stores: {known}"])

    def _exchange_for(self, section: SourceSection) -> Exchange:
        configured = self.settings.exchanges
        name = section.wiring.exchange or (next(iter(configured)) if len(configured) == 1 else None)
        if name is None or name not in configured:
            known = ", ".join(configured) or "none (is a plugin that offers an exchange installed?)"
            what = "name one of them" if name is None else f"there is no exchange {name!r}{near(name, configured)}"
            raise ConfigError([f"{section.path}.exchange: {what}; exchanges: {known}"])
        if name not in self._exchanges:
            chosen = configured[name]
            self._exchanges[name] = chosen.factory.build(chosen.config, self._context(chosen))
        return self._exchanges[name]

    def _context(self, section: Section) -> Context:
        return Context(section.path, self.clock, _no_exchange, self.emit, plugins=self.registry.manager)


def _no_exchange() -> Exchange:
    raise ConfigError(["only a source has an exchange"])


def _doubled(jobs: Iterable[Job]) -> list[str]:
    owner: dict[tuple[str, str], str] = {}
    problems = []
    for job in jobs:
        for series in ((dataset.name, symbol) for dataset in job.datasets() for symbol in job.source.symbols):
            if series in owner:
                mine, other = f"sources.{job.name}", f"sources.{owner[series]}"
                problems.append(f"{mine}: {other} writes {'/'.join(series)} too: rename one's dataset")
            owner[series] = job.name
    return problems


def completed(
    tree: Tree,
    registry: Registry,
    *,
    symbols: Iterable[str] = (),
    data: str | None = None,
    groups: Iterable[str] = ("exchanges", "sources"),
) -> Tree:
    """The tree with what it leaves open: the one installed store, every installed source and exchange, the options.

    Groups that the tree speaks of are left as they are; without `groups` only the stores are completed, which spares
    whoever reads what sources and exchanges import. `data` becomes the `path` of the first store; `symbols` are
    those of every source. Where no store is named, what lies at `data` may say which kind is meant (`only_store`).
    """
    tree = dict(tree)
    if symbols:
        tree = _with_symbols(tree, list(symbols))
    if not tree.get("stores"):
        tree["stores"] = {"main": {"kind": only_store(registry, data).name}}
    if data is not None:
        tree["stores"] = _with_path(tree["stores"], data)
    for group in groups:
        if not tree.get(group):
            tree[group] = {name: {} for name in sorted(kind.name for kind in usual(registry.of(group).values()))}
    return tree


def usual(kinds: Iterable[Factory[T]]) -> list[Factory[T]]:
    """The kinds that are there without being named; where every one wants to be named, all."""
    kinds = list(kinds)
    return [kind for kind in kinds if not kind.on_request] or kinds


def _with_symbols(tree: Tree, symbols: list[str]) -> Tree:
    sources = tree.get("sources")
    if isinstance(sources, Mapping):
        own = {name: dict(section) if isinstance(section, Mapping) else section for name, section in sources.items()}
        for section in own.values():
            if isinstance(section, dict):
                section.pop("symbols", None)
        tree = {**tree, "sources": own}
    return {**tree, "symbols": symbols}


def _with_path(stores: Any, path: str) -> Any:
    """What is no section stays as it is: `check` names it."""
    name = next(iter(stores), None) if isinstance(stores, Mapping) else None
    if name is None or not isinstance(stores[name], Mapping):
        return stores
    return {**stores, name: {**stores[name], "path": path}}


def only_store(registry: Registry, path: str | Path | None = None) -> Factory[Store]:
    """The store kind that is meant where none is named: whose archive lies at `path`, else the usual one."""
    kinds = stores_on_disk(registry)
    known = [kind for kind in kinds if path is not None and len(kinds) > 1 and _recognised(kind, Path(path))]
    meant = usual(known or kinds)
    if len(meant) == 1:
        return meant[0]
    names = ", ".join(kind.name for kind in meant)
    raise ConfigError([f"stores: several stores are installed ({names}); choose one: [stores.main] kind = ..."])


def stores_on_disk(registry: Registry) -> list[Factory[Store]]:
    """The store kinds that keep things on disk: those whose section has a path. Raises `ConfigError` without any."""
    offered: list[Factory[Store]] = list(registry.of("stores").values())
    if kinds := [factory for factory in offered if "path" in fields_dict(factory.config)]:
        return kinds
    failed = [f"plugin {plugin} was left out: {plugin.problems[0]}" for plugin in registry.failures()]
    raise ConfigError(["stores: no store is installed: pip install bc-parquet", *failed])


def _recognised(kind: Factory[Store], path: Path) -> bool:
    """Whether an archive of the kind lies there. A kind that fails to say so has none."""
    try:
        return kind.recognises is not None and kind.recognises(path.expanduser())
    except Exception:
        log.exception("the store %s cannot say whether %s is an archive of its", kind.name, path)
        return False


def reader_of(stores: Iterable[Store], registry: Registry) -> StoreReader:
    """A reader of the stores that knows every installed dataset and derivation."""
    sources = registry.of("sources")
    declared: list[Dataset] = [dataset for source in sources.values() for dataset in source.datasets]
    recorders = {dataset.name: name for name, source in sources.items() for dataset in source.datasets}
    derivations: list[Offer] = list(registry.of("derivations").values())
    _refuse_shadows(registry)
    return StoreReader(tuple(stores), tuple(declared), tuple(derivations), recorders=recorders)


def _refuse_shadows(registry: Registry) -> None:
    """A derivation may not take the name of a dataset: which of them a reader gets would be chance."""
    owners = {
        dataset.name: registry.owner("sources", name)
        for name, source in registry.of("sources").items()
        for dataset in source.datasets
    }
    for name in registry.of("derivations"):
        if name in owners:
            one, other = owners[name], registry.owner("derivations", name)
            raise ConflictError(
                f"two plugins offer the view {name!r}: {one.distribution} {one.version} and {other.distribution} "
                f"{other.version}; uninstall one, or leave one out with BCORE_DISABLE_PLUGINS={other.name}"
            )


def folder_reader(path: Path, registry: Registry) -> StoreReader:
    """A reader of an archive folder, through the installed store kind that keeps folders."""
    tree = {"stores": {"main": {"kind": only_store(registry, path).name, "path": str(path)}}}
    return evolve(App.of(tree, registry).reader(), folder=path)


def remote_reader(url: str, scheme: str, registry: Registry, options: Mapping[str, Any] | None = None) -> Reader:
    """A reader of another machine's archive, through the installed transport that knows the URL's scheme.

    `options` are keys of the transport's section. Raises `ConfigError` for those that cannot be used.
    """
    for transport in registry.of("transports").values():
        if scheme in transport.schemes and transport.remote:
            factory: Factory[Reader] = transport.remote
            config = _remote_config(url, factory, options or {})
            context = Context(
                f"remotes.{scheme}", SystemClock(), _no_exchange, registry.notify, plugins=registry.manager
            )
            return factory.build(config, context)
    schemes = sorted({scheme for transport in registry.of("transports").values() for scheme in transport.schemes})
    raise ConfigError([f"nothing installed reads {scheme}:// addresses; known: a folder, {', '.join(schemes)}"])


def configured_remote(name: str, tree: Tree, registry: Registry) -> Reader:
    """The reader of a `[remotes.*]` section. Raises `ConfigError` that names the sections there are."""
    remotes = tree.get("remotes")
    known: Mapping[str, Any] = remotes if isinstance(remotes, Mapping) else {}
    if name not in known:
        there = ", ".join(known) or "none is configured: [remotes.NAME]"
        raise ConfigError([f"there is no remote {name!r}{near(name, known)}; remotes: {there}"])
    section = check({"remotes": {name: known[name]}}, registry).remotes[name]
    context = Context(section.path, SystemClock(), _no_exchange, registry.notify, plugins=registry.manager)
    reader: Reader = section.factory.build(section.config, context)
    return reader


def _remote_config(url: str, factory: Factory[Reader], options: Mapping[str, Any]) -> Any:
    from bcore.fields import FieldsError, parse

    address = {"url": url} if "url" in fields_dict(factory.config) else {}
    try:
        return parse(factory.config, {**address, **options})
    except FieldsError as error:
        raise ConfigError([f"{url}: {name} {sentence}" for name, sentence in error.problems]) from error
