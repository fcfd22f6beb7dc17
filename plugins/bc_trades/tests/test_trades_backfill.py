"""`bcore backfill` against the replay exchange, whatever is wrong with its bulk files."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from attrs import define
from click.testing import CliRunner

from bcore.cli import main

replay = pytest.importorskip("bc_replay.testing", reason="the replay exchange (bc-replay) is not installed")
pytest.importorskip("bc_parquet", reason="the archive (bc-parquet) is not installed")

DAY = 86_400_000_000
START = 1_735_516_800_000_000  # 2024-12-30: bulk files are in ms up to the new year, then in us
DAYS, A_DAY = 5, 400
TAIL = 30  # trades of the day that is running
KEY = "BTCUSDT-aggTrades-{}.zip"
DATES = ("2024-12-30", "2024-12-31", "2025-01-01", "2025-01-02", "2025-01-03")
CONFIG = """
symbols = ["BTCUSDT"]
[exchanges.binance]
rest_url = "{url}"
stream_url = "{ws}"
bulk_url = "{url}"
timeout = 5.0
[stores.main]
kind = "parquet"
path = "{path}"
[sources.trades]
tmp = "{tmp}"
{more}
"""
COLUMNS = ("id", "price", "quantity", "first", "last", "time", "maker", "match")


def made() -> list[tuple[Any, ...]]:
    """Five days and the beginning of a sixth; one aggregate is voided, and one's time runs backwards."""
    dice, rows, fill = random.Random(4), [], 700
    for number in range(DAYS * A_DAY + TAIL):
        day, since = divmod(number, A_DAY)
        at = START + day * DAY + since * (DAY // A_DAY) + dice.randint(0, 10**6) // 1000 * 1000
        count = dice.randint(1, 3)
        price, quantity = f"{dice.randint(9 * 10**6, 10**7) / 100:.8f}", f"{dice.randint(1, 10**6) / 10**5:.8f}"
        rows.append((5000 + number, price, quantity, fill, fill + count - 1, at, dice.random() < 0.5, True))
        fill += count
    rows[50] = (*rows[50][:5], rows[49][5] - 7_000_000, *rows[50][6:])
    rows[60] = (rows[60][0], "0.00000000", "0.00000000", -1, -1, *rows[60][5:])
    gone = rows[60 + 1][3] - rows[59][4] - 1
    return [row if row[3] < 0 or row[0] < 5061 else (*row[:3], row[3] - gone, row[4] - gone, *row[5:]) for row in rows]


ROWS = made()


@define
class Archive:
    """A folder with an archive and a configuration that leads to a replay exchange."""

    folder: Path
    server: Any

    def bcore(self, *words: str, code: int = 0, more: str = "") -> str:
        """What the command writes to either side; it must end with `code`."""
        self.configure(more)
        ended = CliRunner().invoke(main, [*self.config, *words])
        assert code == ended.exit_code, ended.output
        return ended.output

    def backfill(self, *words: str, code: int = 0, more: str = "") -> str:
        return self.bcore("backfill", *self.whole, *words, code=code, more=more)

    def plan(self) -> list[str]:
        told = json.loads(self.bcore("plan", *self.whole, "--format", "json"))
        return [each["portion"] for each in told["portions"]]

    @property
    def whole(self) -> tuple[str, ...]:
        return "BTCUSDT", "--from", DATES[0], "--to", "2025-01-04"

    def configure(self, more: str = "") -> None:
        (self.folder / "tmp").mkdir(exist_ok=True)
        where = {"path": self.folder / "archive", "tmp": self.folder / "tmp"}
        text = CONFIG.format(url=self.server.url, ws=self.server.ws_url, more=more, **where)
        (self.folder / "bcore.toml").write_text(text)

    @property
    def config(self) -> tuple[str, str]:
        return "--config", str(self.folder / "bcore.toml")

    def rows(self) -> list[tuple[Any, ...]]:
        path = self.folder / "archive" / "trades" / "BTCUSDT.parquet"
        table = pq.read_table(path)
        table = table.set_column(1, "timestamp", table.column("timestamp").cast(pa.int64())).drop(["symbol"])
        return [tuple(row.values()) for row in table.to_pylist()]

    def left(self) -> list[str]:
        return sorted(each.name for each in (self.folder / "tmp").iterdir())


def environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}


def due(first: int = 0, last: int = DAYS * A_DAY) -> list[tuple[Any, ...]]:
    """What the archive must hold of the rows, in its own order of columns; files before 2025 are in ms."""
    return [
        (a, t, float(p), float(q), f, last_trade, maker, match)
        for a, p, q, f, last_trade, t, maker, match in ROWS[first:last]
    ]


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("history") / "BTCUSDT-aggTrades-2024-12.csv"
    path.write_text("".join(",".join(map(str, row)) + "\n" for row in ROWS))
    return path


@pytest.fixture
def archive(recording: Path, tmp_path: Path) -> Iterator[Archive]:
    with replay.ReplayServer(recording, speed=0) as server:
        server.clock(seek=START + (DAYS + 1) * DAY - 1)
        yield Archive(tmp_path, server)


def test_history_comes_from_files_exactly_and_only_once(archive: Archive) -> None:
    assert [KEY.format(date) for date in DATES] == archive.plan()
    said = archive.backfill()
    assert "proven complete: ids 5000..6999, 2,000 rows" in said
    assert "rows by origin: 2,000 bulk" in said
    assert due() == archive.rows()
    assert [] == archive.left()
    requests = archive.server.status()["requests"]
    assert "nothing is left to fetch" in archive.bcore("plan", *archive.whole)
    assert "0 portions to fetch" in archive.backfill()
    files = {path: times for path, times in requests.items() if path.endswith(".zip")}
    assert files == {path: archive.server.status()["requests"][path] for path in files}


def test_up_to_now_the_running_day_comes_over_rest_by_id(archive: Archive) -> None:
    said = archive.bcore("backfill", "BTCUSDT", "--from", DATES[0])
    assert "rows by origin: 2,000 bulk, 30 rest" in said
    assert due(0, DAYS * A_DAY + TAIL) == archive.rows()
    assert "0 disagree" in archive.bcore("verify", "--against", "klines", "--revisions")
    assert "5 files asked about, 0 replaced since" in archive.bcore("verify", "--revisions")


@pytest.mark.parametrize(
    ("fault", "day", "over_rest"),
    [
        ("header", 1, 0),
        ("shuffled", 2, 0),
        ("missing:1", 2, A_DAY),
        ("missing:1", 4, A_DAY),
        ("late:300", 0, 0),  # the month's file serves
        ("late:300", 3, A_DAY),
        ("shortday", 2, A_DAY // 10),
        ("shortday", 4, A_DAY // 10),
        ("replaced", 1, 1),
        ("filecut:2", 3, 0),
        ("filehalf:2", 3, 0),
    ],
)
def test_a_fault_of_a_file_costs_no_row_and_doubles_none(
    archive: Archive, fault: str, day: int, over_rest: int
) -> None:
    kind, _, argument = fault.partition(":")
    archive.server.fault(kind, argument or None, which=KEY.format(DATES[day]))
    said = archive.backfill()
    assert 0 < archive.server.faults()[0]["hits"]
    assert due() == archive.rows()
    origins = f"{DAYS * A_DAY - over_rest:,} bulk" + (f", {over_rest} rest" if over_rest else "")
    assert f"rows by origin: {origins}" in said


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        ("wrongsum", "accept_checksums = ["),
        ("nosum", "require_checksum = false"),
        ("pathtrick", "which is no plain name of a CSV file"),
        ("bomb", "inflates to"),
    ],
)
def test_a_file_that_is_not_to_be_believed_is_refused_and_its_trades_come_over_rest(
    archive: Archive, kind: str, reason: str, caplog: pytest.LogCaptureFixture
) -> None:
    archive.server.fault(kind, 64 if kind == "bomb" else None, which=KEY.format(DATES[2]))
    archive.backfill()
    assert reason in caplog.text
    assert "its rows are taken over REST instead" in caplog.text
    assert [] == archive.left()
    assert due() == archive.rows()


def test_a_file_without_checksum_is_taken_where_none_is_required(archive: Archive) -> None:
    archive.server.fault("nosum", which=KEY.format(DATES[2]))
    assert "rows by origin: 2,000 bulk" in archive.backfill(more="require_checksum = false")
    assert due() == archive.rows()


def test_a_file_that_was_replaced_since_is_found(archive: Archive) -> None:
    archive.backfill()
    archive.server.fault("replaced", which=KEY.format(DATES[3]))
    said = archive.bcore("verify", "--revisions", code=1)
    assert "5 files asked about, 1 replaced since" in said
    assert f"{KEY.format(DATES[3])}: SHA-256" in said


def test_what_rest_gives_no_more_is_repaired_from_files(recording: Path, tmp_path: Path) -> None:
    with replay.ReplayServer(recording, speed=0, options=["--retention-floor", "6700"]) as server:
        server.clock(seek=START + (DAYS + 1) * DAY - 1)
        archive = Archive(tmp_path, server)
        for day in (0, 3):
            archive.bcore("backfill", "BTCUSDT", "--from", DATES[day], "--to", DATES[day + 1])
        archive.bcore("repair")
        assert due(0, 4 * A_DAY) == archive.rows()


def test_killed_at_any_instant_it_goes_on_where_it_was(archive: Archive) -> None:
    archive.configure()
    dice, ended = random.Random(6), 0
    for _ in range(6):
        process = subprocess.Popen(
            [sys.executable, "-m", "bcore", *archive.config, "backfill", *archive.whole, "--jobs", "1"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env=environment(),
        )
        try:
            process.wait(dice.uniform(0.3, 2.0))
            ended += 1
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            process.wait()
    archive.backfill()
    assert due() == archive.rows()
    assert ended < 6, "it was never killed"
    assert "0 portions to fetch" in archive.backfill()
