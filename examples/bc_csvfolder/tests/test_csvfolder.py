"""The source, through the tests that every source has to pass, and what is its own affair."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from bc_csvfolder.plugin import bcore_sources
from bc_csvfolder.source import CSVFOLDER, CsvfolderSource
from bcore.instants import iso
from bcore.protocols import Source
from bcore.records import Factory
from bcore.registry import Registry
from bcore.testing import SourceTests, made
from bcore.testing.samples import time_of

ROWS = 45


def written(folder: Path, symbol: str, count: int = ROWS) -> None:
    lines = [f"{number},{iso(time_of(number))},{100 + number / 4},{number + 1}" for number in range(count)]
    (folder / f"{symbol}.csv").write_text("\n".join(["id,timestamp,price,quantity", *lines]) + "\n")


def table(symbol: str) -> pa.Table:
    columns = {
        "id": range(ROWS),
        "timestamp": pa.array([time_of(number) for number in range(ROWS)], pa.timestamp("us", tz="UTC")),
        "symbol": [symbol] * ROWS,
        "price": [100 + number / 4 for number in range(ROWS)],
        "quantity": [float(number + 1) for number in range(ROWS)],
    }
    return pa.table(columns, schema=CSVFOLDER.schema)


@pytest.fixture
def source_of(tmp_path: Path) -> Callable[..., Any]:
    (factory,) = bcore_sources()
    return lambda *symbols: made(factory, {"folder": str(tmp_path), "page": 10}, symbols=symbols)


class TestCsvfolderSource(SourceTests):
    @pytest.fixture
    def open_source(self, tmp_path: Path, source_of: Callable[..., Source]) -> Callable[[], Source]:
        for symbol in ("AAA", "BBB"):
            written(tmp_path, symbol)
        return lambda: source_of("AAA", "BBB")

    @pytest.fixture
    def expected(self) -> Mapping[str, pa.Table]:
        return {f"csvfolder/{symbol}": table(symbol) for symbol in ("AAA", "BBB")}

    @pytest.fixture
    def factory(self) -> Factory[Any]:
        (factory,) = bcore_sources()
        return factory

    @pytest.fixture
    def partly_failing(self, tmp_path: Path, source_of: Callable[..., Source]) -> tuple[Source, tuple[str, ...]]:
        written(tmp_path, "BBB")
        return source_of("MISSING", "BBB"), ("BBB",)


def test_rows_that_make_no_sense_are_put_aside(tmp_path: Path, source_of: Callable[..., CsvfolderSource]) -> None:
    (tmp_path / "AAA.csv").write_text("id,timestamp,price,quantity\n1,2026-01-01,5,1\n2,yesterday,5,1\n3\n")
    (batch,) = source_of("AAA").catch_up({})
    assert [1] == batch.table["id"].to_pylist()
    assert ["2,yesterday,5,1", "3,None,None,None"] == list(batch.rejected[0].rows)


def test_the_installed_plugin_offers_the_source() -> None:
    assert "csvfolder" in Registry.load(environ={}).of("sources")
