"""A small recording with known contents, and servers on it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bc_replay.testing import ReplayServer

START = 1_704_067_200_000  # 2024-01-01 00:00:00 UTC in ms
COUNT = 3000  # aggregates of BTCUSDT, ids 1000..3999, one each 20 ms; each is two fills
FIRST_ID = 1000


def _line(at: int, stream: str, data: dict[str, Any]) -> str:
    return f"{at * 1000} {json.dumps({'stream': stream, 'data': data})}"


def _agg_trade(symbol: str, n: int, at: int) -> dict[str, Any]:
    fills = {"f": 5000 + 2 * n, "l": 5001 + 2 * n}
    price, quantity = f"{100 + n % 50}.50000000", "0.01000000"
    head = {"e": "aggTrade", "E": at, "s": symbol, "a": FIRST_ID + n, "p": price, "q": quantity}
    return {**head, **fills, "T": at, "m": n % 2 == 0, "M": True}


def _depth(n: int, at: int) -> dict[str, Any]:
    sides = {"b": [[f"{90 + n % 5}.00000000", f"{n + 1}.00000000"]], "a": [["200.00000000", f"{n + 1}.00000000"]]}
    return {"e": "depthUpdate", "E": at, "s": "BTCUSDT", "U": 101 + 2 * n, "u": 102 + 2 * n, **sides}


def _btcusdt() -> list[str]:
    snapshot = {"lastUpdateId": 100, "bids": [["89.00000000", "1.00000000"]], "asks": [["300.00000000", "1.00000000"]]}
    lines = [f"{START * 1000} {json.dumps(snapshot)}"]
    for n in range(COUNT):
        at = START + 20 * n
        lines.append(_line(at, "btcusdt@aggTrade", _agg_trade("BTCUSDT", n, at)))
        if n % 5 == 0:
            lines.append(_line(at + 1, "btcusdt@depth@100ms", _depth(n // 5, at + 1)))
    return lines


@pytest.fixture(scope="session")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A minute of BTCUSDT (aggTrade, depth@100ms, a snapshot) and of ETHUSDT (ten aggregates)."""
    folder = tmp_path_factory.mktemp("recording")
    (folder / "btcusdt.dat").write_text("\n".join(_btcusdt()) + "\n")
    eth = [_line(START + 6000 * n, "ethusdt@aggTrade", _agg_trade("ETHUSDT", n, START + 6000 * n)) for n in range(10)]
    (folder / "ethusdt.dat").write_text("\n".join(eth) + "\n")
    return folder


@pytest.fixture(scope="session")
def over(recording: Path) -> Iterator[ReplayServer]:
    """A server whose recording is over, so that everything has happened."""
    end = (START + 20 * (COUNT - 1)) * 1000
    with ReplayServer(recording, options=["--start-at", str(end), "--weight-limit", "1000000"]) as server:
        yield server
