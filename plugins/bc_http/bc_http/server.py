"""The server process: a socket bound, gunicorn's workers run, and everything put away at the end."""

from __future__ import annotations

import ipaddress
import logging
import os
import shutil
import socket
import stat
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from attrs import define
from gunicorn.app.base import BaseApplication

from bc_http import hookspecs
from bc_http.app import create_app
from bc_http.config import HttpConfig
from bc_http.gate import Gate
from bc_http.routes import Route
from bc_http.worker import Patience, PatientWorker
from bcore.errors import ConfigError
from bcore.protocols import Reader
from bcore.records import Context

log = logging.getLogger(__name__)
GRACE = 3  # seconds that answers may still take when the server is asked to stop
FAR = 4  # times the limits that are ours to enforce, gunicorn breaks a request off without a word of ours


class Gunicorn(BaseApplication):  # type: ignore[misc]
    """Workers on one listening socket."""

    def __init__(self, server: HttpServer, reader: Reader, listener: socket.socket, counts: Path | None) -> None:
        config = server.config
        self.server, self.reader, self.counts = server, reader, counts
        self.address = server.address(listener)
        self.descriptor = listener.detach()  # gunicorn's from here on
        self.patience = Patience(
            config.header_timeout, config.write_timeout, config.max_connections, config.live_heartbeat
        )
        super().__init__()

    def load_config(self) -> None:
        config = self.server.config
        wanted = {
            "bind": f"fd://{self.descriptor}",
            "workers": config.workers,
            "worker_class": PatientWorker,
            "asgi_loop": "asyncio",
            "asgi_lifespan": "off",
            "asgi_disconnect_grace_period": 1,
            "keepalive": config.keepalive,
            "graceful_timeout": GRACE,
            "timeout": 120,
            "limit_request_line": FAR * config.max_url,
            "limit_request_field_size": FAR * config.max_headers,
            "certfile": config.certfile,
            "keyfile": config.keyfile,
            "loglevel": "warning",
            "control_socket_disable": True,
            "forwarded_allow_ips": "",
            "when_ready": self._ready,
        }
        for name, value in wanted.items():
            if name in self.cfg.settings and value is not None:
                self.cfg.set(name, value)

    def load(self) -> Gate:
        """In each worker, after the fork."""
        return create_app(self.reader, self.server.config, self.server.routes(self.reader), self.counts)

    def _ready(self, arbiter: Any) -> None:
        print(f"listening on {self.address}", flush=True)


@define
class HttpServer:
    """Serves a reader until SIGTERM or SIGINT; SIGHUP replaces the workers one by one, no request is lost."""

    config: HttpConfig
    context: Context

    @classmethod
    def build(cls, config: HttpConfig, context: Context) -> HttpServer:
        """Raises `ConfigError` for what would leave the archive open to strangers, or cannot work."""
        problems = [f"{context.section}.{problem}" for problem in _problems(config)]
        if problems:
            raise ConfigError(problems)
        hookspecs.register(context.plugins)
        return cls(config, context)

    def serve(self, reader: Reader) -> None:
        """Ends the process when asked to stop, with exit code 0. Raises `ConfigError` if the address cannot be had."""
        _show_access(self.config)
        counts = Path(tempfile.mkdtemp(prefix="bc_http-")) if self.config.workers > 1 else None
        listener = self._listener()
        try:
            Gunicorn(self, reader, listener, counts).run()
        finally:
            self._put_away(counts)

    def routes(self, reader: Reader) -> list[Route]:
        """What plugins add. One that fails costs only its own routes."""
        found: list[Route] = []
        for hook in self.context.plugins.hook.bc_http_routes.get_hookimpls():
            try:
                offered = list(hook.function(reader))
            except Exception as error:
                log.error("plugin %s: its bc_http_routes raised %s: %s", hook.plugin_name, type(error).__name__, error)
                continue
            found.extend(each for each in offered if isinstance(each, Route))
        return found

    def address(self, listener: socket.socket) -> str:
        """Where clients find it."""
        if self.config.socket is not None:
            return f"unix:{self.config.socket}"
        host, port = listener.getsockname()[:2]
        return f"http{'s' if self.config.certfile else ''}://{f'[{host}]' if ':' in host else host}:{port}"

    def _listener(self) -> socket.socket:
        try:
            return _unix(Path(self.config.socket)) if self.config.socket is not None else _tcp(self.config)
        except OSError as error:
            where = self.config.socket or f"{self.config.host}:{self.config.port}"
            why = error.strerror or str(error)
            free = "" if self.config.socket is not None else "; port 0 takes any that is free"
            sentence = f"{self.context.section}: cannot listen on {where}: {why}; choose another{free}"
            raise ConfigError([sentence]) from error

    def _put_away(self, counts: Path | None) -> None:
        if self.config.socket is not None:
            Path(self.config.socket).unlink(missing_ok=True)
        if counts is not None:
            shutil.rmtree(counts, ignore_errors=True)


def _problems(config: HttpConfig) -> Iterable[str]:
    if config.socket is None and not _is_loopback(config.host) and not (config.api_key or config.keys or config.open):
        yield (
            f"host: {config.host} can be reached from other machines, and no key is set: set api_key, or say "
            "open = true (--open) to let whoever comes read everything"
        )
    if bool(config.certfile) != bool(config.keyfile):
        yield "certfile: belongs together with keyfile, give both or neither"
    for name in ("certfile", "keyfile"):
        path = getattr(config, name)
        if path is not None and not os.access(path, os.R_OK):
            yield f"{name}: {path} cannot be read"


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _tcp(config: HttpConfig) -> socket.socket:
    family, _, _, _, address = socket.getaddrinfo(config.host, config.port, type=socket.SOCK_STREAM)[0]
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
    except OSError:
        listener.close()
        raise
    return listener


def _unix(path: Path) -> socket.socket:
    """A socket that an earlier server left behind is replaced; one that somebody listens on, or a file, is not."""
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        if path.exists() and stat.S_ISSOCK(path.stat().st_mode) and not _answers(path):
            path.unlink()
        listener.bind(str(path))
    except OSError:
        listener.close()
        raise
    return listener


def _answers(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as caller:
        return caller.connect_ex(str(path)) == 0


def _show_access(config: HttpConfig) -> None:
    """The access log goes where the other lines go, whatever their level is."""
    logger = logging.getLogger("bc_http.access")
    logger.setLevel(logging.INFO if config.access_log else logging.WARNING)
