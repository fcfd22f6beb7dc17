"""CSV recordings: bulk files and tables with a header of their own."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

from bc_replay.errors import RecordingError
from bc_replay.recording import read_recording

US = 1_723_161_255_000_000
BULK = "3,10.50000000,0.50000000,6,6,1723161255003,True,True\n1,10.50000000,0.50000000,2,3,1723161255001,False,True\n"


def written(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def test_bulk_agg_trades_are_sorted_and_named_by_their_file(tmp_path: Path) -> None:
    tape = read_recording([written(tmp_path / "ETHUSDT-aggTrades-2024-08-09.csv", BULK)]).tapes["ETHUSDT"]
    assert [(1, 2, 3, False, US + 1000), (3, 6, 6, True, US + 3000)] == [
        (t.id, t.first, t.last, t.buyer_maker, t.at) for t in tape.agg_trades
    ]


def test_microseconds_are_told_by_magnitude(tmp_path: Path) -> None:
    text = BULK.replace("1723161255001", "1723161255001234")
    tape = read_recording([written(tmp_path / "ETHUSDT-aggTrades-2024-08-09.csv", text)]).tapes["ETHUSDT"]
    assert [US + 1234, US + 3000] == [t.time for t in tape.agg_trades]


def test_a_bulk_zip_is_read(tmp_path: Path) -> None:
    path = tmp_path / "ETHUSDT-aggTrades-2024-08.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("ETHUSDT-aggTrades-2024-08.csv", BULK)
    assert 2 == len(read_recording([path]).tapes["ETHUSDT"].agg_trades)


def test_bulk_trades_are_aggregated(tmp_path: Path) -> None:
    text = "".join(f"{id},10.5,0.1,1.05,1723161255001,True,True\n" for id in (8, 9))
    tape = read_recording([written(tmp_path / "ETHUSDT-trades-2024-08-09.csv", text)]).tapes["ETHUSDT"]
    assert ([(1, "0.20000000", 8, 9)], 2) == (
        [(t.id, t.quantity, t.first, t.last) for t in tape.agg_trades],
        len(tape.trades),
    )


@pytest.mark.parametrize("true", ["True", "true", "t", "1"])
def test_a_header_is_read_by_its_names(tmp_path: Path, true: str) -> None:
    text = f"isBuyerMaker,Symbol,Trade Id,qty,price,time\n{true},bnbusdt,4,2.0,3.5,1723161255001\n"
    tape = read_recording([written(tmp_path / "x.csv", text)]).tapes["BNBUSDT"]
    assert [(4, "3.50000000", "2.00000000", True, True)] == [
        (t.id, t.price, t.quantity, t.buyer_maker, t.best_match) for t in tape.trades
    ]


def test_a_header_of_wire_names_tells_t_from_capital_t(tmp_path: Path) -> None:
    text = "a,p,q,f,l,T,m,M\n4,3.5,2.0,7,8,1723161255001,false,true\n"
    tape = read_recording([f"BTCUSDT={written(tmp_path / 'x.csv', text)}"]).tapes["BTCUSDT"]
    assert [(4, 7, 8, US + 1000)] == [(t.id, t.first, t.last, t.time) for t in tape.agg_trades]


def test_a_table_without_a_symbol_is_refused_with_the_way_out(tmp_path: Path) -> None:
    path = written(tmp_path / "data.csv", BULK)
    with pytest.raises(RecordingError, match="SYMBOL="):
        read_recording([path])
    assert ["XYZUSDT"] == list(read_recording([f"XYZUSDT={path}"]).tapes)


def test_a_bad_row_is_named(tmp_path: Path) -> None:
    path = written(tmp_path / "ETHUSDT-aggTrades-2024-08-09.csv", BULK + "4,abc,1,2,2,1723161255003,True,True\n")
    with pytest.raises(RecordingError, match=r"line 3: 'abc' is not a decimal number"):
        read_recording([path])


@pytest.mark.parametrize("row", ["1,2.5,0.5,7,8,1723161255003,true\n", "1,2.5,0.5,1.25,1723161255003,true\n"])
def test_bulk_tables_of_futures_have_a_column_less(tmp_path: Path, row: str) -> None:
    recording = read_recording([written(tmp_path / "BTCUSDT-aggTrades-2024-08-09.csv", row)])
    (trade,) = recording.tapes["BTCUSDT"].agg_trades
    assert ({"um"}, 1, "2.50000000", True) == (recording.markets, trade.id, trade.price, trade.buyer_maker)


def test_a_file_that_is_no_csv_at_all_is_passed_over_in_a_folder(tmp_path: Path) -> None:
    written(tmp_path / "blob.txt", "x" * 200_000)
    written(tmp_path / "ETHUSDT-aggTrades-2024-08-09.csv", BULK)
    assert {"file blob.txt": 1} == read_recording([tmp_path]).ignored


def test_klines_are_no_recording(tmp_path: Path) -> None:
    row = "1577836800000,1,1,1,1,1,1577836859999,1,4,1,1,0\n"
    with pytest.raises(RecordingError, match="no known table; understood are"):
        read_recording([written(tmp_path / "BTCUSDT-1m-2020-01-01.csv", row)])
