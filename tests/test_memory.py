from __future__ import annotations

from threading import Thread

import pyarrow as pa
import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from bc_toy import T0, quotes, tick_batch, tick_table, ticks
from bcore.errors import StoreError
from bcore.instants import SECOND
from bcore.memory import MemoryStore
from bcore.proof import day_proofs
from bcore.protocols import Compacts, Quarantines
from bcore.query import Query
from bcore.records import Appended, Batch, Origin, Rejected, Series
from bcore.spans import Spans

AAA = Series(ticks(), "AAA")
BATCHES = st.lists(st.tuples(st.sampled_from(["AAA", "BBB"]), st.lists(st.integers(0, 30))), max_size=8)


@given(BATCHES)
def test_whatever_is_sent_in_whatever_order_each_row_is_held_once(batches: list[tuple[str, list[int]]]) -> None:
    store, model = MemoryStore(), dict[str, set[int]]()
    for symbol, ids in batches:
        held = model.setdefault(symbol, set())
        new = set(ids) - held
        assert Appended(len(new), len(set(ids)) - len(new)) == store.append(tick_batch(ids, symbol=symbol))
        held |= new
    for symbol, held in model.items():
        series = Series(ticks(), symbol)
        assert tick_table(sorted(held), symbol=symbol) == store.read(Query(ticks(), symbol)).combine_chunks()
        assert ((max(held),) if held else None) == store.last(series)
        assert Spans.of((number, number) for number in held) == store.spans(series)
        assert len(held) == store.stats(series).rows
    assert sorted(symbol for symbol, held in model.items() if held) == [each.symbol for each in store.series()]


def test_a_row_sent_again_keeps_its_first_values() -> None:
    store = MemoryStore()
    store.append(tick_batch([1]))
    other = tick_table([1]).set_column(3, "price", pa.array([5.0]))
    assert Appended(0, 1) == store.append(Batch(ticks(), "AAA", other))
    assert [101.0] == store.read(Query(ticks(), "AAA")).column("price").to_pylist()


def test_an_unknown_series_reads_as_empty_with_the_right_schema() -> None:
    assert ticks().schema.empty_table() == MemoryStore().read(Query(ticks(), "AAA"))
    stats = MemoryStore().stats(AAA)
    assert (0, None, None, 0) == (stats.rows, stats.first_time, stats.last_key, stats.gaps)
    assert MemoryStore().last(AAA) is None


def test_a_batch_that_does_not_fit_leaves_nothing() -> None:
    store = MemoryStore()
    with pytest.raises(StoreError):
        store.append(tick_batch([1, 2], symbol="BBB").__class__(ticks(), "AAA", tick_table([1], symbol="BBB")))
    assert [] == store.series()


def test_stats_are_what_the_rows_say() -> None:
    store = MemoryStore()
    store.append(tick_batch([1, 2, 5], [T0 + 3, T0 + 9, T0 + 1]))
    stats = store.stats(AAA)
    assert (3, T0 + 1, T0 + 9, (1,), (5,), 1) == (
        stats.rows,
        stats.first_time,
        stats.last_time,
        stats.first_key,
        stats.last_key,
        stats.gaps,
    )


def test_a_dataset_without_a_sequence_has_no_spans_and_no_gaps() -> None:
    store, series = MemoryStore(), Series(quotes(), "AAA")
    times = pa.array([T0, T0 + SECOND], pa.timestamp("us", tz="UTC"))
    store.append(Batch(quotes(), "AAA", pa.table({"timestamp": times, "level": [1, 1]})))
    assert (Spans(), None) == (store.spans(series), store.stats(series).gaps)


def test_datasets_and_series_are_what_is_held() -> None:
    store = MemoryStore()
    store.append(tick_batch([1], symbol="BBB"))
    store.append(tick_batch([1], symbol="AAA"))
    store.append(evolve(tick_batch([1]), dataset=evolve(ticks(), name="archive")))
    assert ["archive/AAA", "ticks/AAA", "ticks/BBB"] == [str(series) for series in store.series()]
    assert {"archive", "ticks"} == set(store.datasets())


def test_hot_is_the_newest_rows_of_a_query() -> None:
    store = MemoryStore()
    store.append(tick_batch(list(range(1100))))
    assert list(range(76, 1100)) == store.hot(Query(ticks(), "AAA")).column("id").to_pylist()
    assert [1098, 1099] == store.hot(Query(ticks(), "AAA", tail=2)).column("id").to_pylist()


def test_scan_brings_what_read_brings() -> None:
    store = MemoryStore()
    store.append(tick_batch([1, 2, 3]))
    query = Query(ticks(), "AAA", first=2)
    assert store.read(query) == store.scan(query).read_all()


def test_a_closed_store_takes_nothing() -> None:
    store = MemoryStore()
    store.close()
    with pytest.raises(StoreError, match="closed"):
        store.append(tick_batch([1]))


def test_it_keeps_rejected_rows_aside_and_has_nothing_to_compact() -> None:
    store = MemoryStore()
    assert isinstance(store, Quarantines)
    assert not isinstance(store, Compacts)
    store.quarantine(AAA, Rejected("why", ("row",)))
    assert 0 == store.read(Query(ticks(), "AAA")).num_rows


def test_it_proves_its_rows_and_knows_where_the_new_ones_came_from() -> None:
    store, rest, file = MemoryStore(), Origin("rest"), Origin("bulk", "a.zip", "ab", 3)
    for ids, origin in (([1, 2], rest), ([2, 3, 4], file), ([9], None), ([1, 2], file)):
        store.append(evolve(tick_batch(ids), origin=origin))
    (proof,) = store.audit(AAA)
    assert (day_proofs(tick_table([1, 2, 3, 4, 9]), ticks()), 5, ()) == (proof.days, proof.rows, proof.problems)
    assert [(rest, 2), (file, 2)] == list(proof.origins) == store.origins(AAA)


def test_threads_that_append_side_by_side_lose_nothing() -> None:
    store = MemoryStore()

    def work(start: int) -> None:
        for number in range(start, 200, 4):
            store.append(tick_batch([number, number + 1]))

    threads = [Thread(target=work, args=(start,)) for start in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert ((0, 200),) == store.spans(AAA).runs
