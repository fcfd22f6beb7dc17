"""Near names: a slip of the pen is one, another market is none."""

from __future__ import annotations

import pytest

from bcore.naming import near, near_symbol


@pytest.mark.parametrize("typed", ["BTCUSD", "BTC-USDT", "btcusdt", "BTCUDST", "BTCUSDTT", "BTXUSDT", "TBCUSDT", "BTC"])
def test_a_slip_in_a_symbol_is_told(typed: str) -> None:
    assert " (did you mean BTCUSDT?)" == near_symbol(typed, ["ADAUSDT", "BTCUSDT", "ETHBTC", "ETHUSDT"])


@pytest.mark.parametrize("typed", ["ETHUSDT", "SOLUSDT", "BNBUSDT", "BTCEUR", "USDT", "B", "", "/"])
def test_another_market_is_no_slip(typed: str) -> None:
    assert "" == near_symbol(typed, ["BTCUSDT"])


def test_the_nearest_of_many_symbols_come_first() -> None:
    known = ["BTCUSDC", "BTCUSDT", "BTCUSDTPERP", "ETHBTC", "btc_usd"]
    assert " (did you mean btc_usd or BTCUSDC or BTCUSDT?)" == near_symbol("BTCUSD", known)
    assert " (did you mean trades/BTCUSDT?)" == near_symbol("trades/BTCUSD", ["depth/BTCUSDT", "trades/BTCUSDT"])
    assert "" == near_symbol("trades/ETHUSDT", ["depth/BTCUSDT", "trades/BTCUSDT"])


def test_words_are_near_that_are_much_alike() -> None:
    assert " (did you mean interval?)" == near("intervl", ["interval", "start"])
    assert "" == near("depth", ["interval", "start"])
