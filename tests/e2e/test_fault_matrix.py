"""Whatever the exchange and the network do, the archive equals the recording: id by id, field by field.

Every kind of fault that the replay exchange has, in every mode that can meet it; kills in between; two at once. What
was sent, lost and doubled in all is printed at the end of the run.
"""

from __future__ import annotations

import os
import random
import subprocess
from collections.abc import Callable, Iterator
from itertools import product
from pathlib import Path

import pytest
from attrs import astuple
from matrix import START, Case, Truth
from processes import Collector

from bc_replay.testing import ReplayServer

# With what argument a kind fits into a run of seconds. A fault of stream connections or events meets streams alone,
# one of requests needs a request: in a stream there is one as soon as there is a hole.
STREAM_KINDS = {
    "disconnect": None,
    "reset": None,
    "silence": None,
    "rotate": None,
    "shutdown": 0.5,
    "gap": 10,
    "duplicate": 10,
    "reorder": 10,
}
REST_KINDS = {
    "429": 1,
    "418": 1,
    "403html": 1,
    "451": 1,
    "500": 2,
    "502html": 1,
    "hang": 3,
    "truncate": 2,
    "lag": 2,
}
PORT_KINDS = {"refuse": 1}
FILE_KINDS = {
    "late": 2,
    "missing": 2,
    "header": 2,
    "shuffled": 2,
    "shortday": 2,
    "filecut": 2,
    "filehalf": 2,
    "replaced": 2,
}
REFUSED_KINDS = {"nosum": 2, "wrongsum": 2, "pathtrick": 2, "bomb": 64}
PAIRS: list[tuple[str, ...]] = [
    ("reset", "500"),
    ("gap", "429"),
    ("silence", "truncate"),
    ("reorder", "reset"),
    ("disconnect", "lag"),
]
if os.environ.get("BCORE_PAIRS") == "all":
    PAIRS = list(product([*STREAM_KINDS, *PORT_KINDS], [*REST_KINDS, "reset", "gap"]))
MIDNIGHT = 1_723_161_600_000_000 + 60_000_000  # a minute into 2024-08-09: the recorded day's files are out
ROUNDS = int(os.environ.get("BCORE_ROUNDS", "1"))


@pytest.fixture(scope="session")
def truth(two_symbols: Path) -> Truth:
    return Truth.of(two_symbols)


@pytest.fixture
def exchange(two_symbols: Path) -> Iterator[ReplayServer]:
    with ReplayServer(two_symbols, speed=20 / ROUNDS, wait=True) as server:
        yield server


@pytest.fixture
def case(
    request: pytest.FixtureRequest,
    exchange: ReplayServer,
    collector: Collector,
    truth: Truth,
    tmp_path: Path,
    wait_until: Callable[..., None],
) -> Case:
    mode = getattr(request, "param", "stream")
    return Case(tmp_path, exchange, truth, collector, wait_until, mode=mode)


@pytest.fixture
def proven(case: Case, record_property: Callable[[str, object], None]) -> Callable[[], None]:
    """Ends the case, counts it, and asserts that nothing is lost, doubled or different."""

    def prove() -> None:
        counts = case.finish()
        record_property("fault_counts", astuple(counts))
        assert counts.exact, f"{counts}\n{case.collector.said()}"

    return prove


def under_way(case: Case) -> None:
    case.start()
    case.wait(lambda: case.held() > 0 or not case.collector.running, "first trades")
    assert case.collector.running, case.collector.said()


@pytest.mark.parametrize("kind", [*STREAM_KINDS, *PORT_KINDS])
def test_a_stream_survives(kind: str, case: Case, proven: Callable[[], None]) -> None:
    under_way(case)
    for _ in range(ROUNDS):
        case.meet(kind, {**STREAM_KINDS, **PORT_KINDS}[kind])
    proven()


@pytest.mark.parametrize("kind", REST_KINDS)
def test_a_stream_with_a_hole_survives_a_rest_that_fails(kind: str, case: Case, proven: Callable[[], None]) -> None:
    under_way(case)
    for _ in range(ROUNDS):
        case.exchange.fault(kind, REST_KINDS[kind])
        case.meet("gap", 10)
    proven()


def test_a_stream_survives_a_subscription_that_is_acknowledged_and_silent(
    case: Case, proven: Callable[[], None]
) -> None:
    case.exchange.fault("acksilent", 2)
    case.start()
    proven()


@pytest.mark.parametrize("case", ["poll"], indirect=True)
@pytest.mark.parametrize("kind", [*REST_KINDS, *PORT_KINDS])
def test_polling_survives(kind: str, case: Case, proven: Callable[[], None]) -> None:
    under_way(case)
    for _ in range(ROUNDS):
        case.meet(kind, {**REST_KINDS, **PORT_KINDS}[kind])
    proven()


@pytest.mark.parametrize("case", ["poll"], indirect=True)
def test_polling_does_not_notice_what_only_streams_meet(case: Case, proven: Callable[[], None]) -> None:
    for kind, amount in STREAM_KINDS.items():
        case.exchange.fault(kind, amount)
    case.start()
    proven()


@pytest.mark.parametrize("case", ["stream", "poll"], indirect=True)
def test_a_collector_survives_being_killed_at_random(case: Case, proven: Callable[[], None]) -> None:
    draw = random.Random(7)
    for _ in range(3 * ROUNDS):
        before = case.held()
        case.start()
        case.wait(lambda before=before: case.held() > before or case.ended(), "more trades")
        case.wait(lambda: draw.random() < 0.2, "a random instant")
        case.kill()
    case.start()
    proven()


@pytest.mark.parametrize("pair", PAIRS, ids="+".join)
def test_a_stream_survives_two_at_once(pair: tuple[str, ...], case: Case, proven: Callable[[], None]) -> None:
    amounts = {**STREAM_KINDS, **PORT_KINDS, **REST_KINDS}
    under_way(case)
    for _ in range(ROUNDS):
        for kind in pair:
            case.exchange.fault(kind, amounts[kind])
        case.wait(lambda: case.held() >= 500 or case.ended(), "the faults behind it")
    proven()


def test_a_stream_survives_a_cut_and_a_kill_at_once(case: Case, proven: Callable[[], None]) -> None:
    under_way(case)
    case.meet("reset")
    case.kill()
    case.exchange.fault("500", 2)
    case.start()
    proven()


@pytest.fixture
def history(case: Case) -> Case:
    """A case whose recording is over: nothing is live, everything is history."""
    case.exchange.clock(seek=case.exchange.status()["end"])
    return case


def brought(case: Case, bcore_run: Callable[..., subprocess.CompletedProcess[str]]) -> None:
    """Back-fills, and again as a user would who is told to run it again."""
    for _ in range(3 * ROUNDS + 3):
        done = bcore_run("backfill", "BTCUSDT", "ETHUSDT", "--from", START)
        assert "Traceback" not in done.stderr, done.stderr
        if done.returncode == 0:
            return
    raise AssertionError(done.stderr)


def counted(case: Case, record_property: Callable[[str, object], None]) -> None:
    counts = case.truth.compared(case.data)
    record_property("fault_counts", astuple(counts))
    assert counts.exact, counts


@pytest.mark.parametrize("kind", [*REST_KINDS, *PORT_KINDS])
def test_a_back_fill_over_rest_survives(
    kind: str,
    history: Case,
    bcore_run: Callable[..., subprocess.CompletedProcess[str]],
    record_property: Callable[[str, object], None],
) -> None:
    history.exchange.fault(kind, {**REST_KINDS, **PORT_KINDS}[kind])
    brought(history, bcore_run)
    assert any(fault["hits"] for fault in history.exchange.faults())
    if kind == "lag":  # what an exchange does not show yet can only be had later
        history.wait(lambda: all(fault["state"] == "done" for fault in history.exchange.faults()), "no more lag")
        brought(history, bcore_run)
    counted(history, record_property)


@pytest.mark.parametrize("kind", FILE_KINDS)
def test_a_back_fill_from_files_survives(
    kind: str,
    history: Case,
    bcore_run: Callable[..., subprocess.CompletedProcess[str]],
    record_property: Callable[[str, object], None],
) -> None:
    history.exchange.clock(seek=MIDNIGHT)
    history.exchange.fault(kind, FILE_KINDS[kind])
    brought(history, bcore_run)
    assert any(fault["hits"] for fault in history.exchange.faults())
    counted(history, record_property)


@pytest.mark.parametrize("kind", REFUSED_KINDS)
def test_what_a_refused_file_does_not_give_comes_over_rest(
    kind: str,
    history: Case,
    bcore_run: Callable[..., subprocess.CompletedProcess[str]],
    record_property: Callable[[str, object], None],
) -> None:
    history.exchange.clock(seek=MIDNIGHT)
    history.exchange.fault(kind, REFUSED_KINDS[kind])
    done = bcore_run("backfill", "BTCUSDT", "ETHUSDT", "--from", START)
    # The recording begins in the middle of the day: nobody can tell what the refused files had before.
    assert 1 == done.returncode
    assert "BTCUSDT-aggTrades-2024-08-08.zip" in done.stderr
    counted(history, record_property)
