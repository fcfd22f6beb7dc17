"""Whatever the exchange and the network do, the archive equals the recording: id by id, field by field.

Every kind of fault that the replay exchange has, in every mode that can meet it; kills in between; two at once. What
was sent, lost and doubled in all is printed at the end of the run.
"""

from __future__ import annotations

import os
import random
from collections.abc import Callable, Iterator
from itertools import product
from pathlib import Path

import pytest
from attrs import astuple
from matrix import Case, Truth
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
PAIRS: list[tuple[str, ...]] = [
    ("reset", "500"),
    ("gap", "429"),
    ("silence", "truncate"),
    ("reorder", "reset"),
    ("disconnect", "lag"),
]
if os.environ.get("BCORE_PAIRS") == "all":
    PAIRS = list(product([*STREAM_KINDS, *PORT_KINDS], [*REST_KINDS, "reset", "gap"]))
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
