from __future__ import annotations

import inspect
import pydoc
import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import pandas as pd
import polars
import pyarrow as pa
import pytest
from attrs import evolve

import bcore
from bc_toy import T0, ShelfStore, bars, tick_batch, ticks
from bcore.client import Client
from bcore.errors import ConfigError, NotFoundError, PluginError, RequestError
from bcore.instants import SECOND
from bcore.local import StoreReader
from bcore.memory import MemoryStore
from bcore.registry import Registry


@pytest.fixture
def client() -> Iterator[Client]:
    store = MemoryStore()
    store.append(tick_batch(list(range(100))))
    store.append(tick_batch([1, 2], symbol="BBB"))
    with Client(StoreReader((store,), (ticks(),), (bars(),))) as made:
        yield made


def test_read_gives_an_arrow_table_oldest_first(client: Client) -> None:
    assert [98, 99] == client.read("ticks", "AAA", limit=2).column("id").to_pylist()


@pytest.mark.parametrize("start", [T0 + 5 * SECOND, "2020-09-13T12:26:45", pd.Timestamp("2020-09-13T12:26:45Z")])
def test_times_are_what_people_type(client: Client, start: Any) -> None:
    end = pd.Timestamp(T0 + 7 * SECOND, unit="us")
    assert [5, 6] == client.read("ticks", "AAA", start_time=start, end_time=end).column("id").to_pylist()


def test_every_option_of_read_reaches_the_rows(client: Client) -> None:
    table = client.read("ticks", "AAA", after_id=50, limit=2, offset=1, columns=["id", "lot"], lot=[0, 1])
    assert [{"id": 52, "lot": 1.0}, {"id": 54, "lot": 0.0}] == table.to_pylist()
    assert [97, 98] == client.read("ticks", "AAA", tail=2, offset=1).column("id").to_pylist()


def test_columns_may_be_one_name(client: Client) -> None:
    assert ["price"] == client.read("ticks", "AAA", columns="price").column_names


def test_a_parameter_that_is_none_is_not_given(client: Client) -> None:
    assert 100 == client.read("ticks", "AAA", lot=None).num_rows


@pytest.mark.parametrize(("as_", "kind"), [("pandas", pd.DataFrame), ("arrow", pa.Table), ("polars", polars.DataFrame)])
def test_results_come_as_asked(client: Client, as_: Any, kind: type) -> None:
    answer = client.get("ticks", "AAA", as_=as_, limit=3)
    assert (3, 5) == answer.shape
    assert isinstance(answer, kind)


def test_a_pandas_answer_keeps_times_in_utc_and_types(client: Client) -> None:
    frame = client.get("ticks", "AAA", limit=1)
    assert ("int64", "datetime64[us, UTC]", "float64") == tuple(
        str(frame[name].dtype) for name in ("id", "timestamp", "price")
    )


def test_any_other_form_is_refused(client: Client) -> None:
    with pytest.raises(RequestError, match="as_ must be pandas, arrow or polars, not 'list'"):
        client.get("ticks", "AAA", as_="list")  # type: ignore[arg-type]


def test_polars_that_is_not_installed_is_said(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "polars", None)
    with pytest.raises(ConfigError, match="pip install polars"):
        client.get("ticks", "AAA", as_="polars")


def test_every_view_has_a_method_with_its_own_parameters(client: Client) -> None:
    frame = client.get_bars("AAA", seconds=10, limit=2)
    assert [10, 10] == list(frame["count"])
    assert "get_bars" == client.get_bars.__name__
    assert (client.get_bars.__doc__ or "").startswith("Toy bars; options as in `read`.")
    assert "- `seconds`: " in (client.get_bars.__doc__ or "")


@pytest.mark.parametrize(
    ("method", "own"),
    [
        (Client.get_trades, ["after_id"]),
        (Client.get_orderbook, ["tick_size", "levels"]),
        (Client.get_ohlcv, ["timeframe"]),
    ],
)
def test_help_and_tab_tell_what_the_named_methods_take(method: Any, own: list[str]) -> None:
    every = ["as_", "start_time", "end_time", "limit", "offset", "tail", "columns"]
    told = inspect.signature(method).parameters
    assert ["self", "symbol", *every, *own] == list(told)
    assert ("pandas", 0, None) == tuple(told[name].default for name in ("as_", "offset", "limit"))
    assert "limit: 'int | None' = None" in pydoc.plain(pydoc.render_doc(method))


def test_a_client_is_printed_by_where_its_archive_is_and_without_a_secret(client: Client, tmp_path: Path) -> None:
    assert "Client(StoreReader)" == repr(client)
    assert f"Client({str(tmp_path)!r}, hot=True)" == repr(bcore.open(tmp_path, hot=True))


def test_dir_lists_the_methods_of_views(client: Client) -> None:
    assert {"get_bars", "get_ticks", "get_stats", "read", "close"} <= set(dir(client))


def test_an_unknown_view_is_an_attribute_error_with_near_ones(client: Client) -> None:
    with pytest.raises(AttributeError, match=r"did you mean bars\?\); views: bars, ticks"):
        _ = client.get_bar
    with pytest.raises(AttributeError, match=r"a client has no 'reed' \(did you mean read"):
        _ = client.reed


def test_the_named_methods_ask_for_their_view(client: Client) -> None:
    for call, view in (
        (client.get_trades, "trades"),
        (client.get_orderbook, "orderbook"),
        (client.get_ohlcv, "ohlcv"),
    ):
        with pytest.raises(NotFoundError, match=f"there is no view '{view}'"):
            call("AAA")


def test_stats_and_symbols_and_views(client: Client) -> None:
    stats = client.get_stats()
    assert [("ticks", "AAA", 100), ("ticks", "BBB", 2)] == list(
        stats[["dataset", "symbol", "rows"]].itertuples(index=False, name=None)
    )
    assert pd.Timestamp(T0 + 99 * SECOND, unit="us", tz="UTC") == stats["last_time"][0]
    assert ["AAA", "BBB"] == client.get_available_symbols() == client.get_available_symbols("bars")
    assert ["bars", "ticks"] == client.views()


def test_stats_of_an_empty_archive_have_their_columns() -> None:
    frame = Client(StoreReader((MemoryStore(),))).get_stats()
    assert ["dataset", "symbol", "rows", "bytes", "first_time", "last_time"] == list(frame.columns)


def test_a_hot_client_reads_what_is_kept_hot() -> None:
    store = MemoryStore()
    store.append(tick_batch(list(range(1500))))
    hot = Client(StoreReader((store,)), hot=True)
    assert 1024 == len(hot.get("ticks", "AAA"))
    assert [1499] == list(hot.get("ticks", "AAA", limit=1)["id"])


def test_numbers_of_pandas_work_as_ids_and_counts(client: Client) -> None:
    last = client.get("ticks", "AAA", limit=3)["id"].iloc[0]
    assert [98, 99] == list(client.get("ticks", "AAA", after_id=last, limit=pd.Series([5])[0])["id"])


def test_leaving_the_client_closes_its_stores(client: Client) -> None:
    with client:
        pass
    assert isinstance(client.reader, StoreReader)
    with pytest.raises(Exception, match="closed"):
        client.reader.stores[0].append(tick_batch([1]))


def test_open_reads_a_folder_with_the_installed_store(tmp_path: Path, registry: Registry) -> None:
    ShelfStore(folder=tmp_path).append(tick_batch([1, 2]))
    with bcore.open(tmp_path, registry=registry) as client:
        assert [1, 2] == list(client.get("ticks", "AAA")["id"])
        assert {"ticks", "bars"} == set(client.views())


def test_a_folder_that_is_not_there_reads_as_empty(tmp_path: Path, registry: Registry) -> None:
    client = bcore.open(tmp_path / "none", registry=registry)
    assert [] == client.get_available_symbols()
    assert not (tmp_path / "none").exists()


def test_open_reads_an_address_through_the_transport_of_its_scheme(registry: Registry) -> None:
    assert [1, 2, 3] == list(bcore.open("toy://CCC", registry=registry).get("ticks", "CCC")["id"])


def test_an_address_that_nothing_reads_names_what_is_known(registry: Registry) -> None:
    with pytest.raises(ConfigError, match="nothing installed reads gopher:// addresses; known: a folder, toy"):
        bcore.open("gopher://x", registry=registry)


def test_without_a_store_the_message_says_what_to_install(registry_of: Any) -> None:
    from bcore import builtin

    with pytest.raises(ConfigError, match="no store is installed: pip install"):
        bcore.open("data", registry=registry_of(builtin))


def test_importing_bcore_is_cheap() -> None:
    code = "import sys, bcore; print(sorted({'pyarrow', 'pandas', 'numpy', 'click', 'requests'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "[]" == done.stdout.strip()


def test_an_unknown_name_of_the_package_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'opne'"):
        _ = bcore.opne


def test_a_hot_client_computes_views_from_what_is_kept_hot() -> None:
    store = MemoryStore()
    store.append(tick_batch(list(range(1500))))
    reader = StoreReader((store,), derivations=(bars(),))
    hot, whole = Client(reader, hot=True).get("bars", "AAA"), Client(reader).get("bars", "AAA")
    assert 0 < len(hot) < len(whole)
    assert whole.iloc[-1]["timestamp"] == hot.iloc[-1]["timestamp"]


def test_a_view_that_fails_names_itself_and_what_went_wrong() -> None:
    def broken(table: pa.Table, params: Any) -> pa.Table:
        return table.column("nope")

    store = MemoryStore()
    store.append(tick_batch([1, 2, 3]))
    client = Client(StoreReader((store,), derivations=(evolve(bars(), apply=broken, part=None, merge=None),)))
    with pytest.raises(PluginError, match=r"the view 'bars' failed, which is a fault of the plugin.*nope"):
        client.read("bars", "AAA")


def test_a_picture_that_is_not_installed_is_named(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bcore.methods.entry_points", lambda **_: [])
    with pytest.raises(AttributeError, match=r"comes with bc-plot: pip install 'bcore\[plot\]'"):
        client.plot_candles("BTCUSDT")


def test_a_method_that_a_distribution_adds_is_the_clients(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    added = EntryPoint("count_views", "builtins:dir", "bcore.client")
    broken = EntryPoint("plot_nothing", "bcore:no_such", "bcore.client")
    monkeypatch.setattr(
        "bcore.methods.entry_points",
        lambda group, name=None: [each for each in (added, broken) if name in (None, each.name)],
    )
    assert "count_views" in dir(client)
    assert "reader" in client.count_views()
    with pytest.raises(AttributeError, match="plot_nothing of bcore:no_such does not load"):
        client.plot_nothing("BTCUSDT")
    with pytest.raises(AttributeError, match="a client has no 'other'"):
        client.other  # noqa: B018 - asking is the test
