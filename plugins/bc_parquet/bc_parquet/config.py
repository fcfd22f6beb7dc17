"""The keys of a `[stores.*]` section of kind "parquet"."""

from __future__ import annotations

from attrs import field, frozen, validators


@frozen
class ParquetConfig:
    path: str = field(default="data", validator=validators.min_len(1), metadata={"help": "the archive's folder"})
    hot_rows: int = field(
        default=1024, validator=validators.ge(1), metadata={"help": "newest rows kept hot, for datasets without facets"}
    )
    hot_snapshots: int = field(
        default=200, validator=validators.ge(1), metadata={"help": "newest rows kept hot per facet value (tick size)"}
    )
    hot_parquet: bool = field(default=False, metadata={"help": "write NAME_hot.parquet beside each series too"})
    compression_level: int = field(
        default=3,
        validator=[validators.ge(1), validators.le(22)],
        metadata={"help": "zstd level; higher is smaller and slower to write"},
    )
    layout: str = field(
        default="auto",
        validator=validators.in_(["auto", "link", "pointer"]),
        metadata={"help": "how a new series names its current files: a symlink, a pointer file, or what works here"},
    )
