"""Real recordings: the bundled sample, and those beside the project where they are present."""

from __future__ import annotations

import gzip
import json
from bisect import bisect_right
from functools import cache
from pathlib import Path

import pytest

from bc_replay import payloads
from bc_replay.recording import Recording, read_recording
from bc_replay.tape import Tape

PLUGIN = Path(__file__).resolve().parents[1]
SAMPLE = PLUGIN / "bc_replay" / "sample"
DATA = PLUGIN.parents[1].parent / "shared" / "data"
HOUR_START = 1_604_221_200_000_000


@cache
def load(path: Path) -> Recording:
    return read_recording([path])


def beside(name: str) -> Path:
    path = DATA / name
    if not path.exists():
        pytest.skip(f"the recording {name} is not beside the project")
    return path


def sample() -> Tape:
    return load(SAMPLE).tapes["BTCUSDT"]


def sample_lines(stream: str) -> list[dict[str, object]]:
    found = []
    for path in sorted(SAMPLE.glob("*.gz")):
        with gzip.open(path, "rt") as file:
            messages = [json.loads(line.partition(" ")[2]) for line in file]
        found += [message["data"] for message in messages if message.get("stream") == f"btcusdt@{stream}"]
    return found


def test_the_sample_holds_all_that_was_recorded() -> None:
    tape = sample()
    assert (19_904, 6_495, 73_174, 1) == (len(tape.trades), len(tape.updates), len(tape.tickers), len(tape.snapshots))


def test_the_sample_has_no_gap() -> None:
    assert ((), ()) == (sample().gaps, sample().trade_gaps)


def test_every_trade_of_the_sample_goes_out_as_it_came() -> None:
    assert sample_lines("trade") == [payloads.stream_trade("BTCUSDT", trade, False) for trade in sample().trades]


def test_every_depth_update_of_the_sample_goes_out_as_it_came() -> None:
    sent = [payloads.stream_depth_update("BTCUSDT", update, False) for update in sample().updates]
    assert sample_lines("depth@100ms") == sent


def test_every_ticker_of_the_sample_goes_out_as_it_came() -> None:
    sent = [payloads.stream_book_ticker("BTCUSDT", ticker) for ticker in sample().tickers]
    assert sample_lines("bookTicker") == sent


def test_the_samples_aggregates_tile_its_trades() -> None:
    tape = sample()
    assert [trade.id for trade in tape.trades] == [id for a in tape.agg_trades for id in range(a.first, a.last + 1)]
    assert sum(tape.trades.columns.quantity) == sum(tape.agg_trades.columns.quantity)


def test_nothing_happens_before_the_exchange_sent_it() -> None:
    tape = sample()
    assert [] == [t for t in tape.trades if t.at < max(t.time, t.event_time)]
    assert [] == [u for u in tape.updates if u.at < u.event_time]


def test_the_samples_timeline_never_goes_back() -> None:
    instants = [at for at, _, _ in load(SAMPLE).events()]
    assert sorted(instants) == instants


def test_the_samples_book_agrees_with_the_newest_ticker_up_to_each_update() -> None:
    tape = sample()
    ids = [ticker.update_id for ticker in tape.tickers]
    compared, differing = 0, 0
    for update in tape.updates:
        book, newest = tape.happened(update.at).book(1), bisect_right(ids, update.last)
        if book is None or not newest or update.at < tape.snapshots[0].at:
            continue
        best, compared = tape.tickers[newest - 1], compared + 1
        held = (best.bid, best.bid_quantity), (best.ask, best.ask_quantity)
        differing += (book.bids[0], book.asks[0]) != held
    assert (6492, True) == (compared, differing <= 2)


def test_the_hour_of_2020_equals_the_exchange_kline() -> None:
    tape = load(beside("deep_orderbook_20201101_09h")).tapes["BTCUSDT"]
    (bar,) = tape.happened(tape.end).candles("1h", HOUR_START, HOUR_START)
    expected = ("13748.62000000", "13762.07000000", "13672.00000000", "13687.52000000", "1376.78695300")
    assert expected == (bar.open, bar.high, bar.low, bar.close, bar.volume)
    assert ("18889159.56148974", 22661) == (bar.quote_volume, bar.count)


def test_an_hour_whose_capture_began_late_does_not_equal_the_exchange_kline() -> None:
    tape = load(beside("deep_orderbook_20201101_09h")).tapes["ETHUSDT"]
    (bar,) = tape.happened(tape.end).candles("1h", HOUR_START, HOUR_START)
    assert (5468, True) == (bar.count, tape.start > HOUR_START + 2_000_000)


def test_recorded_klines_equal_the_candles_at_their_last_trade() -> None:
    path = beside("cryptofeed/BINANCE-ee25be.0")
    klines = [
        json.loads(line.partition(": ")[2])["data"]
        for line in path.read_text().splitlines()
        if "@kline" in line[:80] and "{" in line[:25]
    ]
    compared = 0
    for event in klines:
        tape, kline = load(path).tapes[event["s"]], event["k"]
        until = [trade for trade in tape.agg_trades if trade.last == kline["L"]]
        if not until or tape.agg_trades[0].first > kline["f"]:
            continue
        opened = kline["t"] * 1000
        now = until[0].at
        (bar,) = tape.happened(now).candles("1m", opened, opened)
        if bar.last != kline["L"]:
            continue  # another trade happened at the very same instant
        sent = payloads.stream_kline(event["s"], bar, False, kline["x"], interval="1m", at=event["E"] * 1000)
        assert event == sent
        compared += 1
    assert compared >= 45


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("ws_raw_nexo", {"NEXOUSDT": (115, 178, 1188, 1)}),
        ("aggtrades_csv", {"BTCUSDT": (5000, 3490, 0, 0)}),
        ("trades_csv", {"BTCUSDT": (8923, 40003, 0, 0)}),
        ("lasota_spot_us", {"BTCUSDT": (0, 0, 0, 2), "TRXUSDT": (4546, 10000, 0, 0)}),
    ],
)
def test_recordings_of_each_kind_load_whole(name: str, expected: dict[str, tuple[int, ...]]) -> None:
    tapes = load(beside(name)).tapes
    assert expected == {
        symbol: (len(tape.agg_trades), len(tape.trades), len(tape.updates), len(tape.snapshots))
        for symbol, tape in tapes.items()
    }


@pytest.mark.parametrize("name", ["ws_raw_nexo", "aggtrades_csv", "trades_csv", "deep_orderbook_20201101_09h"])
def test_recordings_without_holes_have_no_gaps(name: str) -> None:
    assert [] == [gap for tape in load(beside(name)).tapes.values() for gap in (*tape.gaps, *tape.trade_gaps)]


def test_all_symbols_of_the_multi_symbol_recordings_have_a_book_at_the_end() -> None:
    recording = load(beside("cryptofeed"))
    assert 17 == len([tape for tape in recording.tapes.values() if tape.happened(recording.end).book(1)])


def test_candles_of_the_futures_recording_are_the_exchanges_own() -> None:
    folder = beside("ws_raw_hftbacktest_um")
    tape = load(folder / "btcusdt_20240808.gz").tapes["BTCUSDT"]
    (rows,) = (path.read_text().splitlines() for path in folder.glob("*.csv"))
    theirs = {int(row.split(",")[0]): row.split(",") for row in rows}
    bars = tape.happened(tape.end).candles("1m", 1_723_161_300_000_000, 1_723_161_540_000_000)
    assert 5 == len(bars)
    for bar in bars:
        ours = payloads.rest_kline(bar, False)
        assert list(map(float, theirs[ours[0]][1:11])) == list(map(float, ours[1:11]))
