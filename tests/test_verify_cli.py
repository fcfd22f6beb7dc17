from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from attrs import evolve
from click.testing import CliRunner, Result

from bc_history import (
    MONDAY,
    HistoryPlugin,
    World,
    batch,
    day,
    deals,
    everything,
    series,
    unreachable,
)
from bcore import builtin
from bcore.cli import main
from bcore.cli.options import Options
from bcore.ledger import noted
from bcore.records import Batch, Finding, Origin
from bcore.registry import Registry

Verify = Callable[..., Result]


def without(*missing: int) -> Batch:
    return batch(number for number in everything() if number not in missing)


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def verify(
    world: World, tmp_path: Path, registry_of: Callable[..., Registry], monkeypatch: pytest.MonkeyPatch
) -> Verify:
    """Runs `bcore verify ...` on the vault at "data"."""
    registry = registry_of(builtin, HistoryPlugin(world))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(Registry, "load", lambda *args, **more: registry)
    return lambda *args: CliRunner().invoke(main, ["verify", *args], obj=Options())


def test_only_a_proven_archive_ends_well(verify: Verify, world: World) -> None:
    world.vault("data").append(batch(day(0)))
    good = verify()
    assert (0, "deals/AAA: proven complete: ids 1000..1099, 100 rows, 300 part ids tile, 0 gaps") == (
        good.exit_code,
        good.stdout.splitlines()[0],
    )
    world.vault("data").append(batch(day(2)))
    bad = verify("deals/AAA")
    assert 1 == bad.exit_code
    assert "open gap 1100..1199 (100 ids), behind a row of 2024-01-01" in bad.stdout


def test_nothing_stored_proves_nothing(verify: Verify) -> None:
    assert (1, True) == ((result := verify()).exit_code, "nothing is proven" in result.stdout)


def test_accepting_what_nobody_has_is_an_option(verify: Verify, world: World) -> None:
    vault = world.vault("data")
    vault.append(without(1010))
    vault.append(noted([Finding(1010, 1010, "unfillable", "asked 1010, got 1011")], series(), MONDAY))
    assert (1, 0) == (verify().exit_code, (accepted := verify("--accept-unfillable")).exit_code)
    assert "unfillable gap 1010..1010 (1 id)" in accepted.stdout
    assert "asked 1010, got 1011" in accepted.stdout


@pytest.mark.parametrize("name", ["deals/AAA", "deals", "AAA"])
def test_a_series_goes_by_its_name_its_dataset_or_its_symbol(verify: Verify, world: World, name: str) -> None:
    world.vault("data").append(batch(day(0)))
    world.vault("data").append(batch(day(1), symbol="BBB"))
    world.vault("data").append(noted([Finding(1, 2, "open", "r")], series("BBB"), MONDAY))
    expected = {"deals": ["deals/AAA", "deals/BBB"]}.get(name, ["deals/AAA"])
    told = [line.split(":")[0] for line in verify(name).stdout.splitlines() if not line.startswith(" ")]
    assert expected == told


def test_a_name_that_means_nothing_is_a_misuse(verify: Verify, world: World) -> None:
    world.vault("data").append(batch(day(0)))
    result = verify("deal")
    assert (2, True) == (result.exit_code, "nothing is stored of 'deal' (did you mean deals" in result.stderr)


def test_json_is_one_object_with_stable_keys(verify: Verify, world: World) -> None:
    world.vault("data").append(batch(day(0), origin=Origin("bulk", "x", "ab", 100)))
    told = json.loads(verify("--format", "json").stdout)
    assert (True, True) == (told["complete"], told["passed"])
    (only,) = told["series"]
    assert {
        "series", "dataset", "symbol", "state", "verdict", "deep", "scanned", "rows", "bytes", "files", "first_time",
        "last_time", "first_id", "last_id", "missing", "duplicates", "gaps", "absent", "chain", "origins",
        "rows_by_origin", "problems", "fingerprint", "days", "examined", "witness",
    } == set(only)  # fmt: skip
    assert [{"kind": "bulk", "name": "x", "sha256": "ab", "rows": 100, "of": 100}] == only["origins"]
    assert {
        "day", "rows", "first_id", "last_id", "expected", "missing", "elsewhere", "duplicates", "chained", "state",
        "fingerprint",
    } == set(only["days"][0])  # fmt: skip
    assert 32 == len(only["fingerprint"])


def test_a_line_for_each_day_is_an_option(verify: Verify, world: World) -> None:
    world.vault("data").append(without(1010))
    lines = [line.split() for line in verify("--days").stdout.splitlines()]
    assert [["2024-01-01", "99", "1000", "1099", "100", "1"], ["2024-01-02", "100", "1100", "1199", "100", "0"]] == [
        line[:6] for line in lines if line[0] in ("2024-01-01", "2024-01-02") and ".." not in line
    ]


def test_deep_reads_everything_and_says_how_far_it_is(verify: Verify, world: World) -> None:
    world.vault("data").append(batch(everything()))
    assert 0 == (good := verify("--deep")).exit_code
    assert "deals/AAA: verifying: 3 files, 300 rows" in good.stderr
    assert good.output.index("deals/AAA: verifying") < good.output.index("deals/AAA: proven")
    assert "every byte read" in good.stdout
    world.vault("data").spoiled[series()] = {MONDAY}
    assert 1 == (bad := verify("--deep")).exit_code
    assert f"{MONDAY}.vault: a byte is not what it was" in bad.stdout


def test_the_range_is_typed_as_instants(verify: Verify, world: World) -> None:
    world.vault("data").append(without(1010))
    assert (1, 0) == (verify().exit_code, verify("--from", "2024-01-02", "--to", "2024-01-04").exit_code)
    assert 2 == verify("--from", "2024-01-02", "--to", "2024-01-01").exit_code
    assert 2 == verify("--from", "soon").exit_code


def test_the_exchanges_own_candles_are_a_witness(verify: Verify, world: World) -> None:
    world.vault("data").append(batch(everything()))
    good = verify("--against", "klines")
    assert 0 == good.exit_code
    assert "300 1h candles compared, 0 disagree; 1 left out: not complete here, or not over yet" in good.stdout
    world.differing = 2
    bad = verify("--against", "klines")
    assert 1 == bad.exit_code
    assert "300 1h candles compared, 2 disagree" in bad.stdout
    assert "2024-01-01T00:00:00.000000Z close: ours 1, theirs 2" in bad.stdout


def test_a_renamed_series_is_compared_as_its_source_knows_it(verify: Verify, world: World, tmp_path: Path) -> None:
    (tmp_path / "bcore.toml").write_text('[sources.deals]\ndataset = "us_deals"\n[stores.main]\nkind = "vault"\n')
    world.vault("data").append(evolve(batch(everything()), dataset=evolve(deals(), name="us_deals")))
    result = verify("us_deals/AAA", "--against", "klines")
    assert (0, True) == (result.exit_code, "300 1h candles compared, 0 disagree" in result.stdout)


def test_a_witness_that_cannot_be_reached_proves_nothing(verify: Verify, world: World) -> None:
    world.vault("data").append(batch(everything()))
    world.faults["check"] = [unreachable()]
    result = verify("--against", "klines")
    assert (1, True) == (result.exit_code, "the exchange could not be asked: toy: no connection" in result.stdout)


def test_files_that_were_replaced_since_are_found_out(verify: Verify, world: World) -> None:
    world.vault("data").append(batch(day(0), origin=Origin("bulk", "AAA-day0", "ab" * 32, 100)))
    assert (0, True) == ((good := verify("--revisions")).exit_code, "1 file asked about, 0 replaced" in good.stdout)
    world.replaced = ("AAA-day0",)
    bad = verify("--revisions", "--format", "json")
    assert 1 == bad.exit_code
    witness = json.loads(bad.stdout)["series"][0]["witness"]
    assert [{"name": "AAA-day0", "difference": "another checksum"}] == witness["revised"]


def test_nothing_is_changed(verify: Verify, world: World) -> None:
    world.vault("data").append(without(1010))
    world.vault("data").busy = True
    verify("--deep")
    assert [series()] == world.vault("data").series()
