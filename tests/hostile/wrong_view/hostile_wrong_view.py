"""Views that are not what they say: other columns, another type, no table, and an error."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from attrs import frozen

from bcore.hookspecs import hookimpl


@frozen
class Params:
    """None."""


@hookimpl
def bcore_derivations() -> Iterator[Any]:
    import pyarrow as pa

    from bcore.records import Computation, Derivation

    schema = pa.schema({"timestamp": pa.timestamp("us", tz="UTC"), "price": pa.float64()})

    def view(name: str, apply: Callable[[Any, Any], Any]) -> Derivation:
        return Derivation(name, "beats", schema, Params, lambda query, params: query, apply, summary="wrong")

    def dividing(table: Any, params: Any) -> Any:
        return 1 / 0

    yield view("other_columns", lambda table, params: table.select(["timestamp", "id"]))
    yield view("other_type", lambda table, params: table.set_column(3, "price", table["price"].cast("string")))
    yield view("no_table", lambda table, params: table.to_pylist())
    yield view("dividing", dividing)

    def answer(name: str, *tables: Any) -> Computation:
        def answered(access: Any, query: Any, params: Any) -> Iterator[Any]:
            for table in tables:
                yield table(access.read("beats"))

        return Computation(name, ("beats",), schema, Params, answered, summary="wrong")

    yield answer("other_answer", lambda table: table.select(["timestamp", "id"]))
    yield answer("breaking", lambda table: table.select(["timestamp", "price"]), lambda table: 1 / 0)
    yield Computation("no_answer", ("beats",), schema, Params, lambda *asked: 7, summary="wrong")
