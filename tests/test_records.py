from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest
from attrs import evolve

from bc_toy import BarParams, bars, ticks
from bcore.records import Batch, Dataset, Deferred, Derivation, Factory, Rejected, Series, Transport

TIME = pa.timestamp("us", tz="UTC")
BARS = bars()
SCHEMA = pa.schema({"id": pa.int64(), "timestamp": TIME, "symbol": pa.string()})


def build(*_: Any) -> None:
    return None


@pytest.mark.parametrize("name", ["", "Trades", "1st", "two words", "a-b", "a/b", "../x", "x" * 64, 5, "ok\n"])
def test_a_name_is_lower_case_letters_digits_and_underscores(name: Any) -> None:
    derivation = {"dataset": "d", "schema": SCHEMA, "params": BarParams, "needs": build, "apply": build}
    for make in (
        lambda: Dataset(name, SCHEMA, ("id",)),
        lambda: Factory(name, BarParams, build),
        lambda: Transport(name),
        lambda: Derivation(name, **derivation),
        lambda: Deferred(name, ("d",), "bc_toy:VIEW"),
    ):
        with pytest.raises(ValueError, match=r"\.name must be lower-case letters"):
            make()


@pytest.mark.parametrize("name", ["a", "us_trades", "l2", "x" * 63])
def test_good_names_are_taken(name: str) -> None:
    assert name == Dataset(name, SCHEMA, ("id",)).name


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"key": ("nr",)}, "has no column nr"),
        ({"key": ()}, "a key of at least one column"),
        ({"time": "when"}, "has no column when"),
        ({"facets": ("lot",)}, "has no column lot"),
        ({"highlight": "price"}, "has no column price"),
        ({"sequence": "number"}, "has no column number"),
        ({"key": ("timestamp",), "sequence": "id"}, "must be in the key"),
        ({"time": "id"}, "id must be timestamp"),
        ({"schema": pa.schema({"id": pa.int64(), "timestamp": TIME})}, "has no column symbol"),
        ({"schema": pa.schema({**dict.fromkeys(["id", "symbol"], pa.string()), "timestamp": pa.int64()})}, "must be"),
    ],
)
def test_a_dataset_that_does_not_fit_its_schema_is_refused(change: dict[str, Any], says: str) -> None:
    whole: dict[str, Any] = {"name": "d", "schema": SCHEMA, "key": ("id",)}
    with pytest.raises(ValueError, match=says):
        Dataset(**{**whole, **change})


def test_datasets_are_equal_by_everything_but_their_summary() -> None:
    assert ticks() == evolve(ticks(), summary="other words")
    assert hash(ticks()) == hash(evolve(ticks(), summary="other words"))
    assert ticks() != evolve(ticks(), schema=ticks().schema.append(pa.field("more", pa.int8())))
    assert ticks() != evolve(ticks(), name="other")


def test_a_batch_knows_its_series() -> None:
    assert Series(ticks(), "AAA") == Batch(ticks(), "AAA", ticks().schema.empty_table()).series
    assert "ticks/AAA" == str(Series(ticks(), "AAA"))


def test_lists_become_tuples() -> None:
    assert ("row",) == Rejected("why", ["row"]).rows
    assert ("id",) == Dataset("d", SCHEMA, ["id"]).key


def test_records_do_not_change() -> None:
    with pytest.raises(AttributeError):
        bars().name = "other"  # type: ignore[misc]


@pytest.mark.parametrize("where", ["", "bc_toy", "bc_toy:", ":VIEW", "bc_toy:VIEW.part", "bc-toy:VIEW", "bc_toy:VIEW "])
def test_a_place_is_a_module_and_a_name_in_it(where: str) -> None:
    with pytest.raises(ValueError, match="where"):
        Deferred("view", ("ticks",), where)


def test_what_is_deferred_is_the_record_itself() -> None:
    assert BARS is Deferred("bars", ("ticks",), f"{__name__}:BARS").record
