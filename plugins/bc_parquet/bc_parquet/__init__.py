"""The store "parquet": an archive of immutable Parquet files that any tool opens while it is written."""

from __future__ import annotations

from typing import TYPE_CHECKING

__version__ = "0.1.0"

if TYPE_CHECKING:
    from bc_parquet.config import ParquetConfig as ParquetConfig
    from bc_parquet.store import ParquetStore as ParquetStore

__all__ = ["ParquetConfig", "ParquetStore", "__version__"]


def __getattr__(name: str) -> object:
    if name == "ParquetStore":
        from bc_parquet.store import ParquetStore

        return ParquetStore
    if name == "ParquetConfig":
        from bc_parquet.config import ParquetConfig

        return ParquetConfig
    raise AttributeError(f"module 'bc_parquet' has no attribute {name!r}")
