"""Each fault of bulk files, provoked and observed by a real client."""

from __future__ import annotations

import hashlib
import io
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from bc_replay.testing import ReplayFailed, ReplayServer

DAY = 86_400_000_000
START = 1_735_689_600_000_000  # 2025-01-01 in us
ROWS = 60  # a day
DAYS = 20
FOLDER = "data/spot/daily/aggTrades/BTCUSDT"


def rows(day: int) -> list[str]:
    numbers = range(day * ROWS, (day + 1) * ROWS)
    return [f"{n},1.00000000,1.00000000,{n},{n},{START + n * DAY // ROWS},True,True\n" for n in numbers]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ReplayServer]:
    """Twenty days; each test takes days of its own, because what becomes of a file is for good."""
    path = tmp_path_factory.mktemp("recording") / "BTCUSDT-aggTrades-2025-01.csv"
    path.write_text("".join(line for day in range(DAYS) for line in rows(day)))
    with ReplayServer(path, speed=0) as server:
        server.clock(seek=START + DAYS * DAY)
        yield server


def name_of(day: int) -> str:
    return f"BTCUSDT-aggTrades-2025-01-{day + 1:02}.zip"


def get(server: ReplayServer, name: str) -> requests.Response:
    return requests.get(f"{server.url}/{FOLDER}/{name}", timeout=60)


def lines(body: bytes) -> list[str]:
    with zipfile.ZipFile(io.BytesIO(body)) as archive:
        return archive.read(archive.namelist()[0]).decode().splitlines(keepends=True)


def fits(server: ReplayServer, name: str, body: bytes) -> bool:
    return f"{hashlib.sha256(body).hexdigest()}  {name}" == get(server, f"{name}.CHECKSUM").text


def listed(server: ReplayServer, prefix: str) -> str:
    return requests.get(server.url, {"delimiter": "/", "prefix": f"{FOLDER}/{prefix}"}, timeout=60).text


def test_a_late_file_is_neither_there_nor_listed_for_a_while(server: ReplayServer) -> None:
    name = name_of(0)
    server.fault("late", 0.8, which=name)
    assert [404, 404] == [get(server, end).status_code for end in (name, f"{name}.CHECKSUM")]
    assert f"{name}</Key>" not in listed(server, name)
    assert 200 == get(server, name_of(1)).status_code
    deadline = time.monotonic() + 60
    while get(server, name).status_code == 404:
        assert time.monotonic() < deadline, "it was late for ever"
        time.sleep(0.05)
    assert rows(0) == lines(get(server, name).content)
    assert f"{name}</Key>" in listed(server, name)


def test_a_missing_file_is_missing_for_good_and_others_are_not(server: ReplayServer) -> None:
    fault = server.fault("missing", f"2/{name_of(2)[:-5]}*")
    assert (2.0, f"{name_of(2)[:-5]}*") == (fault["arg"], fault["which"])
    codes = [get(server, name_of(day)).status_code for day in (2, 3, 4, 2, 3, 4)]
    assert [404, 404, 200, 404, 404, 200] == codes
    assert "<Contents>" not in listed(server, name_of(2))
    (met,) = (fault for fault in server.faults() if fault["kind"] == "missing")
    assert [f"{FOLDER}/{name_of(day)}" for day in (2, 3)] == met["files"]
    assert ("active", 5) == (met["state"], met["hits"])


def test_a_file_without_checksum_is_there_itself(server: ReplayServer) -> None:
    name = name_of(4)
    server.fault("nosum", which=name)
    assert [404, 200] == [get(server, end).status_code for end in (f"{name}.CHECKSUM", name)]
    assert (1, 0) == (listed(server, name).count("<Contents>"), listed(server, name).count("CHECKSUM<"))


def test_a_wrong_checksum_is_that_of_something_else(server: ReplayServer) -> None:
    name = name_of(5)
    server.fault("wrongsum", which=name)
    body, checksum = get(server, name).content, get(server, f"{name}.CHECKSUM").text
    assert rows(5) == lines(body)
    assert (64, f"  {name}") == (len(checksum[:64].strip()), checksum[64:])
    assert not fits(server, name, body)


def test_a_replaced_file_is_another_later_one_whose_checksum_fits(server: ReplayServer) -> None:
    name = name_of(6)
    old = get(server, name)
    server.fault("replaced", which=name)
    new = get(server, name)
    assert rows(6)[:30] + rows(6)[31:] == lines(new.content)
    assert old.headers["ETag"] != new.headers["ETag"]
    assert "Wed, 08 Jan 2025 00:00:00 GMT" == old.headers["Last-Modified"]
    assert "Thu, 09 Jan 2025 00:00:00 GMT" == new.headers["Last-Modified"]
    assert fits(server, name, new.content)
    assert new.headers["ETag"].strip('"') in listed(server, name)


def test_a_header_comes_before_the_rows(server: ReplayServer) -> None:
    name = name_of(7)
    server.fault("header", which=name)
    body = get(server, name).content
    assert ("agg_trade_id,price", rows(7)) == (lines(body)[0][:18], lines(body)[1:])
    assert fits(server, name, body)


def test_shuffled_rows_are_all_there_in_another_order(server: ReplayServer) -> None:
    name = name_of(8)
    server.fault("shuffled", which=name)
    body = get(server, name).content
    assert rows(8) != lines(body)
    assert sorted(rows(8)) == sorted(lines(body))
    assert fits(server, name, body)


def test_a_short_day_lacks_its_last_rows(server: ReplayServer) -> None:
    name = name_of(9)
    server.fault("shortday", which=name)
    body = get(server, name).content
    assert rows(9)[:54] == lines(body)
    assert fits(server, name, body)


def test_a_path_trick_names_a_member_outside(server: ReplayServer) -> None:
    name = name_of(10)
    server.fault("pathtrick", which=name)
    body = get(server, name).content
    assert ["../../x.csv"] == zipfile.ZipFile(io.BytesIO(body)).namelist()
    assert fits(server, name, body)


def test_a_bomb_inflates_beyond_its_size(server: ReplayServer) -> None:
    name = name_of(11)
    server.fault("bomb", 64, which=name)
    body = get(server, name).content
    (entry,) = zipfile.ZipFile(io.BytesIO(body)).infolist()
    assert 64 * 2**20 == entry.file_size
    assert 500 < entry.file_size / len(body)
    assert fits(server, name, body)


def test_two_faults_meet_in_one_file(server: ReplayServer) -> None:
    name = name_of(12)
    server.fault("shortday", which=name)
    server.fault("header", which=name)
    body = get(server, name).content
    assert rows(12)[:54] == lines(body)[1:]
    assert fits(server, name, body)


def test_a_cut_file_is_shorter_than_announced_once(server: ReplayServer) -> None:
    name = name_of(13)
    server.fault("filecut", which=name)
    assert 200 == get(server, f"{name}.CHECKSUM").status_code
    with pytest.raises((requests.exceptions.ChunkedEncodingError, requests.ConnectionError)):
        get(server, name)
    assert rows(13) == lines(get(server, name).content)


def test_half_a_file_is_announced_as_if_it_were_all(server: ReplayServer) -> None:
    name = name_of(14)
    server.fault("filehalf", f"2/{name}")
    halves = [get(server, name).content for _ in range(2)]
    whole = get(server, name).content
    assert [whole[: len(whole) // 2]] * 2 == halves
    assert fits(server, name, whole)


def test_a_symbol_can_be_told_to_a_fault(server: ReplayServer) -> None:
    server.fault("missing", which="ETHUSDT")
    assert 200 == get(server, name_of(15)).status_code
    assert "armed" == next(fault for fault in server.faults() if fault["which"] == "ETHUSDT")["state"]


def test_a_file_that_is_not_due_meets_no_fault(server: ReplayServer) -> None:
    name = name_of(DAYS)
    server.fault("header", which=name)
    assert 404 == get(server, name).status_code
    assert [0] == [fault["hits"] for fault in server.faults() if fault["which"] == name]


def test_a_given_file_is_damaged_too_and_its_original_is_not(tmp_path: Path, recording: Path) -> None:
    folder, name = tmp_path / FOLDER, name_of(0)
    folder.mkdir(parents=True)
    with zipfile.ZipFile(folder / name, "w") as archive:
        archive.writestr(name.replace("zip", "csv"), "".join(rows(0)))
    (folder / f"{name}.CHECKSUM").write_text("given")
    before = (folder / name).read_bytes()
    with ReplayServer(recording, bulk=tmp_path, faults=[f"shortday@0:1/{name}"]) as server:
        body = get(server, name).content
        assert rows(0)[:54] == lines(body)
        assert fits(server, name, body)
    assert before == (folder / name).read_bytes()


def test_which_is_refused_where_there_is_nothing_to_choose_from(server: ReplayServer) -> None:
    with pytest.raises(ReplayFailed, match="cannot be told which"):
        server.fault("refuse", which="BTCUSDT")
