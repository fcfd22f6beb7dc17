"""Values of facets that nothing is stored with: said, with those that there are, instead of answered with nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bcore.errors import NotFoundError
from bcore.query import Query

if TYPE_CHECKING:
    from bcore.protocols import Store

SHOWN = 20


def check_facets(store: Store, query: Query) -> None:
    """Raises `NotFoundError` where the series holds rows, but none at any time with the numbers that the query names.

    Only for facets that are numbers, as widths of buckets are: of a state, in words, there may well be nothing.
    """
    where = {name: wanted for name, wanted in query.where.items() if _is_number(query, name)}
    if not where:
        return
    newest = store.hot(Query(query.dataset, query.symbol, columns=tuple(where)))
    held = {name: newest.column(name).unique().to_pylist() for name in where}
    if not newest.num_rows or all(set(wanted) & set(held[name]) for name, wanted in where.items()):
        return
    if not store.read(Query(query.dataset, query.symbol, where=where, columns=tuple(where), limit=1)).num_rows:
        asked = " and ".join(f"{name} {_listed(wanted)}" for name, wanted in where.items())
        there = "; ".join(f"{name} {_listed(sorted(values))}" for name, values in held.items())
        raise NotFoundError(f"nothing is stored of {query.series} with {asked}; stored lately: {there}")


def _is_number(query: Query, name: str) -> bool:
    import pyarrow as pa

    kind = query.dataset.schema.field(name).type
    return bool(pa.types.is_floating(kind) or pa.types.is_integer(kind))


def _listed(values: Any) -> str:
    shown = [f"{value:g}" if isinstance(value, float) else str(value) for value in values]
    return ", ".join(shown[:SHOWN]) + (", ..." if len(shown) > SHOWN else "")
