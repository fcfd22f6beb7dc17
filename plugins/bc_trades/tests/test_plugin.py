"""What the plugin declares, and what its section may hold."""

from __future__ import annotations

import subprocess
import sys
from datetime import date

import pytest

import bc_trades
from bc_binance import Binance, BinanceConfig
from bc_trades import TRADES
from bc_trades.config import TradesConfig
from bc_trades.ohlcv import OHLCV, OhlcvParams
from bc_trades.plugin import bcore_derivations, bcore_sources
from bc_trades.source import TradesSource
from bcore.clock import SystemClock
from bcore.fields import FieldsError, fields_of, parse
from bcore.records import Context


def test_the_plugin_offers_the_source_and_the_views() -> None:
    (source,), views = bcore_sources(), list(bcore_derivations())
    assert ("trades", (TRADES,)) == (source.name, source.datasets)
    assert OHLCV in [view.record for view in views]


def test_what_the_plugin_offers_builds_the_source() -> None:
    (source,), exchange = bcore_sources(), Binance(BinanceConfig(), SystemClock())
    context = Context("sources.trades", SystemClock(), lambda: exchange, lambda event: None, ("BTCUSDT",))
    built = source.build(TradesConfig(), context)
    exchange.close()
    assert (True, ("BTCUSDT",)) == (isinstance(built, TradesSource), built.symbols)


def test_no_column_of_a_trade_may_be_missing() -> None:
    assert [] == [each.name for each in TRADES.schema if each.nullable]


@pytest.mark.parametrize(
    "start", ["newest", "2026-02-15", "2026-02-15T00:00:00Z", 1771113600, date(2026, 2, 15), "2h ago"]
)
def test_a_start_may_be_written_in_several_ways(start: object) -> None:
    assert start == parse(TradesConfig, {"start": start}).start


@pytest.mark.parametrize(
    ("key", "value", "says"),
    [
        ("interval", -1, "must be 0 or more seconds"),
        ("page", 0, "must be 1 to 1000"),
        ("page", 1001, "must be 1 to 1000"),
        ("start", "oldest", 'must be "newest", an instant'),
        ("start", True, 'must be "newest", an instant'),
        ("strat", "newest", "did you mean start?"),
    ],
)
def test_a_wrong_value_is_told_in_a_sentence(key: str, value: object, says: str) -> None:
    with pytest.raises(FieldsError) as caught:
        parse(TradesConfig, {key: value})
    assert [key] == [name for name, _ in caught.value.problems]
    assert says in caught.value.problems[0][1]


def test_every_key_has_help() -> None:
    assert all(each.help for cls in (TradesConfig, OhlcvParams) for each in fields_of(cls))


def test_the_public_names_are_there() -> None:
    assert [] == [name for name in bc_trades.__all__ if not getattr(bc_trades, name)]
    with pytest.raises(AttributeError, match="no attribute 'Quotes'"):
        _ = bc_trades.Quotes


def test_the_plugin_module_imports_nothing_heavy() -> None:
    heavy = "{'numpy', 'pyarrow', 'pandas', 'msgspec', 'requests'}"
    code = f"import sys, bc_trades.plugin; print(sorted({heavy} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "[]" == done.stdout.strip()


def test_candles_need_no_pandas() -> None:
    code = "import sys, bc_trades.ohlcv, bc_trades.source; print('pandas' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "False" == done.stdout.strip()
