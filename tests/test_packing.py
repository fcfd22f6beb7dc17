"""Few rows in few bytes, and back to the last bit."""

from __future__ import annotations

import math
import random
from typing import Any

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from bcore.packing import packed, packed_schema, unpacked

INSTANT = pa.timestamp("us", tz="UTC")
SCHEMA = pa.schema(
    {"timestamp": INSTANT, "symbol": pa.string(), "tick": pa.float64(), "value": pa.float64(), "id": pa.int64()}
    | {"small": pa.float32(), "yes": pa.bool_()}
)
MOST = 2**63 - 1


def bits(table: pa.Table) -> list[pa.Array]:
    """Columns in which not-a-number equals itself and minus nothing does not equal nothing."""
    whole = [column.combine_chunks() for column in table.columns]
    return [column.view(pa.int64()) if pa.types.is_float64(column.type) else column for column in whole]


def wired(table: pa.Table, facets: tuple[str, ...] = ("tick",)) -> pa.RecordBatchReader:
    return pa.RecordBatchReader.from_batches(packed_schema(), packed(table.schema, table.to_batches(), facets))


def same(table: pa.Table, facets: tuple[str, ...] = ("tick",)) -> bool:
    back = unpacked(wired(table, facets)).read_all()
    return bool(back.schema.equals(table.schema) and bits(back) == bits(table))


DECIMALS = st.builds(lambda whole, digits: whole / 10**digits, st.integers(-(10**12), 10**12), st.integers(0, 9))
ANY = st.floats(width=64)
VALUES = st.one_of(st.lists(DECIMALS, max_size=40), st.lists(ANY, max_size=40), st.lists(st.none() | DECIMALS))


@given(VALUES, st.data())
def test_every_bit_comes_back_in_the_order_in_which_it_was(values: list[float | None], data: st.DataObject) -> None:
    rows = [
        {
            "timestamp": number * 1_000_000,
            "symbol": "AAA",
            "tick": data.draw(st.sampled_from([1.0, 5.0, 10.0])),
            "value": value,
            "id": data.draw(st.integers(-MOST - 1, MOST)),
            "small": 0.1,
            "yes": number % 3 == 0,
        }
        for number, value in enumerate(values)
    ]
    assert same(pa.Table.from_pylist(rows, schema=SCHEMA))
    assert same(pa.Table.from_pylist(rows, schema=SCHEMA), ())


def test_odd_numbers_come_back() -> None:
    for odd in (math.nan, math.inf, -math.inf, -0.0, 5e-324, 1e308, 0.1 + 0.2, 2.0**60, None):
        column: list[Any] = [0.5, odd, 1.25] * 20
        assert same(pa.table({"tick": [1.0] * 60, "value": pa.array(column, pa.float64())})), odd
    some = pa.table({"tick": [1.0], "value": [2.0]})
    assert same(pa.concat_tables([some, some.slice(1), some]))
    assert some == unpacked(some.to_reader()).read_all()  # of a bcore that does not pack


def test_books_that_move_take_a_fraction_of_their_size() -> None:
    """Two hundred snapshots at five tick sizes of a price that walks, with quantities that change now and then."""
    draw, price, rows = random.Random(1), 60_000.0, []
    sizes = {tick: [draw.randrange(10**8) / 1e5 for _ in range(30)] for tick in (1.0, 5.0, 10.0, 50.0, 100.0)}
    for second in range(200):
        price = round(price + draw.randrange(-20, 21) / 100, 2)
        for tick, held in sizes.items():
            held[draw.randrange(30)] = draw.randrange(10**8) / 1e5
            levels = {f"price_{level}": price // tick * tick - level * tick for level in range(30)}
            quantities = {f"quantity_{level}": size for level, size in enumerate(held)}
            rows.append({"timestamp": second, "tick": tick, "mid": price, **levels, **quantities})
    table = pa.Table.from_pylist(rows)
    assert same(table)
    assert wired(table).read_all().nbytes < table.nbytes / 15
