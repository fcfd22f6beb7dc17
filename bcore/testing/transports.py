"""`TransportTests`: a remote answers as a reader on the spot does, mistakes included."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from bcore.client import Client
from bcore.errors import BcoreError, NotFoundError, RequestError
from bcore.local import StoreReader
from bcore.memory import MemoryStore
from bcore.protocols import Reader
from bcore.query import Request
from bcore.testing.agreeing import fields, same_rows
from bcore.testing.kit import Kit
from bcore.testing.samples import BEGIN, ODD_SYMBOLS, QUOTES, TICKS, archive, ticks, time_of

REQUESTS = (
    Request("ticks", "AAA"),
    Request("ticks", "AAA", limit=5, offset=2),
    Request("ticks", "AAA", limit=0),
    Request("ticks", "AAA", tail=5, hot=True),
    Request("ticks", "AAA", start=time_of(10), end=time_of(30), limit=7),
    Request("ticks", "AAA", start=time_of(10) + 1, offset=3),
    Request("ticks", "AAA", after=98, limit=3, columns=("price", "id")),
    Request("ticks", "AAA", params={"lot": "1,2"}, tail=4),
    Request("ticks", "AAA", start=0, end=1),
    Request("quotes", "AAA", params={"size": (1.0, 10.0)}, limit=4),
    Request("quotes", "AAA", params={"size": 10}, tail=3),
    Request("quotes", "AAA", start=BEGIN, end=BEGIN + 1),
)
WRONG = (
    (Request("tickz", "AAA"), NotFoundError, "did you mean ticks"),
    (Request("ticks", "AAB"), NotFoundError, "did you mean AAA"),
    (Request("ticks", "AAA", columns=("prize",)), RequestError, "did you mean price"),
    (Request("ticks", "AAA", params={"lot": "many"}), RequestError, "lot must be a number"),
    (Request("ticks", "AAA", params={"nonsense": "1"}), RequestError, "nonsense"),
    (Request("quotes", "AAA", after=7), RequestError, "no ids to page by"),
)


class TransportTests(Kit):
    """Inherit it, and give the fixture `remote`: a reader that reaches, over the transport, a store which holds the
    rows of `archive()` and nothing else. Where starting the other side takes long, the fixture stands outside the
    class, with the scope of the module.

    - `symbols`: those that are to be asked for, besides "AAA";
    - `unreachable`: makes a reader of a place where nobody answers; None where there is no such thing.
    """

    @pytest.fixture
    def symbols(self) -> tuple[str, ...]:
        return ODD_SYMBOLS

    @pytest.fixture
    def unreachable(self) -> Callable[[], Reader] | None:
        return None

    @pytest.fixture
    def here(self) -> StoreReader:
        """A reader on the spot, of the same rows."""
        store = MemoryStore()
        for batch in archive():
            store.append(batch)
        return StoreReader((store,), (TICKS, QUOTES))

    @pytest.mark.parametrize("request_", REQUESTS, ids=lambda each: f"{each.view}-{_told(each)}")
    def test_rows_are_those_that_are_read_on_the_spot(
        self, remote: Reader, here: StoreReader, request_: Request
    ) -> None:
        expected = here.read(request_)
        same_rows(expected, remote.read(request_), f"read({_told(request_)})")
        same_rows(expected, remote.scan(request_).read_all(), f"scan({_told(request_)})")

    def test_views_are_described_as_on_the_spot(self, remote: Reader, here: StoreReader) -> None:
        far = remote.views()
        for name, view in here.views().items():
            assert name in far, f"the view {name} is not listed"
            assert fields(view.schema) == fields(far[name].schema), name
            told = (view.summary, view.time, view.facets, view.sized_by)
            assert told == (far[name].summary, far[name].time, far[name].facets, far[name].sized_by), name

    def test_symbols_are_those_that_are_stored(self, remote: Reader, here: StoreReader) -> None:
        assert here.symbols() == remote.symbols()
        for view in ("ticks", "quotes"):
            assert here.symbols(view) == remote.symbols(view), view

    def test_every_symbol_is_read_by_its_own_name(
        self, remote: Reader, here: StoreReader, symbols: tuple[str, ...]
    ) -> None:
        for symbol in symbols:
            request = Request("ticks", symbol)
            same_rows(here.read(request), remote.read(request), repr(symbol))

    def test_stats_tell_rows_and_times(self, remote: Reader, here: StoreReader) -> None:
        assert _counted(here) == _counted(remote)

    @pytest.mark.parametrize(("request_", "kind", "says"), WRONG, ids=[says for _, _, says in WRONG])
    def test_a_mistake_comes_back_as_the_same_error(
        self, remote: Reader, request_: Request, kind: type[RequestError], says: str
    ) -> None:
        with pytest.raises(kind) as caught:
            remote.read(request_)
        assert says in str(caught.value)
        with pytest.raises(kind):
            remote.scan(request_).read_all()

    def test_every_mistake_of_a_request_is_named(self, remote: Reader) -> None:
        with pytest.raises(RequestError) as caught:
            remote.read(Request("ticks", "AAA", params={"lot": "many", "nonsense": "1"}))
        assert "lot" in str(caught.value)
        assert "nonsense" in str(caught.value)

    def test_it_goes_on_after_a_mistake_and_after_an_answer_that_was_not_read_to_its_end(self, remote: Reader) -> None:
        with pytest.raises(RequestError):
            remote.read(Request("tickz", "AAA"))
        left = remote.scan(Request("ticks", "AAA"))
        left.read_next_batch()
        del left
        assert 5 == remote.read(Request("ticks", "AAA", limit=5)).num_rows

    def test_the_sdk_reads_over_it(self, remote: Reader) -> None:
        found = Client(remote).read("ticks", "AAA", limit=3)
        same_rows(ticks([2997, 2998, 2999]).table, found, "the newest three")

    def test_where_nobody_answers_is_said_in_one_sentence(self, unreachable: Callable[[], Reader] | None) -> None:
        if unreachable is None:
            pytest.skip("no place was named where nobody answers")
        with pytest.raises(BcoreError) as caught:
            unreachable().read(Request("ticks", "AAA"))
        assert str(caught.value), "the sentence says what could not be reached"


def _told(request: Request) -> str:
    asked = {name: getattr(request, name) for name in ("start", "end", "limit", "offset", "tail", "after", "columns")}
    chosen = {**{name: value for name, value in asked.items() if value not in (None, 0)}, **request.params}
    return ",".join(f"{name}={value}" for name, value in chosen.items()) or "all"


def _counted(reader: Reader) -> dict[str, tuple[Any, ...]]:
    return {str(each.series): (each.rows, each.first_time, each.last_time) for each in reader.stats()}
