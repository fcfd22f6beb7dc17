"""The original's API server: `app` for an ASGI server, and `main` for python app.py.

What answers is bc-http: see its README for everything that it serves beyond the original's paths.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from binance_collector.config import ApiConfig, Config

if TYPE_CHECKING:
    from bcore.app import App

    app: Any  # an ASGI application of the folder and key that the environment names, made when it is asked for

CONFIG = "config/remote.yaml"


def create_app(config: Config | None = None) -> Any:
    """An ASGI application for any server that speaks ASGI: uvicorn binance_collector.api_server:app."""
    from bc_http.app import create_app as application
    from bc_http.config import HttpConfig
    from bcore.secrets import Secret

    config = config or Config.from_env()
    key = None if config.api.api_key is None else Secret(config.api.api_key, "api.api_key")
    return application(_archive(config).reader(), HttpConfig(api_key=key))


def serve(config: Config) -> None:
    """Serves the archive until Ctrl-C or SIGTERM. Raises `ConfigError` for what would let strangers in."""
    served = _archive(config)
    try:
        served.server("api").serve(served.reader())
    finally:
        served.close()


@click.command()
@click.option("--config", "path", default=CONFIG, show_default=True, help="YAML file: sections storage and api.")
@click.option("--host", help="Address to listen on, whatever the file says.")
@click.option("--port", type=int, help="Port to listen on; 0 takes a free one.")
def main(path: str, host: str | None, port: int | None) -> None:
    """Serve the archive that a configuration of the original's kind names."""
    from bcore.errors import BcoreError, ConfigError

    try:
        config = Config.from_file(path)
        config.api.host = config.api.host if host is None else host
        config.api.port = config.api.port if port is None else port
        serve(config)
    except FileNotFoundError as error:
        raise click.UsageError(f"{error}: name one with --config") from error
    except ConfigError as error:
        raise click.UsageError("\n".join(error.problems)) from error
    except BcoreError as error:
        raise click.ClickException(str(error)) from error


def _archive(config: Config) -> App:
    from bcore.app import App

    path = str(Path(config.storage.base_path).expanduser())
    return App.of({"stores": {"main": {"kind": "parquet", "path": path}}, "servers": {"api": _section(config.api)}})


def _section(api: ApiConfig) -> dict[str, Any]:
    keyed = {} if api.api_key is None else {"api_key": api.api_key}
    return {"kind": "http", "host": api.host, "port": api.port, "open": api.open, **keyed}


def __getattr__(name: str) -> Any:
    if name == "app":
        return create_app()
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
