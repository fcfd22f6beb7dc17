"""The parts of the server that have no socket: clock, limits, framing, names, faults, fold."""

from __future__ import annotations

import json
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bc_replay.channels import Channel, Distortion
from bc_replay.clock import Clock
from bc_replay.faults import FaultError, Faults, parse_fault
from bc_replay.frames import PING, PONG, Boundaries, Frame, FrameReader, close_frame, control_frame, text_frame
from bc_replay.grid import step_of
from bc_replay.heads import Head, Messages, Piece
from bc_replay.hub import Hub
from bc_replay.keepalive import Habits, Keepalive
from bc_replay.kinds import Meets
from bc_replay.limits import WeightLimiter
from bc_replay.listing import split
from bc_replay.names import Carries, stream, well_formed
from bc_replay.paced import fold
from bc_replay.records import DepthUpdate
from bc_replay.session import OVERFULL, Session


class Wall:
    """A wall clock that a test turns."""

    def __init__(self, now: float = 0.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


def test_the_clock_plays_at_its_speed_and_market_time_stops_at_the_end() -> None:
    wall = Wall()
    clock = Clock(1_000_000, 9_000_000, speed=2.0, wall=wall)
    wall.now = 3.0
    assert 6_999_999 == clock.now() == clock.market()
    wall.now = 5.0
    assert (10_999_999, 9_000_000, True) == (clock.now(), clock.market(), clock.ended)


def test_a_waiting_clock_begins_once_and_a_pause_is_not_ended_by_a_client() -> None:
    wall = Wall()
    clock = Clock(1, 9_000_000, waiting=True, wall=wall)
    wall.now = 5.0
    assert 0 == clock.now()
    clock.begin()
    wall.now = 6.0
    clock.pause()
    clock.begin()
    wall.now = 9.0
    assert 1_000_000 == clock.now()


def test_a_change_of_speed_does_not_jump() -> None:
    wall = Wall()
    clock = Clock(1, 90_000_000, wall=wall)
    wall.now = 2.0
    clock.change_speed(10.0)
    assert 2_000_000 == clock.now()
    assert 0.1 == pytest.approx(clock.wall_seconds_until(3_000_000))


def test_a_clock_of_speed_0_moves_only_forward_and_not_beyond_the_end() -> None:
    clock = Clock(1, 100, speed=0)
    clock.advance(50)
    clock.advance(20)
    assert 50 == clock.now()
    clock.advance(500)
    assert 100 == clock.now()


def test_the_used_weight_starts_anew_with_each_calendar_minute() -> None:
    wall = Wall(59.0)
    limiter = WeightLimiter(10, wall)
    assert [4, 8] == [limiter.charge("a", 4).used for _ in range(2)]
    wall.now = 60.0
    assert 4 == limiter.charge("a", 4).used
    assert 1 == limiter.charge("b", 1).used


def test_bans_grow_from_two_minutes_to_three_days() -> None:
    wall = Wall()
    limiter = WeightLimiter(1, wall)
    bans = []
    for _ in range(14):
        while (verdict := limiter.charge("a", 2)).status != 418:
            assert 429 == verdict.status
        bans.append(verdict.retry_after)
        wall.now += verdict.retry_after + 60
    assert [120, 240, 480] == bans[:3]
    assert 3 * 24 * 3600 == bans[-1]


FRAMES = st.lists(st.integers(0, 70_000).map(lambda n: bytes((0x82, *_length(n))) + bytes(n)), max_size=5)


def _length(count: int) -> bytes:
    if count < 126:
        return bytes((count,))
    return b"\x7e" + count.to_bytes(2, "big") if count < 65536 else b"\x7f" + count.to_bytes(8, "big")


@pytest.mark.parametrize("length", [0, 125, 126, 65_535, 65_536])
def test_a_text_frame_is_one_whole_frame_of_any_length(length: int) -> None:
    frame, boundaries = text_frame(b"x" * length), Boundaries()
    assert (0x81, b"x" * length) == (frame[0], frame[len(frame) - length :])
    assert len(frame) == boundaries.feed(frame + b"\x81")


def test_a_client_that_is_too_far_behind_is_let_go_once() -> None:
    went: list[str] = []
    session = Session(Hub([], lambda: 0), combined=False, micros=False, let_go=lambda: went.append("away"))
    for _ in range(OVERFULL):
        session.deliver(b"")
    assert [] == went
    session.deliver(b"")
    assert (["away"], 0) == (went, session.waiting)


@given(FRAMES, st.lists(st.integers(1, 40_000), max_size=20))
def test_boundaries_are_found_however_the_bytes_are_cut(frames: list[bytes], cuts: list[int]) -> None:
    data, ends, boundaries = b"".join(frames), set(), Boundaries()
    expected = {sum(map(len, frames[: n + 1])) for n in range(len(frames))}
    position = 0
    for size in [*cuts, len(data)]:
        chunk = data[position : position + size]
        if found := boundaries.feed(chunk):
            ends.add(position + found)
        position += len(chunk)
        assert (position in expected | {0}) == boundaries.between
    assert ends <= expected
    assert (len(data) in ends) == bool(frames)


@given(st.lists(st.binary(max_size=125), max_size=6), st.integers(1, 30))
def test_client_frames_are_read_unmasked_however_they_are_cut(payloads: list[bytes], size: int) -> None:
    mask = b"\x01\x82\x03\x84"
    sent = b"".join(
        bytes((0x80 | PONG, 0x80 | len(p))) + mask + bytes(b ^ mask[n % 4] for n, b in enumerate(p)) for p in payloads
    )
    reader = FrameReader()
    got = [frame for n in range(0, len(sent), size) for frame in reader.feed(sent[n : n + size])]
    assert [Frame(PONG, payload) for payload in payloads] == got


@given(st.lists(st.binary(max_size=50), max_size=5), st.integers(1, 20))
def test_heads_and_bodies_are_told_apart_however_they_are_cut(bodies: list[bytes], size: int) -> None:
    sent = b"".join(b"POST / HTTP/1.1\r\nContent-Length: %d\r\n\r\n" % len(body) + body for body in bodies)
    messages, got = Messages(), [b""] * 0
    for n in range(0, len(sent), size):
        for piece, content in messages.feed(sent[n : n + size]):
            if piece is Piece.HEAD:
                messages.body = Head.parse(content).length
                got.append(b"")
            else:
                got[-1] += content
    assert bodies == got


def test_a_marked_head_replaces_what_the_client_put_there() -> None:
    head = Head.parse(b"GET / HTTP/1.1\r\nHost: x\r\nX-Replay-Client: forged\r\n\r\n")
    assert b"GET / HTTP/1.1\r\nx-replay-client: 1.2.3.4\r\nHost: x\r\n\r\n" == head.marked(x_replay_client="1.2.3.4")


def test_only_a_pong_with_a_pings_payload_answers_it() -> None:
    clock, wall = Wall(), Wall(1.5)
    keepalive = Keepalive(Habits(ping_every=20, pong_within=60), clock, wall)
    clock.now = 20.0
    assert control_frame(PING, b"1500") == keepalive.ping()
    keepalive.heard(Frame(PONG, b""))
    clock.now = 81.0
    assert keepalive.unresponsive
    keepalive.heard(Frame(PONG, b"1500"))
    assert not keepalive.unresponsive


def test_a_close_frame_carries_its_code_and_reason() -> None:
    assert b"\x88\x06\x03\xe9away" == close_frame(1001, "away")


@pytest.mark.parametrize(
    ("name", "carries", "cadence"),
    [
        ("btcusdt@aggTrade", Carries.AGG_TRADE, 0),
        ("btcusdt@bookTicker", Carries.TICKER, 0),
        ("btcusdt@depth", Carries.DEPTH, 1_000_000),
        ("btcusdt@depth@100ms", Carries.DEPTH, 100_000),
        ("btcusdt@depth20@100ms", Carries.PARTIAL, 100_000),
        ("btcusdt@kline_1s", Carries.KLINE, 1_000_000),
        ("btcusdt@kline_1M@+08:00", Carries.KLINE, 2_000_000),
    ],
)
def test_stream_names_are_understood(name: str, carries: Carries, cadence: int) -> None:
    found = stream(name)
    assert found is not None
    assert (carries, cadence, "BTCUSDT") == (found.carries, found.cadence, found.symbol)


@pytest.mark.parametrize("name", ["BTCUSDT@trade", "btcusdt@depth7", "btcusdt@kline_1H", "!miniTicker@arr"])
def test_a_well_formed_name_may_stand_for_nothing(name: str) -> None:
    assert (True, None) == (well_formed(name), stream(name))


@pytest.mark.parametrize("name", ["garbage", "", "@trade", "btcusdt@", "btc usdt@trade", "a/b@trade"])
def test_garbage_is_no_stream_name(name: str) -> None:
    assert not well_formed(name)


def test_folded_updates_keep_the_last_quantity_of_each_price() -> None:
    one = DepthUpdate(1, 2, 10, (("5", "1"), ("4", "1")), (), 10)
    two = DepthUpdate(3, 6, 20, (("5", "0"),), (("6", "2"),), 20)
    assert DepthUpdate(1, 6, 20, (("5", "0"), ("4", "1")), (("6", "2"),), 20) == fold([one, two])
    assert fold([]) is None


def _same(value: int, micros: bool) -> int:
    return value


class Listener:
    micros = combined = False

    def __init__(self) -> None:
        self.got: list[int] = []

    def deliver(self, frame: bytes) -> None:
        assert b"\x81\x01" == frame[:2]  # one text frame of one digit
        self.got.append(json.loads(frame[2:]))


@pytest.mark.parametrize(
    ("kind", "expected"),
    [("gap", [0, 1, 4, 5]), ("duplicate", [0, 1, 0, 1, 2, 3, 4, 5]), ("reorder", [0, 1, 3, 2, 4, 5])],
)
def test_a_distortion_meets_two_events(kind: str, expected: list[int]) -> None:
    found, listener = stream("btcusdt@trade"), Listener()
    assert found is not None
    channel = Channel(found, listeners={listener})
    for n in range(6):
        if n == 2:
            channel.distort(Distortion(kind, 2))
        channel.send(partial(_same, n))
    assert expected == listener.got


@pytest.mark.parametrize(
    ("text", "amount", "lasts"),
    [("lag@5", 2, 10), ("lag@5:3", 3, 10), ("stale@5:3/7", 3, 7), ("429@5:9", 9, 9), ("gap@5:4", 4, 0)],
)
def test_a_fault_is_read_with_its_argument(text: str, amount: float, lasts: float) -> None:
    fault = parse_fault(text)
    assert (5, amount, lasts) == (fault.at, fault.amount, fault.lasts)


@pytest.mark.parametrize(
    ("text", "met", "spared"),
    [
        ("gap@5:4/BTCUSDT", "btcusdt@depth", "ethusdt@depth"),
        ("gap@5:4/*@depth*", "ethusdt@depth@100ms", "ethusdt@trade"),
        ("stale@5:3/7/ethusdt", "ethusdt@depth", "btcusdt@depth"),
        ("disconnect@5:/B*", "btcusdt@trade", "ethusdt@trade"),
        ("500@5:/ETHBTC", "ethbtc@trade", "ethbtcx@trade"),
    ],
)
def test_a_fault_is_aimed_at_symbols_or_streams(text: str, met: str, spared: str) -> None:
    fault = parse_fault(text)
    assert [True, False] == [fault.aims_at_stream(name) for name in (met, spared)]


def test_a_fault_that_is_aimed_at_nothing_meets_everything() -> None:
    fault = parse_fault("gap@5:4")
    assert fault.aims_at_stream("btcusdt@depth")
    assert fault.aims_at(None)


WRONG = ["", "reset", "reset@", "reset@x", "reset@-1", "gap@1:2/3", "500@1:1.5", "lag@1:x/2"]
WRONG += ["lag@1:2/BTCUSDT", "refuse@1:2/BTCUSDT", "disconnect@1:BTCUSDT"]


@pytest.mark.parametrize("text", WRONG)
def test_a_fault_that_cannot_be_understood_is_refused(text: str) -> None:
    with pytest.raises(FaultError):
        parse_fault(text)


def test_a_window_opens_with_the_first_request_it_meets() -> None:
    clock = Wall()
    faults = Faults([parse_fault("429@1:2")], clock)
    clock.now = 0.5
    assert faults.request() is None
    clock.now = 50.0
    assert faults.request() is not None
    clock.now = 51.9
    assert faults.request() is not None
    clock.now = 52.0
    assert faults.request() is None
    assert not list(faults.open(*Meets))


@pytest.mark.parametrize(
    ("symbol", "assets"), [("BTCUSDT", ("BTC", "USDT")), ("ETHBTC", ("ETH", "BTC")), ("XYZQQQ", ("XYZ", "QQQ"))]
)
def test_a_symbol_is_split_by_its_quote_asset(symbol: str, assets: tuple[str, str]) -> None:
    assert assets == split(symbol)


def test_the_grid_is_the_coarsest_power_of_ten_that_fits() -> None:
    assert 1_000_000 == step_of([125_000_000, 0, 310_000_000])
    assert 100_000_000 == step_of([10**12])
    assert 1 == step_of([])
