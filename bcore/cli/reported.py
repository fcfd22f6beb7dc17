"""What `bcore status` says: heartbeats and archives as a report, for eyes and as plain data."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from math import ceil
from pathlib import Path
from typing import Any

from attrs import asdict, frozen

from bcore.app import App, completed
from bcore.cli.options import Options
from bcore.cli.output import aligned
from bcore.cli.words import counted, days, duration, lag, of_gaps, size
from bcore.companions import folders
from bcore.config import Tree
from bcore.heartbeat import Beat, Found, beats
from bcore.instants import MINUTE, SECOND, iso
from bcore.records import SeriesStats
from bcore.status import ExchangeStatus, SeriesStatus, SourceStatus, Status

INSTANTS = {"started", "taken", "since", "passed", "stored", "last_time", "first_time", "weight_at", "written"}
HEAD = ("series", "rows", "rows/s 10 s", "1 min", "last id", "lag", "stored", "gaps open")


@frozen
class Report:
    """One look: the heartbeats by archive, and where there is none what the archive holds."""

    now: int
    found: tuple[tuple[Path, tuple[Found, ...]], ...]
    held: tuple[SeriesStats, ...] = ()
    homeless: tuple[str, ...] = ()

    @property
    def problems(self) -> list[str]:
        """One sentence for each thing that is not well."""
        return [
            *(f"the store {name} keeps no folder: its collector cannot be seen from here" for name in self.homeless),
            *(f"no collector is running on {_folder(path)}" for path, found in self.found if not found),
            *(sentence for _, found in self.found for each in found for sentence in problems_of(each)),
        ]

    def lines(self) -> list[str]:
        blocks = [
            self.problems,
            *(list(_collector(each, path, self.now)) for path, found in self.found for each in found),
        ]
        if not any(found for _, found in self.found):
            blocks.append(list(_holdings(self.held, self.now)))
        first, *others = [block for block in blocks if block]
        return [*first, *(line for block in others for line in ["", *block])]

    def plain(self) -> dict[str, Any]:
        """As data for JSON."""
        return {
            "healthy": not self.problems,
            "problems": self.problems,
            "collectors": [_plain_found(each, path) for path, found in self.found for each in found],
            "archive": [_plain_stats(each) for each in self.held],
        }


@frozen
class Look:
    """Where to look: the stores of the configuration."""

    app: App
    archives: tuple[Path, ...]
    homeless: tuple[str, ...]

    @classmethod
    def of(cls, options: Options) -> Look:
        """Raises `ConfigError`."""
        registry = options.registry()
        tree = completed(options.tree(), registry, data=options.data, groups=("sources",))
        app = App.of({"stores": tree["stores"]}, registry)
        filled = _filled(tree, app)
        paths = folders(each for each in app.settings.stores.values() if each.name in filled)
        return cls(app, tuple(paths.values()), tuple(name for name in filled if name not in paths))

    def report(self, now: int) -> Report:
        found = tuple((path, tuple(beats(path, now))) for path in self.archives)
        if any(each for _, each in found):
            return Report(now, found)
        return Report(now, found, tuple(self.app.reader().stats()), self.homeless)


def _filled(tree: Tree, app: App) -> list[str]:
    """The stores that sources write to. A source that names none writes to the first."""
    first, *_ = app.settings.stores
    sections = tree["sources"].values() if isinstance(tree["sources"], Mapping) else ()
    named = {each.get("store", first) for each in sections if isinstance(each, Mapping)} or {first}
    return [name for name in app.settings.stores if name in named]


def _folder(path: Path) -> str:
    return str(path) if path.is_dir() else f"{path}: there is no such folder"


def problems_of(found: Found) -> Iterator[str]:
    """What is wrong with one collector."""
    if found.beat is None:
        yield f"{found.path} cannot be read: it was written by another version of bcore, or is damaged"
        return
    who, ago = f"collector {found.beat.pid}", duration(round(found.age * SECOND))
    if found.state == "dead":
        yield f"{who} is dead: it ended {ago} ago without a clean stop; start it again, it goes on where it was"
    elif found.state == "silent":
        yield f"{who} is silent: no heartbeat for {ago}; it hangs, is stopped, or runs where its process cannot be seen"
    else:
        yield from (f"source {each.name} {_state(each, found.beat.written)}" for each in _ill(found.beat.status))


def _ill(status: Status) -> Iterator[SourceStatus]:
    yield from (each for each in status.sources if each.state in ("failing", "stopped"))


def _state(source: SourceStatus, now: int) -> str:
    text = f"{source.state} for {duration(now - source.since)}"
    if source.state != "failing":
        return text
    times = f" ({source.failures} times)" if source.failures > 1 else ""
    return f"{text}{times}: {source.reason}; next try within {ceil(source.retry_in)} s"


def _collector(found: Found, path: Path, now: int) -> Iterator[str]:
    if found.beat is None:
        return
    beat = found.beat
    up = duration(beat.written - beat.status.started)
    yield f"collector {beat.pid} of {path}, up for {up}, heartbeat {found.age:.1f} s ago, bcore {beat.version}"
    yield from (f"  {line}" for line in _parts(beat))
    if beat.status.series:
        yield ""
        yield from aligned(HEAD, [_row(each, now) for each in beat.status.series])


def _parts(beat: Beat) -> Iterator[str]:
    """A line for each source, exchange and disk, and one for what is missing."""
    status, now = beat.status, beat.written
    yield from (f"source {each.name}: {_state(each, now)}" for each in status.sources)
    yield from (f"exchange {each.name}: {_exchange(each, now)}" for each in status.exchanges)
    for disk in status.disks:
        low = "LOW, " if disk.low else ""
        yield f"disk: {low}{size(disk.free)} of {size(disk.total)} free{days(disk.days_left)}"
    if gaps := of_gaps(status):
        yield gaps


def _exchange(exchange: ExchangeStatus, now: int) -> str:
    told = [
        f"{counted(exchange.connections, 'connection')} with {counted(exchange.streams, 'stream')}",
        counted(exchange.reconnects, "reconnect") + (f" (last: {exchange.reason})" if exchange.reason else ""),
        counted(exchange.rotations, "rotation"),
    ]
    streaming = exchange.connections or exchange.reconnects or exchange.rotations
    return ", ".join([*(told if streaming else []), *_weight(exchange, now)]) or "nothing known yet"


def _weight(exchange: ExchangeStatus, now: int) -> Iterator[str]:
    """What was used of a window that is over tells nothing of this one."""
    if exchange.weight_limit and exchange.weight_at is not None:
        fresh = now - exchange.weight_at < MINUTE
        yield f"weight {exchange.weight_used if fresh else 0} of {exchange.weight_limit}"


def _row(series: SeriesStatus, now: int) -> list[str]:
    gaps = (
        "-" if series.gaps is None else f"{series.gaps} ({counted(series.missing or 0, 'id')})" if series.gaps else "0"
    )
    return [
        series.name,
        f"{series.rows:,}" + (f" + {series.rejected} rejected" if series.rejected else ""),
        f"{series.rate_10s:,.1f}",
        f"{series.rate_1m:,.1f}",
        "-" if series.last_id is None else str(series.last_id),
        lag(series.lag),
        "-" if series.stored is None else f"{duration(now - series.stored)} ago",
        gaps,
    ]


def _holdings(held: Iterable[SeriesStats], now: int) -> Iterator[str]:
    rows = [
        [
            str(each.series),
            f"{each.rows:,}",
            size(each.bytes),
            "-" if each.last_time is None else iso(each.last_time),
            "-" if each.last_time is None else f"{duration(now - each.last_time)} old",
            "-" if each.gaps is None else str(each.gaps),
        ]
        for each in held
    ]
    if rows:
        yield from aligned(("series", "rows", "bytes", "newest row", "which is", "gaps"), rows)
    else:
        yield "nothing is stored yet; `bcore run` collects"


def _plain_found(found: Found, path: Path) -> dict[str, Any]:
    beat = {} if found.beat is None else _written(asdict(found.beat))
    return {"state": found.state, "age": found.age, "folder": str(path), **beat}


def _plain_stats(stats: SeriesStats) -> dict[str, Any]:
    facts = ("rows", "bytes", "first_time", "last_time", "gaps")
    return {"series": str(stats.series)} | {name: _written(getattr(stats, name), name) for name in facts}


def _written(value: Any, name: str = "") -> Any:
    """Instants as text, in whatever depth they stand."""
    if isinstance(value, dict):
        return {key: _written(each, key) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [_written(each) for each in value]
    return iso(value) if name in INSTANTS and isinstance(value, int) else value
