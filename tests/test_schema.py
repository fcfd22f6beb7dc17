from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bc_toy import T0, quotes, tick_batch, tick_table, ticks
from bcore.errors import StoreError
from bcore.records import Batch
from bcore.schema import conform, keys_of

TIME = pa.timestamp("us", tz="UTC")
KEYS = st.lists(st.tuples(st.integers(0, 5), st.integers(0, 3)))


def conformed(table: pa.Table, **more: Any) -> pa.Table:
    return conform(Batch(ticks(), "AAA", table, **more)).table


@given(st.lists(st.integers(0, 20)))
def test_rows_come_out_sorted_by_key_and_once_each(ids: list[int]) -> None:
    assert sorted(set(ids)) == conformed(tick_table(ids)).column("id").to_pylist()


@given(st.lists(st.tuples(st.integers(0, 5), st.floats(0, 100))))
def test_of_two_rows_with_one_key_the_first_is_kept(rows: list[tuple[int, float]]) -> None:
    table = pa.table({"id": [row[0] for row in rows], "price": [row[1] for row in rows]})
    table = table.cast(pa.schema({"id": pa.int64(), "price": pa.float64()}))
    table = table.append_column("timestamp", pa.array([T0] * len(rows), TIME))
    firsts: dict[int, float] = {}
    for number, price in rows:
        firsts.setdefault(number, price)
    answer = conformed(table)
    pairs = zip(answer.column("id").to_pylist(), answer.column("price").to_pylist(), strict=True)
    assert sorted(firsts.items()) == list(pairs)


@given(KEYS)
def test_a_key_of_two_columns_sorts_by_both(keys: list[tuple[int, int]]) -> None:
    columns = {"timestamp": pa.array([key[0] for key in keys], TIME), "level": pa.array([key[1] for key in keys])}
    batch = conform(Batch(quotes(), "AAA", pa.table(columns)))
    levels = batch.table.column("level").to_pylist()
    times = batch.table.column("timestamp").cast("int64").to_pylist()
    assert sorted(set(keys)) == list(zip(times, levels, strict=True))


@given(KEYS)
def test_conforming_twice_changes_nothing(keys: list[tuple[int, int]]) -> None:
    columns = {"timestamp": pa.array([key[0] for key in keys], TIME), "level": pa.array([key[1] for key in keys])}
    once = conform(Batch(quotes(), "AAA", pa.table(columns)))
    assert once.table == conform(once).table


def test_the_schema_is_exactly_the_datasets() -> None:
    table = pa.table({"price": pa.array([1], pa.int32()), "timestamp": [T0], "id": pa.array([1], pa.int16())})
    answer = conformed(table)
    assert ticks().schema == answer.schema
    assert ["AAA"] == answer.column("symbol").to_pylist()
    assert [None] == answer.column("lot").to_pylist()


def test_an_empty_table_conforms() -> None:
    assert 0 == conformed(tick_table([])).num_rows


def test_what_the_batch_knows_besides_is_kept() -> None:
    assert 7 == conform(tick_batch([1], observed=7)).observed


@pytest.mark.parametrize(
    ("table", "says"),
    [
        (tick_table([1]).append_column("extra", pa.array([1])), "unknown column extra"),
        (tick_table([1]).drop_columns(["id"]), "column id is missing"),
        (tick_table([1]).set_column(0, "id", pa.array([1.5])), "do not fit the dataset"),
        (tick_table([1]).set_column(0, "id", pa.array(["x"])), "do not fit the dataset"),
        (tick_table([1]).set_column(0, "id", pa.array([None], pa.int64())), "column id has nulls"),
        (tick_table([1]).set_column(1, "timestamp", pa.array([None], TIME)), "column timestamp has nulls"),
        (tick_table([1]).set_column(1, "timestamp", pa.array([1], pa.timestamp("ns"))), "do not fit the dataset"),
        (tick_table([1]).set_column(1, "timestamp", pa.array([[1]])), "do not fit the dataset"),
        (tick_table([1]).set_column(2, "symbol", pa.array([None], pa.string())), "column symbol has nulls"),
        (tick_table([1], symbol="BBB"), "rows of another symbol"),
        (tick_table([1]).append_column("id", pa.array([1])), "do not fit the dataset"),
    ],
)
def test_rows_that_do_not_fit_are_refused_by_name_and_reason(table: pa.Table, says: str) -> None:
    with pytest.raises(StoreError, match=says) as caught:
        conformed(table)
    assert "ticks/AAA" in str(caught.value)


def test_keys_are_tuples_of_python_values() -> None:
    assert [(1,), (3,)] == keys_of(tick_table([1, 3]), ticks())
