"""Plugins: found by entry points, loaded one by one, each answerable for itself.

A plugin that cannot be imported, misspells a hook, raises in one or does not come back from it is left out and named;
the others go on. Two plugins that offer one name are an error: install order must never decide.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from importlib.metadata import EntryPoint, entry_points
from itertools import islice
from typing import TYPE_CHECKING, Any, TypeVar

import pluggy
from attrs import define, field

from bcore import __version__, builtin, hookspecs
from bcore.bounded import TooLong, Work
from bcore.errors import ConflictError
from bcore.observers import Observer
from bcore.records import Computation, Deferred, Derivation, Factory, Transport

if TYPE_CHECKING:
    from bcore.events import Event
    from bcore.status import PluginStatus

log = logging.getLogger(__name__)
GROUP = "bcore"
ONLY, WITHOUT, PATIENCE = "BCORE_PLUGINS", "BCORE_DISABLE_PLUGINS", "BCORE_PLUGIN_PATIENCE"
SECONDS = 60.0  # that an import, and each hook, may take: a busy machine must never cost an honest plugin
MOST = 10_000  # records that a hook may give
T = TypeVar("T")


@define
class Plugin:
    """One entry point of the group "bcore" and what became of it. `state` is "ok", "disabled" or "failed".

    `reason` says who disabled it; `hook_seconds` has how long each hook took that was asked.
    """

    name: str
    distribution: str
    version: str
    target: str
    state: str = "ok"
    problems: list[str] = field(factory=list)
    load_seconds: float = 0.0
    hook_seconds: dict[str, float] = field(factory=dict)
    reason: str = ""

    def fail(self, problem: str) -> None:
        self.state = "failed"
        if problem in self.problems:
            return
        self.problems.append(problem)
        log.warning("plugin %s left out: %s", self, problem)

    def __str__(self) -> str:
        return f"{self.name} ({self.distribution} {self.version})"


@define
class Registry:
    """The plugins of this process. `of("sources")` gives what they offer, by name."""

    manager: pluggy.PluginManager
    plugins: list[Plugin] = field(factory=list)
    patience: float = SECONDS
    _observers: dict[str, Observer] = field(factory=dict, init=False)
    _records_of: dict[str, list[tuple[Any, Plugin]]] = field(factory=dict, init=False)

    @classmethod
    def load(cls, environ: Mapping[str, str] | None = None, disabled: Iterable[str] = ()) -> Registry:
        """All installed plugins, less those that BCORE_DISABLE_PLUGINS names or BCORE_PLUGINS (a list) leaves out."""
        environ = os.environ if environ is None else environ
        manager = pluggy.PluginManager("bcore")
        manager.add_hookspecs(hookspecs)
        registry = cls(manager, patience=_seconds(environ.get(PATIENCE)))
        registry._register(builtin, Plugin("core", "bcore", __version__, "bcore.builtin"))
        only, without, configured = _names(environ.get(ONLY)), _names(environ.get(WITHOUT)), set(disabled)
        for entry in _installed():
            why = f"{WITHOUT} names it" if entry.name in without else ""
            why = why or ("the configuration says so: [plugins] disable" if entry.name in configured else "")
            why = why or (f"{ONLY} does not name it" if only and entry.name not in only else "")
            registry._load(entry, why)
        return registry

    def of(self, what: str) -> dict[str, Any]:
        """What plugins offer for the hook `bcore_<what>`, by name. Raises `ConflictError` if two offer one name."""
        return {name: record for name, (record, _) in self._offered(what).items()}

    def owner(self, what: str, name: str) -> Plugin:
        """Whose `name` it is."""
        return self._offered(what)[name][1]

    def failures(self) -> list[Plugin]:
        return [plugin for plugin in self.plugins if plugin.state == "failed"]

    def notify(self, event: Event) -> None:
        """Tells every observer; one that raises is logged and ignored."""
        for observer in self.observers():
            observer.tell(event)

    def observers(self) -> list[Observer]:
        """Those that are registered now: a server brings its own while it runs."""
        found = {each.plugin_name: each.function for each in self.manager.hook.bcore_event.get_hookimpls()}
        for name, function in found.items():
            known = self._observers.get(name)
            if known is None or known.function != function:
                self._observers[name] = Observer(name, function)
        return [self._observers[name] for name in found]

    def statuses(self) -> tuple[PluginStatus, ...]:
        """What each plugin has cost so far, for those who watch the collector."""
        from bcore.status import PluginStatus

        seen = {observer.name: observer for observer in self.observers()}
        told = [PluginStatus.of(plugin, seen.pop(plugin.name, None)) for plugin in self.plugins]
        return (*told, *(PluginStatus(each.name, "", "ok", 0.0, each.seconds, each.events) for each in seen.values()))

    def _load(self, entry: EntryPoint, disabled: str) -> None:
        plugin = Plugin(entry.name, *_named(entry), entry.value)
        if disabled:
            plugin.state, plugin.reason = "disabled", disabled
            self.plugins.append(plugin)
            return
        work = Work(entry.load)
        try:
            module = self._waited(work, plugin, "its import")
        except TooLong:
            self.plugins.append(plugin)
            plugin.fail(f"it cannot be imported: that takes longer than {self.patience:g} s")
        except (Exception, SystemExit) as error:
            self.plugins.append(plugin)
            plugin.fail(f"it cannot be imported: {type(error).__name__}: {error}")
        else:
            self._register(module, plugin)
        plugin.load_seconds = work.seconds

    def _waited(self, work: Work[T], plugin: Plugin, what: str) -> T:
        """What the work of a plugin comes to. Who waits long is told for whom."""

        def waiting() -> None:
            log.warning(
                "plugin %s: %s takes long; it is left out after %g s (%s), or at once with %s=%s",
                *(plugin, what, self.patience, PATIENCE, WITHOUT, plugin.name),
            )

        return work.within(self.patience, waiting)

    def _register(self, module: object, plugin: Plugin) -> None:
        taken = [other for other in self.plugins if other.name == plugin.name]
        self.plugins.append(plugin)
        if taken:
            plugin.fail(f"the name {plugin.name!r} is taken by {taken[0].distribution} {taken[0].version}")
            return
        try:
            self.manager.register(module, name=plugin.name)
            self.manager.check_pending()
        except pluggy.PluginValidationError as error:
            self.manager.unregister(name=plugin.name)
            plugin.fail(_hook_problem(str(error)))
        except ValueError:  # pluggy knows the module already, under another name
            plugin.fail(f"another entry point offers {plugin.target} already")

    def offers(self, what: str) -> list[tuple[Any, Plugin]]:
        """Every record that plugins offer for the hook `bcore_<what>`, with its plugin; clashing ones too."""
        if what not in self._records_of:
            self._records_of[what] = list(self._asked(f"bcore_{what}"))
        return self._records_of[what]

    def clashes(self, what: str) -> list[tuple[Plugin, str]]:
        """Each plugin that offers a name that another offers too, with a sentence that names both."""
        first: dict[str, Plugin] = {}
        found = []
        for record, plugin in self.offers(what):
            if record.name in first:
                found.append((plugin, _clash(what, record.name, first[record.name], plugin)))
            first.setdefault(record.name, plugin)
        return found

    def _offered(self, what: str) -> dict[str, tuple[Any, Plugin]]:
        for _, sentence in self.clashes(what):
            raise ConflictError(sentence)
        return {record.name: (record, plugin) for record, plugin in self.offers(what)}

    def _asked(self, hook: str) -> Iterator[tuple[Any, Plugin]]:
        """Each record with its plugin. Plugins are asked one at a time, so that one that raises costs only itself."""
        # Of two plugins of one name the first is the registered one.
        by_name = {plugin.name: plugin for plugin in reversed(self.plugins)}
        for implementation in getattr(self.manager.hook, hook).get_hookimpls():
            plugin = by_name[implementation.plugin_name]
            records = self._records(plugin, hook, implementation.function)
            if records is None:
                continue
            if problem := _misfit(hook, records):
                plugin.fail(problem)
                continue
            yield from ((record, plugin) for record in records)

    def _records(self, plugin: Plugin, hook: str, function: Callable[[], Iterable[Any]]) -> list[Any] | None:
        """What the hook gives; None if it fails, and then the plugin is to blame."""
        work = Work(lambda: list(islice(function(), MOST)))
        try:
            records = self._waited(work, plugin, f"its {hook}")
        except TooLong:
            plugin.fail(f"its {hook} has not come back within {self.patience:g} s")
            return None
        except (Exception, SystemExit) as error:
            plugin.fail(f"its {hook} raised {type(error).__name__}: {error}")
            return None
        finally:
            plugin.hook_seconds[hook] = work.seconds
        if len(records) == MOST:
            plugin.fail(f"its {hook} does not end: it gave {MOST} records")
            return None
        return records


def _misfit(hook: str, records: Iterable[Any]) -> str | None:
    """What is wrong with the records of a hook: those of another hook would fail far from the plugin that gave them."""
    expected = _record_types(hook)
    for record in records:
        if not isinstance(record, expected):
            wanted = " or a ".join(kind.__name__ for kind in expected)
            return f"its {hook} gave a {type(record).__name__}, and not a {wanted}"
        if not isinstance(record.name, str):
            return f"its {hook} gave a {type(record).__name__} without a name"
    return None


def _record_types(hook: str) -> tuple[Any, ...]:
    if hook == "bcore_commands":
        from click import Command

        return (Command,)
    others = {"bcore_transports": (Transport,), "bcore_derivations": (Derivation, Computation, Deferred)}
    return others.get(hook, (Factory,))


def _installed() -> list[EntryPoint]:
    """Entry points in a stable order, each distribution once even if it stands on the path twice."""
    found = {(_named(entry)[0], entry.name): entry for entry in reversed(entry_points(group=GROUP))}
    return [found[key] for key in sorted(found)]


def _named(entry: EntryPoint) -> tuple[str, str]:
    """Distribution and version; a half-removed distribution may know neither."""
    if entry.dist is None:
        return "?", "?"
    return entry.dist.name or "?", entry.dist.version or "?"


def _seconds(text: str | None) -> float:
    """The patience that the environment asks for; what is no number of seconds is said, and the usual one kept."""
    try:
        seconds = float(text or SECONDS)
    except ValueError:
        seconds = -1.0
    if not 0 < seconds < 86_400:
        log.warning("%s must be a number of seconds above 0, not %r: %g s are waited", PATIENCE, text, SECONDS)
        return SECONDS
    return seconds


def _names(text: str | None) -> set[str]:
    return {name.strip() for name in (text or "").split(",") if name.strip()}


def _hook_problem(text: str) -> str:
    known = ", ".join(name for name in vars(hookspecs) if name.startswith("bcore_"))
    lines = text.splitlines()  # of a wrong signature: the hook, its definition, the arguments that are too many
    return f"{'; '.join(dict.fromkeys([lines[0], lines[-1]]))}; the hooks are {known}"


def _clash(what: str, name: str, one: Plugin, other: Plugin) -> str:
    noun = {"derivations": "view", "commands": "command"}.get(what, f"{what.removesuffix('s')} kind")
    return (
        f"two plugins offer the {noun} {name!r}: {one.distribution} {one.version} and "
        f"{other.distribution} {other.version}; uninstall one, or leave one out with {WITHOUT}={other.name}"
    )
