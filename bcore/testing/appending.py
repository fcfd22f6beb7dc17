"""What a store does with rows: each key once, whatever is sent how often and in which order."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest
from attrs import evolve

from bcore.errors import BcoreError, StoreError
from bcore.memory import MemoryStore
from bcore.protocols import Compacts, Store
from bcore.query import Query
from bcore.records import Appended, Batch, Series
from bcore.spans import Spans
from bcore.testing.agreeing import same_account, same_rows
from bcore.testing.opening import StoreKit
from bcore.testing.samples import QUOTES, TICKS, grown, quotes, ticks

AAA = Series(TICKS, "AAA")
# Overlaps, repeats, back-fills in front, in a hole and across holes, batches out of order and with doubles.
HISTORY = ([5, 6, 7], [6, 7, 8], [5, 6, 7, 8], [20, 21], [0, 1], [10, 12], [11], [3, 2, 30, 2], list(range(32)))


class AppendTests(StoreKit):
    def test_appending_says_how_many_rows_were_new_and_how_many_known(self, store: Store) -> None:
        assert Appended(rows=3, known=0) == store.append(ticks([1, 2, 3]))
        assert Appended(rows=0, known=3) == store.append(ticks([1, 2, 3])), "the same batch again"
        assert Appended(rows=1, known=2) == store.append(ticks([2, 3, 4])), "a batch that overlaps"
        assert Appended(rows=0, known=0) == store.append(ticks([])), "a batch without rows"

    def test_the_account_is_right_after_every_append(self, store: Store) -> None:
        model = MemoryStore()
        for ids in HISTORY:
            assert model.append(ticks(ids)) == store.append(ticks(ids)), f"append of the ids {ids}"
            same_account(model, store, AAA)

    def test_rows_without_an_id_are_kept_by_their_whole_key(self, store: Store) -> None:
        model = MemoryStore()
        for batch in (quotes([4, 5]), quotes([5, 6], sizes=(1.0, 2.0)), quotes([1]), quotes([4, 5, 6])):
            assert model.append(batch) == store.append(batch)
            same_account(model, store, Series(QUOTES, "AAA"))

    def test_a_row_sent_again_with_other_values_keeps_its_first(self, store: Store) -> None:
        first, again = ticks([1, 2]), ticks([1, 2])
        other = again.table.set_column(3, "price", pa.array([5.0, 6.0]))
        store.append(first)
        store.append(evolve(again, table=other))
        same_rows(first.table, store.read(Query(TICKS, "AAA")), "after the same keys with other prices")

    def test_a_batch_that_does_not_fit_leaves_nothing(self, store: Store) -> None:
        store.append(ticks([1]))
        wrong = ticks([2, 3]).table.set_column(3, "price", pa.nulls(2, pa.float64()))
        for table in (wrong, ticks([2, 3], "BBB").table, ticks([2, 3]).table.drop_columns(["id"])):
            with pytest.raises(StoreError):
                store.append(Batch(TICKS, "AAA", table))
        same_rows(ticks([1]).table, store.read(Query(TICKS, "AAA")), "after batches that do not fit")

    def test_what_is_appended_is_found_by_the_back_door(self, tmp_path: Path, store: Store) -> None:
        store.append(ticks([3, 4]))
        store.append(ticks([1]))
        found = self.unearth(tmp_path, AAA).select(TICKS.schema.names).sort_by("id")
        same_rows(ticks([1, 3, 4]).table, found, "what others find")

    def test_symbols_are_kept_apart_and_given_back_as_they_are(
        self, tmp_path: Path, store: Store, durable: bool, symbols: tuple[str, ...]
    ) -> None:
        for number, symbol in enumerate(symbols):
            store.append(ticks(range(number + 1), symbol))
        store = self.again(tmp_path, store) if durable else store
        assert sorted(symbols) == [series.symbol for series in store.series()]
        for number, symbol in enumerate(symbols):
            same_rows(ticks(range(number + 1), symbol).table, store.read(Query(TICKS, symbol)), repr(symbol))

    def test_datasets_are_kept_apart(self, store: Store) -> None:
        archive = evolve(ticks([8, 9]), dataset=evolve(TICKS, name="archive"))
        for batch in (ticks([1], "BBB"), ticks([1]), quotes([1]), archive):
            store.append(batch)
        listed = [(each.dataset.name, each.symbol) for each in store.series()]
        assert [("archive", "AAA"), ("quotes", "AAA"), ("ticks", "AAA"), ("ticks", "BBB")] == listed
        assert {"archive", "quotes", "ticks"} == set(store.datasets())
        same_rows(archive.table, store.read(Query(archive.dataset, "AAA")), "archive/AAA")

    def test_a_store_that_is_opened_anew_has_everything(self, tmp_path: Path, store: Store, durable: bool) -> None:
        if not durable:
            pytest.skip("the store keeps nothing beyond its process")
        model = MemoryStore()
        for batch in (ticks([5, 6]), ticks([1]), quotes([1, 2])):
            model.append(batch)
            store.append(batch)
            store = self.again(tmp_path, store)
        for series in (AAA, Series(QUOTES, "AAA")):
            same_account(model, store, series)
        assert {"quotes": QUOTES, "ticks": TICKS} == dict(store.datasets())

    def test_a_dataset_may_get_a_further_column(self, tmp_path: Path, store: Store, durable: bool, grows: bool) -> None:
        if not grows:
            pytest.skip("the store's datasets cannot get further columns")
        later, model = grown(ticks([2, 3, 5])), MemoryStore()
        for batch in (ticks([1, 2]), later, ticks([4])):  # the last from a collector that was not updated
            model.append(batch)
            store.append(batch)
            store = self.again(tmp_path, store) if durable else store
            for dataset in (TICKS, later.dataset):
                same_account(model, store, Series(dataset, "AAA"))
        extra = store.read(Query(later.dataset, "AAA", columns=("extra",)))["extra"].to_pylist()
        assert [None, None, 0.5, None, 1.0] == extra

    def test_compacting_changes_nothing_that_is_read(self, store: Store) -> None:
        if not isinstance(store, Compacts):
            pytest.skip("the store has nothing to compact")
        model = MemoryStore()
        for ids in HISTORY:
            model.append(ticks(ids))
            store.append(ticks(ids))
        store.compact(AAA)
        same_account(model, store, AAA)
        assert model.append(ticks([7, 99])) == store.append(ticks([7, 99]))
        same_account(model, store, AAA)

    def test_a_closed_store_takes_nothing(self, store: Store) -> None:
        store.append(ticks([1]))
        store.close()
        with pytest.raises(BcoreError):
            store.append(ticks([2]))

    def test_a_store_may_be_closed_twice(self, store: Store) -> None:
        store.close()
        store.close()

    def test_the_account_agrees_with_itself(self, store: Store) -> None:
        """Spans, stats and rows are three tellings of one thing."""
        for ids in HISTORY:
            store.append(ticks(ids))
            held = store.read(Query(TICKS, "AAA", columns=("id",)))["id"]
            assert Spans.from_ids(held) == store.spans(AAA)
            stats = store.stats(AAA)
            assert (len(held), len(store.spans(AAA).gaps().runs)) == (stats.rows, stats.gaps)
            assert store.last(AAA) == (held[-1].as_py(),)

    def again(self, place: Path, store: Store) -> Store:
        store.close()
        return self.open(place)
