"""Random histories: a store and the reference model live through the same, and tell the same after every step."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from attrs import define, field

from bcore.memory import MemoryStore
from bcore.protocols import Compacts, Store
from bcore.query import Query
from bcore.records import Series
from bcore.testing.agreeing import same_account, same_answer, same_rows
from bcore.testing.opening import StoreKit
from bcore.testing.samples import BEGIN, QUOTES, TICKS, quotes, ticks

SYMBOLS = ("AAA", "BBB")


class ModelTests(StoreKit):
    def test_any_history_leaves_what_it_leaves_in_the_model(
        self, tmp_path_factory: pytest.TempPathFactory, durable: bool, examples: int
    ) -> None:
        pytest.importorskip("hypothesis", reason="random histories are made by hypothesis: pip install hypothesis")
        from hypothesis import HealthCheck, given, settings

        @settings(max_examples=examples, deadline=None, suppress_health_check=list(HealthCheck))
        @given(_histories())
        def live(steps: list[tuple[str, Any]]) -> None:
            lives = Lives(self, tmp_path_factory.mktemp("life"), durable)
            try:
                for what, value in steps:
                    getattr(lives, what)(value)
                lives.check()
            finally:
                lives.store.close()

        live()


@define
class Lives:
    """A store and the model, side by side."""

    kit: StoreKit
    place: Path
    durable: bool
    store: Store = field(init=False)
    model: MemoryStore = field(factory=MemoryStore, init=False)

    def __attrs_post_init__(self) -> None:
        self.store = self.kit.open(self.place)

    def append(self, value: tuple[str, list[int]]) -> None:
        symbol, ids = value
        self._append(ticks(ids, symbol))

    def append_quotes(self, value: tuple[list[int], tuple[float, ...]]) -> None:
        self._append(quotes(value[0], sizes=value[1]))

    def _append(self, batch: Any) -> None:
        assert self.model.append(batch) == self.store.append(batch)
        same_account(self.model, self.store, batch.series)

    def open_anew(self, _: None) -> None:
        if self.durable:
            self.store.close()
            self.store = self.kit.open(self.place)

    def compact(self, symbol: str) -> None:
        if isinstance(self.store, Compacts):
            self.store.compact(Series(TICKS, symbol))

    def ask(self, bounds: dict[str, Any]) -> None:
        query = Query(TICKS, **bounds)
        same_answer(self.model, self.store, query)
        if query.newest_only:
            same_rows(self.model.hot(query), self.store.hot(query), "hot")

    def check(self) -> None:
        for series in (*(Series(TICKS, symbol) for symbol in SYMBOLS), Series(QUOTES, "AAA")):
            same_account(self.model, self.store, series)


def _histories() -> Any:
    """Lists of steps: the name of a method of `Lives`, and what it takes."""
    from hypothesis import strategies as st

    ids, counts = st.integers(0, 60), st.none() | st.integers(0, 70)
    symbol, moment = (
        st.sampled_from(SYMBOLS),
        st.none() | st.integers(-2, 64).map(lambda second: BEGIN + second * 10**6),
    )
    asked = st.fixed_dictionaries(
        {"symbol": symbol, "start": moment, "end": moment, "first": st.none() | ids, "last": st.none() | ids},
        optional={
            "where": st.sampled_from([{"lot": (0.0,)}, {"lot": (1.0, 2.0)}]),
            "columns": st.sampled_from([("price",), ("note", "id"), ("symbol", "timestamp")]),
            "offset": st.integers(0, 5),
        },
    )
    counted = st.one_of(
        asked,
        st.tuples(asked, counts).map(lambda pair: {**pair[0], "limit": pair[1]}),
        st.tuples(asked, counts).map(lambda pair: {**pair[0], "tail": pair[1]}),
        st.tuples(symbol, counts).map(lambda pair: {"symbol": pair[0], "tail": pair[1]}),
    )
    sizes = st.sampled_from([(1.0,), (1.0, 10.0), (2.0,)])
    step = st.one_of(
        st.tuples(st.just("append"), st.tuples(symbol, st.lists(ids, min_size=1, max_size=30))),
        st.tuples(st.just("append_quotes"), st.tuples(st.lists(st.integers(0, 20), max_size=5), sizes)),
        st.tuples(st.just("ask"), counted),
        st.tuples(st.just("compact"), symbol),
        st.tuples(st.just("open_anew"), st.none()),
    )
    return st.lists(step, min_size=1, max_size=10)
