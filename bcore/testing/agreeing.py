"""Comparing what a product says with what it should say, with messages that show the difference."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest

from bcore.protocols import Store
from bcore.query import Query
from bcore.records import Series


def same_rows(expected: pa.Table, found: Any, what: str) -> None:
    """Fails with the first difference: of type, of schema, of the number of rows, of a row."""
    assert isinstance(found, pa.Table), f"{what}: a pyarrow.Table was expected, not a {type(found).__name__}"
    wanted, got = fields(expected.schema), fields(found.schema)
    assert wanted == got, f"{what}: the columns are {got}, and should be {wanted}"
    for number, (row, other) in enumerate(zip(expected.to_pylist(), found.to_pylist(), strict=False)):
        assert str(row) == str(other), f"{what}: row {number} is {other}, and should be {row}"
    assert expected.num_rows == found.num_rows, f"{what}: {found.num_rows} rows, and should be {expected.num_rows}"


def fields(schema: pa.Schema) -> list[tuple[str, str]]:
    return [(each.name, str(each.type)) for each in schema]


def same_answer(model: Store, store: Store, query: Query) -> None:
    """That a query is answered as by the model, by `read` and by `scan`."""
    expected = model.read(query)
    same_rows(expected, store.read(query), f"read({told(query)})")
    same_rows(expected, store.scan(query).read_all(), f"scan({told(query)})")


def same_account(model: Store, store: Store, series: Series) -> None:
    """That a store says of a series what the model says: last key, spans, stats, that it is there, and the rows."""
    _same(model.last(series), store.last(series), f"last({series})")
    _same(model.spans(series), store.spans(series), f"spans({series})")
    wanted, got = model.stats(series), store.stats(series)
    for name in ("rows", "first_time", "last_time", "last_key", "gaps"):
        _same(getattr(wanted, name), getattr(got, name), f"stats({series}).{name}")
    listed = {(each.dataset.name, each.symbol) for each in store.series()}
    assert ((series.dataset.name, series.symbol) in listed) == (wanted.rows > 0), f"series(), of {series}"
    same_answer(model, store, Query(series.dataset, series.symbol))


def _same(expected: object, found: object, what: str) -> None:
    if expected != found:
        pytest.fail(f"{what} is {found!r}, and should be {expected!r}")


def told(query: Query) -> str:
    """What a query asks for, without what it leaves open."""
    asked = {
        name: getattr(query, name)
        for name in ("start", "end", "first", "last", "where", "columns", "limit", "offset", "tail")
    }
    chosen = ", ".join(f"{name}={value!r}" for name, value in asked.items() if value not in (None, {}, 0))
    return f"{query.series}, {chosen}" if chosen else str(query.series)
