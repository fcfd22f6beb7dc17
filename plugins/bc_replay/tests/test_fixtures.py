"""The replay exchange as other plugins' tests get it."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any
from urllib.request import urlopen

pytest_plugins = ["bc_replay.fixtures"]


def test_an_exchange_is_there_when_a_test_asks_for_one(
    replay_exchange: Callable[..., Any],
) -> None:
    server = replay_exchange(speed=0)
    with urlopen(f"{server.url}/api/v3/exchangeInfo", timeout=30) as reply:
        assert ["BTCUSDT"] == [each["symbol"] for each in json.load(reply)["symbols"]]
    assert server.ws_url.startswith("ws://127.0.0.1:")


def test_several_may_run_side_by_side(replay_exchange: Callable[..., Any]) -> None:
    one, other = replay_exchange(speed=0), replay_exchange(speed=0, faults=["500@0"])
    assert one.url != other.url
    assert [] == one.faults()
    assert 1 == len(other.faults())
