"""What a store answers: the rows that were planted by its back door, by every kind of bound and count."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from bcore.memory import MemoryStore
from bcore.protocols import HOT_ROWS, Store
from bcore.query import Query
from bcore.records import Series
from bcore.spans import Spans
from bcore.testing.agreeing import same_account, same_answer, same_rows
from bcore.testing.opening import StoreKit
from bcore.testing.samples import QUOTES, TICKS, quotes, ticks, time_of

IDS = [*range(40), *range(45, 60)]
NOTHING = Series(TICKS, "NOTHING")


class ReadTests(StoreKit):
    @pytest.fixture
    def planted(self, tmp_path: Path) -> Store:
        """A store of ticks 0..39 and 45..59 that it did not write itself."""
        self.plant(tmp_path, ticks(IDS))
        return self.open(tmp_path)

    @pytest.fixture
    def model(self) -> MemoryStore:
        model = MemoryStore()
        model.append(ticks(IDS))
        model.append(quotes(range(30)))
        return model

    @pytest.fixture
    def quoted(self, store: Store) -> Store:
        """A store of thirty seconds of quotes."""
        store.append(quotes(range(30)))
        return store

    def ask(self, model: MemoryStore, store: Store, bounds: list[dict[str, Any]]) -> None:
        for each in bounds:
            same_answer(model, store, Query(TICKS, "AAA", **each))

    def test_everything_is_read_in_the_order_of_keys(self, planted: Store, model: MemoryStore) -> None:
        self.ask(model, planted, [{}])

    def test_the_account_of_what_is_there_is_right(self, planted: Store, model: MemoryStore) -> None:
        same_account(model, planted, Series(TICKS, "AAA"))
        assert Spans(((0, 39), (45, 59))) == planted.spans(Series(TICKS, "AAA"))
        assert {"ticks": TICKS} == dict(planted.datasets())

    def test_a_range_of_time_has_its_start_and_not_its_end(self, planted: Store, model: MemoryStore) -> None:
        ten, last = time_of(10), time_of(59)
        bounds = [(ten, ten + 1), (ten, ten), (ten + 1, None), (None, ten), (None, ten + 1), (last, None), (0, 10**18)]
        self.ask(model, planted, [{"start": start, "end": end} for start, end in bounds])

    def test_a_range_of_ids_has_both_its_ends(self, planted: Store, model: MemoryStore) -> None:
        bounds = [(10, 12), (39, 45), (40, 44), (59, None), (None, 0), (60, None), (-5, -1), (12, 10)]
        self.ask(model, planted, [{"first": first, "last": last} for first, last in bounds])

    def test_limit_and_offset_count_from_the_oldest_row(self, planted: Store, model: MemoryStore) -> None:
        self.ask(
            model, planted, [{"limit": n, "offset": skip} for n in (0, 1, 7, 55, 99) for skip in (0, 1, 54, 55, 99)]
        )
        self.ask(model, planted, [{"limit": 3, "offset": 2, "first": 38}, {"offset": 50}])

    def test_tail_and_offset_count_from_the_newest_row(self, planted: Store, model: MemoryStore) -> None:
        self.ask(
            model, planted, [{"tail": n, "offset": skip} for n in (0, 1, 7, 55, 99) for skip in (0, 1, 54, 55, 99)]
        )
        self.ask(model, planted, [{"tail": 3, "offset": 1, "end": time_of(20)}, {"tail": 3, "last": 46}])

    def test_columns_are_those_asked_for_in_that_order(self, planted: Store, model: MemoryStore) -> None:
        wanted = [("price",), ("note", "id"), ("timestamp", "symbol", "lot"), ("symbol",)]
        self.ask(model, planted, [{"columns": names, **more} for names in wanted for more in ({}, {"tail": 3})])
        self.ask(model, planted, [{"columns": ("price",), "start": time_of(10), "last": 50, "where": {"lot": (1.0,)}}])

    def test_facets_choose_rows(self, planted: Store, model: MemoryStore) -> None:
        chosen: list[tuple[float, ...]] = [(0.0,), (1.0, 2.0), (9.0,), ()]
        self.ask(model, planted, [{"where": {"lot": lots}, **more} for lots in chosen for more in ({}, {"tail": 4})])

    def test_facets_choose_rows_that_have_no_id(self, quoted: Store, model: MemoryStore) -> None:
        for sizes in ((1.0,), (1.0, 10.0), (3.0,)):
            counts: tuple[dict[str, Any], ...] = ({}, {"limit": 5, "offset": 1}, {"tail": 5}, {"start": time_of(0) + 1})
            for more in counts:
                same_answer(model, quoted, Query(QUOTES, "AAA", where={"size": sizes}, **more))

    def test_the_newest_rows_are_hot(self, planted: Store, model: MemoryStore) -> None:
        asked: list[dict[str, Any]] = [
            {},
            {"tail": 5},
            {"tail": 4, "where": {"lot": (1.0,)}},
            {"tail": 3, "columns": ("price", "id")},
        ]
        for bounds in asked:
            query = Query(TICKS, "AAA", **bounds)
            same_rows(model.hot(query), planted.hot(query), f"hot({bounds})")

    def test_more_rows_may_be_asked_for_than_are_kept_hot(self, store: Store) -> None:
        store.append(ticks(range(HOT_ROWS + 100)))
        found = store.hot(Query(TICKS, "AAA", tail=HOT_ROWS + 50))["id"].to_pylist()
        assert list(range(50, HOT_ROWS + 100)) == found

    def test_a_series_that_is_not_there_reads_as_empty(self, planted: Store) -> None:
        nothing = MemoryStore()
        for query in (Query(TICKS, "NOTHING"), Query(TICKS, "NOTHING", tail=5, columns=("price",)), Query(QUOTES, "A")):
            same_answer(nothing, planted, query)
            same_rows(nothing.hot(query), planted.hot(query), "hot of nothing")
        same_account(nothing, planted, NOTHING)
        assert Spans() == planted.spans(NOTHING)

    def test_a_question_creates_nothing(self, store: Store) -> None:
        store.read(Query(TICKS, "NOTHING"))
        store.stats(NOTHING)
        assert ([], {}) == (list(store.series()), dict(store.datasets()))
