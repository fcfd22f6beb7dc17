"""Parts that are looked at by themselves."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pluggy
import pytest
from archive_server import COUNTS, QUOTES, TICKS, filled, ticks

from bc_http import hookspecs
from bc_http.answers import Answer, Answers, Flow
from bc_http.asking import Asking
from bc_http.config import HttpConfig
from bc_http.live.asking import Followed
from bc_http.live.channel import Message
from bc_http.live.hub import Hub
from bc_http.negotiation import coding_for, preferred, weights
from bc_http.problems import Problem
from bc_http.pulse import Pulse, look
from bc_http.routes import Route
from bcore.errors import StoreError
from bcore.fields import FieldsError, fields_of, parse
from bcore.local import StoreReader


def reader() -> StoreReader:
    return StoreReader((filled(),), (TICKS, QUOTES), (COUNTS,))


def test_every_key_of_the_configuration_is_explained() -> None:
    assert [] == [each.name for each in fields_of(HttpConfig) if not each.help]


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ({"port": 70000}, "0 to 65535"),
        ({"origins": "example.com"}, "https://example.com"),
        ({"keys": {"a": "sha256:abc"}}, "64 hexadecimal digits"),
        ({"keys": {"a": {"env": "NOT_SET_ANYWHERE"}}}, "NOT_SET_ANYWHERE is not set"),
        ({"workers": 0}, ">= 1"),
        ({"hots": "x"}, "did you mean host"),
    ],
)
def test_a_wrong_configuration_is_named(keys: dict[str, Any], said: str) -> None:
    with pytest.raises(FieldsError, match=said):
        parse(HttpConfig, keys)


@pytest.mark.parametrize(
    ("header", "expected"),
    [("a/b;q=0.5, c/d", {"a/b": 0.5, "c/d": 1.0}), (";;q=x,,a/b;q=2, x/y ; q=0", {"x/y": 0.0}), ("", {})],
)
def test_weights_are_read_and_nonsense_is_left_out(header: str, expected: dict[str, float]) -> None:
    assert expected == weights(header)


def test_a_media_type_that_is_refused_by_name_is_not_taken_for_its_kind() -> None:
    assert "text/html" == preferred(("text/csv", "text/html"), "text/*, text/csv;q=0")
    assert None is preferred(("text/csv",), "text/*, text/csv;q=0")
    assert None is coding_for("*;q=0")


def test_a_path_of_a_route_begins_with_a_slash() -> None:
    with pytest.raises(ValueError, match="begins with /"):
        Route("live", object())


def test_the_hook_may_be_made_known_twice() -> None:
    manager = pluggy.PluginManager("bcore")
    hookspecs.register(manager)
    hookspecs.register(manager)
    assert [] == manager.hook.bc_http_routes(reader=None)


def test_a_problem_is_text_whatever_was_sent() -> None:
    body = Problem(400, "\ud800 \x00 é" + "x" * 9999).body("/\udcff")
    assert len(body.decode()) < 2600


class Counted(StoreReader):
    """A reader that counts how often it is looked at."""

    looks = 0

    def stats(self) -> Any:
        Counted.looks += 1
        return super().stats()


def test_many_who_ask_at_once_look_once() -> None:
    Counted.looks = 0

    async def ask() -> None:
        with ThreadPoolExecutor(2) as pool:
            pulse = Pulse(Counted((filled(),), (TICKS,)), pool, 60.0)
            states = await asyncio.gather(*(pulse.state() for _ in range(50)))
            assert len({id(state) for state in states}) == 1

    asyncio.run(ask())
    assert 1 == Counted.looks


def test_who_misses_something_has_it_looked_for_at_once() -> None:
    store = filled()
    archive = StoreReader((store,), (TICKS,))

    async def asked() -> list[bool]:
        with ThreadPoolExecutor(2) as pool:
            pulse = Pulse(archive, pool, 60.0)
            await pulse.state()
            store.append(ticks(1, 1, symbol="NEW"))
            known = [("ticks", "NEW") in (await pulse.state()).series]
            several = await asyncio.gather(*(later(pulse, turns) for turns in range(200)))
            return known + [("ticks", "NEW") in each.series for each in several]

    async def later(pulse: Pulse, turns: int) -> Any:
        for _ in range(turns):  # at every stage of the looks of others
            await asyncio.sleep(0)
        return await pulse.anew()

    assert [False, *[True] * 200] == asyncio.run(asked())


def test_tags_change_with_the_rows_of_their_series_alone() -> None:
    store = filled()
    archive = StoreReader((store,), (TICKS, QUOTES), (COUNTS,))
    before = look(archive)
    store.append(ticks(9000, 1, "GAP"))
    after = look(archive, before)
    same = [name for name in before.tags or {} if (before.tags or {})[name] == (after.tags or {})[name]]
    assert [("quotes", "AAA"), ("ticks", "AAA")] == same
    assert before.tag_of("counts", "GAP") != after.tag_of("counts", "GAP")
    assert before.tag_of("counts", "AAA") == after.tag_of("counts", "AAA")
    assert None is after.tag_of("ticks", "NONE")
    assert before.views is after.views


class Damaged(StoreReader):
    def stats(self) -> Any:
        raise StoreError("a file is damaged")


def test_an_archive_that_cannot_be_looked_at_has_no_tags() -> None:
    state = look(Damaged((filled(),), (TICKS,)))
    assert (None, None, ["ticks"]) == (
        state.tag,
        state.tag_of("ticks", "AAA"),
        [n for n in state.views if n == "ticks"],
    )


def answered(answers: Answers, key: str, tag: str | None, made: list[str], body: bytes = b"x") -> Answer:
    async def make() -> Answer:
        made.append(key)
        return Answer("text/plain", body=body)

    return asyncio.run(answers.of(key, tag, make))


def test_answers_are_made_once_for_each_tag() -> None:
    answers, made = Answers(100_000), list[str]()
    for tag in ("1", "1", "2", "2", None, None):
        answered(answers, "key", tag, made)
    assert 4 == len(made)


def test_answers_do_not_outgrow_their_room() -> None:
    answers, made = Answers(10_000), list[str]()
    for number in range(20):
        answered(answers, f"k{number}", "tag", made, b"x" * 1000)
    assert None is answers.held("k0", "tag")
    assert answers.held("k19", "tag") is not None
    answered(answers, "large", "tag", made, b"x" * 5000)
    assert None is answers.held("large", "tag")


def test_pieces_are_made_no_sooner_than_the_one_before_is_taken() -> None:
    made: list[int] = []
    closed = threading.Event()

    def pieces() -> Iterator[bytes]:
        try:
            for number in range(10):
                made.append(number)
                yield b"x"
        finally:
            closed.set()

    async def take() -> None:
        with ThreadPoolExecutor(1) as pool:
            flow = Flow(pieces(), pool)
            taken = [await anext(flow) for _ in range(3)]
            assert [b"x"] * 3 == taken
            await flow.close()
            assert len(made) <= 4

    asyncio.run(take())
    assert closed.is_set()


def test_a_client_that_goes_away_while_a_piece_is_made_stops_the_making() -> None:
    going, closed = threading.Event(), threading.Event()

    def pieces() -> Iterator[bytes]:
        try:
            going.wait(20)
            yield b"x"
            pytest.fail("nobody asked for this one")
        finally:
            closed.set()

    async def leave() -> None:
        with ThreadPoolExecutor(1) as pool:
            flow = Flow(pieces(), pool)
            taking = asyncio.ensure_future(anext(flow))
            await asyncio.sleep(0)
            taking.cancel()
            await asyncio.wait([taking])
            going.set()
            await flow.close()

    asyncio.run(leave())
    assert closed.is_set()


@pytest.mark.parametrize("when", ["before", "amid"])
def test_who_comes_while_the_server_goes_is_told_no_cursor_beyond_the_rows_that_came(when: str) -> None:
    """A client takes the cursor with it to the next server, and would never hear of what lies before."""
    archive = StoreReader((filled(),), (TICKS, QUOTES), (COUNTS,))
    followed, cursor = Followed.parsed(archive.views()["ticks"], "AAA", "after_id=0")

    async def told() -> list[Message | None]:
        hub, messages = Hub(archive, HttpConfig()), []
        channel = hub.channel(followed, {"ticks": TICKS})
        if when == "before":
            hub.close()
        async for message in hub.follow(followed, channel, cursor):
            messages.append(message)
            hub.close()
        assert (1, 1) == (hub.begun, hub.ended)
        return messages

    messages = asyncio.run(told())
    heard = [row["id"] for message in messages if message for row in json.loads(message.text)["data"]]
    assert heard == list(range(1, len(heard) + 1))
    assert [str(len(heard))] * bool(heard) == [message.cursor for message in messages[-1:] if message]
    assert (when == "before") == (not heard)


def test_what_was_asked_is_repeated_with_its_type() -> None:
    view = reader().views()["quotes"]
    assert {"size": 10} == Asking(view).parsed("AAA", "size=10").echo
    assert {"size": 2.5} == Asking(view).parsed("AAA", "size=2.5").echo
    assert {"size": None} == Asking(view).parsed("AAA", "").echo
