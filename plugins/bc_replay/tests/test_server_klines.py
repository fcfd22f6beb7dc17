"""Klines over REST against candles summed up here, straight from the recorded rows (protocol section 4.7)."""

from __future__ import annotations

import random
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
import requests

from bc_replay.testing import ReplayServer

MINUTE, HOUR, DAY = 60_000, 3_600_000, 86_400_000
WIDTHS = {"1m": MINUTE, "1h": HOUR, "1d": DAY}
START = 1_719_705_600_000  # 2024-06-30 in ms
FIRST = START + 7 * HOUR + 12_345  # nothing trades before
QUIET = (START + DAY + 3 * HOUR, START + DAY + 5 * HOUR + 30 * MINUTE)  # nor in here
VOIDED = 40
EIGHT = Decimal("0.00000001")
Row = tuple[int, Decimal, Decimal, int, int, int, bool]


def made() -> list[Row]:
    """Some 3,000 aggregates over two days and a half, in bursts; one is voided, and one's time runs backwards."""
    dice, rows, time, fill = random.Random(7), [], FIRST, 900
    for id in range(3000):
        price, quantity = Decimal(dice.randint(1, 10**9)) / 10**4, Decimal(dice.randint(1, 10**9)) / 10**8
        count = dice.randint(1, 4)
        rows.append((id, price, quantity, fill, fill + count - 1, time, dice.random() < 0.5))
        fill += count
        time += dice.choice((0, 1, 900, 60_000, 200_000))
        time = QUIET[1] if QUIET[0] <= time < QUIET[1] else time
    rows[VOIDED] = (VOIDED, Decimal(0), Decimal(0), -1, -1, rows[VOIDED][5], True)
    rows[1500] = (*rows[1500][:5], rows[1499][5] - 70_000, rows[1500][6])
    return rows


ROWS = made()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ReplayServer]:
    path = tmp_path_factory.mktemp("klines") / "BTCUSDT-aggTrades-2024-06.csv"
    lines = [f"{a},{p:.8f},{q:.8f},{f},{last},{t},{m},True\n" for a, p, q, f, last, t, m in ROWS]
    path.write_text("".join(lines))
    with ReplayServer(path, options=["--start-at", str(ROWS[-1][5]), "--weight-limit", "1000000"]) as server:
        yield server


def candle(opened: int, width: int, before: Decimal) -> list[Any]:
    """One candle by its definition; a quiet one repeats the price before it."""
    held = [row for row in ROWS if opened <= row[5] < opened + width and row[3] >= 0]
    prices = [row[1] for row in held] or [before]
    bought = [row for row in held if not row[6]]
    return [
        opened,
        *(f"{price:.8f}" for price in (prices[0], max(prices), min(prices), prices[-1])),
        f"{sum((row[2] for row in held), Decimal(0)):.8f}",
        opened + width - 1,
        str(_quote(held)),
        sum(row[4] - row[3] + 1 for row in held),
        f"{sum((row[2] for row in bought), Decimal(0)):.8f}",
        str(_quote(bought)),
        "0",
    ]


def _quote(held: list[Row]) -> str:
    total = sum((row[1] * row[2] for row in held), Decimal(0))
    return f"{total.quantize(EIGHT, rounding='ROUND_DOWN'):.8f}"


def expected(interval: str) -> list[list[Any]]:
    width = WIDTHS[interval]
    opened, candles = FIRST // width * width, []
    while opened <= ROWS[-1][5]:
        candles.append(candle(opened, width, Decimal(candles[-1][4]) if candles else Decimal(0)))
        opened += width
    return candles


def asked(server: ReplayServer, interval: str, **query: int) -> Any:
    parameters: dict[str, str | int] = {"symbol": "BTCUSDT", "interval": interval, **query}
    return requests.get(f"{server.url}/api/v3/klines", parameters, timeout=30).json()


@pytest.mark.parametrize("interval", ["1m", "1h", "1d"])
def test_all_pages_together_are_every_candle_to_the_last_digit(server: ReplayServer, interval: str) -> None:
    got: list[list[Any]] = []
    start = 0
    while page := asked(server, interval, startTime=start, limit=1000):
        got += page
        start = page[-1][0] + 1
    assert expected(interval) == got


@pytest.mark.parametrize("interval", ["1m", "1h", "1d"])
def test_bounds_are_of_the_open_time_and_inclusive(server: ReplayServer, interval: str) -> None:
    bars, width = expected(interval), WIDTHS[interval]
    first, last = bars[1][0], bars[-2][0]
    kept = [bar for bar in bars if first <= bar[0] <= last]
    assert kept[:1000] == asked(server, interval, startTime=first, endTime=last, limit=1000)
    assert kept[:1000] == asked(server, interval, startTime=first - width + 1, endTime=last + width - 1, limit=1000)
    assert kept[1:][:1000] == asked(server, interval, startTime=first + 1, endTime=last, limit=1000)
    assert kept[:1] == asked(server, interval, startTime=first, endTime=first)


@pytest.mark.parametrize("interval", ["1m", "1h", "1d"])
def test_without_a_start_the_newest_come(server: ReplayServer, interval: str) -> None:
    bars = expected(interval)
    assert bars[-500:] == asked(server, interval)
    assert bars[-2:] == asked(server, interval, limit=2)
    assert bars[-3:-1] == asked(server, interval, endTime=bars[-1][0] - 1, limit=2)


def test_there_is_nothing_outside_the_recording(server: ReplayServer) -> None:
    assert [] == asked(server, "1h", endTime=FIRST // HOUR * HOUR - 1)
    assert [] == asked(server, "1h", startTime=ROWS[-1][5] + 1)
    assert [] == asked(server, "1h", startTime=FIRST + DAY, endTime=FIRST)
