from __future__ import annotations

from collections.abc import Mapping
from threading import Thread
from typing import Any

import pyarrow as pa
import pytest
from attrs import evolve, field, frozen
from hypothesis import given
from hypothesis import strategies as st

import bc_toy
from bc_history import (
    DEALS,
    FIRST,
    MONDAY,
    Vault,
    batch,
    day,
    deal,
    deals,
    everything,
    rows_batch,
    series,
)
from bcore.audits import Audit, Break, Gap
from bcore.instants import DAY, HOUR
from bcore.ledger import noted
from bcore.memory import MemoryStore
from bcore.protocols import Audits, Key, Store
from bcore.query import Query
from bcore.records import Appended, Batch, Dataset, Finding, Origin, Series, SeriesStats
from bcore.spans import Spans
from bcore.verify import audit_of, gaps_of, verifiable


@frozen
class Plain(Store):
    """A store that can do what every store must, and keeps no proofs."""

    inner: MemoryStore = field(factory=MemoryStore)

    def append(self, batch: Batch) -> Appended:
        return self.inner.append(batch)

    def read(self, query: Query) -> pa.Table:
        return self.inner.read(query)

    def last(self, series: Series) -> Key | None:
        return self.inner.last(series)

    def spans(self, series: Series) -> Spans:
        return self.inner.spans(series)

    def datasets(self) -> Mapping[str, Dataset]:
        return self.inner.datasets()

    def series(self) -> list[Series]:
        return self.inner.series()

    def stats(self, series: Series) -> SeriesStats:
        return self.inner.stats(series)


def vault_of(*batches: Batch) -> Vault:
    vault = Vault()
    for each in batches:
        vault.append(each)
    return vault


def audit(*batches: Batch, **more: Any) -> Audit:
    return audit_of(vault_of(*batches), series(), **more)


def without(*missing: int) -> Batch:
    return batch(number for number in everything() if number not in missing)


def spoilt(number: int, **changes: Any) -> Batch:
    return rows_batch([deal(each, **(changes if each == number else {})) for each in everything()])


def test_a_day_at_the_edge_is_complete_only_as_far_as_it_is_held() -> None:
    rows = [deal(number) for number in everything()]
    from_zero = [row | {"id": row["id"] - FIRST} for row in rows]
    assert ["unbroken", "complete", "unbroken"] == [each.state for each in audit(rows_batch(rows)).days]
    assert ["complete", "complete", "unbroken"] == [each.state for each in audit(rows_batch(from_zero)).days]


def test_a_whole_series_is_proven_complete() -> None:
    found = audit(batch(everything()))
    assert "complete" == found.state
    assert "proven complete: ids 1000..1299, 300 rows, 900 part ids tile, 0 gaps" == found.verdict
    assert [(FIRST, FIRST + 99), (FIRST + 100, FIRST + 199), (FIRST + 200, FIRST + 299)] == [
        (each.first, each.last) for each in found.days
    ]


@given(st.sets(st.sampled_from(everything()), max_size=20))
def test_whatever_is_missing_between_the_ends_is_told_and_nothing_else(missing: set[int]) -> None:
    found = audit(without(*missing))
    held = [number for number in everything() if number not in missing]
    expected = set(range(held[0], held[-1] + 1)) - set(held)
    assert expected == {number for gap in found.gaps for number in range(gap.first, gap.last + 1)}
    assert bool(expected) == (found.state == "incomplete")
    assert () == found.breaks


@given(st.sets(st.sampled_from(everything()), max_size=20), st.sampled_from([0, 1, 2]))
def test_the_identity_of_each_day_holds(missing: set[int], moved: int) -> None:
    strayed = FIRST + 99 + moved
    rows = [deal(number) for number in everything() if number not in missing]
    rows = [row | {"timestamp": MONDAY + HOUR} if row["id"] == strayed else row for row in rows]
    for each in audit(rows_batch(rows)).days:
        assert each.expected == each.rows - each.doubled + each.missing + each.elsewhere


def test_a_time_that_runs_backwards_over_midnight_is_no_gap() -> None:
    found = audit(spoilt(FIRST + 101, timestamp=MONDAY + 2 * HOUR))
    assert ("complete", 1, 1) == (found.state, found.days[0].elsewhere, found.days[1].elsewhere)
    assert FIRST + 101 == found.days[0].last


def test_a_gap_over_midnight_is_of_both_days() -> None:
    found = audit(without(FIRST + 99, FIRST + 100))
    assert [Gap(FIRST + 99, FIRST + 100, time=MONDAY)] == list(found.gaps)
    assert ["open", "open", "unbroken"] == [each.state for each in found.days]


def test_a_gap_has_the_state_the_reason_and_the_age_that_the_ledger_tells() -> None:
    vault = vault_of(without(*range(1010, 1030)))
    vault.append(noted([Finding(1010, 1029, "open", "the stream was cut")], series(), MONDAY))
    vault.append(noted([Finding(1020, 1024, "unfillable", "asked 1020, got 1025")], series(), MONDAY + DAY))
    told = [(gap.first, gap.last, gap.state, gap.reason, gap.since) for gap in audit_of(vault, series()).gaps]
    cut = ("open", "the stream was cut", MONDAY)
    assert [(1010, 1019, *cut), (1020, 1024, "unfillable", "asked 1020, got 1025", MONDAY), (1025, 1029, *cut)] == told


def test_what_nobody_has_is_said_apart_and_passes_only_when_that_is_wanted() -> None:
    vault = vault_of(without(1010, 1011))
    vault.append(noted([Finding(1010, 1011, "unfillable", "gone")], series(), MONDAY))
    found = audit_of(vault, series())
    assert ("unfillable", False, True) == (found.state, found.passes(), found.passes(unfillable=True))
    assert "complete but for what nobody has: 1 unfillable gap (2 ids)" in found.verdict


def test_what_came_after_all_and_is_lost_again_is_open() -> None:
    vault = vault_of(without(1010))
    for at, state in enumerate(["unfillable", "filled"]):
        vault.append(noted([Finding(1010, 1010, state, "r")], series(), MONDAY + at))
    assert ["open"] == [gap.state for gap in gaps_of(vault, series())]


def test_ids_that_are_known_to_be_open_beyond_the_last_row_are_missing() -> None:
    vault = vault_of(batch(range(1000, 1100)))
    vault.append(noted([Finding(1100, 1199, "open", "set aside as damaged: x")], series(), MONDAY))
    assert ("incomplete", 100) == ((found := audit_of(vault, series())).state, found.missing)


def test_what_went_with_damaged_files_beyond_the_last_row_is_missing() -> None:
    class Remembering(Vault):
        def lost(self, series: Series) -> Spans:
            return Spans(((1090, 1119),))

    vault = Remembering()
    vault.append(batch(range(1000, 1100)))
    assert [(1100, 1119)] == [(gap.first, gap.last) for gap in gaps_of(vault, series())]
    assert ("incomplete", 20) == ((found := audit_of(vault, series())).state, found.missing)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"last_part_id": 3 * 1150 + 1}, (Break(3 * 1150 + 2, 3 * 1150 + 2, 1150),)),
        ({"first_part_id": -1, "last_part_id": -1}, (Break(3 * 1150, 3 * 1150 + 2, 1149),)),
    ],
)
def test_finer_ids_of_no_row_break_the_chain_although_the_ids_run_on(
    changes: dict[str, int], expected: tuple[Break, ...]
) -> None:
    found = audit(spoilt(1150, **changes))
    assert ("broken", expected) == (found.state, found.breaks)
    assert ["unbroken", "broken", "unbroken"] == [each.state for each in found.days]


def test_finer_ids_in_two_rows_break_the_chain() -> None:
    found = audit(spoilt(1150, first_part_id=3 * 1150 - 1))
    assert ("broken", 1, ()) == (found.state, found.overlapping, found.breaks)
    assert "1 part ids counted twice" in found.verdict


def test_a_break_is_found_beside_a_gap_and_told_from_it() -> None:
    rows = [deal(number) for number in everything() if number not in range(1020, 1030)]
    rows = [row | ({"last_part_id": row["last_part_id"] - 1} if row["id"] == 1150 else {}) for row in rows]
    assert (Break(3 * 1150 + 2, 3 * 1150 + 2, 1150),) == audit(rows_batch(rows)).breaks


def test_a_voided_row_keeps_its_id_and_has_no_finer_ones() -> None:
    rows = [deal(number) for number in range(1000, 1003)]
    rows[1] |= {"first_part_id": -1, "last_part_id": -1}
    rows[2] |= {"first_part_id": 3003, "last_part_id": 3005}
    assert "complete" == audit(rows_batch(rows)).state


def test_rows_are_told_by_where_they_came_from() -> None:
    found = audit(batch(day(0), origin=Origin("stream")), batch(day(1), origin=Origin("rest")), batch(day(2)))
    assert {"stream": 100, "rest": 100, "unknown": 100} == found.by_kind


def test_the_fingerprint_is_that_of_the_rows_and_not_of_how_they_came() -> None:
    one, other = audit(batch(everything())), audit(batch(day(2)), batch(day(0)), batch(everything()))
    assert one.fingerprint == other.fingerprint
    assert one.fingerprint != audit(spoilt(1150, price=0.5)).fingerprint


def test_a_store_without_proofs_is_read_once_and_says_the_same() -> None:
    store = Plain()
    store.append(without(1010))
    found = audit_of(store, series())
    assert not isinstance(store, Audits)
    assert found.scanned
    assert found.days == audit(without(1010)).days
    assert found.gaps == audit(without(1010)).gaps


def test_a_key_that_comes_twice_shows_where_there_are_no_ids() -> None:
    quotes = bc_toy.quotes()
    times = [MONDAY, MONDAY, MONDAY + 1]
    table = pa.table({"timestamp": times, "level": [1, 1, 1], "symbol": ["AAA"] * 3}).cast(quotes.schema)

    class Doubling(Plain):
        def scan(self, query: Query) -> pa.RecordBatchReader:
            return pa.RecordBatchReader.from_batches(table.schema, table.to_batches(max_chunksize=1))

    found = audit_of(Doubling(), Series(quotes, "AAA"))
    assert ("damaged", ["1 rows have the key of the row before"]) == (found.state, [told for _, told in found.problems])


def test_a_dataset_without_ids_is_sound_and_no_more() -> None:
    store = MemoryStore()
    table = pa.table({"timestamp": [MONDAY], "level": [1], "symbol": ["AAA"]}).cast(bc_toy.quotes().schema)
    store.append(Batch(bc_toy.quotes(), "AAA", table))
    found = audit_of(store, Series(bc_toy.quotes(), "AAA"))
    assert ("unprovable", True) == (found.state, found.passes())
    assert "1 rows; has no sequence to prove by" in found.verdict


def test_an_empty_series_proves_nothing() -> None:
    assert ("empty", False) == ((found := audit()).state, found.passes())


def test_damage_names_the_file_and_outweighs_all_else() -> None:
    vault = vault_of(without(1010))
    vault.spoiled[series()] = {MONDAY}
    found = audit_of(vault, series(), deep=True)
    assert ("damaged", f"{MONDAY}.vault") == (found.state, found.problems[0][0])


def test_rows_that_come_while_the_files_are_looked_at_are_no_gap() -> None:
    vault = vault_of(without(1010))

    class Racing(Vault):
        def audit(self, series: Series, *, deep: bool = False) -> Any:
            yield from Vault.audit(vault, series, deep=deep)
            vault.append(batch([1010]))

        spans = staticmethod(vault.spans)
        read = staticmethod(vault.read)

    assert () == audit_of(Racing(), series()).gaps


def test_a_store_that_says_it_holds_what_it_has_no_rows_of_is_found_out() -> None:
    class Lying(MemoryStore):
        def spans(self, series: Series) -> Spans:
            return Spans(((FIRST, FIRST + DEALS + 9),))

    store = Lying()
    store.append(without(1010))
    found = audit_of(store, series())
    assert "damaged" == found.state
    assert [1010] == [gap.first for gap in found.gaps]
    says = "the store says that it holds the ids {}, and has no row of them"
    assert [says.format(ids) for ids in ("1010..1010", "1300..1309")] == [told for _, told in found.problems]


def test_a_collector_beside_it_gives_no_false_alarm() -> None:
    vault = vault_of(batch([FIRST]))
    collector = Thread(target=lambda: [vault.append(batch([number])) for number in everything()])
    collector.start()
    while collector.is_alive():
        assert "complete" == audit_of(vault, series()).state
    assert DEALS == audit_of(vault, series()).rows


def test_a_window_looks_at_whole_days_and_at_gaps_that_touch_them() -> None:
    vault = vault_of(without(1010, 1199, 1200))
    second = audit_of(vault, series(), start=MONDAY + DAY + HOUR, end=MONDAY + DAY + 2 * HOUR)
    assert ([MONDAY + DAY], [1199]) == ([each.day for each in second.days], [gap.first for gap in second.gaps])
    assert "empty" == audit_of(vault, series(), start=MONDAY + DAY, end=MONDAY + DAY).state


def test_days_that_were_asked_for_and_are_not_held_are_missing() -> None:
    found = audit(batch(everything()), start=MONDAY - 2 * DAY, end=MONDAY + 5 * DAY)
    assert "incomplete" == found.state
    assert "nothing is held of 2023-12-30 .. 2023-12-31; nothing is held of 2024-01-04 .. 2024-01-05" in found.verdict


def test_a_ledger_is_no_series_to_verify() -> None:
    ledger = noted([Finding(1, 2, "open", "r")], series(), MONDAY)
    assert (True, False) == (verifiable(series()), verifiable(ledger.series))
    assert verifiable(Series(evolve(deals(), name="deals_gaps"), "AAA"))
