from __future__ import annotations

import pytest

from bc_toy import quotes, ticks
from bcore.ledger import Ledger, ledger_of, noted
from bcore.memory import MemoryStore
from bcore.records import Finding, Series
from bcore.spans import Spans

TICKS = Series(ticks(), "AAA")
LOST = Finding(5, 9, "open", "the stream went on at 10")
GONE = Finding(5, 9, "unfillable", "asked for 5, the exchange answered from 10 on")


def test_a_ledger_is_a_dataset_beside_the_one_it_speaks_of() -> None:
    assert "ticks_gaps" == ledger_of(ticks()).name
    assert "quotes_gaps" == ledger_of(quotes()).name


def test_what_was_noted_comes_back_oldest_first() -> None:
    store = MemoryStore()
    store.append(noted([GONE], TICKS, 2_000))
    store.append(noted([LOST], TICKS, 1_000))
    assert [(1_000, LOST), (2_000, GONE)] == [(each.at, each.finding) for each in Ledger.read(store, TICKS).entries]


def test_a_series_without_findings_has_an_empty_ledger() -> None:
    assert () == Ledger.read(MemoryStore(), TICKS).entries


def test_two_findings_of_one_instant_and_range_are_both_kept() -> None:
    store = MemoryStore()
    store.append(noted([LOST, GONE], TICKS, 1_000))
    assert {"open", "unfillable"} == {each.finding.state for each in Ledger.read(store, TICKS).entries}


def test_ids_that_nobody_has_are_known_as_spans() -> None:
    store = MemoryStore()
    store.append(noted([LOST, GONE, Finding(20, 20, "unfillable", "no")], TICKS, 1_000))
    assert Spans(((5, 9), (20, 20))) == Ledger.read(store, TICKS).unfillable()


def test_the_latest_entry_is_one_that_speaks_of_the_ids() -> None:
    store = MemoryStore()
    store.append(noted([LOST], TICKS, 1_000))
    store.append(noted([Finding(9, 9, "filled", "from REST"), Finding(30, 31, "open", "x")], TICKS, 2_000))
    ledger = Ledger.read(store, TICKS)
    found = ledger.latest(9, 12)
    assert found is not None
    assert ("filled", 2_000) == (found.finding.state, found.at)
    assert None is ledger.latest(10, 12)


def test_a_state_that_nobody_knows_is_refused() -> None:
    with pytest.raises(ValueError, match="state"):
        Finding(1, 2, "lost", "because")
