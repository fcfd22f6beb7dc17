"""The section `[sources.orderbook]` as the core reads it."""

from __future__ import annotations

import math
from typing import Any

import pytest
from attrs import astuple

from bc_orderbook.config import OrderBookConfig
from bcore.fields import FieldsError, fields_of, parse


def test_every_key_has_a_default_and_a_help_text() -> None:
    names = [each.name.rstrip("_") for each in fields_of(OrderBookConfig)]

    assert ["from", "interval", "tick_sizes", "num_levels", "depth", "flush"] == names
    assert all(each.help and not each.required for each in fields_of(OrderBookConfig))


def test_snapshots_are_of_the_maintained_book_unless_asked_for_otherwise() -> None:
    assert ("book", 30.0, None, 15) == astuple(OrderBookConfig())[:4]


@pytest.mark.parametrize("typed", [[50, 10.0, 10], (10, 50), "10,50"])
def test_a_list_of_tick_sizes_is_for_every_symbol(typed: Any) -> None:
    assert (10.0, 50.0) == parse(OrderBookConfig, {"tick_sizes": typed}).ticks_of("ANY")


def test_a_table_of_tick_sizes_is_by_symbol() -> None:
    config = parse(OrderBookConfig, {"tick_sizes": {"BTCUSDT": [100, 10], "ETHUSDT": [0.5]}})

    assert ((10.0, 100.0), (0.5,), None) == tuple(map(config.ticks_of, ("BTCUSDT", "ETHUSDT", "XRPUSDT")))


def test_one_number_is_one_tick_size() -> None:
    assert (10.0,) == parse(OrderBookConfig, {"tick_sizes": 10}).ticks_of("BTCUSDT")


def test_symbols_of_the_table_that_are_not_collected_are_named() -> None:
    config = parse(OrderBookConfig, {"tick_sizes": {"BTCUSDT": [10], "BTCUDST": [10]}})

    assert ["BTCUDST"] == config.unused(["BTCUSDT", "ETHUSDT"])


def test_a_list_is_used_by_all_symbols() -> None:
    assert [] == OrderBookConfig(tick_sizes=(10.0,)).unused(["BTCUSDT"])


@pytest.mark.parametrize(
    ("values", "field", "sentence"),
    [
        ({"interval": 0}, "interval", "more than 0 seconds"),
        ({"interval": "nan"}, "interval", "must be"),
        ({"interval": 0.05}, "", "interval must be 0.1 seconds or more"),
        ({"flush": 0}, "flush", "more than 0 seconds"),
        ({"depth": 0}, "depth", "from 1 to 5000"),
        ({"depth": 5001}, "depth", "from 1 to 5000"),
        ({"num_levels": 0}, "num_levels", "from 1 to 500"),
        ({"num_levels": 1.5}, "num_levels", "whole number"),
        ({"tick_sizes": []}, "tick_sizes", "is empty"),
        ({"tick_sizes": {"BTCUSDT": []}}, "tick_sizes", "of BTCUSDT is empty"),
        ({"tick_sizes": [10, 0]}, "tick_sizes", "more than 0, not 0.0"),
        ({"tick_sizes": {"BTCUSDT": [-1]}}, "tick_sizes", "of BTCUSDT must be more than 0"),
        ({"tick_sizes": ["inf"]}, "tick_sizes", "must be"),
        ({"tick_sizes": "ten"}, "tick_sizes", "must be a number, not 'ten'"),
        ({"tick_size": [10]}, "tick_size", "did you mean tick_sizes?"),
    ],
)
def test_what_cannot_be_used_is_said_in_a_sentence(values: dict[str, Any], field: str, sentence: str) -> None:
    with pytest.raises(FieldsError) as caught:
        parse(OrderBookConfig, values)
    [(name, text)] = caught.value.problems

    assert (True, True) == (name.startswith(field), sentence in text), caught.value.problems


@pytest.mark.parametrize("values", [{"interval": math.inf}, {"tick_sizes": (math.nan,)}, {"tick_sizes": (math.inf,)}])
def test_what_is_no_finite_number_is_refused_from_code_too(values: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="more than 0"):
        OrderBookConfig(**values)
