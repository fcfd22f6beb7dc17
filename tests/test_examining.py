"""What a plugin says of its record beyond ids: asked by `bcore verify`, offline, for renamed series too."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from attrs import define, evolve, field
from click.testing import CliRunner, Result

from bc_history import MONDAY, HistoryPlugin, SourceConfig, World
from bcore import builtin
from bcore.cli import main
from bcore.cli.options import Options
from bcore.errors import CorruptFileError
from bcore.examining import Interval
from bcore.hookspecs import hookimpl
from bcore.instants import DAY, SECOND
from bcore.ledger import noted
from bcore.protocols import Reader
from bcore.query import Request
from bcore.records import Batch, Compared, Dataset, Disagreement, Factory, Finding, Series
from bcore.registry import Registry

INSTANT = pa.timestamp("us", tz="UTC")
IDS = [("first_id", pa.int64()), ("last_id", pa.int64())]
SCHEMA = pa.schema([*IDS, ("timestamp", INSTANT), ("symbol", pa.string()), ("n", pa.int64())])
LEVELS = Dataset("levels", SCHEMA, key=("last_id", "n"), chain=("first_id", "last_id"))
NOTES = Dataset("levels_notes", pa.schema([("timestamp", INSTANT), ("symbol", pa.string())]), key=("timestamp",))


def batch(*ranges: tuple[int, int], dataset: Dataset = LEVELS) -> Batch:
    rows = [
        {"first_id": first, "last_id": last, "timestamp": MONDAY + last * SECOND, "symbol": "AAA", "n": n}
        for first, last in ranges
        for n in (1, 2)
    ]
    return Batch(dataset, "AAA", pa.Table.from_pylist(rows, schema=SCHEMA))


@define
class Levels:
    """A plugin that says what a test wants it to, and remembers what it was asked."""

    says: list[Interval | Compared | Exception] = field(factory=list)
    asked: list[tuple[Any, ...]] = field(factory=list)

    def examine(self, symbol: str, reader: Reader, start: int, end: int, deep: bool) -> Iterator[Interval | Compared]:
        self.asked.append((symbol, start, end, deep, reader.read(Request("levels", symbol, limit=99)).num_rows))
        for each in self.says:
            if isinstance(each, Exception):
                raise each
            yield each

    @hookimpl
    def bcore_sources(self) -> Iterator[Factory[Any]]:
        build: Any = None
        yield Factory("levels", SourceConfig, build, datasets=(LEVELS, NOTES), examine=self.examine)


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def levels() -> Levels:
    return Levels()


@pytest.fixture
def verify(
    world: World,
    levels: Levels,
    tmp_path: Path,
    registry_of: Callable[..., Registry],
    monkeypatch: pytest.MonkeyPatch,
) -> Callable[..., Result]:
    registry = registry_of(builtin, HistoryPlugin(world), levels)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(Registry, "load", lambda *args, **more: registry)
    return lambda *args: CliRunner().invoke(main, ["verify", *args], obj=Options())


def interval(begin: int, end: int, state: str = "sure", *, proven: bool = True) -> Interval:
    return Interval(MONDAY + begin * SECOND, MONDAY + end * SECOND, state, proven, "because")


def test_a_chain_alone_proves_that_nothing_is_missing(verify: Any, world: World) -> None:
    world.vault("data").append(batch((1, 5), (6, 6), (4, 9)))
    good = verify()
    assert (0, "levels/AAA: proven complete: ids 1..9, 6 rows, 0 gaps") == (
        good.exit_code,
        good.stdout.splitlines()[0],
    )
    world.vault("data").append(batch((12, 15)))
    bad = verify()
    assert (1, True) == (bad.exit_code, "open gap 10..11 (2 ids), behind a row of 2024-01-01" in bad.stdout)


def test_what_nobody_has_is_accepted_where_that_is_said(verify: Any, world: World) -> None:
    vault = world.vault("data")
    vault.append(batch((1, 5), (9, 9)))
    vault.append(noted([Finding(6, 8, "unfillable", "the stream left it out")], Series(LEVELS, "AAA"), MONDAY))
    assert (1, 0) == (verify().exit_code, (accepted := verify("--accept-unfillable")).exit_code)
    assert "unfillable gap 6..8 (3 ids)" in accepted.stdout


def test_times_in_doubt_are_told_and_not_proven(verify: Any, world: World, levels: Levels) -> None:
    world.vault("data").append(batch((1, 5)))
    levels.says = [interval(0, 3597), interval(3597, 3600, "unsure", proven=False)]
    result = verify()
    assert 1 == result.exit_code
    shares = "sure 0:59:57.0 in 1 interval (99.92%), unsure 0:00:03.0 in 1 interval (0.08%) of the time from "
    assert f"{shares}2024-01-01T00:00:00.000000Z to 2024-01-01T01:00:00.000000Z" in result.stdout
    assert "unsure from 2024-01-01T00:59:57" in result.stdout
    assert "because" in result.stdout
    assert 0 == verify("--accept-unfillable").exit_code
    assert [("AAA", MONDAY, MONDAY + DAY, False, 2)] * 2 == levels.asked


def test_what_disagrees_fails_whatever_is_accepted(verify: Any, world: World, levels: Levels) -> None:
    world.vault("data").append(batch((1, 5)))
    levels.says = [interval(0, 10), Compared("levels", MONDAY, MONDAY + DAY, 5)]
    assert 0 == (agreed := verify("--deep")).exit_code
    assert "5 levels compared, 0 disagree" in agreed.stdout
    assert levels.asked[0][3]
    levels.says.append(Compared("levels", 0, 1, 5, 1, (Disagreement(MONDAY, "a level", "1", "2"),)))
    assert 1 == (differing := verify("--deep", "--accept-unfillable")).exit_code
    assert "a level: ours 1, theirs 2" in differing.stdout


def test_what_cannot_be_looked_at_is_not_proven(verify: Any, world: World, levels: Levels) -> None:
    world.vault("data").append(batch((1, 5)))
    levels.says = [CorruptFileError("a file is damaged")]
    result = verify("--accept-unfillable")
    assert (1, True) == (result.exit_code, "could not be examined: a file is damaged" in result.stdout)


def test_a_renamed_series_is_examined_under_its_own_names(verify: Any, world: World, levels: Levels) -> None:
    world.vault("data").append(batch((1, 5), dataset=evolve(LEVELS, name="us_levels")))
    assert (0, 2) == (verify().exit_code, levels.asked[0][4])


def test_json_has_what_was_said(verify: Any, world: World, levels: Levels) -> None:
    world.vault("data").append(batch((1, 5)))
    levels.says = [interval(0, 1)]
    (told,) = json.loads(verify("--format", "json").stdout)["series"]
    assert {"compared": [], "failures": []} == {key: told["examined"][key] for key in ("compared", "failures")}
    assert [("sure", True, 1.0, "because")] == [
        (each["state"], each["proven"], each["seconds"], each["reason"]) for each in told["examined"]["intervals"]
    ]
