"""Recordings that are our own archive."""

from __future__ import annotations

from pathlib import Path

import pytest

from bc_replay.errors import RecordingError
from bc_replay.recording import read_recording

US = 1_723_161_255_000_000


def archive(root: Path, symbol: str, ids: list[int], price: float = 61837.63) -> Path:
    import pyarrow as pa
    import pyarrow.parquet as pq

    count = len(ids)
    columns = {
        "agg_trade_id": ids,
        "timestamp": pa.array([US + id for id in ids], pa.timestamp("us", tz="UTC")),
        "symbol": [symbol] * count,
        "price": [price] * count,
        "quantity": [0.00000001] * count,
        "first_trade_id": ids,
        "last_trade_id": ids,
        "is_buyer_maker": [True] * count,
        "is_best_match": [True] * count,
    }
    root.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table(columns), root)
    return root


def test_an_archive_root_is_read_through_symlinks_and_parts(tmp_path: Path) -> None:
    version = tmp_path / "trades" / ".BTCUSDT" / "v000042"
    archive(version / "a.parquet", "BTCUSDT", [1, 2])
    archive(version / "b.parquet", "BTCUSDT", [3])
    (tmp_path / "trades" / "BTCUSDT.parquet").symlink_to(".BTCUSDT/v000042")
    archive(tmp_path / "trades" / "ETHUSDT.parquet", "ETHUSDT", [7])
    tapes = read_recording([tmp_path]).tapes
    assert {"BTCUSDT": [1, 2, 3], "ETHUSDT": [7]} == {s: [t.id for t in tape.agg_trades] for s, tape in tapes.items()}


def test_floats_of_the_archive_become_the_exchange_text_again(tmp_path: Path) -> None:
    (found,) = read_recording([archive(tmp_path / "BTCUSDT.parquet", "BTCUSDT", [2])]).tapes["BTCUSDT"].agg_trades
    assert ("61837.63000000", "0.00000001", US + 2) == (found.price, found.quantity, found.at)


def test_a_float_that_is_no_price_of_the_exchange_is_refused(tmp_path: Path) -> None:
    path = archive(tmp_path / "BTCUSDT.parquet", "BTCUSDT", [2], price=0.1 + 0.2)
    with pytest.raises(RecordingError, match="more than 8 decimals"):
        read_recording([path])


def test_another_parquet_file_is_named_with_what_it_lacks(tmp_path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    pq.write_table(pa.table({"x": [1]}), tmp_path / "BTCUSDT.parquet")
    with pytest.raises(RecordingError, match="lacks the columns agg_trade_id"):
        read_recording([tmp_path / "BTCUSDT.parquet"])
