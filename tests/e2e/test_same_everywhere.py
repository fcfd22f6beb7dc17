"""One archive, read from its folder, its hot rows, over HTTP and over ssh: the same call gives the same frame."""

from __future__ import annotations

import json
import shutil
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("bc_http", reason="needs the HTTP server")
pytest.importorskip("bc_ssh", reason="needs the ssh transport")
pytest.importorskip("bc_trades", reason="needs trades and candles")
pytest.importorskip("bc_orderbook", reason="needs order books")
pytest.importorskip("bc_binance_um", reason="needs mark prices")

import pyarrow as pa
from far_machine import MISSING, FarMachine, far_machine
from processes import command, environment

import bcore
from bc_binance_um.marks import MARK_PRICE
from bc_orderbook.diffs import DEPTH, DEPTH_SNAPSHOTS, DEPTH_STATES, DEPTH_TICKERS
from bc_trades.datasets import TRADES
from bcore.app import App
from bcore.client import Client
from bcore.errors import RequestError
from bcore.fields import fields_of
from bcore.instants import SECOND, from_datetime, to_datetime
from bcore.query import Query
from bcore.records import Batch, Dataset

FAR = ("http", "ssh")
with tempfile.TemporaryDirectory() as nothing, bcore.open(nothing) as catalogue:
    VIEWS = catalogue.views()
# What is asked for beside the defaults, of every parameter that any view has. None is no parameter of a view.
VALUES: dict[str, list[Any]] = {
    "timeframe": ["1s", "5m", "15min", "1x"],
    "size": [20, 0],
    "levels": [1, 3, 0],
    "bps": [0.5, -1],
    "decay": [0, 2],
    "every": ["7s", "never"],
    "tick_size": [10, [10, 50], "10,50", -3],
    "depth": [4],
    "at": [None],
    "kind": ["rest", "nope"],
    "state": ["verified", "verified,suspect"],
}


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Some minutes of recorded trades and snapshots, as `bcore demo` collects them, and a small book.

    The recorded changes of the book are far too many for so many questions.
    """
    path = tmp_path_factory.mktemp("everywhere") / "data"
    words = command("demo", "--for", "3", "--speed", "60", "--data", path)
    done = subprocess.run(words, cwd=path.parent, env=environment(), capture_output=True, text=True, timeout=300)
    assert path.is_dir(), done.stderr
    for name in (DEPTH.name, DEPTH_SNAPSHOTS.name, DEPTH_STATES.name):
        shutil.rmtree(path / name, ignore_errors=True)
    app = App.of({"stores": {"main": {"kind": "parquet", "path": str(path)}}})
    store = app.stores()["main"]
    begin = store.stats(store.series()[0]).first_time or 0
    for dataset, rows in depth(begin):
        store.append(Batch(dataset, "BTCUSDT", pa.Table.from_pylist(rows, schema=dataset.schema)))
    for series in store.series():  # a collector may end between rows and what it keeps hot: who writes next mends that
        store.append(Batch(series.dataset, "BTCUSDT", store.read(Query(series.dataset, "BTCUSDT", tail=1))))
    app.close()
    return path


def depth(begin: int) -> Iterator[tuple[Dataset, list[dict[str, Any]]]]:
    """A small book: two snapshots, a verified state, and five minutes of changes of its levels, two a second, of which
    one is missing; beside it best prices, and mark prices."""
    common = {"symbol": "BTCUSDT", "timestamp": begin, "received": begin + 1000}
    sides = [(side, price) for side in (1, -1) for price in range(10)]
    levels = [{"side": side, "price": 60_000.0 - side * (each + 1), "quantity": 1.0 + each} for side, each in sides]
    whole = {"last_update_id": 100, "kind": "rest", "bid_horizon": float("nan"), "ask_horizon": float("nan")}
    first = [{**common, **whole, "reason": "start", **level} for level in levels]
    later = {"timestamp": begin + 200 * SECOND, "last_update_id": 500}
    yield DEPTH_SNAPSHOTS, [*first, *({**each, **later} for each in first)]
    yield DEPTH_STATES, [{**common, "update_id": 100, "state": "verified", "reason": "start"}]
    best = {"bid_price": 59_999.0, "bid_quantity": 1.0, "ask_price": 60_001.0, "ask_quantity": 2.0}
    moments = [begin + number * SECOND for number in range(30)]
    yield (
        DEPTH_TICKERS,
        [{**common, **best, "timestamp": at, "update_id": 101 + 2 * index} for index, at in enumerate(moments)],
    )
    marks = {"mark_price": 60_000.5, "index_price": 60_000.25, "funding_rate": 0.0001}
    yield MARK_PRICE, [{"symbol": "BTCUSDT", "timestamp": at, **marks} for at in moments]
    changes = []
    for number in (each for each in range(600) if each != 300):
        at, ids = begin + number * SECOND // 2, {"first_update_id": 101 + number, "last_update_id": 101 + number}
        level = {**levels[number % 20], "quantity": 0.5 + number % 7}
        changes.append({**common, **ids, **level, "timestamp": at, "received": at + 1000})
    yield DEPTH, changes


@pytest.fixture(scope="module")
def served(archive: Path) -> Iterator[str]:
    words = command("serve", "http", "--data", archive, "--port", 0)
    process = subprocess.Popen(words, cwd=archive.parent, env=environment(), stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    yield process.stdout.readline().strip().removeprefix("listening on ")
    process.terminate()
    process.wait(20)
    process.stdout.close()


@pytest.fixture(scope="module")
def far(tmp_path_factory: pytest.TempPathFactory, required: Callable[[str, bool], None]) -> Iterator[FarMachine]:
    required("sshd", MISSING is None)
    with far_machine(tmp_path_factory.mktemp("far")) as machine:
        yield machine


@pytest.fixture(scope="module")
def clients(archive: Path, served: str, far: FarMachine) -> Iterator[dict[str, Client]]:
    with ExitStack() as stack:
        made = {
            "local": bcore.get_local_client(archive),
            "hot": bcore.get_hot_client(archive),
            "http": bcore.get_api_client(served),
            "ssh": bcore.get_remote_client("far", path=str(archive), **far.options()),
        }
        for client in made.values():
            stack.enter_context(client)
        yield made


def grid(client: Client, view: str) -> list[dict[str, Any]]:
    """Calls to compare: counts, ranges in every notation, columns, each parameter of the view, mistakes."""
    info = client.reader.views()[view]
    own = [] if info.params is None else fields_of(info.params)
    needed = {each.name: VALUES[each.name][0] for each in own if each.required}
    calls: list[dict[str, Any]] = [
        {"limit": 7},
        {"limit": 3, "columns": info.schema.names[:2]},
        {"limit": -1},
        {"nope": 1},
        *({"limit": 5, name: value} for name in (*info.facets, *(each.name for each in own)) for value in VALUES[name]),
    ]
    if not info.sized_by:
        trades = client.read("trades", "BTCUSDT", columns="timestamp").column(0)
        middle = from_datetime(trades[len(trades) // 2].as_py())
        window = {"start_time": to_datetime(middle), "end_time": to_datetime(middle + 20 * SECOND).isoformat()}
        calls += [{"tail": 5}, {"limit": 4, "offset": 2}, {"start_time": middle, "limit": 5}, window]
        calls += [{"limit": 2, "after_id": 3}, {"start_time": "when?"}]
    return [{**needed, **call} for call in calls]


def answer(client: Client, view: str, options: dict[str, Any]) -> Any:
    """The frame, or what is said against it."""
    try:
        return client.get(view, "BTCUSDT", **options)
    except RequestError as error:
        return type(error)


@pytest.mark.parametrize("view", VIEWS)
def test_the_same_call_gives_the_same_frame_wherever_the_archive_is(clients: dict[str, Client], view: str) -> None:
    counts = list[int]()
    for options in grid(clients["local"], view):
        here = answer(clients["local"], view, options)
        counts.append(0 if isinstance(here, type) else len(here))
        for name in FAR:
            there = answer(clients[name], view, options)
            same = here is there if isinstance(here, type) else not isinstance(there, type) and here.equals(there)
            assert same, f"{name} {view} {options}: {there}, and not {here}"
    assert any(counts), f"there is nothing of {view} to compare"


def test_what_is_hot_of_a_recorded_book_at_all_default_tick_sizes_is_little_to_move(
    clients: dict[str, Client], tmp_path: Path
) -> None:
    """At most 300 KB for a whole window: 200 snapshots at each of five tick sizes."""
    far: Any = clients["ssh"].reader
    before = far.received
    rows = clients["ssh"].sync_hot_snapshot("orderbook", "BTCUSDT", tmp_path)
    whole = clients["hot"].get_orderbook("BTCUSDT")
    assert (5, len(whole)) == (whole["tick_size"].nunique(), rows)
    assert far.received - before <= 300_000 * rows / 1000
    with bcore.open(tmp_path, hot=True) as here:
        assert whole.equals(here.get_orderbook("BTCUSDT"))


def test_the_calendar_of_what_is_held_is_the_same_wherever_the_archive_is(clients: dict[str, Client]) -> None:
    pytest.importorskip("bc_plot", reason="draws the calendar")
    for dataset in ("trades", "orderbook", "depth"):
        here = clients["local"].plot_coverage(dataset=dataset)
        assert here.rows.sum() > 0
        for name in FAR:
            there = clients[name].plot_coverage("BTCUSDT", dataset=dataset)
            assert (here.title, here.states.tolist()) == (there.title, there.states.tolist()), f"{name} {dataset}"
            assert (here.rows.tolist(), here.lacking.tolist()) == (there.rows.tolist(), there.lacking.tolist())


@pytest.mark.parametrize("view", VIEWS)
def test_hot_rows_are_the_newest_of_all(clients: dict[str, Client], view: str) -> None:
    """Within its window the hot client answers as the others do, and what is wrong is wrong for it too."""
    counted = [each for each in grid(clients["local"], view) if not each.keys() & {"start_time", "after_id"}]
    for options in counted:
        here, hot = (answer(clients[name], view, options) for name in ("local", "hot"))
        same = here is hot if isinstance(here, type) else not isinstance(hot, type) and here.equals(hot)
        assert same, f"{view} {options}: {hot}, and not {here}"


@pytest.mark.parametrize("view", ["trades", "ohlcv", "orderbook", "spread", "book"])
def test_the_command_reads_the_same_wherever_the_archive_is(
    clients: dict[str, Client], archive: Path, served: str, far: FarMachine, tmp_path: Path, view: str
) -> None:
    remotes = {"http": {"url": served}, "ssh": {"host": "far", "path": str(archive), **far.options()}}
    text = [
        f"[remotes.{kind}]\n" + "".join(f"{k} = {json.dumps(v)}\n" for k, v in each.items())
        for kind, each in remotes.items()
    ]
    (tmp_path / "bcore.toml").write_text("\n".join(text))
    answers = {}
    for name, where in {"local": ("--data", archive), "http": ("--remote", "http"), "ssh": ("--remote", "ssh")}.items():
        words = command("read", view, "BTCUSDT", "--limit", 2, "--format", "json", *where)
        done = subprocess.run(words, cwd=tmp_path, env=environment(), capture_output=True, text=True, timeout=120)
        assert 0 == done.returncode, done.stderr
        answers[name] = json.loads(done.stdout)
    assert 2 == len(answers["local"])
    assert answers["local"] == answers["http"] == answers["ssh"]


def test_what_is_there_is_told_alike(clients: dict[str, Client]) -> None:
    local = clients["local"]
    for name in FAR:
        far = clients[name]
        assert local.views() == far.views()
        assert local.get_stats().equals(far.get_stats())
        assert local.get_available_symbols() == far.get_available_symbols()
        assert local.gaps("trades", "BTCUSDT").equals(far.gaps("trades", "BTCUSDT"))
        assert local.reader.proofs("trades", "BTCUSDT") == tuple(far.reader.proofs("trades", "BTCUSDT"))  # type: ignore[attr-defined]
        assert set(dir(local)) == set(dir(far))


@pytest.mark.parametrize("dataset", ["trades", "orderbook", "depth"])
def test_new_rows_are_followed_alike_from_any_cursor(clients: dict[str, Client], dataset: str) -> None:
    """What is behind a cursor is new to whoever comes with it: each transport tells the same rows, and where one is."""
    local = clients["local"].read(dataset, "BTCUSDT")
    found: dict[str, list[dict[str, Any]]] = {}
    for name in ("local", *FAR):
        with clients[name].follow(dataset, "BTCUSDT", timeout=0) as new:
            assert [] == list(new)
            assert new.cursor
    start = _cursor_at(dataset, local, 20)
    for name in ("local", *FAR):
        with clients[name].follow(dataset, "BTCUSDT", after=start, as_="arrow", timeout=5) as new:
            rows: list[dict[str, Any]] = []
            for table in new:
                rows += table.to_pylist()
                if len(rows) >= 20:
                    break
            found[name] = [{key: _comparable(value) for key, value in row.items()} for row in rows]
    assert 20 == len(found["local"])
    assert found["local"] == found["http"] == found["ssh"]


@pytest.mark.parametrize("name", ["local", *FAR])
def test_rows_that_are_stored_meanwhile_come_once_each_and_late_ones_late(
    clients: dict[str, Client], archive: Path, name: str
) -> None:
    symbol, found = f"{name.upper()}USDT", list[int]()
    app = App.of({"stores": {"main": {"kind": "parquet", "path": str(archive)}}})
    store = app.stores()["main"]
    store.append(trades(symbol, range(10)))
    known_to(clients[name], symbol)
    pieces = [range(10 + 20 * number, 30 + 20 * number) for number in range(8)]
    order = [*pieces[:3], pieces[4], pieces[3], *pieces[5:]]  # one is passed, and filled later

    def write() -> None:
        for piece in order:
            store.append(trades(symbol, piece))

    with clients[name].follow("trades", symbol, after=4, timeout=30, as_="arrow") as new:
        writer = threading.Thread(target=write)
        for rows in new:
            found += rows["agg_trade_id"].to_pylist()
            if not writer.is_alive() and len(found) == 5:
                writer.start()
            if len(found) >= 165:
                break
        assert "169" == new.cursor
    writer.join()
    app.close()
    assert list(range(5, 170)) == sorted(found)


@pytest.mark.parametrize("name", ["local", *FAR])
def test_rows_of_a_computed_view_come_once_each_when_they_are_final(
    clients: dict[str, Client], archive: Path, name: str
) -> None:
    """Candles of a minute, followed by two who come one after the other, while trades are stored out of order."""
    symbol, found = f"{name.upper()}BTC", list[dict[str, Any]]()
    app = App.of({"stores": {"main": {"kind": "parquet", "path": str(archive)}}})
    store = app.stores()["main"]
    store.append(trades(symbol, range(10)))
    known_to(clients[name], symbol)
    pieces = [range(10 + 20 * number, 30 + 20 * number) for number in range(8)]
    options: dict[str, Any] = {"timeframe": "1m", "as_": "arrow", "timeout": 60}
    with clients[name].follow("ohlcv", symbol, after=-1, **options) as new:
        writer = threading.Thread(target=lambda: [store.append(trades(symbol, piece)) for piece in pieces[:4]])
        writer.start()
        found += next(new).to_pylist()
        writer.join()
        cursor = new.cursor
    for piece in (pieces[5], pieces[4], *pieces[6:]):
        store.append(trades(symbol, piece))
    app.close()
    final = clients["local"].read("ohlcv", symbol, timeframe="1m").to_pylist()[:-1]
    with clients[name].follow("ohlcv", symbol, after=cursor, **options) as new:
        for rows in new:
            found += rows.to_pylist()
            if len(found) >= len(final):
                break
    assert 2 == len(final)
    assert final == found


def known_to(client: Client, symbol: str) -> None:
    """Waits: a server looks at what there is from time to time only, and not often on a busy machine."""
    deadline = time.monotonic() + 60
    while symbol not in client.get_available_symbols("trades"):
        assert time.monotonic() < deadline
        time.sleep(0.05)


def trades(symbol: str, ids: range) -> Batch:
    rows = [
        dict.fromkeys(TRADES.schema.names, each)
        | {"symbol": symbol, "timestamp": each * SECOND, "is_buyer_maker": True, "is_best_match": True}
        for each in ids
    ]
    return Batch(TRADES, symbol, pa.Table.from_pylist(rows, schema=TRADES.schema))


def _cursor_at(dataset: str, rows: Any, back: int) -> str:
    """The cursor of somebody who lacks the last `back` rows."""
    row = rows.slice(rows.num_rows - back - 1, 1).to_pylist()[0]
    if dataset == "trades":
        return str(row["agg_trade_id"])
    at = str(from_datetime(row["timestamp"]))
    others = ["tick_size"] if dataset == "orderbook" else ["last_update_id", "side", "price"]
    return ",".join([at, *(str(row[name]) for name in others)])


def _comparable(value: Any) -> Any:
    return None if isinstance(value, float) and value != value else value
