"""What the page does not show of the original's classes: their other methods, arguments and edges."""

from __future__ import annotations

import threading
from pathlib import Path

import pandas as pd
import pytest
from binance_collector import (
    BinanceCollectorClient,
    Config,
    OrderBookCollector,
    StorageEngine,
    TradesCollector,
    create_example_config,
    get_api_client,
    get_local_client,
    trades_to_ohlcv,
)
from binance_collector.schema import TRADE_SCHEMA, OrderBookSnapshot, TradeRecord, validate_dataframe

from bcore.errors import ConfigError

FROM, TO = "2026-02-15T00:05:00", "2026-02-15T00:06:00"


def test_times_of_a_range_are_both_in_it_and_may_be_text_or_timestamps(data: Path) -> None:
    client = get_local_client("data")
    trades = client.get_trades("BTCUSDT", start_time=FROM, end_time=TO)
    assert (pd.Timestamp(FROM), pd.Timestamp(TO)) == (trades["timestamp"].min(), trades["timestamp"].max())
    assert trades.equals(client.get_trades("BTCUSDT", start_time=pd.Timestamp(FROM), end_time=pd.Timestamp(TO)))


def test_a_limit_means_the_newest_of_the_range(data: Path) -> None:
    trades = get_local_client("data").get_trades("BTCUSDT", limit=2, start_time=FROM, end_time=TO)
    assert [pd.Timestamp(TO)] * 2 == trades["timestamp"].tolist()


def test_a_hot_client_takes_a_limit_too(data: Path) -> None:
    newest = get_local_client("data").get_trades("BTCUSDT", limit=1)
    assert newest.equals(BinanceCollectorClient("hot", "data").get_trades("BTCUSDT", limit=1))


def test_the_client_over_http_gives_the_same_frames(data: Path, api: str) -> None:
    far, near = get_api_client(api, "your-key"), get_local_client("data")
    mine = near.get_trades("BTCUSDT", start_time=FROM, end_time=TO)
    pd.testing.assert_frame_equal(mine, far.get_trades("BTCUSDT", start_time=FROM, end_time=TO))
    pd.testing.assert_frame_equal(near.get_ohlcv("BTCUSDT", "5min"), far.get_ohlcv("BTCUSDT", "5min"))
    oldest = far.get_trades("BTCUSDT", limit=1, tail=False)["agg_trade_id"].tolist()
    assert near.get_trades("BTCUSDT")["agg_trade_id"].tolist()[:1] == oldest
    assert "healthy" == far.health_check()["status"]
    assert near.get_available_symbols() == {name: far.get_available_symbols()[name] for name in ("trades", "orderbook")}
    far.close()


def test_a_symbol_of_which_nothing_is_stored_gives_an_empty_frame(data: Path) -> None:
    assert get_local_client("data").get_trades("NONEUSDT").empty
    assert StorageEngine("data").read("trades", "NONEUSDT").empty


def test_stats_and_symbols(data: Path) -> None:
    client = get_local_client("data")
    assert {"trades": ["BTCUSDT", "ETHUSDT"], "orderbook": ["BTCUSDT", "ETHUSDT"]} == client.get_available_symbols()
    stats = client.get_stats()
    assert (1000, 9) == (stats["trades"]["BTCUSDT"]["rows"], stats["trades"]["BTCUSDT"]["columns"])
    assert str(client.get_trades("BTCUSDT")["timestamp"].max()) == stats["trades"]["BTCUSDT"]["end"]


def test_a_mode_that_is_none_and_a_remote_without_a_name() -> None:
    with pytest.raises(ValueError, match="mode must be local, remote or hot, not 'cold'"):
        BinanceCollectorClient("cold")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="the mode remote needs remote_user, ssh_key_path, remote_data_path"):
        BinanceCollectorClient("remote", remote_host="your.host")


def test_syncing_is_for_the_mode_remote() -> None:
    with pytest.raises(ValueError, match="sync_incremental brings rows from another machine"):
        get_local_client("data").sync_incremental("trades", "BTCUSDT", StorageEngine("other"))


def test_update_without_saving_stores_nothing_and_goes_on() -> None:
    collector = TradesCollector(["BTCUSDT"])
    assert 1000 == collector.update(save=False)["BTCUSDT"]["rows"]
    assert 1000 > collector.update(save=False)["BTCUSDT"]["rows"]
    assert not Path("data/trades").exists()
    assert {"BTCUSDT"} == set(collector.last_trade_ids)


def test_collect_symbol_gives_what_the_archive_does_not_hold() -> None:
    collector = TradesCollector(symbols=["BTCUSDT"])
    collector.update()
    last = collector.storage.read("trades", "BTCUSDT")["agg_trade_id"].max()
    new = TradesCollector(symbols=["BTCUSDT"]).collect_symbol("BTCUSDT", max_requests=1)
    assert new.empty or last + 1 == new["agg_trade_id"].min()


def test_backfill_gives_the_trades_from_a_time_on() -> None:
    trades = TradesCollector(["BTCUSDT"]).backfill("BTCUSDT", pd.Timestamp("2026-02-14T23:55:00"), max_trades=500)
    assert (1000, pd.Timestamp("2026-02-14T23:55:00")) == (len(trades), trades["timestamp"].iloc[0])
    assert "datetime64[ns]" == str(trades["timestamp"].dtype)


def test_a_symbol_that_the_exchange_does_not_know_is_told_beside_the_others() -> None:
    stats = TradesCollector(["BTCUSDT", "NONEUSDT"]).update()
    assert (1000, ["error"]) == (stats["BTCUSDT"]["rows"], list(stats["NONEUSDT"]))
    books = OrderBookCollector(["BTCUSDT", "NONEUSDT"]).update(save=False)
    assert (5, ["error"]) == (books["BTCUSDT"]["rows"], list(books["NONEUSDT"]))


def test_snapshots_of_all_books_as_one_frame() -> None:
    books = OrderBookCollector(["BTCUSDT", "ETHUSDT"], {"BTCUSDT": [10], "ETHUSDT": [1, 10]}, num_levels=5)
    frame = books.collect_all()
    assert [("BTCUSDT", 10), ("ETHUSDT", 1), ("ETHUSDT", 10)] == [
        *zip(frame["symbol"], frame["tick_size"], strict=True)
    ]
    assert 9 + 8 * 5 == len(frame.columns)
    assert not Path("data/orderbook").exists()


def test_continuous_snapshots(monkeypatch: pytest.MonkeyPatch) -> None:
    collector, pauses = OrderBookCollector(["BTCUSDT"], {"BTCUSDT": [10]}), []

    def sleep(seconds: float) -> None:
        pauses.append(seconds)
        if len(pauses) == 2:
            raise KeyboardInterrupt

    monkeypatch.setattr("binance_collector.collectors.orderbook.time.sleep", sleep)
    with pytest.raises(KeyboardInterrupt):
        collector.run_continuous(3600)
    assert 3600 > min(pauses) > 0
    collector.run_continuous(3600, duration_hours=0)
    assert (2, 3) == (len(pauses), len(StorageEngine().read("orderbook", "BTCUSDT")))


def test_collectors_in_threads_share_a_storage() -> None:
    """As the original's fourth example does, and twice for one dataset besides."""
    storage, told = StorageEngine(), []
    collectors = [TradesCollector(["BTCUSDT"], storage), OrderBookCollector(["BTCUSDT"], storage=storage)] * 2
    threads = [threading.Thread(target=lambda each=each: told.append(each.update())) for each in collectors]  # type: ignore[misc]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert (4, []) == (len(told), [each for each in told if "error" in each["BTCUSDT"]])
    assert storage.read("trades", "BTCUSDT")["agg_trade_id"].is_unique


def test_a_frame_that_was_read_may_be_written_elsewhere(data: Path) -> None:
    frame = get_local_client("data").get_trades("BTCUSDT")
    other = StorageEngine("other")
    kinds = {"schema": TRADE_SCHEMA, "dedup_columns": ["agg_trade_id"], "sort_columns": ["timestamp", "agg_trade_id"]}
    assert Path("other/trades/BTCUSDT.parquet") == other.write(frame, "trades", "BTCUSDT", **kinds)  # type: ignore[arg-type]
    other.write(frame, "trades", "BTCUSDT", **kinds)  # type: ignore[arg-type]
    assert frame.equals(other.read("trades", "BTCUSDT"))
    assert frame["timestamp"].max() == other.get_latest_timestamp("trades", "BTCUSDT")
    info = other.get_file_info("trades", "BTCUSDT")
    assert (1000, frame["timestamp"].min()) == (info["rows"], info["start_time"])
    assert {"exists": False} == other.get_file_info("trades", "NONEUSDT")


def test_validate_dataframe_names_what_is_wrong() -> None:
    frame = pd.DataFrame({"a": ["1", "2"], "t": pd.to_datetime(["2026-02-15T01:00+01:00"] * 2)})
    checked = validate_dataframe(frame, {"a": "int64", "t": "datetime64[ns]"})
    assert ([1, 2], pd.Timestamp("2026-02-15")) == (checked["a"].tolist(), checked["t"].iloc[0])
    with pytest.raises(ValueError, match="has no column price"):
        validate_dataframe(frame, {"price": "float64"})
    with pytest.raises(ValueError, match="column a does not convert to int64"):
        validate_dataframe(pd.DataFrame({"a": ["x"]}), {"a": "int64"})


def test_records() -> None:
    ids = {"agg_trade_id": 1, "first_trade_id": 1, "last_trade_id": 2}
    said = {"timestamp": "2026-02-15", "symbol": "X", "price": 2, "quantity": "3"}
    trade = TradeRecord.model_validate({**ids, **said, "is_buyer_maker": True, "is_best_match": True})
    assert ("sell", 6.0) == (trade.side, trade.notional)
    with pytest.raises(ValueError, match="tick_size"):
        OrderBookSnapshot.model_validate({"tick_size": 0})


def test_candles_of_several_symbols_and_of_none() -> None:
    trades = pd.DataFrame(
        {
            "timestamp": pd.to_datetime(["2026-02-15T00:00:01"] * 4),
            "symbol": ["A", "B", "A", "B"],
            "price": [1.0, 10.0, 3.0, 30.0],
            "quantity": [1.0, 1.0, 2.0, 2.0],
        }
    )
    bars = trades_to_ohlcv(trades)
    assert [("A", 1.0, 3.0, 3.0), ("B", 10.0, 30.0, 3.0)] == [
        *zip(bars["symbol"], bars["open"], bars["close"], bars["volume"], strict=True)
    ]
    assert bars["open"].tolist() == trades_to_ohlcv(trades.set_index("timestamp"))["open"].tolist()
    assert trades_to_ohlcv(trades.iloc[:0]).empty


def test_configuration_from_a_file_before_the_environment(monkeypatch: pytest.MonkeyPatch, exchange: str) -> None:
    assert exchange == Config.load().binance.base_url
    create_example_config("config.yaml")
    assert "https://api.binance.com" == Config.load().binance.base_url
    assert ("data", None) == (Config.load().storage.base_path, Config.load().api.api_key)
    with pytest.raises(FileExistsError):
        create_example_config("config.yaml")
    with pytest.raises(FileNotFoundError, match="there is no configuration file"):
        Config.from_file("none.yaml")
    monkeypatch.setenv("STORAGE_BASE_PATH", "elsewhere")
    assert "elsewhere" == Config.from_env().storage.base_path


def test_secrets_do_not_show() -> None:
    config = Config.from_dict({"api": {"api_key": "hidden"}, "binance": {"api_secret": "hidden"}})
    assert "hidden" not in repr(config)


def test_every_mistake_is_named_at_once() -> None:
    with pytest.raises(ConfigError) as raised:
        Config.from_dict({"storage": {"base_pth": "x"}, "api": {"port": "y"}, "more": 1, "binance": 3})
    assert 4 == len(raised.value.problems)


def test_no_symbol_is_a_mistake_that_is_named() -> None:
    with pytest.raises(ConfigError, match="name at least one"):
        TradesCollector([])
