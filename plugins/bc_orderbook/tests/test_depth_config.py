"""The section `[sources.depth]` as the core reads it."""

from __future__ import annotations

from typing import Any

import pytest

from bc_orderbook.depth_config import DepthConfig
from bcore.fields import FieldsError, fields_of, parse


def test_every_key_has_a_default_and_a_help_text() -> None:
    assert ["speed", "snapshot_levels", "checkpoint", "reconcile", "tickers", "flush", "queue"] == [
        each.name for each in fields_of(DepthConfig)
    ]
    assert all(each.help and not each.required for each in fields_of(DepthConfig))


@pytest.mark.parametrize(
    ("values", "field", "sentence"),
    [
        ({"speed": "10ms"}, "speed", "must be '100ms' or '250ms' or '500ms' or '1000ms'"),
        ({"snapshot_levels": 5001}, "snapshot_levels", "from 1 to 5000"),
        ({"checkpoint": 0}, "checkpoint", "more than 0 seconds"),
        ({"reconcile": -1}, "reconcile", "0 or more seconds"),
        ({"flush": -1}, "flush", "0 or more seconds"),
        ({"queue": 0}, "queue", "from 1 to"),
    ],
)
def test_what_cannot_be_used_is_said_in_a_sentence(values: dict[str, Any], field: str, sentence: str) -> None:
    with pytest.raises(FieldsError) as caught:
        parse(DepthConfig, values)
    [(name, text)] = caught.value.problems

    assert (field, True) == (name, sentence in text), caught.value.problems


def test_comparing_can_be_switched_off() -> None:
    assert 0.0 == parse(DepthConfig, {"reconcile": 0}).reconcile
