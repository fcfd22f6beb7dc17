"""When a silent symbol is looked into, and what is made of it: seconds go by by hand."""

from __future__ import annotations

from bc_trades.silence import Watch


def watch(pace: float = 3.0) -> Watch:
    return Watch(0.0, pace, draw=lambda: 0.5)


def joined(pace: float = 3.0) -> Watch:
    made = watch(pace)
    made.join(0.0)
    return made


def asked_at(made: Watch, begin: float) -> float:
    """When it first wants REST to be asked."""
    return next(begin + step / 4 for step in range(10_000) if made.ask(begin + step / 4))


def test_a_symbol_is_unsure_until_it_speaks() -> None:
    made = joined()
    assert made.unsure
    made.hear(1.0, 1)
    assert not made.unsure


def test_a_symbol_that_stays_silent_after_the_join_is_asked_about_once_it_has_had_time_to_speak() -> None:
    made = joined()
    assert 2.5 == asked_at(made, 0.0)
    assert not made.ask(100.0), "the answer is not there yet"
    made.look(3.0, news=False, more=False)
    assert not made.unsure


def test_a_symbol_that_speaks_after_the_join_costs_no_request() -> None:
    made = joined(pace=0.1)
    for tick in range(40):
        made.hear(tick / 4, 1)
        assert not made.ask(tick / 4 + 0.125)


def test_a_stream_replaced_without_a_break_costs_no_request() -> None:
    made = joined()
    made.hear(1.0, 1)
    made.join(5.0)
    assert not made.unsure
    assert asked_at(made, 5.0) > 10.0


def test_a_lost_stream_makes_unsure_again() -> None:
    made = joined()
    made.hear(1.0, 1)
    made.lose(2.0)
    assert made.unsure
    made.join(3.0)
    assert 5.5 == asked_at(made, 3.0)


def test_a_symbol_whose_stream_is_not_joined_is_looked_at_over_rest_ever_more_rarely() -> None:
    made, now, pauses = watch(), 0.0, []
    for _ in range(9):
        at = asked_at(made, now)
        pauses.append(at - now)
        now = at
        made.look(now, news=True, more=False)
    assert [5.0, 5.0, 10.0, 15.0] == pauses[:4]
    assert 30.0 == pauses[-1]
    assert made.unsure


def spoken(pace: float) -> tuple[Watch, float]:
    """A symbol that has had a trade every `pace` seconds for long; when its last one was."""
    made, now = joined(pace), 0.0
    for _ in range(200):
        now += pace
        made.hear(now, 1)
    return made, now


def test_a_silence_is_long_by_the_symbols_own_measure() -> None:
    for pace, expected in ((0.01, 10.0), (2.0, 40.0), (30.0, 600.0), (1000.0, 900.0)):
        made, now = spoken(pace)
        assert abs(asked_at(made, now) - now - expected) < 1.0


def test_the_measure_follows_the_symbol() -> None:
    made, now = spoken(30.0)
    for _ in range(200):
        now += 1.0
        made.hear(now, 1)
    assert 15.0 < asked_at(made, now) - now < 30.0


def test_a_silence_with_nothing_in_it_is_looked_into_ever_more_rarely() -> None:
    made, now = spoken(1.0)
    pauses = []
    for _ in range(8):
        at = asked_at(made, now)
        pauses.append(at - now)
        now = at
        made.look(now, news=False, more=False)
    assert sorted(pauses) == pauses
    assert 20.0 == pauses[0]
    assert 900.0 == pauses[-1]


def test_a_stream_that_spoke_once_and_then_missed_something_is_deaf() -> None:
    made, now = spoken(1.0)
    at = asked_at(made, now)
    made.look(at, news=True, more=False)
    assert made.deaf
    assert at + 2.0 == made.due, "a stream may be late"


def test_a_stream_that_brings_it_in_time_after_all_is_not_deaf() -> None:
    made, now = spoken(1.0)
    at = asked_at(made, now)
    made.look(at, news=True, more=False)
    made.hear(at + 1.0, 1)
    assert not made.deaf


def test_a_stream_that_never_spoke_is_deaf_when_rest_has_something_new_twice() -> None:
    made = joined()
    at = asked_at(made, 0.0)
    made.look(at, news=True, more=False)
    assert not made.deaf, "that may be from before the join"
    at = asked_at(made, at)
    made.look(at, news=True, more=False)
    assert made.deaf
    assert made.unsure


def test_what_was_not_new_when_it_was_asked_about_is_no_evidence_once_the_stream_speaks() -> None:
    made = joined()
    at = asked_at(made, 0.0)
    made.hear(at + 0.5, 1)
    made.look(at + 1.0, news=True, more=False)
    assert not made.deaf
    assert not made.unsure


def test_a_full_page_is_followed_by_the_next_at_once() -> None:
    made = joined()
    at = asked_at(made, 0.0)
    made.look(at, news=True, more=True)
    assert at == asked_at(made, at)


def test_an_unanswered_request_is_made_again_when_it_is_due() -> None:
    made = joined()
    made.fail(asked_at(made, 0.0) + 7.0)
    assert 9.5 == asked_at(made, 0.0)


def test_a_deaf_stream_that_is_subscribed_again_is_unsure_and_not_deaf() -> None:
    made, now = spoken(1.0)
    made.look(asked_at(made, now), news=True, more=False)
    now += 30.0
    made.renew(now)
    assert (True, False) == (made.unsure, made.deaf)
    for _ in range(2):  # the feed need not say anything: it may have moved it beside the old connection
        now = asked_at(made, now)
        made.look(now, news=True, more=False)
    assert made.deaf
