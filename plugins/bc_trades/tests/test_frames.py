"""Candles of DataFrames, the original's among them."""

from __future__ import annotations

from typing import Any

import pytest

pd = pytest.importorskip("pandas", reason="trades_to_ohlcv gives DataFrames")

from bc_trades import trades_to_ohlcv  # noqa: E402 - after the import that may skip


def frame(**changes: Any) -> Any:
    columns = {
        "agg_trade_id": [0, 1, 2],
        "timestamp": pd.to_datetime(
            ["2024-01-01 00:01", "2024-01-01 00:14:59.999999", "2024-01-01 00:15"], format="ISO8601"
        ),
        "symbol": "BTCUSDT",
        "price": [10.0, 9.0, 11.5],
        "quantity": [0.1, 0.2, 0.3],
        "is_buyer_maker": [True, False, True],
        **changes,
    }
    return pd.DataFrame({name: values for name, values in columns.items() if values is not None})


def test_the_originals_columns_come_first() -> None:
    made = trades_to_ohlcv(frame())
    assert ["timestamp", "open", "high", "low", "close", "volume"] == list(made.columns[:6])
    assert [10.0, 10.0, 9.0, 9.0] == made[["open", "high", "low", "close"]].iloc[0].tolist()
    assert [0.3, 0.3] == made["volume"].tolist()


def test_naive_times_come_back_naive_and_aware_ones_aware() -> None:
    aware = frame()
    aware["timestamp"] = aware["timestamp"].dt.tz_localize("UTC")
    assert "datetime64[us]" == str(trades_to_ohlcv(frame())["timestamp"].dtype)
    assert "datetime64[us, UTC]" == str(trades_to_ohlcv(aware)["timestamp"].dtype)
    assert pd.Timestamp("2024-01-01 00:15:00") == trades_to_ohlcv(frame())["timestamp"][1]


def test_times_of_another_zone_are_the_same_instants() -> None:
    there = frame()
    there["timestamp"] = there["timestamp"].dt.tz_localize("UTC").dt.tz_convert("Asia/Tokyo")
    assert pd.Timestamp("2024-01-01 00:15:00", tz="UTC") == trades_to_ohlcv(there)["timestamp"][1]


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
def test_times_of_any_unit_are_understood(unit: str) -> None:
    coarse = frame()
    coarse["timestamp"] = coarse["timestamp"].astype(f"datetime64[{unit}]")
    assert [0, 15] == trades_to_ohlcv(coarse)["timestamp"].dt.minute.tolist()


@pytest.mark.parametrize(("timeframe", "bars"), [("1min", 3), ("5min", 3), ("15min", 2), ("1h", 1), ("1D", 1)])
def test_pandas_names_of_timeframes_work(timeframe: str, bars: int) -> None:
    assert bars == len(trades_to_ohlcv(frame(), timeframe=timeframe))


def test_what_the_trades_do_not_tell_is_left_out() -> None:
    made = trades_to_ohlcv(frame(agg_trade_id=None, is_buyer_maker=None))
    assert ["timestamp", "open", "high", "low", "close", "volume", "quote_volume"] == list(made.columns)


def test_whole_trades_give_every_column() -> None:
    made = trades_to_ohlcv(frame(first_trade_id=[0, 1, 3], last_trade_id=[0, 2, 3]))
    assert [3, 1] == made["trade_count"].tolist()
    assert [0.2, 0.0] == made["taker_buy_volume"].tolist()
    assert [True, False] == made["complete"].tolist()


def test_rows_are_taken_in_order_of_id_however_they_lie() -> None:
    assert trades_to_ohlcv(frame()).equals(trades_to_ohlcv(frame().sample(frac=1, random_state=4)))


def test_rows_without_ids_are_taken_in_order_of_time() -> None:
    mixed = frame(agg_trade_id=None).iloc[::-1]
    assert 10.0 == trades_to_ohlcv(mixed)["open"][0]


def test_no_trades_give_no_candles() -> None:
    made = trades_to_ohlcv(frame().iloc[:0])
    assert (0, ["timestamp", "open", "high", "low", "close", "volume"]) == (len(made), list(made.columns[:6]))


def test_the_frame_that_comes_in_is_not_changed() -> None:
    given = frame()
    trades_to_ohlcv(given)
    assert frame().equals(given)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"price": None}, "no column price"),
        ({"timestamp": [pd.NaT] * 3}, "timestamp is missing"),
        ({"timestamp": ["2024-01-01"] * 3}, "timestamp must hold datetimes"),
        ({"timestamp": [1704067200000] * 3}, "timestamp must hold datetimes"),
        ({"quantity": [1.0, float("nan"), 1.0]}, "missing or not finite"),
    ],
)
def test_what_cannot_be_used_is_told(changes: dict[str, Any], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        trades_to_ohlcv(frame(**changes))


def test_an_unknown_timeframe_is_told_with_the_known_ones() -> None:
    with pytest.raises(ValueError, match="must be one of 1s, 1m"):
        trades_to_ohlcv(frame(), timeframe="90min")
