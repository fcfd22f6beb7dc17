"""The past, from bulk files and REST on a real local server: what is planned, fetched, filled and found revised."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from attrs import define, field

from bc_binance import Binance, BinanceConfig
from bc_binance.buckettesting import LocalBucket, zipped
from bc_binance.testing import LocalVenue, answer
from bc_trades.config import TradesConfig
from bc_trades.contents import Opener
from bc_trades.history import History
from bc_trades.portions import FilePortion, IdsPortion
from bc_trades.source import TradesSource
from bcore.clock import SystemClock
from bcore.errors import RefusedError, RequestError, SourceError
from bcore.memory import MemoryStore
from bcore.protocols import Backfills, Checks, Fills, Paced, Revises
from bcore.query import Query
from bcore.records import Batch, Origin
from bcore.spans import Spans

DAY = 86_400_000_000
JANUARY = 1_704_067_200_000_000  # 2024-01-01
A_DAY = 12  # trades, one every two hours
KEY = "data/spot/daily/aggTrades/BTCUSDT/BTCUSDT-aggTrades-{}.zip"
MONTH = "data/spot/monthly/aggTrades/BTCUSDT/BTCUSDT-aggTrades-2024-01.zip"
NOTHING = Spans()


def at(day: int) -> int:
    """Midnight at the beginning of the nth day of 2024, counted from 0."""
    return JANUARY + day * DAY


def key(day: int) -> str:
    return KEY.format(f"2024-01-{day + 1:02}")


def name(day: int) -> str:
    return key(day).rpartition("/")[2]


def ids(batches: Sequence[Batch]) -> list[int]:
    return [number for batch in batches for number in batch.table.column("agg_trade_id").to_pylist()]


def findings(batches: Sequence[Batch]) -> list[tuple[int, int, str]]:
    return [(found.first, found.last, found.state) for batch in batches for found in batch.findings]


def days(first: int, last: int) -> list[int]:
    """The ids of some days, the last one included."""
    return list(range(first * A_DAY, (last + 1) * A_DAY))


@define(eq=False)
class Past:
    """A market of some days, whose files are put into the bucket day by day."""

    market: Any
    bucket: LocalBucket
    exchange: Binance
    made: list[History] = field(factory=list)

    def trade(self, length: int = 10) -> None:
        step = DAY // A_DAY
        self.market.records["BTCUSDT"] = [
            {
                "a": n,
                "p": f"{n}.5",
                "q": "1.0",
                "f": 2 * n,
                "l": 2 * n + 1,
                "T": JANUARY + n * step,
                "m": n % 2 == 0,
                "M": True,
            }
            for n in range(length * A_DAY)
        ]

    def lines(self, first: int, last: int) -> list[str]:
        rows = [self.market.records["BTCUSDT"][number] for number in days(first, last)]
        return [f"{r['a']},{r['p']},{r['q']},{r['f']},{r['l']},{r['T']},{r['m']},True\n" for r in rows]

    def publish(self, *several: int) -> None:
        for day in several:
            self.bucket.put_rows(key(day), "".join(self.lines(day, day)))

    def history(self, **config: Any) -> History:
        return History(TradesConfig(**config), self.exchange, SystemClock())

    def asked(self, end: str) -> int:
        """How often something was fetched."""
        return sum(each.path.endswith(end) for each in self.bucket.venue.asked)


@pytest.fixture
def past(market: Any, venue: LocalVenue) -> Any:
    config = BinanceConfig(rest_url=venue.url, bulk_url=venue.url, timeout=5.0)
    exchange = Binance(config, SystemClock())
    made = Past(market, LocalBucket(venue), exchange)
    made.trade()
    yield made
    exchange.close()


def plan(
    past: Past, start: int, end: int, done: Sequence[Origin] = (), held: Spans = NOTHING, **config: Any
) -> list[Any]:
    return past.history(**config).plan("BTCUSDT", start, end, done, held)


def shown(portions: Sequence[Any]) -> list[Any]:
    return [each.file.name if isinstance(each, FilePortion) else (each.first, each.last) for each in portions]


def fetched(past: Past, portions: Sequence[Any], **config: Any) -> list[Batch]:
    history = past.history(**config)
    return [batch for portion in portions for batch in history.fetch(portion)]


def test_the_source_has_every_power_over_the_past(past: Past) -> None:
    source = TradesSource(TradesConfig(), past.exchange, ("BTCUSDT",), history=past.history())
    assert all(isinstance(source, power) for power in (Backfills, Fills, Checks, Revises, Paced))
    past.publish(0)
    (portion,) = source.plan("BTCUSDT", at(0), at(1), (), NOTHING)
    assert days(0, 0) == ids(list(source.fetch(portion)))
    assert 3600 == source.weight_per_minute


def test_a_source_without_a_history_says_so(past: Past) -> None:
    with pytest.raises(SourceError, match="made without a history"):
        TradesSource(TradesConfig(), past.exchange, ("BTCUSDT",)).plan("BTCUSDT", 0, 1, (), NOTHING)


def test_files_come_first_and_ids_for_the_days_after_them(past: Past) -> None:
    past.publish(0, 1, 2)
    portions = plan(past, at(0), at(5))
    assert [name(0), name(1), name(2), (36, 59)] == shown(portions)
    assert ["2024-01-04 to 2024-01-05", 24, 4] == [portions[3].when, portions[3].rows, portions[3].weight]
    assert days(0, 4) == ids(fetched(past, portions))


def test_a_day_that_is_missing_in_the_middle_is_asked_for_by_id(past: Past) -> None:
    past.publish(0, 2)
    assert [name(0), (12, 23), name(2)] == shown(plan(past, at(0), at(3)))


def test_a_whole_month_is_one_file(past: Past) -> None:
    past.trade(40)
    past.bucket.put_rows(MONTH, "".join(past.lines(0, 30)))
    assert [MONTH.rpartition("/")[2], (372, 383)] == shown(plan(past, at(0), at(32)))


def test_what_is_held_is_not_asked_for_over_rest(past: Past) -> None:
    past.publish(0)
    held = Spans.of([(15, 20), (40, 1000)])
    assert [name(0), (12, 14), (21, 39)] == shown(plan(past, at(0), at(5), held=held))


def test_many_ids_are_several_portions(past: Past, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bc_trades.portions.MOST_IDS", 10)
    assert [(0, 9), (10, 19), (20, 23)] == shown(plan(past, at(0), at(2)))


def test_a_future_end_means_up_to_the_newest_trade(past: Past) -> None:
    past.publish(*range(9))
    assert (108, 119) == shown(plan(past, at(0), at(100_000)))[-1]


def test_a_file_whose_rows_are_stored_is_left_out_without_a_download(past: Past) -> None:
    past.publish(0, 1)
    done = [Origin("bulk", key(0), "ab" * 32, A_DAY)]
    assert [name(1)] == shown(plan(past, at(0), at(2), done, Spans.of([(0, 11)])))
    assert 0 == past.asked(".zip")


def test_a_file_of_which_every_id_is_held_from_elsewhere_is_left_out(past: Past) -> None:
    past.publish(0, 1, 2)
    assert [name(0), name(2)] == shown(plan(past, at(0), at(3), held=Spans.of([(5, 30)])))
    assert [] == plan(past, at(0), at(3), held=Spans.of([(0, 35)]))
    past.market.served_from = 30
    assert [name(0), name(1), name(2)] == shown(plan(past, at(0), at(3), held=Spans.of([(5, 30)])))


def test_a_file_that_may_begin_before_all_that_rest_has_says_why_it_is_wanted(past: Past) -> None:
    past.publish(0, 1, 2)
    past.market.served_from = 15
    said = [portion.summary for portion in plan(past, at(1), at(3), held=Spans.of([(15, 35)]))]
    assert [f"{name(1)}, for what was before the rows that are held"] == said
    assert [name(1)] == [portion.summary for portion in plan(past, at(1), at(3), held=Spans.of([(16, 35)]))][:1]


def test_a_few_rows_that_are_held_cost_no_request_for_each_file(past: Past) -> None:
    past.trade(20)
    past.publish(*range(20))
    plan(past, at(0), at(20), held=Spans.of([(5, 7)]))
    assert 5 >= len(past.bucket.venue.asked_of("aggTrades"))


def test_a_month_whose_days_are_stored_is_left_out_and_days_of_a_month_that_is(past: Past) -> None:
    past.trade(40)
    past.bucket.put_rows(MONTH, "".join(past.lines(0, 30)))
    every = [Origin("bulk", key(day), "ab" * 32, A_DAY) for day in range(31)]
    held = Spans.of([(0, 31 * A_DAY - 1)])
    assert [] == shown(plan(past, at(0), at(31), every, held))
    assert [MONTH.rpartition("/")[2]] == shown(plan(past, at(0), at(31), every[1:], NOTHING))
    past.publish(3)
    assert [] == shown(plan(past, at(3), at(4), [Origin("bulk", MONTH, "ab" * 32, 372)], held))


def test_an_exchange_without_files_gives_what_rest_has(past: Past, exchange: Binance) -> None:
    class NoFiles:
        now, measure_clock, agg_trades = exchange.now, exchange.measure_clock, exchange.agg_trades

    history = History(TradesConfig(), NoFiles(), SystemClock())
    assert [(0, 23)] == shown(history.plan("BTCUSDT", at(0), at(2), (), NOTHING))


def test_what_is_older_than_rest_goes_back_is_not_planned_by_guess(
    past: Past, caplog: pytest.LogCaptureFixture
) -> None:
    past.publish(0, 5)
    past.market.served_from = 30
    assert [name(0), (30, 59), name(5)] == shown(plan(past, at(0), at(6)))
    past.market.served_from = 100
    assert [name(0), name(5)] == shown(plan(past, at(0), at(6)))
    assert "neither files nor REST have trades of 2024-01-02 to 2024-01-05" in caplog.text


def test_a_symbol_that_rest_does_not_know_any_more_is_had_from_files(past: Past) -> None:
    past.publish(0, 2)
    del past.market.records["BTCUSDT"]
    assert [name(0), name(2)] == shown(plan(past, at(0), at(3)))


def test_a_symbol_that_nobody_knows_is_refused(past: Past) -> None:
    with pytest.raises(RefusedError, match="NOSUCH"):
        past.history().plan("NOSUCH", at(0), at(3), (), NOTHING)


def opened(past: Past, **sizes: Any) -> list[Batch]:
    """The first day's file in batches, read with other sizes than usual."""
    (portion,) = plan(past, at(0), at(1))
    opener = Opener(TradesConfig(), past.exchange.bulk, **sizes)
    with opener.opened(portion.file, "BTCUSDT") as found:
        return list(found.batches())


def test_a_file_gives_its_origin_with_every_batch(past: Past) -> None:
    past.publish(0)
    sha256 = hashlib.sha256(past.bucket.objects[key(0)]).hexdigest()
    batches = opened(past, at_once=5)
    assert [6, 6] == [batch.table.num_rows for batch in batches]
    assert {Origin("bulk", key(0), sha256, A_DAY)} == {batch.origin for batch in batches}
    assert {"BTCUSDT"} == set(batches[0].table.column("symbol").to_pylist())
    assert [None] * 2 == [batch.observed for batch in batches]


def test_rows_of_a_file_are_those_of_rest_field_by_field(past: Past) -> None:
    past.publish(0)
    from_file, over_rest = (MemoryStore(), MemoryStore())
    for batch in fetched(past, plan(past, at(0), at(1))):
        from_file.append(batch)
    for batch in past.history().fetch(IdsPortion("BTCUSDT", 0, 11, "")):
        over_rest.append(batch)
    query = Query(TradesSource(TradesConfig(), past.exchange, ()).datasets[0], "BTCUSDT")
    assert A_DAY == from_file.read(query).num_rows
    assert over_rest.read(query).equals(from_file.read(query))


def test_shuffled_rows_are_brought_into_order(past: Past) -> None:
    past.bucket.put_rows(key(0), "".join(past.lines(0, 0)[::-1]))
    assert days(0, 0) == ids(fetched(past, plan(past, at(0), at(1))))


@pytest.mark.parametrize("reverse", [False, True])
def test_a_file_too_large_for_memory_comes_in_its_own_order_and_is_counted_by_id(past: Past, reverse: bool) -> None:
    lines = past.lines(0, 0)[:: -1 if reverse else 1]
    past.bucket.put_rows(key(0), "".join([*lines, lines[3]]))
    batches = opened(past, in_memory=5)
    order = days(0, 0)[:: -1 if reverse else 1]
    assert [*order, order[3]] == ids(batches)
    assert [A_DAY] == [batch.origin.rows for batch in batches if batch.origin]


def test_two_different_rows_of_one_id_are_told_and_one_is_kept(past: Past) -> None:
    other = past.lines(0, 0)[4].replace("4.5", "9.5")
    past.bucket.put_rows(key(0), "".join([*past.lines(0, 0), other, past.lines(0, 0)[7]]))
    batches = fetched(past, plan(past, at(0), at(1)))
    assert days(0, 0) == ids(batches)
    assert [(4, 4, "broken")] == findings(batches)
    assert 4.5 == batches[0].table.column("price")[4].as_py()


def test_a_bad_row_is_put_aside_and_its_file_counts_as_stored_without_it(past: Past) -> None:
    lines = past.lines(0, 0)
    past.bucket.put_rows(key(0), "".join([*lines[:3], lines[3].replace("3.5", "none"), *lines[4:]]))
    (batch,) = fetched(past, plan(past, at(0), at(1)))
    assert [number for number in days(0, 0) if number != 3] == ids([batch])
    assert [f"{name(0)}: the price is no decimal number (line 4)"] == [each.reason for each in batch.rejected]
    assert A_DAY - 1 == (batch.origin and batch.origin.rows)


def test_an_empty_file_gives_nothing(past: Past) -> None:
    past.bucket.put_rows(key(0), "")
    assert [] == fetched(past, plan(past, at(0), at(1)))


def test_a_last_file_that_is_cut_short_is_completed_over_rest(past: Past) -> None:
    past.publish(0)
    past.bucket.put_rows(key(1), "".join(past.lines(1, 1)[:5]))
    batches = fetched(past, plan(past, at(0), at(2)))
    assert days(0, 1) == ids(batches)
    assert ["bulk", "bulk", "rest"] == [batch.origin.kind for batch in batches if batch.origin]
    assert [] == findings(batches)


def test_a_first_file_that_begins_too_late_is_completed_over_rest(past: Past) -> None:
    past.bucket.put_rows(key(1), "".join(past.lines(1, 1)[4:]))
    assert days(1, 1) == sorted(ids(fetched(past, plan(past, at(1), at(2)))))


def test_the_ends_are_reached_also_where_the_files_there_are_stored_already(past: Past) -> None:
    past.publish(0, 1)
    done = [Origin("bulk", key(day), "ab" * 32, 7) for day in range(2)]
    assert [(0, 4), (18, 23)] == shown(plan(past, at(0), at(2), done, Spans.of([(5, 17)])))
    assert [] == plan(past, at(0), at(2), done, Spans.of([(0, 23)]))


def over_rest(past: Past, caplog: pytest.LogCaptureFixture, **config: Any) -> str:
    """What is said of the file of day 0, which is refused: its rows come over REST."""
    batches = fetched(past, plan(past, at(0), at(1)), **config)
    assert (days(0, 0), {"rest"}) == (ids(batches), {batch.origin.kind for batch in batches if batch.origin})
    return caplog.text


def test_a_wrong_checksum_is_refused_with_both_sums_and_how_to_accept_it(
    past: Past, caplog: pytest.LogCaptureFixture
) -> None:
    body, wrong = zipped("".join(past.lines(0, 0)), "rows.csv"), "0" * 64
    past.bucket.put(key(0), body, checksum=f"{wrong}  {name(0)}".encode())
    found = hashlib.sha256(body).hexdigest()
    said = over_rest(past, caplog)
    assert all(text in said for text in (found, wrong, f'accept_checksums = ["{found}"]'))
    assert 2 == past.asked(name(0))
    batches = fetched(past, plan(past, at(0), at(1)), accept_checksums=(found.upper(),))
    assert (days(0, 0), found) == (ids(batches), batches[0].origin and batches[0].origin.sha256)


def test_another_wrong_file_than_the_accepted_one_is_refused(past: Past, caplog: pytest.LogCaptureFixture) -> None:
    past.bucket.put(key(0), zipped("x", "rows.csv"), checksum=f"{'0' * 64}  {name(0)}".encode())
    assert "is not what its CHECKSUM says, twice" in over_rest(past, caplog, accept_checksums=("ab" * 32,))


def test_a_missing_checksum_is_refused_unless_none_is_required(past: Past, caplog: pytest.LogCaptureFixture) -> None:
    past.bucket.put(key(0), zipped("".join(past.lines(0, 0)), "rows.csv"), checksum=b"")
    assert "require_checksum = false" in over_rest(past, caplog)
    batches = fetched(past, plan(past, at(0), at(1)), require_checksum=False)
    assert (days(0, 0), "bulk") == (ids(batches), batches[0].origin and batches[0].origin.kind)


def test_a_zip_that_is_none_is_refused_at_once(past: Past, caplog: pytest.LogCaptureFixture) -> None:
    past.bucket.put(key(0), b"no zip at all")
    assert "no zip file" in over_rest(past, caplog)


def test_nothing_is_left_on_disk_after_an_error_or_when_nobody_wants_more(past: Past, tmp_path: Path) -> None:
    past.publish(0)
    past.bucket.put(key(1), b"no zip at all")
    history = past.history(tmp=str(tmp_path))
    good, bad = history.plan("BTCUSDT", at(0), at(2), (), NOTHING)
    batches = history.fetch(good)
    next(batches)
    batches.close()  # type: ignore[attr-defined]
    assert days(1, 1) == ids(list(history.fetch(bad)))
    assert [] == list(tmp_path.iterdir())


def test_a_portion_of_something_else_is_refused(past: Past) -> None:
    class Other:
        symbol, summary, bytes, rows, weight = "BTCUSDT", "a book", 0, 0, 0

    with pytest.raises(RequestError, match="a book is no portion of trades"):
        list(past.history().fetch(Other()))


def fill(past: Past, first: int, last: int) -> list[Batch]:
    return list(past.history().fill("BTCUSDT", first, last))


def test_the_source_takes_from_files_what_rest_has_no_more(past: Past) -> None:
    past.publish(*range(7))
    past.market.served_from = 84
    source = TradesSource(TradesConfig(), past.exchange, ("BTCUSDT",), history=past.history())
    batches = list(source.fill("BTCUSDT", 80, 90))
    assert list(range(80, 91)) == sorted(ids(batches))
    assert {"bulk", "rest"} == {batch.origin.kind for batch in batches if batch.origin}
    assert [(84, 90, "filled")] == findings(batches)


@pytest.mark.parametrize(("first", "last"), [(0, 5), (30, 30), (20, 50), (70, 83)])
def test_ids_that_rest_has_no_more_come_from_the_days_that_have_them(past: Past, first: int, last: int) -> None:
    past.publish(*range(7))
    past.market.served_from = 84
    batches = fill(past, first, last)
    assert list(range(first, last + 1)) == ids(batches)
    assert {"bulk"} == {batch.origin.kind for batch in batches if batch.origin}
    assert {A_DAY} == {batch.origin.rows for batch in batches if batch.origin}


def test_days_without_a_file_do_not_keep_the_search_from_finding_the_others(past: Past) -> None:
    past.publish(0, 1, 6)
    past.market.served_from = 84
    batches = fill(past, 12, 83)
    assert [*days(1, 1), *days(6, 6)] == ids(batches)
    (found,) = [found for batch in batches for found in batch.findings]
    assert (24, 71, "unfillable") == (found.first, found.last, found.state)
    assert f"REST does not go back so far, and the files {name(1)} to {name(6)} do not have them" == found.reason


def test_ids_of_a_month_that_is_not_there_by_day_come_from_its_file(past: Past) -> None:
    past.trade(40)
    past.bucket.put_rows(MONTH, "".join(past.lines(0, 30)))
    past.market.served_from = 400
    assert [100, 101, 102] == ids(fill(past, 100, 102))


def test_the_search_looks_into_few_files(past: Past) -> None:
    past.trade(31)
    past.publish(*range(31))
    past.market.served_from = 31 * A_DAY
    past.trade(32)
    assert [200] == ids(fill(past, 200, 200))
    assert 6 >= past.asked(".zip")


def test_without_any_file_it_is_said_that_there_is_none(past: Past) -> None:
    past.market.served_from = 84
    (batch,) = fill(past, 10, 20)
    assert "REST does not go back so far, and no bulk file of BTCUSDT is published for them" == batch.findings[0].reason


def revised(past: Past, origins: list[Origin], **config: Any) -> list[tuple[str, str]]:
    return [(origin.name, said) for origin, said in past.history(**config).revised("BTCUSDT", origins)]


def test_files_that_were_replaced_or_taken_away_are_told(past: Past) -> None:
    past.publish(0, 1, 2)
    origins = [batch.origin for batch in fetched(past, plan(past, at(0), at(3))) if batch.origin]
    assert [] == revised(past, [*origins, Origin("rest"), Origin("archive", "other", "ab" * 32)])
    past.bucket.put_rows(key(1), "".join(past.lines(1, 1)[1:]))
    for gone in (key(2), f"{key(2)}.CHECKSUM"):
        past.bucket.venue.on(f"/{gone}", lambda _: answer({}, 404))
    now = hashlib.sha256(past.bucket.objects[key(1)]).hexdigest()
    said = revised(past, origins)
    assert [(key(1), True), (key(2), False)] == [(told, now in text) for told, text in said]
    assert "it is not published any more" == said[1][1]


def test_a_file_that_was_accepted_against_its_checksum_is_compared_itself(past: Past) -> None:
    body = zipped("".join(past.lines(0, 0)), "rows.csv")
    found = hashlib.sha256(body).hexdigest()
    past.bucket.put(key(0), body, checksum=f"{'0' * 64}  {name(0)}".encode())
    origin = Origin("bulk", key(0), found, A_DAY)
    assert [] == revised(past, [origin], accept_checksums=(found,))
    past.bucket.put(key(0), body + b" ", checksum=f"{'0' * 64}  {name(0)}".encode())
    assert [key(0)] == [told for told, _ in revised(past, [origin], accept_checksums=(found,))]


def test_a_checksum_that_is_gone_is_told(past: Past) -> None:
    past.bucket.put(key(0), b"anything", checksum=b"")
    assert [(key(0), "its CHECKSUM is not published any more")] == revised(past, [Origin("bulk", key(0), "ab" * 32, 1)])
