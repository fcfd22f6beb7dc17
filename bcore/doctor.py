"""What is wrong with the installed plugins, and what to do about it."""

from __future__ import annotations

import logging
import re
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping
from importlib import metadata

from attrs import field, frozen
from attrs.validators import in_

from bcore.errors import ConflictError, PluginError
from bcore.naming import near
from bcore.records import Deferred
from bcore.registry import GROUP, ONLY, PATIENCE, WITHOUT, Plugin, Registry

log = logging.getLogger(__name__)
OFFERS = ("exchanges", "sources", "stores", "transports", "derivations", "commands")
SLOW = 0.5  # seconds for an import, which every command waits for
SLOW_HOOK = 5.0
MODULE = re.compile(r"No module named '([^']+)'")


@frozen
class Finding:
    """`level` is "error" (something does not work), "warning" (it costs something) or "note"."""

    level: str = field(validator=in_(("error", "warning", "note")))
    plugin: str
    what: str
    advice: str = ""

    def __str__(self) -> str:
        return f"{self.level}: {self.plugin}: {self.what}" + (f"\n  {self.advice}" if self.advice else "")


def diagnosed(registry: Registry, environ: Mapping[str, str], configured: Iterable[str] = ()) -> list[Finding]:
    """Everything that can be found out, errors first. Asks every hook of every plugin."""
    for what in OFFERS:
        for _ in registry.offers(what):
            pass
    found = [
        *_clashes(registry),
        *(each for plugin in registry.plugins for each in _of_plugin(plugin)),
        *_unloadable(registry),
        *_unknown_names(registry, environ, configured),
        *_requirements(),
        *_forgotten(),
    ]
    order = ("error", "warning", "note")
    return sorted(dict.fromkeys(found), key=lambda finding: order.index(finding.level))


def _of_plugin(plugin: Plugin) -> Iterator[Finding]:
    for problem in plugin.problems:
        yield Finding("error", str(plugin), problem, _advice(plugin, problem))
    if plugin.state == "disabled":
        yield Finding("note", str(plugin), f"it is left out: {plugin.reason}")
    if plugin.load_seconds > SLOW and plugin.state == "ok":
        what = f"importing {plugin.target} takes {plugin.load_seconds:.2f} s, which every command waits for"
        yield Finding("warning", str(plugin), what, _heaviest(plugin.target))
    for hook, seconds in plugin.hook_seconds.items():
        if seconds > SLOW_HOOK:
            yield Finding("warning", str(plugin), f"its {hook} takes {seconds:.1f} s")


def _advice(plugin: Plugin, problem: str) -> str:
    if missing := MODULE.search(problem):
        name = missing[1].split(".")[0]
        return (
            f"it needs the module {name}: pip install --force-reinstall {plugin.distribution} brings what it declares"
        )
    if "longer than" in problem or "not come back" in problem or "does not end" in problem:
        return f"leave it out with {WITHOUT}={plugin.name}, or wait longer with {PATIENCE}=600; and tell its authors"
    if "is taken by" in problem:
        return f"uninstall {plugin.distribution}, or the other one"
    return f"update it (pip install -U {plugin.distribution}), or leave it out with {WITHOUT}={plugin.name}"


def _unloadable(registry: Registry) -> Iterator[Finding]:
    """Views that a hook promises and that cannot be had: others would hear of it only when they ask for one."""
    for offer, plugin in registry.offers("derivations"):
        try:
            isinstance(offer, Deferred) and offer.record
        except PluginError as error:
            yield Finding("error", str(plugin), str(error), _advice(plugin, str(error)))


def _clashes(registry: Registry) -> Iterator[Finding]:
    for what in OFFERS:
        for plugin, sentence in registry.clashes(what):
            yield Finding("error", str(plugin), sentence)
    try:
        from bcore.app import reader_of

        if not any(registry.clashes(what) for what in ("sources", "derivations")):
            reader_of((), registry).views()
    except ConflictError as error:
        yield Finding("error", "views", str(error))


def _unknown_names(registry: Registry, environ: Mapping[str, str], configured: Iterable[str]) -> Iterator[Finding]:
    known = [plugin.name for plugin in registry.plugins]
    asked = [(name.strip(), where) for where in (ONLY, WITHOUT) for name in environ.get(where, "").split(",")]
    for name, where in [*asked, *((name, "[plugins] disable") for name in configured)]:
        if name and name not in known:
            yield Finding(
                "warning", where, f"there is no plugin {name!r}{near(name, known)}", f"plugins: {', '.join(known)}"
            )


def _requirements() -> Iterator[Finding]:
    """Installed distributions with plugins whose own requirements are not met: pip can be told not to look."""
    owners = {entry.dist.name: entry.dist for entry in metadata.entry_points(group=GROUP) if entry.dist is not None}
    for name, dist in [("bcore", metadata.distribution("bcore")), *sorted(owners.items())]:
        for text in dist.requires or ():
            if problem := _unmet(text):
                yield Finding("error", f"{name} {dist.version}", problem, f"pip install {_quoted(text)}")


def _unmet(text: str) -> str | None:
    from packaging.requirements import InvalidRequirement, Requirement

    try:
        wanted = Requirement(text)
    except InvalidRequirement:
        return f"it declares a requirement that makes no sense: {text}"
    if wanted.marker and not wanted.marker.evaluate({"extra": ""}):
        return None
    try:
        version = metadata.version(wanted.name)
    except metadata.PackageNotFoundError:
        return f"it needs {wanted.name}{wanted.specifier}, which is not installed"
    if not wanted.specifier.contains(version, prereleases=True):
        return f"it needs {wanted.name}{wanted.specifier}, and {version} is installed"
    return None


def _quoted(text: str) -> str:
    return "'" + text.partition(";")[0].strip() + "'"


def _forgotten() -> Iterator[Finding]:
    """Distributions called as plugins are, that offer none: the entry point was forgotten, or misspelt."""
    offering = {entry.dist.name for entry in metadata.entry_points(group=GROUP) if entry.dist is not None}
    for dist in metadata.distributions():
        name = dist.name or ""
        if (
            name.startswith(("bc-", "bc_"))
            and name not in offering
            and any(_is_bcore(each) for each in dist.requires or ())
        ):
            advice = (
                'its pyproject.toml needs [project.entry-points.bcore], NAME = "PACKAGE.plugin"; install it again then'
            )
            yield Finding("warning", f"{name} {dist.version}", "it needs bcore and offers no plugin", advice)


def _is_bcore(requirement: str) -> bool:
    return re.match(r"bcore(?![A-Za-z0-9_.-])", requirement) is not None


def _heaviest(target: str) -> str:
    """Which modules take how long when the plugin is imported first, in a process of its own."""
    code = f"import {target.partition(':')[0]}"
    try:
        told = subprocess.run(
            [sys.executable, "-X", "importtime", "-c", code], capture_output=True, text=True, timeout=60
        ).stderr
    except (OSError, subprocess.TimeoutExpired):
        return ""
    lines = [
        line.removeprefix("import time:").split("|") for line in told.splitlines() if line.startswith("import time:")
    ]
    taken = {parts[2].strip(): int(parts[0]) for parts in lines if len(parts) == 3 and parts[0].strip().isdigit()}
    tops: dict[str, int] = {}
    for name, us in taken.items():
        tops[name.split(".")[0]] = tops.get(name.split(".")[0], 0) + us
    worst = sorted(tops.items(), key=lambda pair: -pair[1])[:3]
    shown = ", ".join(f"{name} {us / 1e6:.2f} s" for name, us in worst)
    return f"most of it: {shown}; imports inside the hooks cost only those who use them" if worst else ""
