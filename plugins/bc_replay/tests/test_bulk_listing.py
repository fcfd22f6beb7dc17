"""The listing of the bucket: what is on a page and what follows it (protocol section 8.6)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
import requests
from hypothesis import given
from hypothesis import strategies as st

from bc_replay.bulk.pages import Asked, asked, page
from bc_replay.testing import ReplayServer

DAILY = "data/spot/daily/aggTrades/"
KEYS = st.lists(st.text("ab/z", min_size=1, max_size=6), max_size=40, unique=True).map(sorted)


def everything(keys: Sequence[str], most: int, **wanted: Any) -> list[str]:
    """All entries, page by page, each page begun behind the last entry of the one before."""
    found: list[str] = []
    after, more = wanted.pop("after", ""), True
    while more:
        listed = page(keys, Asked(after=after, most=most, **wanted))
        assert len(listed.keys) + len(listed.folders) <= most
        found += [*listed.keys, *listed.folders]
        after, more = listed.last, listed.truncated
    return found


@given(KEYS, st.integers(1, 7), st.sampled_from(["", "a", "a/", "zz"]))
def test_pages_together_hold_each_key_of_the_prefix_once(keys: list[str], most: int, prefix: str) -> None:
    assert [key for key in keys if key.startswith(prefix)] == everything(keys, most, prefix=prefix)


@given(KEYS, st.integers(1, 7))
def test_a_delimiter_rolls_keys_up_into_folders(keys: list[str], most: int) -> None:
    expected = {key.partition("/")[0] + "/" if "/" in key else key for key in keys}
    found = everything(keys, most, delimiter="/")
    assert (expected, len(expected)) == (set(found), len(found))


def test_a_marker_inside_a_folder_leaves_the_rest_of_it() -> None:
    listed = page(["a/1", "a/2", "b"], Asked(delimiter="/", after="a/1"))
    assert (["b"], ["a/"]) == (listed.keys, listed.folders)


def test_a_token_is_where_the_next_page_begins_and_not_readable() -> None:
    token = "YS8x"
    assert ("a/1", 2) == (asked({"list-type": "2", "continuation-token": token}).after, 2)


@pytest.fixture(scope="module")
def bucket(tmp_path_factory: pytest.TempPathFactory, recording: Path) -> Iterator[ReplayServer]:
    """1200 files with their checksums of one symbol, and one of another."""
    root = tmp_path_factory.mktemp("bucket")
    names = [(f"{DAILY}BTCUSDT", f"BTCUSDT-aggTrades-{2000 + n // 300}-{n:04}.zip") for n in range(1200)]
    for folder, name in [*names, (f"{DAILY}ÄÖUSDT", "ÄÖUSDT-aggTrades-2024-01-01.zip")]:
        (root / folder).mkdir(parents=True, exist_ok=True)
        (root / folder / name).write_bytes(b"x" * 7)
        (root / folder / f"{name}.CHECKSUM").write_text("sum")
    with ReplayServer(recording, bulk=root) as server:
        yield server


def listing(server: ReplayServer, **query: str) -> dict[str, list[str]]:
    """The texts of the elements of a listing by name, those inside entries too."""
    reply = requests.get(server.url, {name.replace("_", "-"): text for name, text in query.items()}, timeout=30)
    assert (200, "application/xml") == (reply.status_code, reply.headers["Content-Type"])
    root = ElementTree.fromstring(reply.content)
    space = "{http://s3.amazonaws.com/doc/2006-03-01/}"
    assert f"{space}ListBucketResult" == root.tag
    texts: dict[str, list[str]] = {}
    for element in root.iter():
        texts.setdefault(element.tag.removeprefix(space), []).append(element.text or "")
    return texts


def test_version_1_gives_the_next_marker_only_with_a_delimiter(bucket: ReplayServer) -> None:
    first = listing(bucket, prefix=f"{DAILY}BTCUSDT/", delimiter="/")
    assert (1000, ["true"]) == (len(first["Key"]), first["IsTruncated"])
    assert [first["Key"][-1]] == first["NextMarker"]
    second = listing(bucket, prefix=f"{DAILY}BTCUSDT/", delimiter="/", marker=first["NextMarker"][0])
    assert "NextMarker" not in listing(bucket, prefix=f"{DAILY}BTCUSDT/")
    third = listing(bucket, prefix=f"{DAILY}BTCUSDT/", delimiter="/", marker=second["Key"][-1])
    keys = first["Key"] + second["Key"] + third["Key"]
    assert (2400, sorted(keys), ["false"]) == (len(set(keys)), keys, third["IsTruncated"])
    assert keys[0] + ".CHECKSUM" == keys[1]
    assert "NextMarker" not in third


def test_version_2_goes_on_by_token_or_after_a_key(bucket: ReplayServer) -> None:
    first = listing(bucket, list_type="2", prefix=f"{DAILY}BTCUSDT/", max_keys="900")
    assert (["900"], ["900"], ["true"]) == (first["KeyCount"], first["MaxKeys"], first["IsTruncated"])
    token = first["NextContinuationToken"][0]
    by_token = listing(bucket, list_type="2", prefix=f"{DAILY}BTCUSDT/", continuation_token=token)
    by_key = listing(bucket, list_type="2", prefix=f"{DAILY}BTCUSDT/", start_after=first["Key"][-1])
    assert first["Key"][-1] < by_token["Key"][0]
    assert by_token["Key"] == by_key["Key"]


def test_folders_are_common_prefixes(bucket: ReplayServer) -> None:
    texts = listing(bucket, prefix=DAILY, delimiter="/")
    assert [DAILY, f"{DAILY}BTCUSDT/", f"{DAILY}ÄÖUSDT/"] == texts["Prefix"]
    assert "Key" not in texts


def test_an_entry_has_the_facts_of_the_file(bucket: ReplayServer) -> None:
    key = f"{DAILY}ÄÖUSDT/ÄÖUSDT-aggTrades-2024-01-01.zip"
    texts = listing(bucket, prefix=key)
    reply = requests.get(f"{bucket.url}/{key}", timeout=30)
    assert ([key, f"{key}.CHECKSUM"], ["7", "3"]) == (texts["Key"], texts["Size"])
    assert (reply.headers["ETag"], "7") == (texts["ETag"][0], reply.headers["Content-Length"])


def test_made_files_are_listed_with_their_checksums(tmp_path: Path) -> None:
    rows = [
        f"{n},1.00000000,1.00000000,{n},{n},{1_735_689_600_000_000 + n * 20_000_000_000},True,True\n" for n in range(9)
    ]
    (tmp_path / "BTCUSDT-aggTrades-2025-01-01.csv").write_text("".join(rows))
    with ReplayServer(tmp_path, speed=0) as server:
        server.clock(seek=1_735_862_400_000_000)  # the end of the second day
        texts = listing(server, delimiter="/", prefix=f"{DAILY}BTCUSDT/")
        names = [f"{DAILY}BTCUSDT/BTCUSDT-aggTrades-2025-01-0{n}.zip" for n in (1, 2)]
        assert [key for name in names for key in (name, f"{name}.CHECKSUM")] == texts["Key"]
        assert ["2025-01-02T00:00:00.000Z", "2025-01-03T00:00:00.000Z"] == texts["LastModified"][::2]
        replies = [requests.get(f"{server.url}/{key}", timeout=30) for key in texts["Key"]]
        assert [reply.headers["ETag"] for reply in replies] == texts["ETag"]
        assert [str(len(reply.content)) for reply in replies] == texts["Size"]
        assert ["data/", "data/spot/"] == [listing(server, delimiter="/", prefix=p)["Prefix"][1] for p in ("", "data/")]


@pytest.mark.parametrize("query", ["max-keys=many", "list-type=2&continuation-token=%C3%A4", "max-keys=-1"])
def test_a_listing_that_makes_no_sense_is_refused(bucket: ReplayServer, query: str) -> None:
    reply = requests.get(f"{bucket.url}/?prefix=data/&{query}", timeout=30)
    assert (400, True) == (reply.status_code, "<Code>InvalidArgument</Code>" in reply.text)
