"""Whether the archive has changed, told without reading it: what ETags, cached answers and lists of views rest on."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Executor
from hashlib import blake2b

from attrs import define, field, frozen

from bcore import __version__
from bcore.errors import BcoreError, NotFoundError
from bcore.naming import near
from bcore.protocols import Reader, ViewInfo
from bcore.records import Dataset, SeriesStats

log = logging.getLogger(__name__)
SHARE = 20  # looking takes at most one part in so many of the time


@frozen
class State:
    """The archive at one moment. `series` is by dataset and symbol; `tags` change when the rows of a series do."""

    views: Mapping[str, ViewInfo]
    series: Mapping[tuple[str, str], SeriesStats]
    tags: Mapping[tuple[str, str], str] | None
    tag: str | None

    def view_of(self, name: str) -> ViewInfo:
        """The view of that name. Raises `NotFoundError` that names what there is."""
        view = self.views.get(name)
        if view is None:
            known = ", ".join(sorted(self.views)) or "none"
            raise NotFoundError(f"there is no view {name!r}{near(name, self.views)}; views: {known}")
        return view

    def tag_of(self, view: str, symbol: str) -> str | None:
        """Of the series that the view shows; for a computed view, of everything held of the symbol.

        None where it is not known: then nothing is cached, and no ETag sent.
        """
        if self.tags is None:
            return None
        if (own := self.tags.get((view, symbol))) is not None:
            return own
        every = [tag for (_, each), tag in self.tags.items() if each == symbol]
        return _digest(*every) if every else None

    def sequence_of(self, view: str) -> str | None:
        """The column of ids by which the view can be paged, if it has one."""
        dataset: Dataset | None = getattr(self.views.get(view), "dataset", None)
        if dataset is None:  # a reader whose views tell no more than they must
            dataset = next((each.series.dataset for (name, _), each in self.series.items() if name == view), None)
        return dataset.sequence if dataset is not None and dataset.name == view else None


@define(eq=False)
class Pulse:
    """Looks at the archive at most every `fresh` seconds, in a thread, and only when somebody asks."""

    reader: Reader
    pool: Executor
    fresh: float
    monotonic: Callable[[], float] = time.monotonic
    _state: State | None = field(default=None, init=False)
    _until: float = field(default=0.0, init=False)
    _looking: asyncio.Future[State] | None = field(default=None, init=False)
    _began: float = field(default=float("-inf"), init=False)
    _rested: float = field(default=float("-inf"), init=False)

    async def state(self) -> State:
        """As of at most `fresh` seconds ago. Everybody who asks meanwhile waits for one look."""
        if self._state is not None and self.monotonic() < self._until:
            return self._state
        if self._looking is None:
            self._looking = asyncio.ensure_future(self._look())
            self._looking.add_done_callback(self._looked)
        return await asyncio.shield(self._looking)

    async def anew(self) -> State:
        """As of now, for whoever misses what may just have been stored; at most half of the time goes into looking."""
        asked, state = self.monotonic(), await self.state()
        while self._began < asked:
            # Also where nothing is to be waited for: a look that has just ended must get the chance to be put away.
            await asyncio.sleep(max(self._rested - self.monotonic(), 0.0))
            if self._looking is None and self._began < asked:
                self._until = asked
            state = await self.state()
        return state

    def _looked(self, done: asyncio.Future[State]) -> None:
        self._looking = None
        if not done.cancelled():
            done.exception()  # who waited has it; with nobody left, asyncio is not to complain

    async def _look(self) -> State:
        began = self.monotonic()
        state = await asyncio.get_running_loop().run_in_executor(self.pool, look, self.reader, self._state)
        ended = self.monotonic()
        self._began, self._rested = began, ended + (ended - began)
        self._state, self._until = state, began + max(self.fresh, SHARE * (ended - began) if self.fresh else 0.0)
        return state


def look(reader: Reader, before: State | None = None) -> State:
    """The archive now; views that are still the same are the same object as before."""
    views = reader.views()
    if before is not None and _alike(views, before.views):
        views = before.views
    try:
        stats = reader.stats()
    except (BcoreError, OSError) as error:
        log.warning("the archive cannot be looked at: %s", error)
        return State(views, {}, None, None)
    series = {(each.series.dataset.name, each.series.symbol): each for each in stats}
    tags = {name: _of(each) for name, each in series.items()}
    return State(views, series, tags, _digest(*tags.values(), *sorted(views)))


def _alike(views: Mapping[str, ViewInfo], before: Mapping[str, ViewInfo]) -> bool:
    return views.keys() == before.keys() and all(
        view.params is before[name].params and view.facets == before[name].facets and view.schema == before[name].schema
        for name, view in views.items()
    )


def _of(stats: SeriesStats) -> str:
    facts = (stats.series.dataset.name, stats.series.symbol, stats.rows, stats.bytes, stats.files, stats.gaps)
    return _digest(*map(repr, (*facts, stats.first_time, stats.last_time, stats.last_key)))


def _digest(*texts: str) -> str:
    return blake2b("\n".join((__version__, *texts)).encode(), digest_size=9).hexdigest()
