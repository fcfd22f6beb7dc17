"""An exchange that is made up as it goes."""

from __future__ import annotations

import itertools
import json
from pathlib import Path

import pytest
import requests
from websockets.sync.client import connect

from bc_replay.columns import Columns
from bc_replay.errors import RecordingError
from bc_replay.recording import read_recording
from bc_replay.synthetic import BEGIN
from bc_replay.tape import AggTrades, Tape, Trades
from bc_replay.testing import ReplayServer

SECOND = 1_000_000
HOUR = 3600 * SECOND


def recorded(tape: Tape, count: int) -> Tape:
    """The first trades of a tape, held in memory as those of a file are."""
    columns = Columns()
    for t in tape.agg_trades[:count]:
        price, quantity = (int(text.replace(".", "")) for text in (t.price, t.quantity))
        columns.add_agg(t.id, price, quantity, t.first, t.last, t.time, t.buyer_maker, t.best_match, t.at, t.event_time)
    return Tape(tape.symbol, AggTrades(columns), Trades(Columns()))


def test_it_has_as_many_symbols_and_trades_as_its_name_says() -> None:
    recording = read_recording(["synthetic:3x40x10"])
    assert ["SYN0000USDT", "SYN0001USDT", "SYN0002USDT"] == list(recording.tapes)
    assert [400] * 3 == [len(tape.agg_trades) for tape in recording.tapes.values()]
    assert 3 == len({tape.agg_trades[0].time for tape in recording.tapes.values()})


def test_ids_are_unbroken_and_each_aggregate_is_one_trade() -> None:
    tape = read_recording(["synthetic:2x7"]).tapes["SYN0001USDT"]
    trades = list(tape.agg_trades[5000:6000])
    assert all(a.id + 1 == b.id and a.last + 1 == b.first and a.time < b.time for a, b in itertools.pairwise(trades))
    assert [t.first for t in trades] == [t.id for t in tape.trades[5000:6000]]
    assert {True, False} == {t.buyer_maker for t in trades}
    assert ((), True) == (tape.gaps, tape.trades_complete)


def test_it_goes_on_for_years_and_is_looked_up_at_once() -> None:
    tape = read_recording(["synthetic:1x1000"]).tapes["SYN0000USDT"]
    year = tape.happened(BEGIN + 365 * 24 * HOUR)
    assert 365 * 24 * 3600 * 1000 + 1 == len(year.agg_trades)
    assert [7_000_000_000, 7_000_000_001] == [t.id for t in year.agg_trades.from_id(7_000_000_000, 2)]


def test_its_candles_are_those_of_the_same_trades_held_in_memory() -> None:
    tape = read_recording(["synthetic:1x2"]).tapes["SYN0000USDT"]
    now = BEGIN + HOUR
    made, held = (t.happened(now).candles("1m", limit=60) for t in (tape, recorded(tape, 7201)))
    assert made[:59] == held[:59]
    assert 120 == made[0].count


@pytest.mark.parametrize("name", ["500", "0x40", "5x0", "x", "5x40x0", "20000x1", "1x0.001x10"])
def test_a_name_that_makes_no_sense_is_explained(name: str) -> None:
    with pytest.raises(RecordingError, match="SYMBOLSxRATE"):
        read_recording([f"synthetic:{name}"])


def test_it_is_a_whole_exchange(tmp_path: Path) -> None:
    with pytest.raises(RecordingError, match="give no other recording"):
        read_recording([tmp_path, "synthetic:1x1"])


def test_it_is_served_like_a_recording() -> None:
    with ReplayServer("synthetic:20x50x30", speed=0, exit_at_end=True) as server:
        names = "/".join(f"syn{n:04}usdt@aggTrade" for n in range(20))
        with connect(f"{server.ws_url}/stream?streams={names}") as ws:
            ids: dict[str, list[int]] = {}
            for message in ws:
                event = json.loads(message)["data"]
                ids.setdefault(event["s"], []).append(event["a"])
        assert {f"SYN{n:04}USDT": [*range(1, 1501)] for n in range(20)} == ids
        assert 0 == server.wait(10)


def test_its_bulk_files_are_there_for_the_days_that_are_over() -> None:
    with ReplayServer("synthetic:1x0.01", options=["--start-at", str(BEGIN + 49 * HOUR)]) as server:
        folder = f"{server.url}/data/spot/daily/aggTrades/SYN0000USDT"
        names = [f"SYN0000USDT-aggTrades-2026-01-0{n}.zip" for n in (1, 2, 3)]
        assert [200, 200, 404] == [requests.get(f"{folder}/{name}", timeout=30).status_code for name in names]
