"""The section: every wrong value is told in one sentence; and what the plugin declares."""

from __future__ import annotations

import subprocess
import sys

import pytest

import bc_binance
from bc_binance import Binance, BinanceConfig
from bc_binance.plugin import bcore_exchanges
from bcore.fields import FieldsError, fields_of, parse


def test_the_defaults_are_the_market_data_hosts() -> None:
    config = BinanceConfig()
    assert "https://data-api.binance.vision" == config.rest_url
    assert "wss://data-stream.binance.vision" == config.stream_url
    assert "https://data.binance.vision" == config.bulk_url


@pytest.mark.parametrize("tail", ["", "/", "/api", "/api/", "/api/v3", "/api/v3/"])
def test_a_pasted_path_is_taken_off_the_address(tail: str) -> None:
    assert "https://testnet.binance.vision" == BinanceConfig(rest_url="https://testnet.binance.vision" + tail).rest_url


@pytest.mark.parametrize(
    ("key", "value", "says"),
    [
        ("rest_url", "api.binance.com", "must be the address of a host"),
        ("rest_url", "wss://stream.binance.com", "https:// or http://"),
        ("stream_url", "https://stream.binance.com", "wss:// or ws://"),
        ("timeout", 0, "more than 0 seconds"),
        ("timeout", "soon", "must be a number"),
        ("budget", 1.5, "a share above 0 and at most 1"),
        ("budget", 0, "a share above 0 and at most 1"),
        ("user_agent", "a\nb", "printable ASCII"),
        ("background_share", 0, "a share above 0 and at most 1"),
        ("stream_limit", 1025, "a whole number from 1 to 1024"),
        ("stream_attempts", 301, "a whole number from 1 to 300"),
        ("stream_silence", 0, "more than 0 seconds"),
        ("stream_lifetime", -1, "more than 0 seconds"),
        ("stream_overlap", "never", "must be a number"),
        ("stream_backlog", 0, "a whole number from 1"),
        ("bulk_limit", 0, "a whole number from 1"),
        ("bulk_listing_url", "bucket", "must be the address of a host"),
        ("budgte", 1, "did you mean budget?"),
    ],
)
def test_a_wrong_value_is_told_in_a_sentence(key: str, value: object, says: str) -> None:
    with pytest.raises(FieldsError) as caught:
        parse(BinanceConfig, {key: value})
    assert [key] == [name for name, _ in caught.value.problems]
    assert says in caught.value.problems[0][1]


@pytest.mark.parametrize("tail", ["", "/", "/ws", "/stream", "/stream/"])
def test_a_pasted_stream_path_is_taken_off_the_address(tail: str) -> None:
    assert (
        "wss://stream.binance.com:9443" == BinanceConfig(stream_url="wss://stream.binance.com:9443" + tail).stream_url
    )


def test_every_key_has_help() -> None:
    assert all(each.help for each in fields_of(BinanceConfig))


def test_the_plugin_offers_the_exchange() -> None:
    (factory,) = bcore_exchanges()
    assert ("binance", BinanceConfig, Binance.build) == (factory.name, factory.config, factory.build)


def test_the_public_names_are_there() -> None:
    assert [] == [name for name in bc_binance.__all__ if not getattr(bc_binance, name)]
    with pytest.raises(AttributeError, match="no attribute 'Kraken'"):
        _ = bc_binance.Kraken


def test_the_plugin_module_imports_nothing_heavy() -> None:
    code = (
        "import sys, bc_binance.plugin; print(sorted({'requests', 'msgspec', 'pyarrow', 'aiohttp'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "[]" == done.stdout.strip()


@pytest.mark.parametrize(
    ("rest_url", "stream_url", "bulk_url"),
    [
        ("https://data-api.binance.vision", "wss://data-stream.binance.vision", "https://data.binance.vision"),
        ("https://api3.binance.com/api", "wss://stream.binance.com:9443", "https://data.binance.vision"),
        ("https://api.binance.us", "wss://stream.binance.us:9443", "https://api.binance.us"),
        ("http://127.0.0.1:9000", "ws://127.0.0.1:9000", "http://127.0.0.1:9000"),
        ("https://proxy.example/binance", "wss://proxy.example", "https://proxy.example/binance"),
    ],
)
def test_what_is_not_named_belongs_to_the_exchange_that_is(rest_url: str, stream_url: str, bulk_url: str) -> None:
    config = BinanceConfig(rest_url=rest_url)
    assert (stream_url, bulk_url) == (config.stream_url, config.bulk_url)


def test_what_is_named_is_taken() -> None:
    config = BinanceConfig(
        rest_url="http://127.0.0.1:1", stream_url="ws://127.0.0.1:2/ws", bulk_url="http://127.0.0.1:3/"
    )
    assert ("ws://127.0.0.1:2", "http://127.0.0.1:3") == (config.stream_url, config.bulk_url)
