"""Readers: each form of a recording, how its times and symbols are told, and what is said of bad ones."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest

from bc_replay.errors import RecordingError
from bc_replay.recording import read_recording

T = 1_723_161_255_000  # ms
US = T * 1000


def agg(id: int, symbol: str = "BTCUSDT", **more: object) -> dict[str, object]:
    event: dict[str, object] = {
        "e": "aggTrade",
        "E": T + id + 1,
        "s": symbol,
        "a": id,
        "p": "10.50000000",
        "q": "0.50000000",
    }
    return {**event, "f": 2 * id, "l": 2 * id + 1, "T": T + id, "m": True, "M": True, **more}


def trade(id: int, price: str = "10.50000000", time: int = T, maker: bool = True) -> dict[str, object]:
    return {"e": "trade", "E": time + 1, "s": "BTCUSDT", "t": id, "p": price, "q": "0.10000000", "T": time, "m": maker}


def depth(first: int, last: int, symbol: str = "BTCUSDT", **more: object) -> dict[str, object]:
    levels = {"b": [["10.00000000", "1.00000000"]], "a": []}
    return {"e": "depthUpdate", "E": T + last, "s": symbol, "U": first, "u": last, **levels, **more}


def reply(id: int) -> dict[str, object]:
    return {"lastUpdateId": id, "bids": [["9.00000000", "1.00000000"]], "asks": [["11.00000000", "1.00000000"]]}


def line(receive: object, message: dict[str, object]) -> str:
    kind = message.get("e")
    stream = f"{message['s']}@{kind}".lower() if kind else ""
    return f"{receive} {json.dumps({'stream': stream, 'data': message} if kind else message)}\n"


def written(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


# raw lines


@pytest.mark.parametrize("unit", [1000, 1], ids=["ns", "us"])
def test_receive_times_are_moved_onto_the_exchange_clock(tmp_path: Path, unit: int) -> None:
    lag = 1_300_000  # the recorder's clock is behind by 1.3 s, with a jitter of -5, 0 and 7 us
    received = [(US + (id + 1) * 1000 - lag + jitter) * unit for id, jitter in ((1, -5), (2, 0), (3, 7))]
    text = "".join(line(receive, agg(id)) for id, receive in enumerate(received, 1))
    tape = read_recording([written(tmp_path / "raw.txt", text)]).tapes["BTCUSDT"]
    assert [US + 2000, US + 3000, US + 4007] == [trade.at for trade in tape.agg_trades]


def test_happening_order_never_falls_behind_what_was_recorded_before(tmp_path: Path) -> None:
    text = line(US + 2000, agg(1)) + line(US + 1500, depth(1, 1)) + line(US + 3000, agg(2))
    tape = read_recording([written(tmp_path / "raw.txt", text)]).tapes["BTCUSDT"]
    assert [US + 2000] == [update.at for update in tape.updates]


def test_the_recorded_event_time_is_kept_beside_the_instant(tmp_path: Path) -> None:
    text = line(US + 9000, agg(1)) + line(US + 9000, agg(2)) + line(US + 3000, agg(3))
    first = read_recording([written(tmp_path / "raw.txt", text)]).tapes["BTCUSDT"].agg_trades[0]
    assert (US + 2000, True) == (first.event_time, first.at >= first.event_time)


def test_a_bare_depth_reply_belongs_to_the_only_symbol_of_its_file(tmp_path: Path) -> None:
    text = line(US, depth(5, 6)) + line(US + 5, reply(6))
    tape = read_recording([written(tmp_path / "x.txt", text)]).tapes["BTCUSDT"]
    assert [6] == [snapshot.last_update_id for snapshot in tape.snapshots]


def test_a_bare_depth_reply_among_symbols_belongs_to_the_one_whose_ids_reach_it(tmp_path: Path) -> None:
    text = line(US, depth(5, 6)) + line(US, depth(900, 905, "ETHUSDT")) + line(US + 5, reply(904))
    tapes = read_recording([written(tmp_path / "x.txt", text)]).tapes
    assert (0, 1) == (len(tapes["BTCUSDT"].snapshots), len(tapes["ETHUSDT"].snapshots))


def test_a_depth_reply_that_nobody_owns_is_refused_with_the_way_out(tmp_path: Path) -> None:
    text = line(US, depth(5, 6)) + line(US, depth(900, 905, "ETHUSDT")) + line(US + 5, reply(7000))
    with pytest.raises(RecordingError, match="give it as SYMBOL="):
        read_recording([written(tmp_path / "x.txt", text)])


def test_gzip_is_told_by_content_not_by_name(tmp_path: Path) -> None:
    path = tmp_path / "raw.dat"
    path.write_bytes(gzip.compress(line(US, agg(1)).encode()))
    assert 1 == len(read_recording([path]).tapes["BTCUSDT"].agg_trades)


def test_events_without_a_wrapper_are_read(tmp_path: Path) -> None:
    text = f"{US} {json.dumps(agg(1))}\n{json.dumps(agg(2))}\n"
    assert 2 == len(read_recording([written(tmp_path / "raw.txt", text)]).tapes["BTCUSDT"].agg_trades)


def test_book_tickers_carry_no_time_and_happen_when_received(tmp_path: Path) -> None:
    ticker = {"u": 7, "s": "BTCUSDT", "b": "9.00000000", "B": "1.00000000", "a": "11.00000000", "A": "2.00000000"}
    text = line(US + 2000, agg(1)) + f"{US + 2500} " + json.dumps({"stream": "btcusdt@bookTicker", "data": ticker})
    (found,) = read_recording([written(tmp_path / "raw.txt", text)]).tapes["BTCUSDT"].tickers
    assert (7, "2.00000000", US + 2500) == (found.update_id, found.ask_quantity, found.at)


def test_other_streams_are_counted_not_replayed(tmp_path: Path) -> None:
    kline = {"e": "kline", "E": T, "s": "BTCUSDT", "k": {}}
    assert {"kline": 1} == read_recording([written(tmp_path / "r.txt", line(US, kline) + line(US, agg(1)))]).ignored


def test_streams_of_arrays_are_counted_not_replayed(tmp_path: Path) -> None:
    array = f"{US} " + json.dumps({"stream": "!miniTicker@arr", "data": [{"e": "24hrMiniTicker"}]}) + "\n"
    assert {"arr": 1} == read_recording([written(tmp_path / "r.txt", array + line(US, agg(1)))]).ignored


def test_a_last_line_that_was_cut_off_is_left_out(tmp_path: Path) -> None:
    recording = read_recording([written(tmp_path / "r.txt", line(US, agg(1)) + line(US, agg(2))[:-20])])
    assert ([1], {"cut last line": 1}) == ([t.id for t in recording.tapes["BTCUSDT"].agg_trades], recording.ignored)


def test_cryptofeed_request_lines_name_the_symbol_and_config_lines_are_skipped(tmp_path: Path) -> None:
    seconds = f"{T // 1000}.25"
    text = (
        'configuration: {"trades": ["BTC-USDT"]}\n'
        "wss://stream.binance.com:9443/stream?streams=btcusdt@aggTrade <-> 1.5\n"
        f"https://api.binance.com/api/v3/exchangeInfo -> {seconds}: {{}}\n"
        f"https://www.binance.com/api/v1/depth?symbol=ETHUSDT&limit=5 -> {seconds}: {json.dumps(reply(4))}\n\n"
        f"{seconds}: {json.dumps({'stream': 'btcusdt@aggTrade', 'data': agg(1)})}\n"
    )
    recording = read_recording([written(tmp_path / "BINANCE.0", text)])
    assert (["BTCUSDT", "ETHUSDT"], {"exchangeInfo": 1}) == (sorted(recording.tapes), recording.ignored)


def test_a_bad_line_is_named(tmp_path: Path) -> None:
    path = written(tmp_path / "raw.txt", line(US, agg(1)) + "1723161255000000 {oops}\n")
    with pytest.raises(RecordingError, match=r"raw\.txt, line 2: not JSON"):
        read_recording([path])


def test_a_message_that_lacks_a_field_is_named(tmp_path: Path) -> None:
    event = agg(1)
    del event["q"]
    with pytest.raises(RecordingError, match=r"line 1: the message lacks 'q'"):
        read_recording([written(tmp_path / "raw.txt", line(US, event))])


@pytest.mark.parametrize(("field", "value"), [("p", "1e400"), ("q", "-1"), ("a", "x"), ("T", 5), ("a", 2**63)])
def test_a_value_that_cannot_be_is_named(tmp_path: Path, field: str, value: object) -> None:
    with pytest.raises(RecordingError, match=r"raw\.txt, line 1"):
        read_recording([written(tmp_path / "raw.txt", line(US, {**agg(1), field: value}))])


def test_a_recording_shows_of_which_market_it_is(tmp_path: Path) -> None:
    um = read_recording([written(tmp_path / "um.txt", line(US, depth(5, 6, pu=3)))])
    spot = read_recording([written(tmp_path / "spot.txt", line(US, depth(5, 6)))])
    either = read_recording([written(tmp_path / "either.txt", line(US, agg(1)))])
    assert [{"um"}, {"spot"}, set()] == [each.markets for each in (um, spot, either)]
    assert (3, 4) == (um.tapes["BTCUSDT"].updates[0].after, spot.tapes["BTCUSDT"].updates[0].after)


def test_a_truncated_gzip_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "raw.gz"
    path.write_bytes(gzip.compress(line(US, agg(1)).encode() * 50)[:-12])
    with pytest.raises(RecordingError, match="is it complete"):
        read_recording([path])


# arrays


def test_arrays_happen_at_their_event_time_beside_their_snapshot(tmp_path: Path) -> None:
    folder = tmp_path / "BTCUSDT"
    written(folder / "09_trades.json", json.dumps([agg(1), agg(2)]))
    written(folder / "09_update.json", json.dumps([depth(4, 5), depth(6, 9)]))
    written(folder / "09_snapshot.json", json.dumps(reply(7)))
    tape = read_recording([folder]).tapes["BTCUSDT"]
    assert [US + 2000, US + 3000] == [event.at for event in tape.agg_trades]
    assert [(7, US + 9000)] == [(snapshot.last_update_id, snapshot.at) for snapshot in tape.snapshots]


def test_an_untimed_snapshot_without_updates_stands_at_the_start(tmp_path: Path) -> None:
    written(tmp_path / "a_trades.json", json.dumps([agg(1)]))
    written(tmp_path / "a_snapshot.json", json.dumps(reply(7)))
    tape = read_recording([tmp_path]).tapes["BTCUSDT"]
    assert (US + 2000, 7) == (tape.start, tape.happened(tape.start).book(1).last_update_id)  # type: ignore[union-attr]


def test_a_snapshot_alone_cannot_be_placed_in_time(tmp_path: Path) -> None:
    with pytest.raises(RecordingError, match="without a time"):
        read_recording([written(tmp_path / "BTCUSDT" / "snapshot.json", json.dumps(reply(7)))])


def test_a_bad_element_is_named(tmp_path: Path) -> None:
    with pytest.raises(RecordingError, match=r"t\.json, element 2"):
        read_recording([written(tmp_path / "t.json", json.dumps([agg(1), {**agg(2), "q": None}]))])


def test_an_array_that_breaks_off_is_named(tmp_path: Path) -> None:
    with pytest.raises(RecordingError, match=r"t\.json, line 1: not JSON"):
        read_recording([written(tmp_path / "t.json", json.dumps([agg(1)])[:-5])])


# recordings


def test_the_same_events_twice_count_once(tmp_path: Path) -> None:
    text = line(US, agg(1)) + line(US, agg(1)) + line(US, depth(5, 6)) + line(US, depth(5, 6))
    paths = [written(tmp_path / name, text) for name in ("a.txt", "b.txt")]
    tape = read_recording(paths).tapes["BTCUSDT"]
    assert (1, 1) == (len(tape.agg_trades), len(tape.updates))


def test_a_slow_depth_stream_beside_a_fast_one_is_dropped(tmp_path: Path) -> None:
    text = "".join(line(US, depth(*ids)) for ids in ((1, 5), (6, 10), (1, 10), (11, 12)))
    tape = read_recording([written(tmp_path / "a.txt", text)]).tapes["BTCUSDT"]
    assert [(1, 5), (6, 10), (11, 12)] == [(update.first, update.last) for update in tape.updates]


def test_a_gap_stays_a_gap(tmp_path: Path) -> None:
    tape = read_recording([written(tmp_path / "a.txt", line(US, agg(1)) + line(US, agg(5)))]).tapes["BTCUSDT"]
    assert ((2, 4),) == tape.gaps


def test_recorded_aggregates_win_over_made_ones(tmp_path: Path) -> None:
    tape = read_recording([written(tmp_path / "a.txt", line(US, agg(77)) + line(US, trade(154)))]).tapes["BTCUSDT"]
    assert ([77], [154], True) == ([t.id for t in tape.agg_trades], [t.id for t in tape.trades], tape.trades_complete)


def test_of_aggregates_alone_only_single_fills_are_known_as_trades(tmp_path: Path) -> None:
    text = line(US, agg(1)) + line(US, agg(2, f=9, l=9)) + line(US, agg(3, p="0", q="0", f=-1, l=-1))
    tape = read_recording([written(tmp_path / "a.txt", text)]).tapes["BTCUSDT"]
    assert ([9], False, ()) == ([t.id for t in tape.trades], tape.trades_complete, tape.trade_gaps)


def test_the_timeline_merges_symbols_in_happening_order(tmp_path: Path) -> None:
    text = line(US, agg(1)) + line(US + 5, agg(1, "ETHUSDT")) + line(US + 9, agg(2))
    recording = read_recording([written(tmp_path / "a.txt", text)])
    assert ["BTCUSDT", "ETHUSDT", "BTCUSDT"] == [symbol for _, symbol, _ in recording.events()]
    assert ["ETHUSDT"] == [symbol for _, symbol, _ in recording.events(["ETHUSDT"])]


def test_only_the_symbols_asked_for_are_kept(tmp_path: Path) -> None:
    path = written(tmp_path / "a.txt", line(US, agg(1)) + line(US, agg(1, "ETHUSDT")))
    assert ["ETHUSDT"] == list(read_recording([path], ["ethusdt"]).tapes)
    with pytest.raises(RecordingError, match="no XRPUSDT; it has BTCUSDT, ETHUSDT"):
        read_recording([path], ["XRPUSDT"])


def test_a_missing_path_is_named(tmp_path: Path) -> None:
    with pytest.raises(RecordingError, match="no such file or folder"):
        read_recording([tmp_path / "nothing"])


def test_a_folder_without_market_data_is_refused(tmp_path: Path) -> None:
    written(tmp_path / "README.md", "# Notes\nnothing, here\n")
    with pytest.raises(RecordingError, match="holds no trades and no depth"):
        read_recording([tmp_path])


def test_files_of_other_kinds_in_a_folder_are_passed_over(tmp_path: Path) -> None:
    written(tmp_path / "README.md", "# Notes\nnothing, here\n")
    (tmp_path / "logo.png").write_bytes(b"\x89PNG\r\n\x1a\n\xff\xfe")
    written(tmp_path / "a.txt", line(US, agg(1)))
    assert {"file README.md": 1, "file logo.png": 1} == read_recording([tmp_path]).ignored
