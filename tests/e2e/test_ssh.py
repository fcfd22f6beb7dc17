"""An archive on another machine: a real sshd on loopback, the user's own ssh, and nothing in between."""

from __future__ import annotations

import random
import re
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("bc_ssh", reason="needs the transport")
pytest.importorskip("bc_trades", reason="needs trades and candles")
pytest.importorskip("bc_orderbook", reason="needs order books")

import pyarrow as pa
from far_machine import MISSING, FarMachine, far_machine, keygen, meet
from processes import command, environment

import bcore
from bc_orderbook.datasets import ORDERBOOK
from bc_trades.datasets import TRADES
from bcore.app import App
from bcore.client import Client
from bcore.errors import BcoreError, ConfigError, NotFoundError, StoreError
from bcore.frames import LinkError
from bcore.protocols import Store
from bcore.query import Query
from bcore.records import Batch, Series

SECOND = 1_000_000
BEGIN = 1_771_113_600 * SECOND  # 2026-02-15
DEALS, BOOKS = Series(TRADES, "BTCUSDT"), Series(ORDERBOOK, "BTCUSDT")


def trades(first: int, last: int) -> Batch:
    """Trades with the ids first..last, three in each millisecond."""
    ids = range(first, last + 1)
    columns = {
        "agg_trade_id": ids,
        "timestamp": [BEGIN + number // 3 * 1000 for number in ids],
        "symbol": ["BTCUSDT"] * len(ids),
        "price": [60_000 + (number * 7919 % 1000) / 100 for number in ids],
        "quantity": [(number * 104_729 % 977 + 1) / 1000 for number in ids],
        "first_trade_id": ids,
        "last_trade_id": ids,
        "is_buyer_maker": [number % 2 == 0 for number in ids],
        "is_best_match": [True] * len(ids),
    }
    arrays = [pa.array(columns[each.name], each.type) for each in TRADES.schema]
    return Batch(TRADES, "BTCUSDT", pa.Table.from_arrays(arrays, schema=TRADES.schema))


def books(first: int, last: int) -> Batch:
    """Snapshots at two tick sizes, a second apart, with all 129 columns of prices and sums that are not round."""
    rows = []
    for number in range(first, last + 1):
        for tick in (10.0, 50.0):
            draw = random.Random(f"{number} {tick}")
            row: dict[str, Any] = {name: round(draw.uniform(0, 60_000), 2) for name in ORDERBOOK.schema.names}
            rows.append(row | {"timestamp": BEGIN + number * SECOND, "symbol": "BTCUSDT", "tick_size": tick})
    return Batch(ORDERBOOK, "BTCUSDT", pa.Table.from_pylist(rows, schema=ORDERBOOK.schema))


def store_at(path: Path) -> Store:
    app = App.of({"stores": {"main": {"kind": "parquet", "path": str(path)}}})
    return app.stores()["main"]


def filled(path: Path, *batches: Batch) -> Path:
    store = store_at(path)
    for each in batches:
        store.append(each)
    store.close()
    return path


def rows(path: Path, series: Series) -> pa.Table:
    store = store_at(path)
    table = store.read(Query(series.dataset, series.symbol))
    store.close()
    return table


@pytest.fixture(scope="module")
def far(tmp_path_factory: pytest.TempPathFactory, required: Callable[[str, bool], None]) -> Iterator[FarMachine]:
    required("sshd", MISSING is None)
    with far_machine(tmp_path_factory.mktemp("far")) as machine:
        yield machine


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("it's over there") / "da ta"  # a shell over there must not mind
    return filled(folder, trades(0, 9_999), books(0, 199))


def opened(far: FarMachine, path: Path, **more: Any) -> Client:
    return bcore.open(f"ssh://far{str(path).replace(' ', '%20')}", **{**far.options(), **more})


@pytest.fixture
def client(far: FarMachine, archive: Path) -> Iterator[Client]:
    with opened(far, archive) as made:
        yield made


def test_what_is_over_there_reads_as_what_is_here(client: Client, archive: Path) -> None:
    with bcore.open(archive) as here:
        for view, options in [("trades", {"limit": 10}), ("ohlcv", {"timeframe": "1m"}), ("orderbook", {"levels": 2})]:
            assert here.get(view, "BTCUSDT", **options).equals(client.get(view, "BTCUSDT", **options))
        assert here.reader.stats() == client.reader.stats()
        assert here.views() == client.views()
        assert ["BTCUSDT"] == client.get_available_symbols() == client.get_available_symbols("ohlcv")


def test_what_is_wrong_with_a_request_is_said_as_it_is_here(client: Client) -> None:
    with pytest.raises(NotFoundError, match="did you mean BTCUSDT"):
        client.get_trades("BTCUSD")
    with pytest.raises(NotFoundError, match="there is no view 'tradez'"):
        client.get("tradez", "BTCUSDT")
    assert 1 == client.get_trades("BTCUSDT", limit=1).shape[0]  # the link is as good as before


def test_a_half_read_answer_leaves_the_link_usable_and_others_use_the_same_connection(
    client: Client, far: FarMachine
) -> None:
    from bcore.query import Request

    half = client.reader.scan(Request("trades", "BTCUSDT"))
    half.read_next_batch()
    assert 3 == client.read("trades", "BTCUSDT", limit=3).num_rows  # beside it, on another channel
    connections = len(far.sessions())
    del half
    for _ in range(3):
        assert 10_000 == client.read("trades", "BTCUSDT").num_rows
    assert connections == len(far.sessions()) == 1


def test_threads_ask_at_the_same_time(client: Client) -> None:
    found: list[int] = []
    threads = [
        threading.Thread(target=lambda: found.append(client.read("trades", "BTCUSDT").num_rows)) for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert [10_000] * 4 == found


def test_nothing_is_left_behind_when_the_client_is_closed(
    far: FarMachine, archive: Path, wait_until: Callable[..., None]
) -> None:
    with opened(far, archive) as client:
        client.views()
        assert far.sessions()
    wait_until(lambda: not far.sessions(), "sshd's sessions end")


def test_the_newest_order_books_are_little_to_move_and_can_be_read(client: Client, tmp_path: Path) -> None:
    before = received(client)
    assert 400 == client.sync_hot_snapshot("orderbook", "BTCUSDT", tmp_path)
    assert received(client) - before <= 300_000
    with bcore.open(tmp_path, hot=True) as here:
        assert 200 == len(here.get_orderbook("BTCUSDT", tick_size=10))
    assert 0 == client.sync_hot_snapshot("orderbook", "BTCUSDT", tmp_path)


def received(client: Client) -> int:
    return int(client.reader.received)  # type: ignore[attr-defined]


def test_a_sync_moves_only_what_is_new_and_every_trade_of_a_millisecond(far: FarMachine, tmp_path: Path) -> None:
    there, here = filled(tmp_path / "there", trades(0, 199_999)), tmp_path / "here"
    with opened(far, there) as client:
        assert 200_000 == client.sync_incremental("trades", "BTCUSDT", here)
        whole = received(client)
        filled(there, trades(200_000, 200_999))  # 199,999 and 200,000 share a millisecond
        assert 1000 == client.sync_incremental("trades", "BTCUSDT", here)
        assert received(client) - whole < whole / 20
        before = received(client)
        assert 0 == client.sync_incremental("trades", "BTCUSDT", here)
        assert received(client) - before < 40_000
    assert rows(there, DEALS).equals(rows(here, DEALS))


def test_two_halves_become_a_whole_holes_in_the_middle_included(far: FarMachine, tmp_path: Path) -> None:
    there = filled(tmp_path / "there", trades(0, 999), trades(2000, 2999), books(0, 59))
    here = filled(tmp_path / "here", trades(500, 1500), trades(4000, 4009), books(30, 39))
    with opened(far, there) as client:
        assert 1500 == client.sync_incremental("trades", "BTCUSDT", here)
        assert 100 == client.sync_incremental("orderbook", "BTCUSDT", here)
        assert 0 == client.sync_incremental("orderbook", "BTCUSDT", here)
    assert [*range(1501), *range(2000, 3000), *range(4000, 4010)] == rows(here, DEALS)["agg_trade_id"].to_pylist()
    assert rows(there, BOOKS).equals(rows(here, BOOKS))


def test_a_link_that_dies_at_any_moment_loses_and_doubles_nothing(far: FarMachine, tmp_path: Path) -> None:
    there, here = filled(tmp_path / "there", trades(0, 59_999), books(0, 99)), tmp_path / "here"
    cutter = Cutter(far)
    cutter.start()
    rounds = 0
    while cutter.is_alive():
        with opened(far, there) as client, suppress(BcoreError):
            for name in ("trades", "orderbook"):
                client.sync_incremental(name, "BTCUSDT", here)
        rounds += 1  # so that there is always something to come
        filled(there, trades(60_000 + rounds * 1000, 60_999 + rounds * 1000), books(100 + rounds, 100 + rounds))
    with opened(far, there) as client:
        for name in ("trades", "orderbook"):
            client.sync_incremental(name, "BTCUSDT", here)
            assert 0 == client.sync_incremental(name, "BTCUSDT", here)
    assert 20 == cutter.cuts
    assert rows(there, DEALS).equals(rows(here, DEALS))
    assert rows(there, BOOKS).equals(rows(here, BOOKS))


class Cutter(threading.Thread):
    """Cuts whatever connection there is, twenty times, each at a moment drawn at random."""

    def __init__(self, far: FarMachine) -> None:
        super().__init__(daemon=True)
        self.far, self.cuts, self.draw = far, 0, random.Random(20)

    def run(self) -> None:
        while self.cuts < 20:
            time.sleep(self.draw.uniform(0.0, 0.8))
            self.cuts += self.far.cut() > 0


def test_a_changed_host_key_is_refused_with_the_advice_to_give(far: FarMachine, archive: Path, tmp_path: Path) -> None:
    known = far.known_hosts.read_text()
    try:
        meet(far.folder, far.port, keygen(tmp_path / "another_key"))
        with opened(far, archive) as client, pytest.raises(ConfigError) as caught:
            client.views()
        told = str(caught.value)
        assert "host key is not the one you know" in told
        assert "Ask who runs it for its new fingerprint" in told
        assert re.search(rf"ssh-keygen -f .{far.known_hosts}. -R .\[127\.0\.0\.1\]:{far.port}", told)
        far.known_hosts.write_text("")
        with opened(far, archive) as client, pytest.raises(ConfigError, match=r"not met this machine yet.*`ssh far`"):
            client.views()
    finally:
        far.known_hosts.write_text(known)


def test_a_key_that_is_not_let_in_is_told_so(far: FarMachine, archive: Path) -> None:
    allowed = (far.folder / "authorized_keys").read_text()
    try:
        (far.folder / "authorized_keys").write_text("")
        with opened(far, archive) as client, pytest.raises(ConfigError, match=r"does not let you in.*authorized_keys"):
            client.views()
    finally:
        (far.folder / "authorized_keys").write_text(allowed)


def test_a_machine_that_is_not_there_is_told_so(far: FarMachine, tmp_path: Path) -> None:
    config = tmp_path / "config"
    config.write_text("Host gone\n  HostName 127.0.0.1\n  Port 1\n")
    with (
        bcore.open("ssh://gone/data", config=str(config)) as client,
        pytest.raises(LinkError, match="cannot be reached"),
    ):
        client.views()


def test_without_bcore_over_there_the_files_come_by_sftp(far: FarMachine, archive: Path, tmp_path: Path) -> None:
    there, here, mirror = (
        filled(tmp_path / "there", trades(0, 999), books(0, 9)),
        tmp_path / "here",
        tmp_path / "mirror",
    )
    with opened(far, there, command="no-such-bcore", mirror=str(mirror)) as client:
        assert 1000 == client.sync_incremental("trades", "BTCUSDT", here)
        assert 20 == client.sync_incremental("orderbook", "BTCUSDT", here)
    filled(there, trades(1000, 1099))
    with opened(far, there, mode="sftp", mirror=str(mirror)) as client:
        assert 100 == client.sync_incremental("trades", "BTCUSDT", here)
        assert received(client) < 20_000  # the new file alone
        assert 1100 == len(client.get_trades("BTCUSDT"))
    assert rows(there, DEALS).equals(rows(here, DEALS))
    told = pytest.raises(ConfigError, match=r"there is no 'no-such-bcore'.*command = ")
    with opened(far, there, command="no-such-bcore", mode="bcore") as client, told:
        client.views()


def test_a_machine_that_gives_sftp_alone_is_enough(
    tmp_path: Path, required: Callable[[str, bool], None], archive: Path
) -> None:
    required("sshd", MISSING is None)
    with far_machine(tmp_path / "far", sftp_only=True) as far:
        with opened(far, archive, mirror=str(tmp_path / "mirror")) as client:
            assert 10_000 == client.sync_incremental("trades", "BTCUSDT", tmp_path / "here")
        told = pytest.raises(StoreError, match="no such folder")
        with opened(far, tmp_path / "nowhere", mode="sftp", mirror=str(tmp_path / "m")) as client, told:
            client.views()


def test_the_commands_sync_and_read_know_remotes_by_name(far: FarMachine, archive: Path, tmp_path: Path) -> None:
    told = far.options()
    (tmp_path / "bcore.toml").write_text(
        f'[stores.main]\nkind = "parquet"\npath = "mine"\n[remotes.prod]\nkind = "ssh"\nhost = "far"\n'
        f'path = "{archive}"\nconfig = "{told["config"]}"\ncommand = "{told["command"]}"\n'
    )

    def run(*words: object) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            command(*words), cwd=tmp_path, env=environment(), capture_output=True, text=True, timeout=120
        )

    done = run("sync", "prod", "--symbol", "BTCUSDT")
    assert 0 == done.returncode, done.stderr
    assert "trades/BTCUSDT: 10,000 rows came; 10,000 there, 10,000 here, 1 day proven alike" in done.stdout
    assert "trades/BTCUSDT: syncing: 10,000 rows" in done.stderr
    assert "would bring 0 rows" in run("sync", "prod", "--dry-run").stdout
    there = run("read", "trades", "BTCUSDT", "--limit", "2", "--format", "csv", "--remote", "prod")
    here = run("read", "trades", "BTCUSDT", "--limit", "2", "--format", "csv")
    assert 3 == len(here.stdout.splitlines())
    assert here.stdout == there.stdout, there.stderr
    wrong = run("read", "trades", "BTCUSDT", "--remote", "prd")
    assert (2, True) == (wrong.returncode, "did you mean prod" in wrong.stderr)
