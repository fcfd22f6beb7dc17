"""Day proofs: the same for the same rows however they stand, another for any other rows; ids and chains that add up."""

from __future__ import annotations

import struct
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bcore.instants import DAY
from bcore.proof import CHUNK, combined, day_proofs
from bcore.records import Dataset, DayProof
from bcore.spans import Spans

INSTANT = pa.timestamp("us", tz="UTC")
SCHEMA = pa.schema(
    [
        pa.field("id", pa.int64(), nullable=False),
        pa.field("timestamp", INSTANT, nullable=False),
        ("symbol", pa.string()),
        ("price", pa.float64()),
        ("maker", pa.bool_()),
        ("first", pa.int64()),
        ("last", pa.int64()),
        ("level", pa.int32()),
        ("note", pa.string()),
    ]
)
ROWS = Dataset("rows", SCHEMA, key=("id",), sequence="id", chain=("first", "last"))
T0 = 19_000 * DAY
INT64 = st.integers(-(2**63), 2**63 - 1)
ANY = {
    "id": st.integers(0, 10**12),
    "timestamp": st.integers(-3 * DAY, 3 * DAY).map(lambda offset: T0 + offset),
    "symbol": st.sampled_from(["A", "B", ""]),
    "price": st.none() | st.floats(),
    "maker": st.none() | st.booleans(),
    "first": st.none() | st.integers(-2, 100),
    "last": st.none() | st.integers(-2, 100),
    "level": st.none() | st.integers(-(2**31), 2**31 - 1),
    "note": st.none() | st.sampled_from(["", "a", "b", "ab", "é"]),
}
TABLES = st.lists(st.fixed_dictionaries(ANY), max_size=12)


def table(rows: list[dict[str, Any]]) -> pa.Table:
    return pa.Table.from_pylist(rows, schema=SCHEMA)


def proofs(rows: list[dict[str, Any]]) -> tuple[DayProof, ...]:
    return day_proofs(table(rows), ROWS)


def one(column: pa.Array | pa.ChunkedArray, name: str = "price") -> int:
    """The fingerprint of rows of a single day that have this column besides their times."""
    times = pa.array([T0] * len(column), INSTANT)
    dataset = Dataset("some", pa.schema([("timestamp", INSTANT), ("symbol", pa.string())]), key=("timestamp",))
    (proof,) = day_proofs(pa.table({"timestamp": times, name: column}), dataset)
    return proof.fingerprint


def ranged(ranges: list[tuple[int, int]]) -> DayProof:
    rows = [{"id": i, "timestamp": T0, "symbol": "A", "first": a, "last": b} for i, (a, b) in enumerate(ranges)]
    (proof,) = proofs(rows)
    return proof


def test_a_chain_without_a_sequence_tells_which_ids_its_rows_cover() -> None:
    levels = Dataset("levels", SCHEMA, key=("last", "id"), chain=("first", "last"))
    ranges = [(5, 9), (5, 9), (5, 9), (10, 10), (12, 14), (13, 20), (13, 20), (-1, -1), (None, None), (30, 29)]
    rows = [{"id": i, "timestamp": T0, "symbol": "A", "first": a, "last": b} for i, (a, b) in enumerate(ranges)]
    (proof,) = day_proofs(table(rows), levels)
    assert (10, Spans(((5, 10), (12, 20))), Spans(), 0) == (proof.rows, proof.spans, proof.chain, proof.chained)
    assert (proof,) == combined([*day_proofs(table(rows[:2]), levels), *day_proofs(table(rows[2:]), levels)])
    assert (True, False) == (levels.numbered, Dataset("none", SCHEMA, key=("id",)).numbered)


@given(TABLES, st.randoms())
def test_rows_in_any_order_have_the_same_proofs(rows: list, chance: Any) -> None:
    expected = proofs(rows)
    chance.shuffle(rows)
    assert expected == proofs(rows)


@given(TABLES, st.integers(0, 12))
def test_the_proofs_of_parts_add_up_to_those_of_the_whole(rows: list, cut: int) -> None:
    assert proofs(rows) == combined([*proofs(rows[:cut]), *proofs(rows[cut:])])
    assert proofs(rows) == combined(proof for row in rows for proof in proofs([row]))


@given(TABLES.filter(bool), st.data())
def test_any_other_value_of_any_field_is_another_fingerprint(rows: list, data: Any) -> None:
    index, name = data.draw(st.integers(0, len(rows) - 1)), data.draw(st.sampled_from(SCHEMA.names))
    other = [dict(row) for row in rows]
    other[index][name] = data.draw(ANY[name])
    same = repr(rows) == repr(other)  # repr: NaN is NaN, and 0.0 is not -0.0
    before, after = (sum(proof.fingerprint for proof in proofs(each)) % 2**128 for each in (rows, other))
    assert same == (before == after)


@given(TABLES.filter(bool), st.integers(1, 5))
def test_chunks_dictionaries_and_columns_order_do_not_matter(rows: list, size: int) -> None:
    whole = table(rows)
    chunked = pa.concat_tables([whole.slice(begin, size) for begin in range(0, len(rows), size)])
    for name in ("symbol", "note"):
        chunked = chunked.set_column(chunked.column_names.index(name), name, chunked[name].dictionary_encode())
    assert day_proofs(whole, ROWS) == day_proofs(chunked.select(SCHEMA.names[::-1]), ROWS)


def test_values_of_two_rows_that_change_places_are_found() -> None:
    rows = [{"id": i, "timestamp": T0, "symbol": "A", "price": float(i % 7), "level": i % 5} for i in range(1000)]
    expected = proofs(rows)
    rows[100]["price"], rows[500]["price"] = rows[500]["price"], rows[100]["price"]
    assert expected[0].fingerprint != proofs(rows)[0].fingerprint


def test_round_numbers_that_move_between_columns_are_found() -> None:
    """Their floats end in zero bits, of which a careless hash keeps too few."""
    rows = [{"a": float(a), "b": float(b)} for a in range(64, 192) for b in range(64, 192)]
    schema = pa.schema([("timestamp", INSTANT), ("symbol", pa.string())])
    dataset = Dataset("some", schema, key=("timestamp",))
    whole = pa.Table.from_pylist(rows).append_column("timestamp", pa.array([T0] * len(rows), INSTANT))
    found = {day_proofs(whole.slice(index, 1), dataset)[0].fingerprint for index in range(0, len(rows), 7)}
    assert len(range(0, len(rows), 7)) == len(found)


def test_a_null_is_neither_zero_nor_nan_nor_empty() -> None:
    prices = [one(pa.array([value], pa.float64())) for value in (None, 0.0, -0.0, float("nan"), 1.0)]
    assert 5 == len(set(prices))
    assert one(pa.array([None], pa.string())) != one(pa.array([""], pa.string()))
    assert one(pa.array([None], pa.bool_())) != one(pa.array([False]))


def test_all_kinds_of_nan_are_one() -> None:
    kinds = [struct.unpack("<d", struct.pack("<Q", bits))[0] for bits in (0x7FF8 << 48, 0xFFF8 << 48, 0x7FF4 << 48)]
    assert 1 == len({one(pa.array([1.0, kind])) for kind in kinds})


def test_a_column_that_is_not_there_is_one_of_nulls() -> None:
    rows = [{"id": 1, "timestamp": T0, "symbol": "A", "price": 2.0}]
    assert proofs(rows) == day_proofs(table(rows).select(["id", "timestamp", "symbol", "price"]), ROWS)


def test_equal_values_in_differently_named_columns_differ() -> None:
    assert one(pa.array([1, 2]), "price") != one(pa.array([1, 2]), "quantity")


@pytest.mark.parametrize(
    ("values", "other", "kind"),
    [
        ([1, -1, None], [1, -2, None], pa.int8()),
        ([1, 2**64 - 1], [1, 2**64 - 2], pa.uint64()),
        ([1.5, None], [1.25, None], pa.float32()),
        ([Decimal("1.10"), None], [Decimal("1.11"), None], pa.decimal128(9, 2)),
        ([b"a", None], [b"b", None], pa.binary()),
        (["a", None], ["b", None], pa.large_string()),
        ([[1.0, 2.0], None], [[1.0, 2.5], None], pa.list_(pa.float64())),
        ([{"x": 1}, None], [{"x": 2}, None], pa.struct([("x", pa.int64())])),
        ([1, 2], [1, 3], pa.date32()),
        ([1, 2], [1, 3], pa.time64("us")),
        ([1, 2], [1, 3], pa.duration("ms")),
    ],
)
def test_values_of_any_type_are_told_apart(values: list, other: list, kind: pa.DataType) -> None:
    first = one(pa.array(values, kind))
    assert first == one(pa.array(values[::-1], kind))
    assert first != one(pa.array(other, kind))
    assert first != one(pa.array([values[0], values[0]], kind))


def test_the_definition_of_the_fingerprint_stays() -> None:
    """Footers hold fingerprints: with another definition they would need another name in `bc_parquet.metadata`."""
    row = {"id": 7, "timestamp": T0, "symbol": "A", "price": 1.5, "maker": True, "first": 3, "last": 4}
    (proof,) = proofs([row])
    assert "c9a72aa0bbeaa31869bf0c31b3676a71" == f"{proof.fingerprint:032x}"


def test_more_rows_than_are_taken_at_a_time_add_up() -> None:
    count = CHUNK + 1000
    ids = pa.array(range(count), pa.int64())
    whole = pa.table({"id": ids, "timestamp": pa.array([T0] * count, INSTANT), "first": ids, "last": ids})
    (proof,) = day_proofs(whole, ROWS)
    pieces = [proof for cut in (slice(0, 5), slice(5, count)) for proof in day_proofs(whole[cut], ROWS)]
    assert (count, Spans(((0, count - 1),)), count) == (proof.rows, proof.spans, proof.chained)
    assert (proof,) == combined(pieces)


def test_days_are_those_of_utc_also_where_times_run_backwards_and_before_1970() -> None:
    times = [DAY - 1, DAY, DAY - 1, 5, DAY + 5, -1, -DAY, -DAY - 1]
    found = proofs([{"id": i, "timestamp": time, "symbol": "A"} for i, time in enumerate(times)])
    assert [(-2 * DAY, 1), (-DAY, 2), (0, 3), (DAY, 2)] == [(proof.day, proof.rows) for proof in found]
    assert [Spans(((7, 7),)), Spans(((5, 6),)), Spans(((0, 0), (2, 3))), Spans(((1, 1), (4, 4)))] == [
        proof.spans for proof in found
    ]


def test_no_rows_have_no_proofs() -> None:
    assert () == proofs([])
    assert () == combined([])


def test_ranges_that_tile_are_an_unbroken_chain() -> None:
    proof = ranged([(10, 12), (13, 13), (14, 20)])
    assert (Spans(((10, 20),)), 11) == (proof.chain, proof.chained)


def test_a_row_without_a_range_leaves_the_chain_unbroken() -> None:
    proof = ranged([(10, 12), (-1, -1), (13, 20)])
    assert (Spans(((10, 20),)), 11, 3) == (proof.chain, proof.chained, proof.rows)


def test_a_hole_in_the_ranges_breaks_the_chain() -> None:
    assert Spans(((13, 14),)) == ranged([(10, 12), (15, 20)]).chain.gaps()


@pytest.mark.parametrize("ranges", [[(1, 5), (4, 9)], [(1, 5), (1, 5)], [(1, 9), (3, 4)], [(1, 5), (9, 8)], [(5, 1)]])
def test_ranges_that_overlap_or_end_before_they_begin_add_up_to_more_than_the_chain(ranges: list) -> None:
    proof = ranged(ranges)
    assert proof.chained > len(proof.chain)


def test_overlaps_between_parts_are_found_when_they_are_combined() -> None:
    (proof,) = combined([ranged([(1, 5)]), ranged([(5, 9)])])
    assert (9, 10) == (len(proof.chain), proof.chained)


def test_a_doubled_row_shows_as_more_rows_than_ids() -> None:
    row = {"id": 4, "timestamp": T0, "symbol": "A"}
    (proof,) = proofs([row, row])
    assert (2, 1) == (proof.rows, len(proof.spans))
