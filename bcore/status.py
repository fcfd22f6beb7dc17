"""What a collector is doing, as plain facts: what the board sums up, heartbeat files carry, and people are shown."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

from attrs import evolve, frozen

if TYPE_CHECKING:
    from bcore.observers import Observer
    from bcore.registry import Plugin


@frozen
class SeriesStatus:
    """One series since the collector came up. Times in int us UTC, None where unknown.

    `rate_10s` and `rate_1m` are rows per second; `last_time` is the newest row's own time and `stored` when the last
    batch was stored; `lag` is in seconds: how far the newest row was behind the exchange's clock when it was fetched,
    growing on while its source fails. `gaps` counts runs of ids that are missing and still asked for, `missing` their
    ids; None where that was not looked at, or where the dataset has no sequence.
    """

    name: str
    source: str
    rows: int = 0
    rejected: int = 0
    rate_10s: float = 0.0
    rate_1m: float = 0.0
    last: str = "-"
    last_id: int | None = None
    last_time: int | None = None
    stored: int | None = None
    lag: float | None = None
    gaps: int | None = None
    missing: int | None = None


@frozen
class SourceStatus:
    """`state` is "starting", "ok", "failing" or "stopped", `since` then; `passed` is when it had last caught up."""

    name: str
    state: str
    since: int
    symbols: int = 0
    reason: str = ""
    failures: int = 0
    retry_in: float = 0.0
    passed: int | None = None


@frozen
class ExchangeStatus:
    """Live connections now, how often one was lost (`reconnects`) or replaced as planned (`rotations`), and weight."""

    name: str
    connections: int = 0
    streams: int = 0
    reconnects: int = 0
    rotations: int = 0
    reason: str = ""
    weight_used: int | None = None
    weight_limit: int | None = None
    weight_at: int | None = None


@frozen
class DiskStatus:
    """Bytes `free` of `total` where a store keeps its files; `days_left` None while unknown, or if nothing grows."""

    store: str
    path: str
    free: int
    total: int
    days_left: float | None = None
    low: bool = False


@frozen
class PluginStatus:
    """What a plugin has cost, in seconds: its import, and its hooks so far; `events` is how many it was told of.

    `state` is "ok", "disabled", "failed", or "hangs": its observer did not come back, and is told nothing any more.
    """

    name: str
    version: str
    state: str
    load_seconds: float = 0.0
    hook_seconds: float = 0.0
    events: int = 0

    @classmethod
    def of(cls, plugin: Plugin, observer: Observer | None) -> PluginStatus:
        asked = sum(plugin.hook_seconds.values())
        if observer is None:
            return cls(plugin.name, plugin.version, plugin.state, plugin.load_seconds, asked)
        state, asked = ("hangs" if observer.hangs else plugin.state), asked + observer.seconds
        return cls(plugin.name, plugin.version, state, plugin.load_seconds, asked, observer.events)


@frozen
class Status:
    """A collector at the instant `taken`; `started` is when it came up. Both int us UTC."""

    started: int
    taken: int
    sources: tuple[SourceStatus, ...] = ()
    exchanges: tuple[ExchangeStatus, ...] = ()
    series: tuple[SeriesStatus, ...] = ()
    disks: tuple[DiskStatus, ...] = ()
    plugins: tuple[PluginStatus, ...] = ()

    def of(self, sources: Collection[str], store: str) -> Status:
        """The part that concerns these sources and the store they fill."""
        return evolve(
            self,
            sources=tuple(each for each in self.sources if each.name in sources),
            series=tuple(each for each in self.series if each.source in sources),
            disks=tuple(each for each in self.disks if each.store == store),
        )

    @property
    def gaps(self) -> int:
        return sum(each.gaps or 0 for each in self.series)

    @property
    def missing(self) -> int:
        return sum(each.missing or 0 for each in self.series)
