from __future__ import annotations

import inspect
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("duckdb", reason="sql needs DuckDB")

import bcore
from bc_toy import T0, bars, tick_batch, ticks
from bcore.client import Client
from bcore.errors import ConfigError, NotFoundError, RequestError
from bcore.instants import SECOND, to_datetime
from bcore.local import StoreReader
from bcore.memory import MemoryStore


@pytest.fixture
def client() -> Iterator[Client]:
    store = MemoryStore()
    store.append(tick_batch(list(range(100))))
    store.append(tick_batch([1, 2], symbol="BBB"))
    with Client(StoreReader((store,), (ticks(),), (bars(),))) as made:
        yield made


def test_views_are_tables_with_every_symbol(client: Client) -> None:
    found = client.sql("select symbol, count(*) as n from ticks group by symbol order by symbol", as_="arrow")
    assert [{"symbol": "AAA", "n": 100}, {"symbol": "BBB", "n": 2}] == found.to_pylist()


def test_computed_views_join_stored_ones_and_take_their_parameters(client: Client) -> None:
    whole = client.read("bars", "AAA")
    found = client.sql("select * from bars where symbol = 'AAA' order by timestamp", as_="arrow")
    assert whole.to_pylist() == found.select(whole.column_names).to_pylist()
    joined = client.sql("select count(*) as n from bars join ticks using (symbol, timestamp)", symbols="AAA")
    assert 0 < joined["n"][0] <= 100


def test_times_and_symbols_say_how_much_of_a_computed_view_is_made(client: Client) -> None:
    start = to_datetime(T0 + 50 * SECOND)
    rows = client.sql("select min(timestamp) as t from bars", start_time=start, symbols=["AAA"], as_="arrow")
    assert start <= rows["t"][0].as_py()


def test_mistakes_are_named_with_what_there_is(client: Client) -> None:
    with pytest.raises(NotFoundError, match=r"no view 'tcks' \(did you mean ticks\?\); views: bars"):
        client.sql("select * from tcks")
    with pytest.raises(RequestError, match="no view of the statement takes 'sie'"):
        client.sql("select * from bars", sie=3)
    with pytest.raises(RequestError, match="syntax error"):
        client.sql("selec 1")


def test_python_variables_are_no_tables(client: Client) -> None:
    some_frame = client.read("ticks", "AAA")
    with pytest.raises(NotFoundError, match="no view 'some_frame'"):
        client.sql("select * from some_frame")
    assert some_frame.num_rows


def test_parquet_files_are_read_by_duckdb_itself(tmp_path: Path) -> None:
    pytest.importorskip("bc_parquet", reason="needs a store of files")
    from bcore.app import App

    app = App.of({"stores": {"main": {"kind": "parquet", "path": str(tmp_path)}}})
    store = app.stores()["main"]
    store.append(tick_batch(list(range(100))))
    store.append(tick_batch([1, 2], symbol="BBB"))
    app.close()
    with bcore.open(tmp_path) as client:
        found = client.sql("select count(*) as n, max(price) as top from ticks where symbol = 'AAA'", as_="arrow")
        plan = client.sql("explain select price from ticks").to_string()
    assert [{"n": 100, "top": 199.0}] == found.to_pylist()
    assert "PARQUET" in plan.upper()


def test_methods_of_views_tell_what_they_take(client: Client) -> None:
    method = client.get_bars
    names = list(inspect.signature(method).parameters)
    assert ["symbol", "start_time", "end_time"] == names[:3]
    assert "as_" in names
    assert "options as in `read`" in (inspect.getdoc(method) or "")
    assert "Columns: " in (inspect.getdoc(method) or "")
    assert {"get_bars", "get_ticks"} <= set(dir(client))


def test_a_mistyped_option_is_told_with_those_that_every_view_takes(client: Client) -> None:
    with pytest.raises(RequestError, match=r"limt is not known.*every view takes start_time, .*limit"):
        client.get_bars("AAA", limt=3)
    with pytest.raises(RequestError, match="every view takes"):
        client.get_ticks("AAA", limt=3)


def test_batches_of_a_scan_are_the_rows_of_a_read(client: Client) -> None:
    assert client.read("ticks", "AAA").equals(client.scan("ticks", "AAA").read_all())


def test_without_duckdb_it_is_said_what_to_install(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "duckdb", None)
    with pytest.raises(ConfigError, match=r"sql needs DuckDB: pip install 'bcore\[sql\]'"):
        client.sql("select 1")
