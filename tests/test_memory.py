"""What the reference model does beyond what every store does (tests/test_kit_memory.py)."""

from __future__ import annotations

from attrs import evolve

from bc_toy import tick_batch, tick_table, ticks
from bcore.memory import MemoryStore
from bcore.proof import day_proofs
from bcore.protocols import Compacts, Quarantines
from bcore.query import Query
from bcore.records import Origin, Rejected, Series

AAA = Series(ticks(), "AAA")


def test_it_keeps_rejected_rows_aside_and_has_nothing_to_compact() -> None:
    store = MemoryStore()
    assert isinstance(store, Quarantines)
    assert not isinstance(store, Compacts)
    store.quarantine(AAA, Rejected("why", ("row",)))
    assert 0 == store.read(Query(ticks(), "AAA")).num_rows


def test_it_proves_its_rows_and_knows_where_the_new_ones_came_from() -> None:
    store, rest, file = MemoryStore(), Origin("rest"), Origin("bulk", "a.zip", "ab", 3)
    for ids, origin in (([1, 2], rest), ([2, 3, 4], file), ([9], None), ([1, 2], file)):
        store.append(evolve(tick_batch(ids), origin=origin))
    (proof,) = store.audit(AAA)
    assert (day_proofs(tick_table([1, 2, 3, 4, 9]), ticks()), 5, ()) == (proof.days, proof.rows, proof.problems)
    assert [(rest, 2), (file, 2)] == list(proof.origins) == store.origins(AAA)
