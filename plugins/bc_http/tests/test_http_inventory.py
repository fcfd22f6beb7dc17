"""What is there to ask for, and whether it is worth asking."""

from __future__ import annotations

import time
from typing import Any

import pyarrow as pa
import pytest
from prometheus_client.parser import text_string_to_metric_families

from bc_http.pulse import look
from bc_http.readiness import Judge
from bcore.ledger import noted
from bcore.local import StoreReader
from bcore.memory import MemoryStore
from bcore.records import Batch, Dataset, Finding, Series

INSTANT = pa.timestamp("us", tz="UTC")
EVENTS = Dataset(
    "events",
    pa.schema({"id": pa.int64(), "timestamp": INSTANT, "symbol": pa.string()}),
    key=("id",),
    sequence="id",
)
NOW = 1_000_000.0


def test_the_index_lists_what_answers(served: Any) -> None:
    told = served.get("/").json()
    assert {"/ticks/{symbol}", "/hot/quotes/{symbol}", "/stats", "/openapi.json", "/grow"} <= set(told["endpoints"])
    for path in [each for each in told["endpoints"] if "{" not in each and each not in ("/grow", "/fault", "/half")]:
        assert (503 if path == "/ready" else 200) == served.get(path).status


def test_the_page_of_a_plugin_is_for_those_who_want_html(served: Any) -> None:
    browser = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
    assert b"<h1>welcome</h1>" == served.get("/", browser).body
    assert "application/json" == served.get("/", {"Accept": "*/*"}).type
    assert "application/json" == served.get("/").type


def test_symbols_come_by_dataset_as_in_the_original(served: Any) -> None:
    assert {"quotes": ["AAA"], "ticks": ["AAA", "GAP"]} == served.get("/symbols").json()
    assert {"counts": ["AAA", "GAP"]} == served.get("/symbols?view=counts").json()


def test_stats_have_the_originals_facts_and_more(served: Any) -> None:
    told = served.get("/stats").json()["ticks"]["GAP"]
    assert (200, 5, 1) == (told["rows"], told["columns"], told["gaps"])
    assert ("2026-01-01T00:00:00.000000Z", "2026-01-01T00:04:59.000000Z") == (told["start"], told["end"])
    assert told["size_mb"] == round(told["bytes"] / 2**20, 2)


def test_views_say_what_they_take_and_give(served: Any) -> None:
    told = {each["name"]: each for each in served.get("/views").json()}
    assert {"counts", "quotes", "ticks"} == set(told)
    assert [{"name": "seconds", "default": 60, "required": False, "help": "length of a bar"}] == told["counts"][
        "parameters"
    ]
    assert ("id", None, ["size"]) == (told["ticks"]["id"], told["quotes"]["id"], told["quotes"]["facets"])
    assert {"name": "price", "type": "double"} in told["ticks"]["columns"]


def test_lists_have_etags_too(served: Any) -> None:
    for path in ("/symbols", "/stats", "/views", "/openapi.json", "/docs"):
        tag = served.get(path).headers["etag"]
        assert (304, b"") == ((same := served.get(path, {"If-None-Match": tag})).status, same.body)


def test_old_data_is_not_ready_and_says_why(served: Any) -> None:
    reply = served.get("/ready?view=ticks&symbol=AAA")
    (told,) = reply.json()["series"]
    assert (503, False, 60.0, 0) == (reply.status, told["ready"], told["allowed"], told["gaps"])
    assert "60 s would be usual" in told["reasons"][0]


def test_of_rows_without_ids_no_gaps_are_counted(served: Any) -> None:
    (told,) = served.get("/ready?view=quotes&symbol=AAA").json()["series"]
    assert told["gaps"] is served.get("/stats").json()["quotes"]["AAA"]["gaps"] is None


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("view=tick", "there is no view 'tick' (did you mean ticks?)"),
        ("symbol=AAB", "nothing is stored for the symbol 'AAB' (did you mean AAA?)"),
        ("view=quotes&symbol=GAP", "stored: AAA"),
    ],
)
def test_whether_something_is_ready_that_is_not_there_is_a_mistake(served: Any, query: str, said: str) -> None:
    problem = served.get(f"/ready?{query}")
    assert (404, "application/problem+json") == (problem.status, problem.type)
    assert said in problem.json()["detail"]


def test_a_computed_view_is_as_ready_as_what_it_is_made_of(served: Any) -> None:
    assert ["ticks"] == [each["dataset"] for each in served.get("/ready?view=counts&symbol=AAA").json()["series"]]


def judged(*ages: float, ids: list[int] | None = None, findings: tuple[Finding, ...] = ()) -> Any:
    """The verdict on a series whose rows are so many seconds old."""
    store = MemoryStore()
    times = [int((NOW - age) * 1e6) for age in ages]
    columns = {"id": pa.array(ids or range(len(times)), pa.int64()), "timestamp": pa.array(times, INSTANT)}
    store.append(Batch(EVENTS, "X", pa.table({**columns, "symbol": pa.repeat("X", len(times))}, schema=EVENTS.schema)))
    if findings:
        store.append(noted(findings, Series(EVENTS, "X"), int(NOW * 1e6)))
    reader = StoreReader((store,))
    (verdict,) = Judge(reader, now=lambda: NOW).verdicts(look(reader))
    return verdict


def test_a_series_may_be_silent_as_long_as_it_ever_was_and_somewhat_longer() -> None:
    assert judged(500, 300, 250, 240).ready  # the longest pause is 200 s
    assert not judged(1000, 900, 800, 700).ready
    assert not judged(61.0).ready
    assert judged(59.0).ready


def test_missing_ids_are_a_reason_unless_nobody_has_them() -> None:
    ages = (3.0, 2.0, 1.0)
    assert judged(*ages, ids=[1, 2, 3]).ready
    assert (False, 1) == ((gappy := judged(*ages, ids=[1, 2, 9])).ready, gappy.gaps)
    assert judged(*ages, ids=[1, 2, 9], findings=(Finding(3, 8, "unfillable", "asked"),)).ready


def test_metrics_count_requests_and_tell_the_archive(serve: Any) -> None:
    server = serve()
    for path in ("/ticks/AAA?limit=1", "/ticks/AAA?limit=x", "/hot/ticks/AAA", "/wp-login.php"):
        server.get(path)
    families = text_string_to_metric_families(server.get("/metrics").body.decode())
    samples = {(each.name, *sorted(each.labels.values())): each.value for family in families for each in family.samples}
    assert 1 == samples["bcore_http_requests_total", "200", "GET", "ticks"]
    assert 1 == samples["bcore_http_requests_total", "400", "GET", "ticks"]
    assert 1 == samples["bcore_http_requests_total", "-", "404", "GET"]
    assert 2 == samples["bcore_http_seconds_count", "ticks"]
    assert 3000 == samples["bcore_archive_rows", "AAA", "ticks"]
    assert 1 == samples["bcore_archive_gaps", "GAP", "ticks"]
    assert samples["bcore_archive_last_timestamp_seconds", "AAA", "ticks"] < time.time()


def test_health_tells_no_more_than_that_it_is_alive(served: Any) -> None:
    assert {"status", "version"} == set(served.get("/health").json())
