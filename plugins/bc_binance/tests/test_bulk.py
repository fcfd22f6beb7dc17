"""Bulk files from a real local server: which are chosen, how they are fetched and checked, what can go wrong."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from bc_binance import Binance, BinanceConfig, BulkFiles, ChecksumError, MissingChecksumError, MissingFileError
from bc_binance.buckettesting import LocalBucket
from bc_binance.bulk_files import BulkFile
from bc_binance.testing import Answer, LocalVenue, ManualClock, page
from bcore.clock import SystemClock
from bcore.errors import (
    BannedError,
    BlockedError,
    FaultyReplyError,
    RateLimitedError,
    RefusedError,
    RequestError,
    Stopped,
    UnreachableError,
)

DAILY = "data/spot/daily/aggTrades/BTCUSDT/BTCUSDT-aggTrades-"
MONTHLY = "data/spot/monthly/aggTrades/BTCUSDT/BTCUSDT-aggTrades-"
KEY = f"{DAILY}2024-01-05.zip"
Open = Callable[..., BulkFiles]


def at(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()) * 1_000_000


def left_in(folder: Path) -> list[str]:
    return sorted(each.name for each in folder.iterdir()) if folder.exists() else []


@pytest.fixture
def bucket(venue: LocalVenue) -> LocalBucket:
    return LocalBucket(venue)


@pytest.fixture
def bulk(venue: LocalVenue) -> BulkFiles:
    return BulkFiles(BinanceConfig(bulk_url=venue.url, timeout=5.0), ManualClock())


def listed(bulk: BulkFiles) -> BulkFile:
    (file,) = bulk.files("aggTrades", "BTCUSDT", at("2024-01-05"), at("2024-01-06"))
    return file


def names(bulk: BulkFiles, start: str, end: str) -> list[str]:
    return [
        each.name.removeprefix("BTCUSDT-aggTrades-") for each in bulk.files("aggTrades", "BTCUSDT", at(start), at(end))
    ]


def put_days(bucket: LocalBucket, month: str, days: range) -> None:
    for day in days:
        bucket.put_rows(f"{DAILY}{month}-{day:02}.zip", f"{day}\n")


def test_a_listed_file_tells_its_period_size_and_revision(bulk: BulkFiles, bucket: LocalBucket) -> None:
    bucket.put_rows(KEY, "1,2\n")
    body = bucket.objects[KEY]
    file = listed(bulk)
    assert ("BTCUSDT-aggTrades-2024-01-05.zip", KEY, "daily") == (file.name, file.key, file.period)
    assert (at("2024-01-05"), at("2024-01-06")) == (file.start, file.end)
    assert (len(body), hashlib.md5(body).hexdigest()) == (file.size, file.etag)


def test_whole_months_come_as_one_file_and_the_rest_as_days(bulk: BulkFiles, bucket: LocalBucket) -> None:
    for month, days in (("2024-01", range(1, 32)), ("2024-02", range(1, 30)), ("2024-03", range(1, 32))):
        put_days(bucket, month, days)
        bucket.put_rows(f"{MONTHLY}{month}.zip", "all\n")
    assert ["2024-01-31.zip", "2024-02.zip", "2024-03-01.zip"] == names(bulk, "2024-01-31", "2024-03-01T00:00:01")
    assert ["2024-02.zip"] == names(bulk, "2024-02-01", "2024-03-01")
    assert ["2024-02-28.zip"] == names(bulk, "2024-02-28T12:00:00", "2024-02-28T12:00:01")
    assert [] == names(bulk, "2024-02-01", "2024-02-01")


def test_a_month_that_is_not_published_yet_comes_as_days(bulk: BulkFiles, bucket: LocalBucket) -> None:
    put_days(bucket, "2024-03", range(1, 4))
    assert ["2024-03-01.zip", "2024-03-02.zip", "2024-03-03.zip"] == names(bulk, "2024-03-01", "2024-04-01")


def test_a_day_that_only_its_month_has_brings_the_month(bulk: BulkFiles, bucket: LocalBucket) -> None:
    put_days(bucket, "2024-03", range(1, 4))
    bucket.put_rows(f"{MONTHLY}2024-03.zip", "all\n")
    assert ["2024-03.zip"] == names(bulk, "2024-03-02", "2024-03-06")
    assert ["2024-03-02.zip"] == names(bulk, "2024-03-02", "2024-03-03")


def test_a_month_without_its_leading_zero_is_known(bulk: BulkFiles, bucket: LocalBucket) -> None:
    bucket.put_rows(f"{MONTHLY}2020-8.zip", "all\n")
    assert ["2020-8.zip"] == names(bulk, "2020-08-01", "2020-09-01")
    bucket.put_rows(f"{MONTHLY}2020-08.zip", "all\n")
    assert ["2020-08.zip"] == names(bulk, "2020-08-01", "2020-09-01")


def test_what_is_no_file_of_the_symbol_is_passed_over(bulk: BulkFiles, bucket: LocalBucket) -> None:
    put_days(bucket, "2024-03", range(1, 2))
    folder = DAILY.rpartition("/")[0]
    for odd in ("readme.zip", "BTCUSDT-aggTrades-2024-03-32.zip", "BTCUSDT-trades-2024-03-01.zip", "x/y.zip"):
        bucket.put(f"{folder}/{odd}", b"x")
    assert ["2024-03-01.zip"] == names(bulk, "2024-03-01", "2024-04-01")


def test_a_listing_of_many_pages_is_read_to_its_end(bulk: BulkFiles, bucket: LocalBucket, venue: LocalVenue) -> None:
    bucket.page = 7
    put_days(bucket, "2024-03", range(1, 31))
    assert [f"2024-03-{day:02}.zip" for day in range(1, 31)] == names(bulk, "2024-03-01", "2024-04-01")
    assert 9 < sum(each.path == "/" for each in venue.asked)


def test_only_the_pages_that_matter_are_asked_for(bulk: BulkFiles, bucket: LocalBucket, venue: LocalVenue) -> None:
    bucket.page = 4
    put_days(bucket, "2024-03", range(1, 31))
    assert ["2024-03-20.zip"] == names(bulk, "2024-03-20", "2024-03-21")
    assert 2 == sum(each.path == "/" for each in venue.asked)


def test_klines_lie_in_a_folder_per_interval(bulk: BulkFiles, bucket: LocalBucket) -> None:
    bucket.put_rows("data/spot/monthly/klines/BTCUSDT/1mo/BTCUSDT-1mo-2024-01.zip", "x\n")
    bucket.put_rows("data/spot/daily/klines/BTCUSDT/1m/BTCUSDT-1m-2024-01-05.zip", "x\n")
    month = bulk.files("klines/1M", "BTCUSDT", at("2024-01-01"), at("2024-02-01"))
    day = bulk.files("klines/1m", "BTCUSDT", at("2024-01-05"), at("2024-01-06"))
    assert ["BTCUSDT-1mo-2024-01.zip", "BTCUSDT-1m-2024-01-05.zip"] == [each.name for each in (*month, *day)]


@pytest.mark.parametrize("kind", ["depth", "klines", "klines/", "klines/../x", "aggTrades/1m", ""])
def test_a_kind_that_there_is_not_is_refused(bulk: BulkFiles, kind: str) -> None:
    with pytest.raises(RequestError, match="no bulk files of"):
        bulk.files(kind, "BTCUSDT", 0, 1)


def test_a_symbol_that_is_not_ascii_is_quoted(bulk: BulkFiles, bucket: LocalBucket, tmp_path: Path) -> None:
    symbol = "这是测试币456"
    bucket.put_rows(f"data/spot/daily/trades/{symbol}/{symbol}-trades-2026-01-05.zip", "x\n")
    (file,) = bulk.files("trades", symbol, at("2026-01-05"), at("2026-01-06"))
    assert f"{symbol}-trades-2026-01-05.zip" == bulk.download(file, tmp_path).path.name


def test_a_download_is_compared_with_its_checksum(bulk: BulkFiles, bucket: LocalBucket, tmp_path: Path) -> None:
    bucket.put_rows(KEY, "1,2\n")
    body = bucket.objects[KEY]
    got = bulk.download(listed(bulk), tmp_path / "new")
    assert tmp_path / "new" / "BTCUSDT-aggTrades-2024-01-05.zip" == got.path
    assert body == got.path.read_bytes()
    assert (hashlib.sha256(body).hexdigest(), len(body)) == (got.sha256, got.size)
    assert (hashlib.md5(body).hexdigest(), "Mon, 01 Jan 2024 06:00:00 GMT") == (got.etag, got.last_modified)
    with bulk.open_csv(got.path, got.path.name) as rows:
        assert b"1,2\n" == rows.read()
    assert [got.path.name] == left_in(tmp_path / "new")


def test_the_published_checksum_can_be_asked_for_alone(bulk: BulkFiles, bucket: LocalBucket) -> None:
    bucket.put(KEY, b"zip", checksum=b"AB" * 32 + b"  BTCUSDT-aggTrades-2024-01-05.zip\n")
    assert "ab" * 32 == bulk.checksum(listed(bulk))


def test_a_wrong_checksum_names_both_sums_and_leaves_nothing(
    bulk: BulkFiles, bucket: LocalBucket, tmp_path: Path
) -> None:
    bucket.put(KEY, b"zip", checksum=b"0" * 64 + b"  BTCUSDT-aggTrades-2024-01-05.zip")
    with pytest.raises(ChecksumError) as caught:
        bulk.download(listed(bulk), tmp_path)
    assert ("0" * 64, hashlib.sha256(b"zip").hexdigest()) == (caught.value.expected, caught.value.found)
    assert caught.value.expected in str(caught.value)
    assert caught.value.found in str(caught.value)
    assert [] == left_in(tmp_path)


def test_a_file_replaced_between_its_two_requests_is_taken(
    bulk: BulkFiles, bucket: LocalBucket, venue: LocalVenue, tmp_path: Path
) -> None:
    bucket.put(KEY, b"second revision")
    venue.once(f"/{KEY}.CHECKSUM", Answer(b"0" * 64 + b"  BTCUSDT-aggTrades-2024-01-05.zip"))
    assert b"second revision" == bulk.download(listed(bulk), tmp_path).path.read_bytes()


@pytest.mark.parametrize(
    "body", [b"", b"no sum", b"0" * 63 + b"  BTCUSDT-aggTrades-2024-01-05.zip", b"0" * 64 + b"  OTHER.zip"]
)
def test_a_checksum_that_is_none_is_a_faulty_reply(
    bulk: BulkFiles, bucket: LocalBucket, venue: LocalVenue, tmp_path: Path, body: bytes
) -> None:
    bucket.put(KEY, b"zip")
    venue.on(f"/{KEY}.CHECKSUM", lambda _: Answer(body))
    with pytest.raises(FaultyReplyError, match=r"CHECKSUM of BTCUSDT-aggTrades-2024-01-05\.zip is none"):
        bulk.download(listed(bulk), tmp_path)


def test_a_file_without_a_checksum_is_told_apart(bulk: BulkFiles, bucket: LocalBucket, tmp_path: Path) -> None:
    bucket.put(KEY, b"zip", checksum=b"")
    with pytest.raises(MissingChecksumError, match="no CHECKSUM of it"):
        bulk.download(listed(bulk), tmp_path)
    assert [] == left_in(tmp_path)


def test_a_file_that_is_not_there_is_missing(bulk: BulkFiles, venue: LocalVenue, tmp_path: Path) -> None:
    file = BulkFile(KEY, "BTCUSDT-aggTrades-2024-01-05.zip", 0, 1, 3, "daily", "")
    with pytest.raises(MissingFileError, match=r"2024-01-05\.zip: not published yet, or never"):
        bulk.download(file, tmp_path)
    assert 2 == len(venue.asked)
    assert [] == left_in(tmp_path)


def test_a_file_that_went_missing_after_its_checksum_is_missing(
    bulk: BulkFiles, bucket: LocalBucket, venue: LocalVenue, tmp_path: Path
) -> None:
    bucket.put(KEY, b"zip")
    file = listed(bulk)
    venue.on(f"/{KEY}", lambda _: Answer(status=404))
    with pytest.raises(MissingFileError):
        bulk.download(file, tmp_path)
    assert [] == left_in(tmp_path)


@pytest.mark.parametrize("measured", [True, False])
def test_a_cut_download_is_tried_again(
    bulk: BulkFiles, bucket: LocalBucket, venue: LocalVenue, tmp_path: Path, measured: bool
) -> None:
    bucket.put(KEY, b"zip" * 1000)
    file = listed(bulk)
    venue.once(f"/{KEY}", Answer(b"zip" * 1000, cut=700, measured=measured), Answer(reset=True), page(502))
    assert b"zip" * 1000 == bulk.download(file, tmp_path).path.read_bytes()


@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        (Answer(b"zip" * 1000, cut=700), FaultyReplyError),
        (Answer(b"zip" * 1000, cut=700, measured=False), FaultyReplyError),
        (Answer(reset=True), UnreachableError),
        (page(502), FaultyReplyError),
        (Answer(status=503), RateLimitedError),
        (Answer(status=403), BlockedError),
        (Answer(status=302, headers={"Location": "/login"}), FaultyReplyError),
        (Answer(status=418), RefusedError),
    ],
)
def test_a_download_that_goes_on_failing_leaves_nothing(
    bulk: BulkFiles, bucket: LocalBucket, venue: LocalVenue, tmp_path: Path, reply: Answer, kind: type[Exception]
) -> None:
    bucket.put(KEY, b"zip" * 1000)
    file = listed(bulk)
    venue.on(f"/{KEY}", lambda _: reply)
    with pytest.raises(kind):
        bulk.download(file, tmp_path)
    assert [] == left_in(tmp_path)


@pytest.mark.parametrize("reply", [Answer(hang=True), Answer(b"zip" * 1000, cut=700, stall=True)])
def test_a_hung_download_ends_by_its_timeout(
    venue: LocalVenue, bucket: LocalBucket, tmp_path: Path, reply: Answer
) -> None:
    bulk = BulkFiles(BinanceConfig(bulk_url=venue.url, timeout=0.15), ManualClock())
    bucket.put(KEY, b"zip" * 1000)
    file = listed(bulk)
    venue.on(f"/{KEY}", lambda _: reply)
    with pytest.raises(UnreachableError, match=r"0\.15 s"):
        bulk.download(file, tmp_path)
    assert [] == left_in(tmp_path)


def test_a_file_beyond_the_limit_is_not_fetched(venue: LocalVenue, bucket: LocalBucket, tmp_path: Path) -> None:
    bulk = BulkFiles(BinanceConfig(bulk_url=venue.url, bulk_limit=1000), ManualClock())
    bucket.put(KEY, b"z" * 1001)
    file = listed(bulk)
    asked = len(venue.asked)
    with pytest.raises(RefusedError, match="more than bulk_limit = 1000"):
        bulk.download(file, tmp_path)
    assert asked == len(venue.asked)


def test_a_file_larger_than_listed_stops_at_the_limit(venue: LocalVenue, bucket: LocalBucket, tmp_path: Path) -> None:
    bulk = BulkFiles(BinanceConfig(bulk_url=venue.url, bulk_limit=1000), ManualClock())
    bucket.put(KEY, b"z" * 1000)
    file = listed(bulk)
    venue.on(f"/{KEY}", lambda _: Answer(b"z" * 5000))
    with pytest.raises(RefusedError, match="bulk_limit"):
        bulk.download(file, tmp_path)
    assert [] == left_in(tmp_path)


def test_a_download_ends_when_the_work_is_stopped(venue: LocalVenue, bucket: LocalBucket, tmp_path: Path) -> None:
    clock = SystemClock()
    bulk = BulkFiles(BinanceConfig(bulk_url=venue.url), clock)
    bucket.put(KEY, b"zip")
    file = listed(bulk)
    clock.stopping.set()
    with pytest.raises(Stopped):
        bulk.download(file, tmp_path)
    assert [] == left_in(tmp_path)


@pytest.mark.parametrize(
    "body",
    [
        b"<html>",
        b"<html></html>",
        b"",
        b"{}",
        b"<ListBucketResult><Contents><Size>1</Size></Contents></ListBucketResult>",
    ],
)
def test_what_is_no_listing_says_which_key_to_look_at(bulk: BulkFiles, venue: LocalVenue, body: bytes) -> None:
    venue.on("/", lambda _: Answer(body, kind="application/xml"))
    with pytest.raises(FaultyReplyError, match="is bulk_listing_url"):
        names(bulk, "2024-01-01", "2024-02-01")


def test_a_listing_that_goes_round_in_circles_is_given_up(bulk: BulkFiles, venue: LocalVenue) -> None:
    entry = f"<Contents><Key>{MONTHLY}2024-01.zip</Key><Size>1</Size></Contents>"
    body = f"<ListBucketResult><IsTruncated>true</IsTruncated>{entry}</ListBucketResult>"
    venue.on("/", lambda _: Answer(body.encode(), kind="application/xml"))
    with pytest.raises(FaultyReplyError, match="over and over"):
        names(bulk, "2024-01-01", "2024-02-01")


def test_a_listing_of_nested_entities_is_refused(bulk: BulkFiles, venue: LocalVenue) -> None:
    levels = "".join(f'<!ENTITY e{n} "{f"&e{n - 1};" * 10}">' for n in range(1, 12))
    body = f'<!DOCTYPE x [<!ENTITY e0 "lol">{levels}]><ListBucketResult>&e11;</ListBucketResult>'
    venue.on("/", lambda _: Answer(body.encode(), kind="application/xml"))
    with pytest.raises(FaultyReplyError, match="no listing of files"):
        names(bulk, "2024-01-01", "2024-02-01")


def test_an_endless_listing_is_cut_off(bulk: BulkFiles, venue: LocalVenue) -> None:
    venue.on("/", lambda _: Answer(b"<" * (5 * 2**20), kind="application/xml"))
    with pytest.raises(FaultyReplyError, match="more than 4194304 bytes"):
        names(bulk, "2024-01-01", "2024-02-01")


def test_the_listing_is_where_the_configuration_says() -> None:
    assert "https://s3-ap-northeast-1.amazonaws.com/data.binance.vision" == BinanceConfig().listing_url
    assert "http://127.0.0.1:1" == BinanceConfig(bulk_url="http://127.0.0.1:1/").listing_url
    assert "http://b" == BinanceConfig(bulk_url="http://a", bulk_listing_url="http://b/").listing_url


def test_bulk_files_cost_no_weight_and_pass_a_closed_gate(
    venue: LocalVenue, bucket: LocalBucket, tmp_path: Path
) -> None:
    exchange = Binance(BinanceConfig(rest_url=venue.url, bulk_url=venue.url), SystemClock())
    venue.once("time", Answer(b"{}", 418, {"Retry-After": "120"}))
    with pytest.raises(BannedError):
        exchange.server_time()
    used = exchange.budget.used
    bucket.put(KEY, b"zip")
    assert b"zip" == exchange.bulk.download(listed(exchange.bulk), tmp_path).path.read_bytes()
    assert used == exchange.budget.used
    exchange.close()
