"""The catalogue: everything that can be read by name, stored (a dataset) or computed (a derivation)."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from attrs import Attribute, field, frozen

from bcore.errors import ConflictError, NotFoundError, PluginError, RequestError
from bcore.fields import FieldsError, parse
from bcore.naming import near
from bcore.records import Computation, Dataset, Deferred, Derivation, datasets_of

if TYPE_CHECKING:
    import pyarrow as pa

log = logging.getLogger(__name__)
Offer = Derivation | Computation | Deferred
NUMBERED = re.compile(r".*_([1-9][0-9]*)")  # a column of the level N: `bid_price_1`


def _one_or_more(_: object, attribute: Attribute[int | None], value: int | None) -> None:
    if value is not None and value < 1:
        raise ValueError(f"must be 1 or more, not {value}")


@frozen
class LevelParams:
    """The parameter of a dataset with numbered columns."""

    levels: int | None = field(
        default=None, validator=_one_or_more, metadata={"help": "only the columns of so many levels; all if not given"}
    )


@frozen
class View:
    """Something readable: the rows of `dataset`, or what `made_by` makes of them (and of further datasets).

    What is deferred is imported when more than the name is asked for; `PluginError` where that fails. `prefix` is what
    a renamed dataset has before its source's name for it: `us_ohlcv` is made of `us_trades`.
    """

    name: str
    dataset: Dataset
    offer: Offer | None = None
    prefix: str = ""

    @property
    def made_by(self) -> Derivation | Computation | None:
        return self.offer.record if isinstance(self.offer, Deferred) else self.offer

    @property
    def derivation(self) -> Derivation | None:
        made_by = self.made_by
        return made_by if isinstance(made_by, Derivation) else None

    @property
    def computation(self) -> Computation | None:
        made_by = self.made_by
        return made_by if isinstance(made_by, Computation) else None

    @property
    def summary(self) -> str:
        return (self.made_by or self.dataset).summary

    @property
    def schema(self) -> pa.Schema:
        return (self.made_by or self.dataset).schema

    @property
    def time(self) -> str:
        return (self.made_by or self.dataset).time

    @property
    def facets(self) -> tuple[str, ...]:
        return () if self.computation else self.dataset.facets

    @property
    def params(self) -> type | None:
        if made_by := self.made_by:
            return made_by.params
        return LevelParams if any(self._level(name) == 1 for name in self.schema.names) else None

    @property
    def sized_by(self) -> str | None:
        """For a view of one instant the parameter that says how much of it to show; None for one with a time range."""
        return self.computation.sized_by if self.computation else None

    @property
    def grows(self) -> bool:
        """Whether the newest row may change until there is a later one, whatever is stored."""
        return self.computation is not None and self.computation.grows

    def columns(self, wanted: Iterable[str] | None, params: Any) -> list[str]:
        """The columns to show: those wanted, or all that the parameters leave. Raises `RequestError`."""
        names: list[str] = self.schema.names
        if wanted is None:
            most = params.levels if isinstance(params, LevelParams) else None
            return names if most is None else [name for name in names if self._level(name) <= most]
        unknown = [name for name in wanted if name not in names]
        if unknown:
            problems = [f"{self.name} has no column {name!r}{near(name, names)}" for name in unknown]
            raise RequestError(*problems, f"columns: {', '.join(names)}")
        return list(dict.fromkeys(wanted))

    def _level(self, name: str) -> int:
        """The level that a column is of, 0 for one of none."""
        numbered = NUMBERED.fullmatch(name)
        return int(numbered[1]) if numbered else 0

    def split(self, typed: Mapping[str, Any]) -> tuple[dict[str, tuple[Any, ...]], Any]:
        """Facet filters and the parameter object from what was typed. Raises `RequestError` with every problem."""
        problems: list[str] = []
        where = {name: self._facet(name, typed[name], problems) for name in self.facets if name in typed}
        rest = {name: value for name, value in typed.items() if name not in self.facets}
        params = self._params(rest, problems)
        if problems:
            raise RequestError(*problems)
        return where, params

    def _facet(self, name: str, typed: Any, problems: list[str]) -> tuple[Any, ...]:
        import pyarrow as pa

        values = typed.split(",") if isinstance(typed, str) else typed
        values = list(values) if isinstance(values, (list, tuple)) else [values]
        kind = self.dataset.schema.field(name).type
        try:
            # Text to number goes through string: Arrow casts "10", and not 10, to every column type.
            return tuple(pa.array([_as_text(value) for value in values]).cast(kind).to_pylist())
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
            what = "a number" if pa.types.is_floating(kind) or pa.types.is_integer(kind) else f"of type {kind}"
            problems.append(f"{name} must be {what}, or several separated by commas, not {typed!r}")
            return ()

    def _params(self, typed: Mapping[str, Any], problems: list[str]) -> Any:
        try:
            return parse(self.params or NoParams, typed)
        except FieldsError as error:
            problems.extend(f"{name} {sentence}".strip() for name, sentence in error.problems)
        return None


def _as_text(value: Any) -> str:
    """A whole float as a whole number, which a float and an int column both take."""
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


@frozen
class NoParams:
    """The parameters of a plain dataset: none."""


@frozen(eq=False)
class Loadable(Mapping[str, View]):
    """Views of which only those are listed that can be had: a plugin that is broken costs its own views alone."""

    views: Mapping[str, View]

    def __getitem__(self, name: str) -> View:
        return self.views[name]

    def __iter__(self) -> Iterator[str]:
        return (name for name, view in self.views.items() if _loads(view))

    def __len__(self) -> int:
        return sum(1 for _ in self)


def _loads(view: View) -> bool:
    try:
        return view.made_by is not None or view.offer is None
    except PluginError as error:
        log.warning("%s", error)
        return False


@frozen
class Catalogue:
    """All views by name."""

    views: Mapping[str, View]

    @property
    def listed(self) -> Mapping[str, View]:
        """Those that can be had; each is imported when it is looked at."""
        return Loadable(self.views)

    @classmethod
    def of(cls, datasets: Iterable[Dataset], offers: Iterable[Offer]) -> Catalogue:
        """Views of the datasets, and of the derivations and computations whose datasets are all among them.

        Renamed datasets bring their views too: where `us_trades` is like `trades`, `us_ohlcv` is to `ohlcv`.

        One dataset may be named twice if it is the same: what a plugin declares and what an archive holds. The
        first wins, for its summary. Raises `ConflictError` if two that differ share a name.
        """
        views: dict[str, View] = {}
        for dataset in datasets:
            held = views.setdefault(dataset.name, View(dataset.name, dataset))
            if not alike(held.dataset, dataset):
                raise ConflictError(f"dataset {dataset.name!r} exists with two different schemas or keys")
        known = {name: view.dataset for name, view in views.items()}
        for offer in offers:
            if offer.name in known:
                raise ConflictError(f"the view name {offer.name!r} is both a dataset and a derivation")
            needed = datasets_of(offer)
            for prefix in _prefixes(needed, known):
                name = prefix + offer.name
                views.setdefault(name, View(name, known[prefix + needed[0]], offer, prefix))
        return cls(views)

    def dataset(self, name: str) -> Dataset:
        """The dataset of that name, which is a view of its own."""
        return self.view(name).dataset

    def view(self, name: str) -> View:
        """The view of that name. Raises `NotFoundError` that names what there is."""
        if name not in self.views:
            known = ", ".join(sorted(self.views)) or "none (is a plugin missing?)"
            raise NotFoundError(f"there is no view {name!r}{near(name, self.views)}; views: {known}")
        return self.views[name]


def _prefixes(needed: Sequence[str], known: Mapping[str, Dataset]) -> Iterator[str]:
    """What stands before the names of datasets that are all there, and like those of the names themselves."""
    if all(name in known for name in needed):
        for held in known:
            prefix = held.removesuffix(needed[0]) if held.endswith(f"_{needed[0]}") else ""
            if held == needed[0] or (prefix and all(_like(prefix + name, name, known) for name in needed)):
                yield prefix


def _like(name: str, own: str, known: Mapping[str, Dataset]) -> bool:
    return name in known and alike(known[name], known[own])


def alike(one: Dataset, other: Dataset) -> bool:
    """Whether rows of one can be read as the other: an archive written for more levels is another matter."""
    same = (one.key, one.time, one.sequence) == (other.key, other.time, other.sequence)
    return same and set(one.schema.names) >= set(other.schema.names)
