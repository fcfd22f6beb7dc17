"""Bulk files made of a recording, and files given in a folder, to a real HTTP client (protocol section 8)."""

from __future__ import annotations

import hashlib
import io
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from bc_replay.testing import ReplayServer

DAY = 86_400_000  # ms
NEW_YEAR = 1_735_689_600_000  # 2025-01-01 in ms: from here on rows are in us
FIRST = NEW_YEAR - 2 * DAY
EACH = 4 * 3600 * 1000  # one aggregate each 4 h, ids from 500, from 2024-12-30 to noon of 2025-01-02
COUNT = 22
LAST = FIRST + (COUNT - 1) * EACH


def row(n: int) -> str:
    time = FIRST + n * EACH
    stamp = time * 1000 if time >= NEW_YEAR else time
    return f"{500 + n},{100 + n}.12345678,0.50000000,{2 * n},{2 * n + 1},{stamp},{n % 2 == 0},True\n"


@pytest.fixture(scope="module")
def days(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("days") / "BTCUSDT-aggTrades-2024-12.csv"
    path.write_text("".join(map(row, range(COUNT))))
    return path


@pytest.fixture(scope="module")
def bucket(days: Path) -> Iterator[ReplayServer]:
    with ReplayServer(days, options=["--start-at", str(LAST)]) as server:
        yield server


def fetch(server: ReplayServer, name: str, folder: str = "daily/aggTrades/BTCUSDT") -> requests.Response:
    return requests.get(f"{server.url}/data/spot/{folder}/{name}", timeout=30)


def only_member(body: bytes) -> tuple[str, str]:
    with zipfile.ZipFile(io.BytesIO(body)) as archive:
        (entry,) = archive.infolist()
        assert zipfile.ZIP_DEFLATED == entry.compress_type
        return entry.filename, archive.read(entry).decode()


@pytest.mark.parametrize(("date", "first"), [("2024-12-30", 0), ("2024-12-31", 6), ("2025-01-01", 12)])
def test_a_day_is_a_zip_of_its_rows_in_the_unit_of_its_year(bucket: ReplayServer, date: str, first: int) -> None:
    member, text = only_member(fetch(bucket, f"BTCUSDT-aggTrades-{date}.zip").content)
    assert f"BTCUSDT-aggTrades-{date}.csv" == member
    assert "".join(map(row, range(first, first + 6))) == text


def test_a_month_that_is_over_is_there_with_what_the_recording_has_of_it(bucket: ReplayServer) -> None:
    folder = "monthly/aggTrades/BTCUSDT"
    member, text = only_member(fetch(bucket, "BTCUSDT-aggTrades-2024-12.zip", folder).content)
    assert ("BTCUSDT-aggTrades-2024-12.csv", "".join(map(row, range(12)))) == (member, text)
    assert 404 == fetch(bucket, "BTCUSDT-aggTrades-2025-01.zip", folder).status_code


def test_the_checksum_is_that_of_the_body_without_a_line_end(bucket: ReplayServer) -> None:
    name = "BTCUSDT-aggTrades-2024-12-31.zip"
    body, checksum = fetch(bucket, name).content, fetch(bucket, f"{name}.CHECKSUM")
    assert f"{hashlib.sha256(body).hexdigest()}  {name}" == checksum.text
    assert str(len(checksum.content)) == checksum.headers["Content-Length"]


def test_a_file_has_the_headers_of_the_bucket(bucket: ReplayServer) -> None:
    reply = fetch(bucket, "BTCUSDT-aggTrades-2024-12-31.zip")
    assert "application/zip" == reply.headers["Content-Type"]
    assert f'"{hashlib.md5(reply.content).hexdigest()}"' == reply.headers["ETag"]
    assert "Wed, 01 Jan 2025 00:00:00 GMT" == reply.headers["Last-Modified"]
    assert str(len(reply.content)) == reply.headers["Content-Length"]
    head = requests.head(reply.url, timeout=30)
    assert (200, reply.headers["ETag"], str(len(reply.content))) == (
        head.status_code,
        head.headers["ETag"],
        head.headers["Content-Length"],
    )


@pytest.mark.parametrize(
    "path",
    [
        "daily/aggTrades/BTCUSDT/BTCUSDT-aggTrades-2025-01-02.zip",  # still running
        "daily/aggTrades/BTCUSDT/BTCUSDT-aggTrades-2024-12-29.zip",
        "daily/aggTrades/BTCUSDT/BTCUSDT-aggTrades-2024-12-29.zip.CHECKSUM",
        "daily/aggTrades/BTCUSDT/BTCUSDT-aggTrades-2024-13-41.zip",
        "daily/aggTrades/BTCUSDT/BTCUSDT-aggTrades-2024-12.zip",
        "daily/aggTrades/BTCUSDT/ETHUSDT-aggTrades-2024-12-31.zip",
        "daily/aggTrades/ETHUSDT/ETHUSDT-aggTrades-2024-12-31.zip",
        "daily/trades/BTCUSDT/BTCUSDT-trades-2024-12-31.zip",  # the recording has aggregates only
        "daily/klines/BTCUSDT/1w/BTCUSDT-1w-2024-12-31.zip",
        "daily/klines/BTCUSDT/7m/BTCUSDT-7m-2024-12-31.zip",
        "..%2F..%2F..%2F..%2Fetc/passwd",
    ],
)
def test_what_is_not_there_is_404(bucket: ReplayServer, path: str) -> None:
    folder, _, name = path.rpartition("/")
    reply = fetch(bucket, name, folder)
    assert (404, "application/xml") == (reply.status_code, reply.headers["Content-Type"])
    assert "<Code>NoSuchKey</Code>" in reply.text


def test_two_servers_make_the_same_bytes(bucket: ReplayServer, days: Path) -> None:
    name = "BTCUSDT-aggTrades-2024-12-31.zip"
    with ReplayServer(days, options=["--start-at", str(LAST)]) as other:
        assert fetch(bucket, name).content == fetch(other, name).content


def test_a_day_appears_when_the_clock_has_passed_its_end_and_the_delay(days: Path) -> None:
    name, midnight = "BTCUSDT-aggTrades-2024-12-30.zip", (FIRST + DAY) * 1000
    with ReplayServer(days, options=["--start-at", str(FIRST + EACH), "--bulk-delay", "3600"]) as server:
        server.clock(pause=True)
        seen = []
        for at in (midnight - 1, midnight, midnight + 3_599_999_999, midnight + 3_600_000_000):
            server.clock(seek=at)
            seen.append(fetch(server, name).status_code)
    assert [404, 404, 404, 200] == seen


def test_the_last_day_appears_when_the_exchange_goes_on_beyond_the_recording(days: Path) -> None:
    with ReplayServer(days, speed=0) as server:
        server.clock(seek=(NEW_YEAR + 2 * DAY) * 1000)
        _, text = only_member(fetch(server, "BTCUSDT-aggTrades-2025-01-02.zip").content)
    assert "".join(map(row, range(18, COUNT))) == text


def test_klines_of_a_day_are_the_rows_that_rest_answers(bucket: ReplayServer) -> None:
    name, folder = "BTCUSDT-4h-2024-12-31.zip", "daily/klines/BTCUSDT/4h"
    _, text = only_member(fetch(bucket, name, folder).content)
    query = {"symbol": "BTCUSDT", "interval": "4h", "startTime": NEW_YEAR - DAY, "endTime": NEW_YEAR - 1}
    bars = requests.get(f"{bucket.url}/api/v3/klines", query, timeout=30).json()
    assert 6 == len(bars)
    assert [",".join(map(str, bar)) for bar in bars] == text.splitlines()


def test_klines_of_2025_are_in_microseconds(bucket: ReplayServer) -> None:
    _, text = only_member(fetch(bucket, "BTCUSDT-1d-2025-01-01.zip", "daily/klines/BTCUSDT/1d").content)
    cells = text.strip().split(",")
    assert ("1735689600000000", "1735775999999999", "12", "0") == (cells[0], cells[6], cells[8], cells[11])


def test_klines_of_a_month_are_called_1mo(bucket: ReplayServer) -> None:
    _, text = only_member(fetch(bucket, "BTCUSDT-1mo-2024-12.zip", "monthly/klines/BTCUSDT/1mo").content)
    assert ["1733011200000", "24"] == [text.split(",")[n] for n in (0, 8)]


def test_raw_trades_are_there_where_they_were_recorded(tmp_path: Path) -> None:
    rows = [f"{n},100.50000000,0.30000000,30.15000000,{FIRST + n},{n % 2 == 0},True\n" for n in range(5)]
    (tmp_path / "BTCUSDT-trades-2024-12-30.csv").write_text("".join(rows))
    with ReplayServer(tmp_path, speed=0) as server:
        server.clock(seek=NEW_YEAR * 1000)
        _, text = only_member(fetch(server, "BTCUSDT-trades-2024-12-30.zip", "daily/trades/BTCUSDT").content)
    assert "".join(rows) == text


def test_given_files_are_served_in_preference_with_their_own_checksum(days: Path, tmp_path: Path) -> None:
    folder = tmp_path / "data/spot/daily/aggTrades/BTCUSDT"
    folder.mkdir(parents=True)
    body = bytes(range(256)) * 20_000
    (folder / "BTCUSDT-aggTrades-2024-12-30.zip").write_bytes(body)
    (folder / "BTCUSDT-aggTrades-2024-12-30.zip.CHECKSUM").write_text("given")
    (folder / "BTCUSDT-aggTrades-2024-12-31.zip").write_bytes(body)
    (tmp_path / "secret").write_text("outside of data")
    with ReplayServer(days, bulk=tmp_path, options=["--start-at", str(LAST)]) as server:
        assert body == fetch(server, "BTCUSDT-aggTrades-2024-12-30.zip").content
        assert "given" == fetch(server, "BTCUSDT-aggTrades-2024-12-30.zip.CHECKSUM").text
        assert 404 == fetch(server, "BTCUSDT-aggTrades-2024-12-31.zip.CHECKSUM").status_code
        assert (
            "".join(map(row, range(12, 18)))
            == only_member(fetch(server, "BTCUSDT-aggTrades-2025-01-01.zip").content)[1]
        )
        assert 404 == requests.get(f"{server.url}/data/..%2Fsecret", timeout=30).status_code


def test_a_root_request_without_a_listing_is_404_as_ever(bucket: ReplayServer) -> None:
    reply = requests.get(bucket.url, timeout=30)
    assert (404, b"") == (reply.status_code, reply.content)


def test_a_trade_of_before_midnight_that_happens_after_it_is_in_the_file_of_its_own_day(tmp_path: Path) -> None:
    trade = '"a":7,"p":"1.50000000","q":"2.00000000","f":3,"l":3,"T":1735689599999,"m":true,"M":true'
    event = f'{{"stream":"btcusdt@aggTrade","data":{{"e":"aggTrade","E":{NEW_YEAR + 5},"s":"BTCUSDT",{trade}}}}}'
    (tmp_path / "stream.dat").write_text(f"{(NEW_YEAR + 5) * 1000} {event}\n")
    with ReplayServer(tmp_path, speed=0) as server:
        server.clock(seek=NEW_YEAR * 1000 + 1)
        prefix = "data/spot/daily/aggTrades/"
        listed = requests.get(server.url, {"prefix": prefix}, timeout=30).text
        assert f"<Key>{prefix}BTCUSDT/BTCUSDT-aggTrades-2024-12-31.zip</Key>" in listed
        _, text = only_member(fetch(server, "BTCUSDT-aggTrades-2024-12-31.zip").content)
    assert "7,1.50000000,2.00000000,3,3,1735689599999,True,True\n" == text


def test_a_voided_row_keeps_its_place(tmp_path: Path) -> None:
    rows = [f"{n},1.00000000,1.00000000,{n},{n},{FIRST + n},True,True\n" for n in range(3)]
    rows[1] = f"1,0.00000000,0.00000000,-1,-1,{FIRST + 1},True,True\n"
    (tmp_path / "BTCUSDT-aggTrades-2024-12-30.csv").write_text("".join(rows))
    with ReplayServer(tmp_path, speed=0) as server:
        server.clock(seek=NEW_YEAR * 1000)
        assert "".join(rows) == only_member(fetch(server, "BTCUSDT-aggTrades-2024-12-30.zip").content)[1]
