"""What pictures are made of, and the files they become."""

from __future__ import annotations

import re
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pyarrow as pa
import pytest
from click.testing import CliRunner, Result

from bc_plot.coverage import STATES
from bc_plot.depth import Depth, Side
from bc_plot.picture import Picture
from bcore.cli import main
from bcore.client import Client
from bcore.errors import NotFoundError, RequestError

KINDS = ("candles", "depth", "spread")
FROM, TO = "2026-02-15T00:00:00", "2026-02-15T12:00:00"


def names(coverage: object, symbol: str) -> list[str]:
    row = coverage.symbols.index(symbol)  # type: ignore[attr-defined]
    return [STATES[place] for place in coverage.states[row]]  # type: ignore[attr-defined]


def test_candles_show_the_newest_or_a_range(client: Client) -> None:
    assert 120 == len(client.plot_candles("BTCUSDT").times)
    hours = client.plot_candles("BTCUSDT", timeframe="1h", start_time=FROM, end_time=TO)
    assert 12 == len(hours.times)
    assert np.datetime64("2026-02-15T11:00") == hours.times[-1]
    bars = client.get_ohlcv("BTCUSDT", timeframe="1h", start_time=FROM, end_time=TO)
    assert bars["high"].tolist() == hours.prices["high"].tolist()


def test_bars_that_are_not_proven_are_counted_in_the_title(client: Client) -> None:
    hole = client.plot_candles("BTCUSDT", timeframe="1h", start_time="2026-02-17T10:00", end_time="2026-02-17T16:00")
    pale = int((~hole.complete).sum())
    assert 0 < pale < len(hole.times)
    assert f"{pale} of {len(hole.times)} not proven complete" in hole.title
    proven, unproven, _ = hole.plotly().data  # on a page too: pale
    assert (len(hole.times) - pale, pale) == (len(proven.x), len(unproven.x))
    assert unproven.opacity < proven.opacity


def test_bars_are_as_wide_as_seven_tenths_of_the_time_between_them(client: Client) -> None:
    axes = client.plot_candles("BTCUSDT", timeframe="1h", limit=5).figure().axes
    (width,) = {round(patch.get_width() * 24, 3) for patch in axes[1].patches}
    assert 0.7 == width


def test_depth_is_of_the_finest_snapshot_without_a_stored_stream(client: Client) -> None:
    book = client.plot_depth("BTCUSDT")
    assert ([99, 98], [2, 4]) == (book.bids.prices[:2].tolist(), book.bids.sums[:2].tolist())
    assert (15, 12) == (len(book.bids.prices), len(book.asks.prices))
    assert "2026-02-15 00:04:50.000 UTC" in book.title
    before = client.plot_depth("BTCUSDT", at="2026-02-15T00:01:05", tick_size=10, levels=3)
    assert ([90, 80, 70], "00:01:00.000") == (before.bids.prices.tolist(), before.at[11:])


def test_depth_of_a_rebuilt_book() -> None:
    """Of the columns of the view `book`: a row is a level of a side."""
    rows = [("bid", 1, 99.0, 1.0), ("ask", 1, 101.0, 2.0), ("bid", 2, 98.0, 3.0), ("ask", 2, 103.0, 4.0)]
    columns = dict(zip(("side", "level", "price", "quantity"), zip(*rows, strict=True), strict=True))
    at = pa.array([1_771_113_600_000_000] * 4, pa.timestamp("us", tz="UTC"))
    book = Depth.of_book(pa.table({"timestamp": at, "state": ["verified"] * 4, **columns}), "BTCUSDT")
    assert ([1, 4], [2, 6]) == (book.bids.sums.tolist(), book.asks.sums.tolist())
    assert "BTCUSDT depth · 2026-02-15 00:00:00.000 UTC · 99 / 101 · rebuilt, verified" == book.title
    assert 1 == len(book.figure().axes)


def test_a_whole_book_is_shown_near_the_mid() -> None:
    """A hundredth of the price on either side, or fifty levels where those lie further out."""

    def book(step: float) -> Depth:
        bids, asks = (Side(1000 + sign * step * np.arange(1, 301), np.arange(1.0, 301)) for sign in (-1, 1))
        far = Side(np.append(asks.prices, 9999.0), np.append(asks.sums, 900.0))
        return Depth("BTCUSDT", "rebuilt", "now", bids, far).near()

    dense, sparse = book(0.1), book(2.0)
    assert (100, 100, 0.01) == (len(dense.bids.prices), len(dense.asks.prices), dense.within)
    assert (50, 50, 0.1) == (len(sparse.bids.prices), len(sparse.asks.prices), sparse.within)
    assert "price, within 1 % of the mid" in dense.figure().axes[0].get_xlabel()
    few = Depth("BTCUSDT", "rebuilt", "now", Side(sparse.bids.prices[:3], sparse.bids.sums[:3]), sparse.asks).near()
    assert (few, "price") == (few.near(), few.figure().axes[0].get_xlabel())


def test_spread_in_basis_points_of_the_mid(client: Client) -> None:
    spread = client.plot_spread("BTCUSDT", limit=4)
    assert [100.0, 100.5, 100.0, 100.5] == spread.mid.tolist()
    assert [100.0, 200 / 1.005] == pytest.approx(spread.basis_points[:2].tolist())


def test_coverage_says_what_is_proven_of_each_day(client: Client) -> None:
    calendar = client.plot_coverage()
    assert 8 - 2 == len(calendar.days)
    complete = ["complete", "complete", "open", "complete", "unbroken", "missing"]
    assert complete == names(calendar, "BTCUSDT")
    assert ["missing"] * 3 + ["unbroken", "complete", "unbroken"] == names(calendar, "ETHUSDT")
    assert 100 == calendar.lacking.sum()
    assert 5 * 1440 - 100 + 3 * 1440 - 10 == calendar.rows.sum()


def test_coverage_of_some_symbols_in_a_range(client: Client) -> None:
    calendar = client.plot_coverage("BTCUSDT", start_time="2026-02-16", end_time="2026-02-18")
    assert ["complete", "open"] == names(calendar, "BTCUSDT")
    with pytest.raises(NotFoundError, match=r"trades/BTCUSD'? \(did you mean BTCUSDT|did you mean"):
        client.plot_coverage(["BTCUSD"])
    with pytest.raises(NotFoundError, match="nothing is stored of trades in this range"):
        client.plot_coverage(start_time="2020-01-01", end_time="2020-01-02")


def test_what_is_not_there_is_said(client: Client) -> None:
    with pytest.raises(NotFoundError, match="no candles of BTCUSDT in this range"):
        client.plot_candles("BTCUSDT", start_time="2020-01-01", end_time="2020-01-02")
    with pytest.raises(NotFoundError, match="nothing is stored of orderbook for the symbol 'ETHUSDT'"):
        client.plot_spread("ETHUSDT")


@pytest.mark.parametrize("kind", [*KINDS, "coverage"])
def test_pictures_are_png_and_svg(client: Client, kind: str, tmp_path: Path) -> None:
    picture: Picture = getattr(client, f"plot_{kind}")(*(["BTCUSDT"] if kind in KINDS else []))
    assert picture._repr_png_().startswith(b"\x89PNG")
    drawn = ElementTree.parse(picture.save(tmp_path / "it.svg")).getroot()
    assert drawn.tag.endswith("svg")
    assert len(list(drawn.iter())) > 40


@pytest.mark.parametrize("kind", [*KINDS, "coverage"])
def test_pages_ask_no_other_machine_for_anything(client: Client, kind: str, tmp_path: Path) -> None:
    picture: Picture = getattr(client, f"plot_{kind}")(*(["BTCUSDT"] if kind in KINDS else []))
    page = picture.save(tmp_path / "it.html").read_text()
    assert len(page) > 1_000_000  # plotly itself is inside
    assert [] == re.findall(r"<(?:script|link|img)[^>]*(?:src|href)\s*=", page)


def test_an_ending_that_is_none_of_ours(client: Client, tmp_path: Path) -> None:
    with pytest.raises(RequestError, match=r"written as \.png, \.svg, \.pdf, \.html"):
        client.plot_depth("BTCUSDT").save(tmp_path / "it.bmp")


def plot(archive: Path, *words: str) -> Result:
    return CliRunner().invoke(main, ["plot", *words, "--data", str(archive)])


def test_the_command_writes_a_file_and_says_which(
    archive: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    ended = plot(archive, "candles", "BTCUSDT", "--timeframe", "1h", "--start", FROM, "--end", TO)
    assert (0, True) == (ended.exit_code, ended.output.startswith("wrote candles-BTCUSDT.png: BTCUSDT 1h")), (
        ended.output
    )
    assert (tmp_path / "candles-BTCUSDT.png").read_bytes().startswith(b"\x89PNG")
    for words in (["depth", "BTCUSDT", "--at", FROM], ["spread", "BTCUSDT"], ["coverage", "BTCUSDT", "ETHUSDT"]):
        assert 0 == plot(archive, *words, "-o", f"{words[0]}.svg").exit_code
        assert (tmp_path / f"{words[0]}.svg").exists()


def test_the_command_draws_another_archive(archive: Path, elsewhere: None, tmp_path: Path) -> None:
    for words in (["candles", "BTCUSDT"], ["depth", "BTCUSDT"], ["spread", "BTCUSDT"], ["coverage"]):
        ended = CliRunner().invoke(main, ["plot", *words, "--remote", str(archive), "-o", f"{words[0]}.svg"])
        assert (0, True) == (ended.exit_code, (tmp_path / f"{words[0]}.svg").exists()), ended.output
    both = plot(archive, "coverage", "--remote", str(archive))
    assert (2, True) == (both.exit_code, "name two archives" in both.output)


def test_the_command_names_mistakes(archive: Path, tmp_path: Path) -> None:
    ended = plot(archive, "candles", "BTCUSD", "-o", str(tmp_path / "it.png"))
    assert (True, True) == (ended.exit_code != 0, "BTCUSDT" in (ended.output or str(ended.exception)))
    nowhere = plot(archive, "depth", "BTCUSDT", "-o", str(tmp_path / "none" / "it.png"))
    assert (1, True) == (nowhere.exit_code, "cannot be written: No such file" in nowhere.output)
