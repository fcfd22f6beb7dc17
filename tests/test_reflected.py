"""An archive elsewhere, given account of as one of this machine is."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from bc_history import MONDAY, Vault, batch, day, deals, everything, series
from bcore.audits import Audit
from bcore.errors import StoreError
from bcore.instants import DAY, HOUR
from bcore.ledger import noted
from bcore.local import StoreReader
from bcore.query import Query, Request
from bcore.records import Finding
from bcore.reflected import Reflected, stored
from bcore.verify import audit_of


class Far:
    """A reader that can do what one over a wire can, and is no `StoreReader`; it counts the rows that it gives."""

    def __init__(self, *stores: Vault) -> None:
        self.inner, self.given = StoreReader(stores, (deals(),)), 0
        for name in ("views", "symbols", "scan", "stats", "proofs", "gaps", "close"):
            setattr(self, name, getattr(self.inner, name))

    def read(self, request: Request) -> pa.Table:
        table = self.inner.read(request)
        self.given += table.num_rows
        return table


def vault() -> Vault:
    """Three days, of which the second lacks a part; a part of that nobody has."""
    kept = Vault()
    kept.append(batch([each for each in everything() if not 1120 <= each <= 1130]))
    kept.append(noted([Finding(1125, 1130, "unfillable", "nobody has it")], series(), MONDAY))
    return kept


def same(ours: Audit, theirs: Audit) -> bool:
    """But for the files, which only the machine that has them can tell of."""
    plain = {"origins": (), "problems": (), "scanned": False, "stats": ours.stats}
    return evolve(ours, **plain) == evolve(theirs, **plain)


def test_the_account_of_an_archive_elsewhere_is_that_of_the_archive() -> None:
    kept = vault()
    there = Reflected(Far(kept))  # type: ignore[arg-type]
    for window in ({}, {"start": MONDAY + DAY, "end": MONDAY + DAY + HOUR}, {"start": MONDAY - 9 * DAY}):
        ours, theirs = audit_of(kept, series(), **window), audit_of(there, series(), **window)
        assert same(ours, theirs), window
        assert ("incomplete", ["open", "unfillable"]) == (theirs.state, [gap.state for gap in theirs.gaps])
    assert [("deals", "AAA")] == [(each.dataset.name, each.symbol) for _, each in stored(there.reader, "deals")]


BOUNDS = st.one_of(st.none(), st.integers(1090, 1310))
COUNTS = st.one_of(st.just({}), *(st.fixed_dictionaries({name: st.integers(0, 40)}) for name in ("limit", "tail")))


@given(BOUNDS, BOUNDS, COUNTS, st.integers(0, 3), st.booleans())
def test_rows_are_those_that_a_store_would_give(
    first: int | None, last: int | None, counts: dict[str, Any], offset: int, within_a_day: bool
) -> None:
    kept = vault()
    times = {"start": MONDAY + DAY, "end": MONDAY + 2 * DAY} if within_a_day else {}
    query = Query(deals(), "AAA", first=first, last=last, offset=offset, columns=("id",), **counts, **times)
    assert kept.read(query).equals(Reflected(Far(kept)).read(query))  # type: ignore[arg-type]


def test_no_more_rows_come_than_are_asked_for() -> None:
    far = Far(vault())
    Reflected(far).read(Query(deals(), "AAA", last=1119, tail=4))  # type: ignore[arg-type]
    Reflected(far).read(Query(deals(), "AAA", first=1125, limit=4))  # type: ignore[arg-type]
    assert 8 == far.given


def test_what_is_damaged_over_there_is_a_problem_and_nothing_is_written() -> None:
    class Damaged(Vault):
        def audit(self, of: Any, *, deep: bool = False) -> Any:
            return Vault.audit(self, of, deep=True)

    kept = Damaged()
    kept.append(batch(day(0)))
    kept.spoiled[series()] = {MONDAY}
    there = Reflected(Far(kept))  # type: ignore[arg-type]
    ((file, problem),) = audit_of(there, series()).problems
    assert ("the archive", True) == (file, "a byte is not what it was; bcore repair" in problem)
    with pytest.raises(StoreError, match="only read"):
        there.append(batch(day(1)))
