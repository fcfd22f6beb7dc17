"""What a replay was asked to be."""

from __future__ import annotations

from pathlib import Path

from attrs import frozen


@frozen(kw_only=True)
class Options:
    """`start_at` is an instant in us UTC; `retention_floor` the lowest id that REST reaches; `port` 0 a free one."""

    paths: tuple[str, ...]
    host: str = "127.0.0.1"
    port: int = 0
    speed: float = 1.0
    symbols: tuple[str, ...] | None = None
    loop: bool = False
    wait: bool = False
    start_at: int | None = None
    exit_at_end: bool = False
    faults: tuple[str, ...] = ()
    market: str | None = None  # "spot" or "um"; None: what the recording is of
    weight_limit: int | None = None  # None: the market's own, as are the next two
    ping_interval: float | None = None
    pong_timeout: float | None = None
    retention_floor: int = 0
    bulk: Path | None = None  # a folder of bulk files, laid out as in the bucket
    bulk_delay: float = 0.0  # seconds of the exchange's time from the end of a day to its file
    die_with_parent: bool = False
    verbose: bool = False
