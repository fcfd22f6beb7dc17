"""Zips as they should be, and as they should not: nothing hostile comes out, nothing damaged is believed."""

from __future__ import annotations

import io
import struct
import zipfile
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bc_binance.buckettesting import zipped
from bc_binance.zips import open_csv
from bcore.errors import FaultyReplyError

NAME = "BTCUSDT-aggTrades-2024-01-05.zip"
LIMIT = 64 * 2**20


def read(folder: Path, body: bytes, limit: int = LIMIT) -> bytes:
    path = folder / "file.zip"
    path.write_bytes(body)
    with open_csv(path, NAME, limit) as stream:
        return stream.read()


def central(body: bytes) -> int:
    return body.rindex(b"PK\x01\x02")


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_the_rows_come_as_they_are(tmp_path: Path, method: int) -> None:
    rows = b"".join(b"%d,0.1,2\n" % number for number in range(300_000))
    assert rows == read(tmp_path, zipped(rows, "a.csv", method))


def test_the_rows_can_be_read_in_pieces(tmp_path: Path) -> None:
    path = tmp_path / "file.zip"
    path.write_bytes(zipped("1\n2\n3\n", "a.csv"))
    with open_csv(path, NAME, LIMIT) as stream:
        assert [b"1\n", b"2\n", b"3\n"] == list(stream)


def test_an_empty_day_is_no_fault(tmp_path: Path) -> None:
    assert b"" == read(tmp_path, zipped("", "a.csv"))


@pytest.mark.parametrize(
    "member",
    [
        "../../x.csv",
        "/etc/x.csv",
        "a/b.csv",
        "..\\x.csv",
        "C:x.csv",
        "x.exe",
        "x.csv/",
        "x\x00.csv",
        ".csv\n",
        "..",
        "x\n.csv",
    ],
)
def test_a_member_with_a_path_or_another_kind_of_name_is_refused(tmp_path: Path, member: str) -> None:
    with pytest.raises(FaultyReplyError, match="no plain name of a CSV file") as caught:
        read(tmp_path, zipped("1\n", member))
    assert NAME in str(caught.value)


@pytest.mark.parametrize("members", [[], ["a.csv", "b.csv"]])
def test_no_member_or_several_are_refused(tmp_path: Path, members: list[str]) -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for member in members:
            archive.writestr(member, "1\n")
    with pytest.raises(FaultyReplyError, match=f"{NAME} holds {len(members)} files"):
        read(tmp_path, out.getvalue())


def test_an_encrypted_member_is_refused(tmp_path: Path) -> None:
    body = bytearray(zipped("1\n", "a.csv"))
    body[central(bytes(body)) + 8] |= 1
    with pytest.raises(FaultyReplyError, match="is encrypted"):
        read(tmp_path, bytes(body))


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_another_method_is_refused(tmp_path: Path, method: int) -> None:
    with pytest.raises(FaultyReplyError, match="method that the exchange does not use"):
        read(tmp_path, zipped("1\n", "a.csv", method))


def test_a_bomb_that_tells_its_size_is_refused_at_once(tmp_path: Path) -> None:
    body = zipped(b"0" * (64 * 2**20), "a.csv")
    assert len(body) < 100_000
    with pytest.raises(FaultyReplyError, match="beyond the"):
        read(tmp_path, body)


def test_more_than_the_limit_is_refused_whatever_the_ratio(tmp_path: Path) -> None:
    with pytest.raises(FaultyReplyError, match="raise `bulk_limit`"):
        read(tmp_path, zipped(b"1" * 1001, "a.csv", zipfile.ZIP_STORED), limit=1000)


def test_a_bomb_that_hides_its_size_ends_where_it_said_it_would(tmp_path: Path) -> None:
    body = bytearray(zipped(b"0" * (64 * 2**20), "a.csv"))
    struct.pack_into("<L", body, central(bytes(body)) + 24, 1000)
    with pytest.raises(FaultyReplyError, match="is damaged"):
        read(tmp_path, bytes(body), limit=1001)


def test_fewer_bytes_than_announced_are_noticed(tmp_path: Path) -> None:
    body = bytearray(zipped(b"1,2\n" * 10, "a.csv"))
    struct.pack_into("<L", body, central(bytes(body)) + 24, 41)
    with pytest.raises(FaultyReplyError, match="40 bytes came out where 41 are announced"):
        read(tmp_path, bytes(body))


def test_a_wrong_sum_of_the_rows_is_noticed(tmp_path: Path) -> None:
    body = zipped(b"1,2\n", "a.csv", zipfile.ZIP_STORED)
    with pytest.raises(FaultyReplyError, match=f"{NAME} is damaged: Bad CRC-32"):
        read(tmp_path, body.replace(b"1,2\n", b"1,3\n"))


@pytest.mark.parametrize("body", [b"", b"no zip", b"PK\x03\x04" + b"\x00" * 40])
def test_what_is_no_zip_is_refused(tmp_path: Path, body: bytes) -> None:
    with pytest.raises(FaultyReplyError, match=f"{NAME} is no zip file"):
        read(tmp_path, body)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=150, deadline=None)
@given(st.data())
def test_a_zip_with_a_changed_byte_gives_the_rows_or_a_typed_error(tmp_path: Path, data: st.DataObject) -> None:
    rows = b"".join(b"%d,0.1,2\n" % number for number in range(200))
    body = bytearray(zipped(rows, "a.csv"))
    position = data.draw(st.integers(0, len(body) - 1))
    body[position] ^= data.draw(st.integers(1, 255))
    with suppress(FaultyReplyError):
        assert rows == read(tmp_path, bytes(body))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50, deadline=None)
@given(st.data())
def test_a_zip_cut_anywhere_gives_a_typed_error(tmp_path: Path, data: st.DataObject) -> None:
    body = zipped(b"1,2\n" * 100, "a.csv")
    with pytest.raises(FaultyReplyError):
        read(tmp_path, body[: data.draw(st.integers(0, len(body) - 1))])
