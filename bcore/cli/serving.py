"""serve: offers an archive to other machines and programs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import click

from bcore.cli.options import with_globals

if TYPE_CHECKING:
    from bcore.cli.options import Options
    from bcore.config import Tree
    from bcore.registry import Registry


@click.command(
    epilog="Exit codes: 0 stopped as asked (Ctrl-C, SIGTERM), 1 failed, 2 misused. SIGHUP replaces workers gracefully."
)
@click.argument("name", required=False)
@click.option("--host", help="Address to listen on (default: what the configuration says, else 127.0.0.1).")
@click.option("--port", type=int, help="Port to listen on; 0 takes a free one.")
@click.option("--attended", is_flag=True, hidden=True)  # a collector started us: end when standard input does
@click.option("--open", "open_", is_flag=True, help="Serve other machines without a key: everybody may read all.")
@with_globals
@click.pass_obj
def serve(options: Options, name: str | None, host: str | None, port: int | None, attended: bool, open_: bool) -> None:
    """Serve the archive until Ctrl-C: bcore serve --data DIR.

    NAME is a section of [servers] or an installed kind of server; it is needed only where there are several that a
    remote could read. Without a configuration the installed server is started with its defaults, for this machine only.
    """
    from bcore.app import App, completed
    from bcore.children import end_with_input
    from bcore.cli.choosing import there
    from bcore.errors import NotFoundError

    registry = options.registry()
    tree = completed(options.tree(), registry, data=options.data)
    chosen = chosen_server(tree, registry, name)
    given: dict[str, Any] = {"host": host, "port": port, "open": open_ or None}
    section = _with(_section(tree, chosen), {key: value for key, value in given.items() if value is not None})
    app = App.of({"stores": tree["stores"], "servers": {chosen: section}}, registry)
    if attended:
        end_with_input()
    try:
        there(app, options.data)
    except NotFoundError as error:  # an API may well be up before its collector, but nobody should wait for a typo
        click.echo(f"{error} yet; it is served from when a collector makes it", err=True)
    try:
        app.server(chosen).serve(app.reader())
    finally:
        app.close()


def chosen_server(tree: Tree, registry: Registry, name: str | None) -> str:
    """The section to start: the one that was named, or the only one that a remote could read."""
    from bcore.errors import ConfigError
    from bcore.naming import near

    servers = tree.get("servers")
    configured: Mapping[str, Any] = servers if isinstance(servers, Mapping) else {}
    offered = {kind: transport for kind, transport in registry.of("transports").items() if transport.server}
    known = sorted({*configured, *offered})
    if name is not None and name in known:
        return name
    if name is not None:
        raise ConfigError([f"there is no server {name!r}{near(name, known)}; servers: {', '.join(known) or 'none'}"])
    found = [each for each, section in configured.items() if _readable(_kind(each, section), offered)]
    found = found or [kind for kind in sorted(offered) if _readable(kind, offered)]
    if len(found) == 1:
        return found[0]
    if found:
        raise ConfigError([f"there are several servers, say which: bcore serve {' or '.join(found)}"])
    raise ConfigError(["servers: no server is installed: pip install bc-http"])


def _kind(name: str, section: Any) -> str:
    return str(section.get("kind", name)) if isinstance(section, Mapping) else name


def _readable(kind: str, offered: Mapping[str, Any]) -> bool:
    """Whether a remote of the same transport reads what the server offers; metrics, say, are not an archive."""
    return kind in offered and offered[kind].remote is not None


def _section(tree: Tree, name: str) -> Any:
    servers = tree.get("servers")
    return servers.get(name, {}) if isinstance(servers, Mapping) else {}


def _with(section: Any, given: Mapping[str, Any]) -> Any:
    """The section with what the command line says; what is no section stays as it is: `check` names it."""
    return {**section, **given} if isinstance(section, Mapping) else section
