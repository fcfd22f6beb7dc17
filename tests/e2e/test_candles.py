"""Candles computed from collected trades against the exchange's own klines."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

import bcore

FIELDS = ("open", "high", "low", "close", "volume", "quote_volume", "trade_count")


@pytest.fixture(scope="module")
def hour(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> bcore.Client:
    """The recorded hour, collected through sockets."""
    import subprocess

    from processes import command, environment

    folder = tmp_path_factory.mktemp("hour")
    recording = shared / "deep_orderbook_20201101_09h"
    symbols = [recording / "BTCUSDT", recording / "ETHUSDT"]
    subprocess.run(
        command("demo", *symbols, "--speed", 600, "--data", folder / "archive"),
        check=True,
        env=environment(),
        timeout=120,
    )
    return bcore.open(folder / "archive")


def test_an_hour_equals_the_exchanges_own_kline_to_the_last_digit(hour: bcore.Client) -> None:
    (bar,) = hour.get_ohlcv("BTCUSDT", timeframe="1h", as_="arrow").to_pylist()
    expected = ("13748.62", "13762.07", "13672.0", "13687.52", "1376.786953", "18889159.56148974", "22661")
    assert expected == tuple(str(bar[name]) for name in FIELDS)


def test_an_hour_whose_beginning_was_not_seen_is_not_passed_off_as_complete(hour: bcore.Client) -> None:
    bar = hour.get_ohlcv("ETHUSDT", timeframe="1h", as_="arrow").to_pylist()[0]
    assert (5468, False) == (bar["trade_count"], bar["complete"])


def test_the_minutes_inside_the_hour_are_complete_and_add_up_to_it(hour: bcore.Client) -> None:
    minutes = hour.get_ohlcv("BTCUSDT", timeframe="1m", as_="arrow").to_pylist()
    assert [False, *[True] * 58, False] == [bar["complete"] for bar in minutes]
    assert Decimal("1376.786953") == sum(Decimal(str(bar["volume"])) for bar in minutes)


def test_the_newest_bars_do_not_depend_on_how_many_are_asked_for(hour: bcore.Client) -> None:
    everything = hour.read("ohlcv", "BTCUSDT", timeframe="5m")
    newest = hour.read("ohlcv", "BTCUSDT", timeframe="5m", limit=3)
    assert everything.slice(everything.num_rows - 3).to_pylist() == newest.to_pylist()
