"""The catalogue: everything that can be read by name, stored (a dataset) or computed (a derivation)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from attrs import frozen

from bcore.errors import ConflictError, NotFoundError, RequestError
from bcore.fields import FieldsError, parse
from bcore.naming import near
from bcore.records import Dataset, Derivation

if TYPE_CHECKING:
    import pyarrow as pa


@frozen
class View:
    """Something readable: the rows of `dataset`, or what `derivation` makes of them."""

    name: str
    dataset: Dataset
    derivation: Derivation | None = None

    @property
    def summary(self) -> str:
        return self.derivation.summary if self.derivation else self.dataset.summary

    @property
    def schema(self) -> pa.Schema:
        return self.derivation.schema if self.derivation else self.dataset.schema

    @property
    def time(self) -> str:
        return self.derivation.time if self.derivation else self.dataset.time

    @property
    def facets(self) -> tuple[str, ...]:
        return self.dataset.facets

    @property
    def params(self) -> type | None:
        return self.derivation.params if self.derivation else None

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


@frozen
class Catalogue:
    """All views by name."""

    views: Mapping[str, View]

    @classmethod
    def of(cls, datasets: Iterable[Dataset], derivations: Iterable[Derivation]) -> Catalogue:
        """Views of the datasets, and of the derivations whose dataset is among them.

        One dataset may be named twice if it is the same: what a plugin declares and what an archive holds. The
        first wins, for its summary. Raises `ConflictError` if two that differ share a name.
        """
        views: dict[str, View] = {}
        for dataset in datasets:
            held = views.setdefault(dataset.name, View(dataset.name, dataset))
            if not _alike(held.dataset, dataset):
                raise ConflictError(f"dataset {dataset.name!r} exists with two different schemas or keys")
        for derivation in derivations:
            if derivation.name in views:
                raise ConflictError(f"the view name {derivation.name!r} is both a dataset and a derivation")
            if derivation.dataset in views:
                views[derivation.name] = View(derivation.name, views[derivation.dataset].dataset, derivation)
        return cls(views)

    def view(self, name: str) -> View:
        """The view of that name. Raises `NotFoundError` that names what there is."""
        if name not in self.views:
            known = ", ".join(sorted(self.views)) or "none (is a plugin missing?)"
            raise NotFoundError(f"there is no view {name!r}{near(name, self.views)}; views: {known}")
        return self.views[name]


def _alike(one: Dataset, other: Dataset) -> bool:
    """Whether rows of one can be read as the other: an archive written for more levels is another matter."""
    same = (one.key, one.time, one.sequence) == (other.key, other.time, other.sequence)
    return same and set(one.schema.names) >= set(other.schema.names)
