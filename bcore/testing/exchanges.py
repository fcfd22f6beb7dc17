"""`ExchangeTests`: a connection that costs nothing until it is used, and says in bcore's own words what went wrong."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import pytest

from bcore.clock import SystemClock
from bcore.errors import (
    BannedError,
    BcoreError,
    ExchangeError,
    FaultyReplyError,
    RateLimitedError,
    RefusedError,
    UnreachableError,
)
from bcore.fields import fields_of
from bcore.protocols import Exchange
from bcore.records import Factory
from bcore.testing.kit import Kit
from bcore.testing.making import made

OpenExchange = Callable[[], Exchange]
Ask = Callable[[Any], object]
EVERY = (RateLimitedError, RefusedError, FaultyReplyError, UnreachableError)
WAITING = (RateLimitedError, BannedError)
YEAR_2000, YEAR_2100 = 946_684_800_000_000, 4_102_444_800_000_000
AT_ONCE = 8


class ExchangeTests(Kit):
    """Inherit it, and give the fixtures `factory`, the plugin's own `Factory`, and `open_exchange`: each call makes an
    exchange anew, onto something on this machine that plays the venue. What else is told:

    - `asking`: asks something that is answered, the same each time: `lambda venue: venue.ticks("AAA", 0, 10)`;
    - `failing`: for each kind of error something that ends in it, of an exchange or with one of its own. At least
      `RateLimitedError`, `RefusedError`, `FaultyReplyError` and `UnreachableError`, which every venue has;
    - `ahead`: how far the clock of what plays the venue is ahead of this machine's, in microseconds, if it tells.
    """

    @pytest.fixture
    def factory(self) -> Factory[Any]:
        pytest.fail(f"{type(self).__name__} needs a fixture `factory`: what the plugin's bcore_exchanges gives")

    @pytest.fixture
    def asking(self) -> Ask | None:
        return None

    @pytest.fixture
    def failing(self) -> Mapping[type[ExchangeError], Ask] | None:
        return None

    @pytest.fixture
    def ahead(self) -> int | None:
        return None

    def test_it_has_a_name_and_a_clock(self, open_exchange: OpenExchange) -> None:
        with opened(open_exchange) as exchange:
            assert isinstance(exchange.name, str)
            assert exchange.name, "messages name the exchange"
            assert isinstance(exchange.now(), int), "now() is int us UTC"
            assert YEAR_2000 < exchange.now() < YEAR_2100, "now() is in microseconds since 1970"

    def test_nobody_is_asked_before_a_source_asks(self, factory: Factory[Any]) -> None:
        """With the defaults, which name the real exchange: the network is closed, so that asking it raises."""
        made(factory).close()

    def test_it_may_be_closed_twice(self, open_exchange: OpenExchange, asking: Ask | None) -> None:
        with opened(open_exchange) as exchange:
            if asking:
                asking(exchange)
            exchange.close()

    def test_the_plugin_explains_it(self, factory: Factory[Any]) -> None:
        assert factory.summary, "a summary is what a configuration file is explained with"
        assert [] == [each.name for each in fields_of(factory.config) if not each.help], "keys without help"
        assert [] == [each.name for each in fields_of(factory.config) if each.required], "keys without a default"

    def test_it_answers_several_sources_at_once(self, open_exchange: OpenExchange, asking: Ask | None) -> None:
        """All sources of a process share it, each in a thread of its own."""
        if asking is None:
            pytest.skip("nothing was given that can be asked")
        with opened(open_exchange) as exchange, ThreadPoolExecutor(AT_ONCE) as threads:
            alone = asking(exchange)
            together = list(threads.map(lambda _: asking(exchange), range(3 * AT_ONCE)))
        assert [] == [each for each in together if each != alone], "other answers than when it is asked alone"

    def test_its_clock_is_the_exchange_s(
        self, open_exchange: OpenExchange, asking: Ask | None, ahead: int | None
    ) -> None:
        if asking is None or ahead is None:
            pytest.skip("it was not said how far the clock of the exchange is ahead")
        with opened(open_exchange) as exchange:
            asking(exchange)
            here = SystemClock().now()
            assert abs(exchange.now() - here - ahead) < 60_000_000, "after an answer now() follows the exchange"

    def test_what_goes_wrong_has_its_name(
        self, open_exchange: OpenExchange, failing: Mapping[type[ExchangeError], Ask] | None
    ) -> None:
        if failing is None:
            pytest.skip("nothing was given that fails")
        missing = [kind.__name__ for kind in EVERY if kind not in failing]
        assert [] == missing, "every venue fails in these ways; the fixture `failing` must provoke them"
        for kind, ask in failing.items():
            with opened(open_exchange) as exchange, pytest.raises(BcoreError) as caught:
                ask(exchange)
            found = type(caught.value)
            assert issubclass(found, kind), f"{kind.__name__} was expected, not {found.__name__}: {caught.value}"
            assert str(caught.value).strip(), f"{kind.__name__} without a sentence"

    def test_how_long_to_wait_comes_with_the_refusal(
        self, open_exchange: OpenExchange, failing: Mapping[type[ExchangeError], Ask] | None
    ) -> None:
        """A source that does not know how long to wait asks again too soon, and a venue then bans the address."""
        if failing is None:
            pytest.skip("nothing was given that fails")
        for kind in (each for each in WAITING if each in failing):
            with opened(open_exchange) as exchange, pytest.raises(kind) as caught:
                failing[kind](exchange)
            after = caught.value.retry_after
            assert after is not None, f"{kind.__name__} does not say after how many seconds to ask again"
            assert after > 0, f"{kind.__name__} says to ask again at once"

    def test_it_goes_on_after_what_went_wrong(
        self, open_exchange: OpenExchange, asking: Ask | None, failing: Mapping[type[ExchangeError], Ask] | None
    ) -> None:
        """One source's mistake is nobody else's: a symbol that there is not, a reply that is none."""
        if asking is None or failing is None:
            pytest.skip("nothing was given that fails, or nothing that is answered")
        with opened(open_exchange) as exchange:
            before = asking(exchange)
            for kind in (each for each in (RefusedError, FaultyReplyError) if each in failing):
                with pytest.raises(BcoreError):
                    failing[kind](exchange)
                assert before == asking(exchange), f"another answer than before {kind.__name__}"


@contextmanager
def opened(open_exchange: OpenExchange) -> Iterator[Exchange]:
    exchange = open_exchange()
    try:
        yield exchange
    finally:
        exchange.close()
