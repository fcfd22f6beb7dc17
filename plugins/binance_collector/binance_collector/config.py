"""Configuration as the original has it: a YAML file, else the environment, else defaults."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from attrs import define, field

from bcore.errors import ConfigError
from bcore.fields import FieldsError, parse

T = TypeVar("T")
BASE_URL = "https://api.binance.com"
DEFAULT_FILE = "config.yaml"
# The first of these that is set counts. The long names are those of the original's .env.example.
ENVIRONMENT: dict[str, dict[str, tuple[str, ...]]] = {
    "binance": {
        "api_key": ("BINANCE_API_KEY",),
        "api_secret": ("BINANCE_API_SECRET",),
        "base_url": ("BINANCE_BASE_URL",),
    },
    "storage": {
        "base_path": ("STORAGE_BASE_PATH", "DATA_PATH"),
        "format": ("STORAGE_FORMAT",),
        "compression": ("STORAGE_COMPRESSION",),
    },
    "api": {"api_key": ("API_KEY", "BINANCE_COLLECTOR_API_KEY")},
}
EXAMPLE = """\
# What this project reads of the original's configuration. Collecting needs no API keys.
binance:
  base_url: https://api.binance.com
storage:
  base_path: data
api:
  host: 127.0.0.1
  port: 8000
  api_key: null    # a key of your own making, needed before other machines are let in
"""


@define
class BinanceConfig:
    """Where the exchange is. Keys are taken and not used: everything collected is public."""

    api_key: str | None = field(default=None, repr=False)
    api_secret: str | None = field(default=None, repr=False)
    base_url: str = BASE_URL


@define
class RateLimitConfig:
    """Taken and not used: the exchange says in every answer how much of its budget is used, and that is kept to."""

    requests_per_minute: int = 1200
    max_workers: int = 10
    retry_attempts: int = 3
    retry_delay_seconds: float = 1.0


@define
class StorageConfig:
    """Where the archive is. `format` and `compression` are taken and not used: files are encoded as bc-parquet does."""

    base_path: str = "data"
    format: str = "parquet"
    compression: str = "snappy"


@define
class ApiConfig:
    """How the archive is served. Beyond this machine only with a key, or with `open: true`."""

    host: str = "127.0.0.1"
    port: int = 8000
    api_key: str | None = field(default=None, repr=False)
    open: bool = False


@define
class Config:
    """All of it. `Config.load()` is what the collectors themselves ask."""

    binance: BinanceConfig = field(factory=BinanceConfig)
    rate_limit: RateLimitConfig = field(factory=RateLimitConfig)
    storage: StorageConfig = field(factory=StorageConfig)
    api: ApiConfig = field(factory=ApiConfig)

    @classmethod
    def from_file(cls, config_path: str | Path) -> Config:
        """From a YAML file. Raises `FileNotFoundError`, and `ConfigError` that names every mistake."""
        import yaml

        path = Path(config_path)
        if not path.exists():
            raise FileNotFoundError(f"there is no configuration file {path}")
        try:
            tree = yaml.safe_load(path.read_text(encoding="utf-8"))
        except yaml.YAMLError as error:
            raise ConfigError([f"{path}: not YAML: {' '.join(str(error).split())}"]) from error
        return cls.from_dict({} if tree is None else tree, str(path))

    @classmethod
    def from_dict(cls, data: Mapping[str, Any], where: str = "configuration") -> Config:
        """From the same tree. Raises `ConfigError` that names every mistake."""
        sections: dict[str, Callable[..., Any]] = {
            "binance": BinanceConfig,
            "rate_limit": RateLimitConfig,
            "storage": StorageConfig,
            "api": ApiConfig,
        }
        if not isinstance(data, Mapping):
            raise ConfigError([f"{where}: must hold sections: {', '.join(sections)}"])
        known = ", ".join(sections)
        problems = [f"{where}: {name} is not known; known: {known}" for name in data if name not in sections]
        parsed: dict[str, Any] = {
            name: _parsed(kind, data[name], f"{where}: {name}", problems)
            for name, kind in sections.items()
            if data.get(name) is not None
        }
        if problems:
            raise ConfigError(problems)
        return cls(**parsed)

    @classmethod
    def from_env(cls, environ: Mapping[str, str] | None = None) -> Config:
        """From the environment: BINANCE_BASE_URL, STORAGE_BASE_PATH, API_KEY and the like."""
        found = os.environ if environ is None else environ
        tree = {
            section: {
                key: next(found[name] for name in names if found.get(name))
                for key, names in keys.items()
                if any(found.get(name) for name in names)
            }
            for section, keys in ENVIRONMENT.items()
        }
        return cls.from_dict(tree, "environment")

    @classmethod
    def load(cls, config_path: str | Path | None = None) -> Config:
        """The file that is named, else ./config.yaml if it is there, else the environment over the defaults."""
        if config_path is not None and Path(config_path).exists():
            return cls.from_file(config_path)
        return cls.from_file(DEFAULT_FILE) if Path(DEFAULT_FILE).exists() else cls.from_env()


def create_example_config(output_path: str | Path = DEFAULT_FILE) -> None:
    """Writes a file to start from, over none that is there."""
    with Path(output_path).open("x", encoding="utf-8") as file:
        file.write(EXAMPLE)
    print(f"wrote {output_path}")


def _parsed(kind: Callable[..., T], values: Any, where: str, problems: list[str]) -> T | None:
    if not isinstance(values, Mapping):
        problems.append(f"{where} must be a section, not {values!r}")
        return None
    try:
        return parse(kind, values)
    except FieldsError as error:
        problems += [f"{where}.{name} {sentence}" for name, sentence in error.problems]
    return None
