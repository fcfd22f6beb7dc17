"""The store "parquet": an archive of immutable Parquet files that any tool opens while it is written."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

__version__ = "0.1.0"

if TYPE_CHECKING:
    from bc_parquet.config import ParquetConfig as ParquetConfig
    from bc_parquet.engine import StorageEngine as StorageEngine
    from bc_parquet.store import ParquetStore as ParquetStore

__all__ = ["ParquetConfig", "ParquetStore", "StorageEngine", "__version__"]
HOMES = {"ParquetConfig": "config", "ParquetStore": "store", "StorageEngine": "engine"}


def __getattr__(name: str) -> object:
    if name not in HOMES:
        raise AttributeError(f"module 'bc_parquet' has no attribute {name!r}")
    return getattr(import_module(f"bc_parquet.{HOMES[name]}"), name)
