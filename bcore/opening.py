"""Ways to an archive: a folder, its newest rows, another machine, a server."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit, urlunsplit

from bcore.client import Client
from bcore.errors import ConfigError

if TYPE_CHECKING:
    from bcore.registry import Registry


def open(where: str | Path, *, hot: bool = False, registry: Registry | None = None, **options: Any) -> Client:
    """A client onto the archive at `where`: a folder, or a URL whose scheme an installed transport knows.

    `options` are the transport's own, as in a `[remotes.*]` section: `api_key="..."` for a server that wants one.
    Raises `ConfigError` if nothing installed can read it. A folder that does not exist yet reads as empty.
    """
    from bcore import app
    from bcore.registry import Registry

    registry = registry or Registry.load()
    scheme = urlsplit(str(where)).scheme
    if scheme:
        return Client(app.remote_reader(str(where), scheme, registry, options), hot=hot, where=_plain(str(where)))
    if options:
        raise ConfigError([f"{', '.join(sorted(options))}: only addresses take options, and {where} is a folder"])
    return Client(app.folder_reader(Path(where), registry), hot=hot, where=str(where))


def _plain(address: str) -> str:
    """The address as it may be shown: without what may be a secret in it."""
    parts = urlsplit(address)
    user, at, host = parts.netloc.rpartition("@")
    return urlunsplit((parts.scheme, user.partition(":")[0] + at + host, parts.path, "", ""))


def get_local_client(data_path: str | Path = "data") -> Client:
    """A client onto a folder of this machine."""
    return open(data_path)


def get_hot_client(data_path: str | Path = "data") -> Client:
    """As `get_local_client`, but reads the newest rows only, from what the store keeps hot (1024 trades)."""
    return open(data_path, hot=True)


def get_remote_client(
    host: str, user: str | None = None, path: str | None = None, *, port: int | None = None, **options: Any
) -> Client:
    """A client onto a folder of another machine, through your own ssh; `options` as in a `[remotes.*]` section."""
    given = {"user": user, "path": path, "port": port, **options}
    return open(f"ssh://{host}", **{name: value for name, value in given.items() if value is not None})


def get_api_client(base_url: str = "http://localhost:8000", api_key: str | None = None, **options: Any) -> Client:
    """A client onto what `bcore serve` offers; `options` as in a `[remotes.*]` section."""
    return open(base_url, **(options if api_key is None else {"api_key": api_key, **options}))
