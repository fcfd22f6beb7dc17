"""What REST answers, to real clients over real sockets (protocol sections 2 to 4)."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest
import requests

from bc_replay.testing import ReplayServer

START, FIRST, LAST = 1_704_067_200_000, 1000, 3999
Query = dict[str, Any]


def get(server: ReplayServer, path: str, **headers: str) -> requests.Response:
    return requests.get(f"{server.url}/api/v3/{path}", headers=headers, timeout=30)


def ids(server: ReplayServer, query: str) -> list[int]:
    return [row["a"] for row in get(server, f"aggTrades?symbol=BTCUSDT&{query}").json()]


def refusal(server: ReplayServer, path: str) -> tuple[int, int]:
    reply = get(server, path)
    return reply.status_code, reply.json()["code"]


@pytest.mark.parametrize(
    ("query", "first", "last"),
    [
        ("", 3500, LAST),
        ("limit=3", 3997, LAST),
        ("limit=5000", 3000, LAST),
        ("fromId=1200&limit=2", 1200, 1201),
        ("fromId=0&limit=2", FIRST, FIRST + 1),
        (f"startTime={START + 20}&limit=2", 1001, 1002),
        (f"endTime={START + 20}&limit=2", 1000, 1001),
        (f"startTime={START + 20}&endTime={START + 60}", 1001, 1003),
        (f"startTime={START + 20}&endTime={START + 20}", 1001, 1001),
        (f"startTime={(START + 20) * 1000}&endTime={(START + 40) * 1000}", 1001, 1002),
        (f"startTime=1&endTime={START}", FIRST, FIRST),
    ],
)
def test_agg_trades_follow_the_table_of_the_protocol(over: ReplayServer, query: str, first: int, last: int) -> None:
    assert list(range(first, last + 1)) == ids(over, query)


def test_an_agg_trade_has_the_exchanges_fields(over: ReplayServer) -> None:
    expected = {"a": 1001, "p": "101.50000000", "q": "0.01000000", "f": 5002, "l": 5003}
    expected |= {"T": START + 20, "m": False, "M": True}
    assert [expected] == get(over, "aggTrades?symbol=BTCUSDT&fromId=1001&limit=1").json()


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("aggTrades?symbol=btcusdt", -1100),
        ("aggTrades?symbol=BTCUSDT&limit=-1", -1100),
        ("aggTrades?symbol=BTCUSDT&limit=x", -1100),
        ("aggTrades?symbol=BTCUSDT&foo=1", -1101),
        ("aggTrades?symbol=BTCUSDT&symbol=BTCUSDT", -1101),
        ("trades?symbol=BTCUSDT&fromId=1", -1101),
        ("aggTrades", -1102),
        ("aggTrades?symbol=", -1102),
        ("klines?symbol=BTCUSDT", -1102),
        ("aggTrades?symbol=BTCUSDT&limit=", -1105),
        ("aggTrades?symbol=BTCUSDT&fromId=99999999999999999999", -1108),
        ("depth?symbol=ETHUSDT", -1112),
        ("klines?symbol=BTCUSDT&interval=1H", -1120),
        ("depth?symbol=NOPE", -1121),
        ("ticker/price?symbols=%5B%22NOPE%22%5D", -1121),
        ("ticker/price?symbol=BTCUSDT&symbolStatus=ON", -1122),
        ("aggTrades?symbol=BTCUSDT&fromId=1&startTime=1", -1128),
        ("ticker/price?symbol=BTCUSDT&symbols=%5B%22BTCUSDT%22%5D", -1128),
        ("aggTrades?symbol=BTCUSDT&limit=0", -1130),
        ("klines?symbol=BTCUSDT&interval=1m&timeZone=15", -1130),
        ("ticker/price?symbols=%5BBTCUSDT%5D", -1135),
        ("ticker/24hr?symbol=BTCUSDT&type=BIG", -1139),
        ("ticker/price?symbols=%5B%22BTCUSDT%22,%22BTCUSDT%22%5D", -1151),
        ("ticker/price?symbol=BTCUSDT&symbolStatus=HALT", -1220),
    ],
)
def test_a_bad_request_is_refused_with_the_exchanges_code(over: ReplayServer, path: str, code: int) -> None:
    assert (400, code) == refusal(over, path)


def test_times_come_in_microseconds_where_asked(over: ReplayServer) -> None:
    path = "aggTrades?symbol=BTCUSDT&fromId=1001&limit=1"
    assert (START + 20) * 1000 == get(over, path, **{"X-MBX-TIME-UNIT": "MICROSECOND"}).json()[0]["T"]
    assert -1194 == get(over, path, **{"X-MBX-TIME-UNIT": "HOUR"}).json()["code"]


@pytest.mark.parametrize(
    ("path", "weight"),
    [
        ("ping", 1),
        ("time", 1),
        ("exchangeInfo", 20),
        ("depth?symbol=BTCUSDT", 5),
        ("depth?symbol=BTCUSDT&limit=101", 25),
        ("depth?symbol=BTCUSDT&limit=1000", 50),
        ("depth?symbol=BTCUSDT&limit=1001", 250),
        ("depth?symbol=BTCUSDT&limit=9999", 250),
        ("trades?symbol=BTCUSDT", 25),
        ("historicalTrades?symbol=BTCUSDT", 25),
        ("aggTrades?symbol=BTCUSDT", 4),
        ("klines?symbol=BTCUSDT&interval=1m", 2),
        ("uiKlines?symbol=BTCUSDT&interval=1m", 2),
        ("avgPrice?symbol=BTCUSDT", 2),
        ("ticker/24hr?symbol=BTCUSDT", 2),
        ("ticker/24hr", 80),
        ("ticker/price?symbol=BTCUSDT", 2),
        ("ticker/bookTicker", 4),
    ],
)
def test_each_endpoint_answers_and_costs_its_weight(over: ReplayServer, path: str, weight: int) -> None:
    name = f"/api/v3/{path.partition('?')[0]}"
    before = over.status()["weights"].get(name, 0)
    reply = get(over, path)
    assert (200, weight) == (reply.status_code, over.status()["weights"][name] - before)
    assert reply.headers["X-MBX-USED-WEIGHT-1M"] == reply.headers["X-MBX-USED-WEIGHT"]
    assert "application/json;charset=UTF-8" == reply.headers["Content-Type"]


def test_depth_is_the_snapshot_with_every_update_applied(over: ReplayServer) -> None:
    book = get(over, "depth?symbol=BTCUSDT&limit=2").json()
    assert 1300 == book["lastUpdateId"]
    assert [["94.00000000", "600.00000000"], ["93.00000000", "599.00000000"]] == book["bids"]
    assert [["200.00000000", "600.00000000"], ["300.00000000", "1.00000000"]] == book["asks"]


def test_klines_add_up_the_aggregates(over: ReplayServer) -> None:
    rows = get(over, "klines?symbol=BTCUSDT&interval=1m").json()
    assert [START, "100.50000000", "149.50000000", "100.50000000", "149.50000000", "30.00000000"] == rows[0][:6]
    assert [START + 59_999, 6000] == [rows[0][6], rows[0][8]]


def test_exchange_info_is_made_from_the_recording(over: ReplayServer) -> None:
    info = get(over, "exchangeInfo").json()
    assert ["BTCUSDT", "ETHUSDT"] == sorted(symbol["symbol"] for symbol in info["symbols"])
    assert {"REQUEST_WEIGHT": 1_000_000, "RAW_REQUESTS": 300_000} == {
        limit["rateLimitType"]: limit["limit"] for limit in info["rateLimits"]
    }
    one = get(over, "exchangeInfo?symbol=BTCUSDT").json()["symbols"][0]
    assert ("BTC", "USDT", "TRADING") == (one["baseAsset"], one["quoteAsset"], one["status"])
    assert "0.50000000" >= one["filters"][0]["tickSize"] == "0.10000000"


def test_an_unknown_path_is_an_empty_404(over: ReplayServer) -> None:
    reply = get(over, "nothing")
    assert (404, "") == (reply.status_code, reply.text)
    assert "<html>" in get(over, "nothing", Accept="text/html").text


def test_only_what_has_happened_is_answered(recording: Path) -> None:
    with ReplayServer(recording, options=["--start-at", str(START + 1000)]) as server:
        server.clock(pause=True)
        now = server.status()["market"] // 1000
        newest = get(server, "aggTrades?symbol=BTCUSDT&limit=1").json()[0]
        assert now - 20 < newest["T"] <= now


def test_ids_below_the_retention_floor_are_skipped_silently(recording: Path) -> None:
    options = ["--start-at", str(START + 50_000), "--retention-floor", "1500"]
    with ReplayServer(recording, options=options) as server:
        assert [1500] == ids(server, "fromId=1000&limit=1")


def test_the_limit_answers_429_and_then_bans_with_418(recording: Path) -> None:
    with ReplayServer(recording, options=["--weight-limit", "10"]) as server:
        while time.time() % 60 > 55:
            time.sleep(0.2)  # the whole test has to fall into one calendar minute
        replies = [get(server, "ping") for _ in range(17)]
        assert [200] * 10 + [429] * 5 + [418] * 2 == [reply.status_code for reply in replies]
        assert 0 < int(replies[10].headers["Retry-After"]) <= 60
        assert 60 < int(replies[15].headers["Retry-After"]) <= 120
        assert {-1003} == {reply.json()["code"] for reply in replies[10:]}
        assert "17" == replies[16].headers["X-MBX-USED-WEIGHT-1M"]


def test_a_rest_client_alone_takes_a_clock_of_speed_0_to_the_end(recording: Path) -> None:
    with ReplayServer(recording, speed=0) as server:
        assert (-1, START) == (server.status()["now"] % 1000 - 1000, get(server, "time").json()["serverTime"] + 1)
        got: list[int] = []
        while len(page := ids(server, f"fromId={got[-1] + 1 if got else 0}&limit=1000")) == 1000:
            got += page
        assert list(range(FIRST, LAST + 1)) == got
        assert server.status()["ended"]


def test_a_held_clock_starts_with_the_first_market_data_request(recording: Path) -> None:
    with ReplayServer(recording, wait=True) as server:
        get(server, "exchangeInfo")
        assert server.status()["held"]
        get(server, "klines?symbol=BTCUSDT&interval=1m")
        assert not server.status()["held"]
