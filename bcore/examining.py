"""What there is to say of a record beyond what its ids prove, for or against it: asked of plugins, offline.

A plugin's source kind may bring an `Examine` (`Factory.examine`): a book, for instance, knows from when to when it was
in doubt, and that it must not be crossed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from attrs import field, frozen

from bcore.catalogue import alike
from bcore.errors import NotFoundError, StoreError
from bcore.instants import DAY, iso
from bcore.ownnames import OwnNames
from bcore.protocols import Reader, Store
from bcore.records import Compared, Factory, Series
from bcore.verdicts import count
from bcore.witnesses import piece_object, told

if TYPE_CHECKING:
    from bcore.audits import Audit
    from bcore.registry import Registry

Json = dict[str, Any]
SHOWN = 20  # intervals in doubt that are listed


@frozen
class Interval:
    """A time [start, end), int us UTC, in which the record was in one state, and why.

    `proven`: nothing speaks against what was recorded then.
    """

    start: int
    end: int
    state: str
    proven: bool
    reason: str = ""

    @property
    def seconds(self) -> float:
        return (self.end - self.start) / 1_000_000


Examine = Callable[[str, Reader, int, int, bool], Iterator[Interval | Compared]]
"""(symbol, reader, start, end, deep): what the record of a symbol says of [start, end), int us UTC.

The reader answers under the names that the source itself gives its datasets. Cheap, unless `deep` is wanted: then
everything may be read. Without a disagreement, and with all intervals proven, the record passes.
"""


@frozen
class Examined:
    """What came of it. `failures`: why not everything could be looked at."""

    intervals: tuple[Interval, ...] = ()
    compared: tuple[Compared, ...] = ()
    failures: tuple[str, ...] = ()

    def passes(self, *, unfillable: bool = False) -> bool:
        """With `unfillable` times in doubt are no failure: nobody can bring them back."""
        sound = not self.failures and not any(each.disagreements for each in self.compared)
        return sound and (unfillable or not self.doubts)

    @property
    def doubts(self) -> list[Interval]:
        return [each for each in self.intervals if not each.proven]

    def sentences(self) -> list[str]:
        """For people."""
        lines = [*self.failures, *([self._shares()] if self.intervals else [])]
        lines += [
            f"{each.state} from {iso(each.start)} to {iso(each.end)}: {each.reason}" for each in self.doubts[:SHOWN]
        ]
        if (more := len(self.doubts) - SHOWN) > 0:
            lines.append(f"... and {more:,} more: --format json lists them all")
        return lines + told(self.compared)

    def _shares(self) -> str:
        """`verified 1:59:48.0 in 1 interval (99.83%), suspect .. in 2 intervals (0.17%) of the time from .. to ..`."""
        whole = sum(each.seconds for each in self.intervals)
        states = sorted({(not each.proven, each.state) for each in self.intervals})
        shares = ", ".join(self._share(state, whole) for _, state in states)
        first, last = min(each.start for each in self.intervals), max(each.end for each in self.intervals)
        return f"{shares} of the time from {iso(first)} to {iso(last)}"

    def _share(self, state: str, whole: float) -> str:
        lengths = [each.seconds for each in self.intervals if each.state == state]
        share = f" ({sum(lengths) / whole:.2%})" if whole else ""
        return f"{state} {_clock(sum(lengths))} in {count(len(lengths), 'interval')}{share}"

    def as_object(self) -> Json:
        """For programs."""
        return {
            "intervals": [
                {
                    "start": iso(each.start),
                    "end": iso(each.end),
                    "seconds": each.seconds,
                    "state": each.state,
                    "proven": each.proven,
                    "reason": each.reason,
                }
                for each in self.intervals
            ],
            "compared": [piece_object(each) for each in self.compared],
            "failures": list(self.failures),
        }


def _clock(seconds: float) -> str:
    """`1:02:03.5`."""
    tenths = round(seconds * 10)
    return f"{tenths // 36_000}:{tenths // 600 % 60:02}:{tenths // 10 % 60:02}.{tenths % 10}"


def examined(store: Store, audit: Audit, registry: Registry, *, deep: bool = False) -> Examined | None:
    """Asks whoever installed the kind that the series is of about the days of its audit; None where nobody can tell."""
    examiner = Examiner.of(audit.series, registry)
    if examiner is None or not audit.days:
        return None
    return examiner.ask(store, audit, registry, deep=deep)


@frozen
class Examiner:
    """`names` leads from the names of the source's datasets to the store's: `depth` may be kept as `us_depth`."""

    examine: Examine
    names: Mapping[str, str] = field(hash=False)

    @classmethod
    def of(cls, series: Series, registry: Registry) -> Examiner | None:
        kinds: list[Factory[Any]] = list(registry.of("sources").values())
        for kind in kinds:
            if kind.examine and _is_of(series, kind):
                own, kept = kind.datasets[0].name, series.dataset.name
                return cls(kind.examine, {each.name: kept + each.name.removeprefix(own) for each in kind.datasets})
        return None

    def ask(self, store: Store, audit: Audit, registry: Registry, *, deep: bool) -> Examined:
        reader = OwnNames.reading(store, self.names, registry)
        start, end = audit.days[0].day, audit.days[-1].day + DAY
        found: list[Interval | Compared] = []
        failures: tuple[str, ...] = ()
        try:
            for each in self.examine(audit.series.symbol, reader, start, end, deep):
                found.append(each)
        except (StoreError, NotFoundError) as error:
            failures = (f"could not be examined: {error}",)
        intervals = tuple(each for each in found if isinstance(each, Interval))
        return Examined(intervals, tuple(each for each in found if isinstance(each, Compared)), failures)


def _is_of(series: Series, kind: Factory[Any]) -> bool:
    """Whether a source of the kind writes such rows, under whatever name."""
    own, kept = kind.datasets[0], series.dataset
    return own.chain == kept.chain and alike(kept, own)
