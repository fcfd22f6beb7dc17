"""What a client wants to follow, from its query string."""

from __future__ import annotations

from typing import Any, Literal

from attrs import field, frozen

from bc_http.held import store_of
from bc_http.live.by_id import ById
from bc_http.live.by_key import ByKey
from bc_http.live.computed import Computed, Doubt
from bc_http.live.feeds import Feed, Shape
from bc_http.live.settled import Settled
from bc_http.parameters import Parameters, Problems, refuse
from bcore.catalogue import View
from bcore.local import StoreReader
from bcore.protocols import Reader, ViewInfo
from bcore.records import Dataset, Series


@frozen
class LiveCommon:
    """What every view takes that is followed."""

    after_id: str | None = field(
        default=None,
        metadata={"help": "where to go on: the last cursor that was received; for rows with ids also an id"},
    )
    columns: tuple[str, ...] = field(factory=tuple, metadata={"help": "only these columns, separated by commas"})
    time: Literal["iso", "us"] = field(
        default="iso", metadata={"help": "timestamps: ISO 8601, or us since 1970 as a number"}
    )
    settled: bool = field(
        default=False,
        metadata={"help": "of a computed view each row once, when it is final, and not every time that it changes"},
    )


@frozen
class Followed:
    """A view of a symbol with its parameters; equal ones are one channel."""

    view: ViewInfo = field(eq=False)
    name: str
    symbol: str
    params: tuple[tuple[str, str], ...]
    columns: tuple[str, ...]
    micros: bool
    settled: bool

    @classmethod
    def parsed(cls, view: ViewInfo, symbol: str, query: str) -> tuple[Followed, str | None]:
        """With the cursor from which it is wanted. Raises `Problem` with every mistake."""
        problems: Problems = []
        given = Parameters(view, LiveCommon).read(query, problems)
        refuse(problems)
        own, common = given.own, given.common
        names = common.columns or tuple(view.schema.names)
        if isinstance(view, View):
            names = tuple(view.columns(common.columns or None, given.params))
        followed = cls(view, view.name, symbol, tuple(sorted(own.items())), names, common.time == "us", common.settled)
        return followed, common.after_id

    def feed(self, reader: Reader) -> Feed[Any]:
        """How its rows follow each other."""
        view, shape, params = self.view, Shape(self.columns, self.micros), dict(self.params)
        dataset: Dataset | None = getattr(view, "dataset", None)
        if not isinstance(view, View) or dataset is None:
            return Computed(reader, view, self.symbol, params, shape)
        store = store_of(reader, Series(dataset, self.symbol))
        if store is None:
            return Computed(reader, view, self.symbol, params, shape)
        ids = dataset.sequence == dataset.key[0]
        if view.made_by is not None and self.settled and isinstance(reader, StoreReader):
            return Settled(reader.settling(view, self.symbol, params), shape)
        if view.made_by is not None:
            series = Series(dataset, self.symbol)
            return Computed(reader, view, self.symbol, params, shape, Doubt(store, series) if ids else None)
        if ids:
            return ById(store, dataset, self.symbol, view.split(params)[0], shape)
        return ByKey(reader, dataset, self.symbol, params, shape)

    def made_of(self, datasets: dict[str, Dataset]) -> tuple[Series, ...]:
        """The series that must change for it to change, of the datasets held."""
        view = self.view
        if isinstance(view, View) and view.computation is not None:
            names = {view.prefix + each for each in view.computation.datasets}
            return tuple(Series(each, self.symbol) for name, each in sorted(datasets.items()) if name in names)
        dataset: Dataset | None = getattr(view, "dataset", None)
        known = [dataset] if dataset is not None else [each for _, each in sorted(datasets.items())]
        return tuple(Series(each, self.symbol) for each in known)
