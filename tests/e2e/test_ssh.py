"""An archive on another machine: a real sshd on loopback, the user's own ssh, and nothing in between."""

from __future__ import annotations

import random
import re
import shutil
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

from archives import BEGIN, BOOKS, DEALS, SECOND, books, filled, rows, store_at, trades
from far_machine import MISSING, FarMachine, far_machine, keygen, meet
from processes import command, environment

import bcore
from bcore.client import Client
from bcore.errors import BcoreError, ConfigError, NotFoundError, StoreError
from bcore.frames import LinkError
from bcore.protocols import Compacts
from bcore.query import Request
from bcore.records import Series


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
        told = pytest.raises(ConfigError, match=rf"not met this machine yet.*`ssh -F {far.config} far`")
        with opened(far, archive) as client, told:
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


@pytest.fixture(scope="module")
def merged(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """200,000 trades in one file over there."""
    folder = filled(tmp_path_factory.mktemp("merged") / "there", trades(0, 199_999), books(0, 199))
    compacted(folder)
    return folder


def compacted(folder: Path) -> None:
    store = store_at(folder)
    assert isinstance(store, Compacts)
    for series in (DEALS, BOOKS):
        store.compact(series)
    store.close()


def size(folder: Path, series: Series = DEALS) -> int:
    store = store_at(folder)
    held = store.stats(series)
    store.close()
    return held.bytes


def by_sftp(far: FarMachine, there: Path, mirror: Path) -> Client:
    return opened(far, there, mode="sftp", mirror=str(mirror))


def test_by_sftp_only_what_is_missing_moves_however_the_files_are_cut(
    far: FarMachine, merged: Path, tmp_path: Path
) -> None:
    there, here = tmp_path / "there", tmp_path / "here"
    shutil.copytree(merged, there, symlinks=True)
    shutil.copytree(merged, here, symlinks=True)
    filled(there, trades(200_000, 200_099))
    with by_sftp(far, there, tmp_path / "1") as client:  # a mirror that has nothing yet
        assert 100 == client.sync_incremental("trades", "BTCUSDT", here)
        assert received(client) < size(there) / 4  # the ends of large files, and a small one
        assert 200_100 == client.reader.stats()[-1].rows
    compacted(there)
    with by_sftp(far, there, tmp_path / "1") as client:
        assert 0 == client.sync_incremental("trades", "BTCUSDT", here)  # merged over there, and nothing is new
        assert received(client) < size(there) / 10
    filled(there, trades(200_100, 201_099))
    compacted(there)
    with by_sftp(far, there, tmp_path / "1") as client:
        assert 1000 == client.sync_incremental("trades", "BTCUSDT", here)
        assert received(client) < size(there) / 3  # from the group of rows that has the first of them
    assert rows(there, DEALS).equals(rows(here, DEALS))


def test_by_sftp_holes_are_filled_and_rows_read_as_they_are_there(
    far: FarMachine, merged: Path, tmp_path: Path
) -> None:
    here = filled(tmp_path / "here", trades(0, 99_999), trades(100_050, 199_999), books(0, 99))
    with by_sftp(far, merged, tmp_path / "mirror") as client, bcore.open(merged) as local:
        assert 50 == client.sync_incremental("trades", "BTCUSDT", here)
        assert 200 == client.sync_incremental("orderbook", "BTCUSDT", here)
        assert rows(merged, DEALS).equals(rows(here, DEALS))
        assert rows(merged, BOOKS).equals(rows(here, BOOKS))
        for view, options in [
            ("trades", {"limit": 10}),
            ("ohlcv", {"timeframe": "1m", "limit": 3}),
            ("orderbook", {"limit": 3, "tick_size": 10}),
            ("trades", {"after_id": 5, "limit": 3}),
            ("trades", {"start_time": BEGIN, "end_time": BEGIN + SECOND}),
            ("trades", {}),
        ]:
            assert local.read(view, "BTCUSDT", **options).equals(client.read(view, "BTCUSDT", **options)), view


def test_by_sftp_the_newest_rows_are_read_without_the_others(far: FarMachine, merged: Path, tmp_path: Path) -> None:
    with by_sftp(far, merged, tmp_path / "mirror") as client:
        assert list(range(199_990, 200_000)) == client.get_trades("BTCUSDT", limit=10)["agg_trade_id"].tolist()
        assert received(client) < size(merged) / 2 + size(merged, BOOKS)
        assert 1024 == len(client.reader.read(Request("trades", "BTCUSDT", hot=True)))


@pytest.mark.parametrize("arrived", [0.0, 0.4, 1.0])
def test_a_file_that_was_cut_off_goes_on_at_the_byte_where_it_was(
    far: FarMachine, merged: Path, tmp_path: Path, arrived: float
) -> None:
    with by_sftp(far, merged, tmp_path / "mirror") as client:
        client.views()
        before = received(client)
        (file,) = (tmp_path / "mirror" / "trades" / "BTCUSDT.parquet").resolve().iterdir()
        whole = (merged / "trades" / "BTCUSDT.parquet" / file.name).read_bytes()
        cut = round(len(whole) * arrived)
        arriving = file.parents[1] / "arriving"
        (arriving / f"{file.name}.0").write_bytes(whole[:cut])
        assert 200_000 == client.sync_incremental("trades", "BTCUSDT", tmp_path / "here")
        assert len(whole) - cut == received(client) - before
        assert whole == file.read_bytes()
        assert ([file], []) == (list(file.parent.iterdir()), list(arriving.iterdir()))


def test_a_machine_that_gives_sftp_alone_is_enough(
    tmp_path: Path, required: Callable[[str, bool], None], archive: Path
) -> None:
    required("sshd", MISSING is None)
    with far_machine(tmp_path / "far", sftp_only=True) as far:
        with opened(far, archive, mirror=str(tmp_path / "mirror")) as client:
            assert 10_000 == client.sync_incremental("trades", "BTCUSDT", tmp_path / "here")
        told = pytest.raises(StoreError, match=r"no folder .*nowhere. over there")
        with opened(far, tmp_path / "nowhere", mode="sftp", mirror=str(tmp_path / "m")) as client, told:
            client.views()


def test_the_commands_sync_and_read_know_remotes_by_name(far: FarMachine, archive: Path, tmp_path: Path) -> None:
    told = far.options()
    (tmp_path / "bcore.toml").write_text(
        f'[stores.main]\nkind = "parquet"\npath = "mine"\n[remotes.prod]\nkind = "ssh"\nhost = "far"\n'
        f'path = "{archive}"\nconfig = "{told["config"]}"\ncommand = "{told["command"]}"\n'
        f'[remotes.bare]\nkind = "ssh"\nhost = "far"\npath = "{archive}"\nconfig = "{told["config"]}"\n'
        f'command = "no-such-bcore"\nmirror = "{tmp_path / "mirror"}"\n'
    )

    def run(*words: object) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            command(*words), cwd=tmp_path, env=environment(), capture_output=True, text=True, timeout=120
        )

    done = run("sync", "prod", "--symbol", "BTCUSDT")
    assert 0 == done.returncode, done.stderr
    assert "trades/BTCUSDT: 10,000 rows came; 10,000 there, 10,000 here, 1 day proven alike" in done.stdout
    assert "trades/BTCUSDT: syncing: 10,000 rows" in done.stderr
    assert "would bring 0 rows" in run("sync", "prod", "--symbol", "BTCUSDT", "--dry-run").stdout
    bare = run("sync", "bare", "--symbol", "BTCUSDT", "--dry-run")
    assert (0, "dry run: nothing was changed") == (bare.returncode, bare.stdout.splitlines()[-1]), bare.stderr
    (line,) = bare.stderr.splitlines()
    assert line.startswith(f"bcore: ssh://far{archive}: there is no 'no-such-bcore' on the PATH of ssh there (")
    assert "BCORE_REMOTE_COMMAND" in line
    there = run("read", "trades", "BTCUSDT", "--limit", "2", "--format", "csv", "--remote", "prod")
    here = run("read", "trades", "BTCUSDT", "--limit", "2", "--format", "csv")
    assert 3 == len(here.stdout.splitlines())
    assert here.stdout == there.stdout, there.stderr
    wrong = run("read", "trades", "BTCUSDT", "--remote", "prd")
    assert (2, True) == (wrong.returncode, "did you mean prod" in wrong.stderr)


def test_a_folder_that_is_not_over_there_is_an_error_and_an_empty_one_is_none(far: FarMachine, tmp_path: Path) -> None:
    told, nowhere, empty = far.options(), tmp_path / "no data", tmp_path / "empty"
    empty.mkdir()
    where = "\n".join(
        f'[remotes.{name}]\nkind = "ssh"\nhost = "far"\npath = "{path}"\nmode = "{mode}"\nconfig = "{told["config"]}"\n'
        f'command = "{told["command"]}"\nmirror = "{tmp_path / name}"'
        for name, path, mode in [("far", nowhere, "bcore"), ("bare", nowhere, "sftp"), ("new", empty, "bcore")]
    )
    (tmp_path / "bcore.toml").write_text(where)

    def synced(name: str) -> tuple[int, str]:
        words = command("sync", name, "--data", "mine")
        done = subprocess.run(words, cwd=tmp_path, env=environment(), capture_output=True, text=True, timeout=120)
        return done.returncode, done.stdout + done.stderr

    assert (1, f"bcore: there is no folder '{nowhere}' over there\n") == synced("far")
    assert (1, f"bcore: ssh://far{nowhere}: there is no folder '{nowhere}' over there\n") == synced("bare")
    assert (0, "new holds nothing\n") == synced("new")
    with opened(far, nowhere) as client, pytest.raises(StoreError, match=r"there is no folder .* over there"):
        client.get_trades("BTCUSDT")
