"""The rows of views over HTTP: which, in what order, and page by page."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

import pytest


def ids(reply: Any) -> list[int]:
    return [row["id"] for row in reply.json()["data"]]


def test_rows_come_as_the_original_answers_them(served: Any) -> None:
    expected = {
        "symbol": "AAA",
        "count": 1,
        "data": [
            {"id": 2999, "timestamp": "2026-01-01T00:49:59.000000Z", "symbol": "AAA", "price": 749.75, "up": False}
        ],
    }
    assert expected == served.get("/ticks/AAA?limit=1").json()


def test_a_limit_alone_counts_from_the_newest_and_rows_come_oldest_first(served: Any) -> None:
    assert [2997, 2998, 2999] == ids(served.get("/ticks/AAA?limit=3"))


def test_a_limit_with_a_start_counts_from_there(served: Any) -> None:
    assert [60, 61] == ids(served.get("/ticks/AAA?limit=2&start_time=2026-01-01T00:01:00"))


def test_a_range_is_half_open(served: Any) -> None:
    assert [60, 61] == ids(served.get("/ticks/AAA?start_time=2026-01-01T00:01:00&end_time=2026-01-01T00:01:02Z"))


def test_json_has_a_default_of_1000_rows(served: Any) -> None:
    assert 1000 == served.get("/ticks/AAA").json()["count"]


def test_an_offset_leaves_out_the_newest(served: Any) -> None:
    assert [2994, 2995] == ids(served.get("/ticks/AAA?limit=2&offset=4"))


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("tail=2", [2998, 2999]),
        ("limit=2&tail=true", [2998, 2999]),
        ("limit=2&tail=True&start_time=2026-01-01T00:00:10", [2998, 2999]),
        ("limit=2&tail=false", [0, 1]),
        ("limit=2&tail=False&offset=3", [3, 4]),
        ("tail=1&end_time=2026-01-01T00:00:10", [9]),
        ("tail=false&end_time=1960-01-01", []),
        ("start_time=2026-01-01T00:00:10&end_time=2026-01-01T00:00:09", []),
        ("after_id=2997", [2998, 2999]),
        ("after_id=5&limit=2", [6, 7]),
    ],
)
def test_rows_are_counted_from_the_end_that_was_asked_for(served: Any, query: str, expected: list[int]) -> None:
    assert expected == ids(served.get(f"/ticks/AAA?{query}"))


def test_what_is_no_number_is_null(served: Any) -> None:
    assert None is served.get("/ticks/AAA?after_id=99&limit=1").json()["data"][0]["price"]


def test_columns_are_those_asked_for_in_that_order(served: Any) -> None:
    reply = served.get("/ticks/AAA?limit=1&columns=price,id")
    assert b'"data":[{"price":749.75,"id":2999}]' in reply.body


def test_times_are_numbers_where_asked(served: Any) -> None:
    assert 1767228599000000 == served.get("/ticks/AAA?limit=1&time=us").json()["data"][0]["timestamp"]


def test_a_facet_narrows_and_is_repeated_in_the_answer(served: Any) -> None:
    told = served.get("/quotes/AAA?size=50&limit=2").json()
    assert {"symbol": "AAA", "size": 50, "count": 2} == {name: told[name] for name in ("symbol", "size", "count")}
    assert [548.0, 549.0] == [row["bid"] for row in told["data"]]


def test_a_computed_view_takes_its_own_parameters(served: Any) -> None:
    told = served.get("/counts/AAA?seconds=100&limit=2").json()
    assert (100, [100, 100]) == (told["seconds"], [row["count_of"] for row in told["data"]])


def test_hot_rows_are_the_newest(served: Any) -> None:
    assert [2998, 2999] == ids(served.get("/hot/ticks/AAA?limit=2"))
    assert 1024 == served.get("/hot/ticks/AAA").json()["count"]


def test_a_symbol_may_have_a_slash_and_any_letter(served: Any) -> None:
    problem = served.get("/ticks/A%2FB%C3%A9").json()
    assert (404, "'A/Bé'" in problem["detail"]) == (problem["status"], True)


def _following(reply: Any) -> str | None:
    found = re.fullmatch(r'<(/.*)>; rel="next"', reply.headers.get("link", ""))
    return found[1] if found else None


@pytest.mark.parametrize(
    ("path", "key", "expected"),
    [
        ("/ticks/AAA?start_time=2026-01-01T00:45:00&limit=70", "id", list(range(2700, 3000))),
        ("/ticks/AAA?after_id=2899&limit=33&end_time=2026-01-01T00:49:00", "id", list(range(2900, 2940))),
        (
            "/quotes/AAA?start_time=2026-01-01T00:08:00&limit=3",
            "bid",
            [s + z for s in range(480, 500) for z in (10, 50)],
        ),
        ("/counts/AAA?seconds=60&limit=7&tail=false", "count_of", [60] * 50),
    ],
)
def test_pages_give_every_row_once(served: Any, path: str, key: str, expected: list[float]) -> None:
    seen: list[float] = []
    following: str | None = path
    while following:
        reply = served.get(following)
        assert 200 == reply.status, reply.body
        seen += [row[key] for row in reply.json()["data"]]
        following = _following(reply)
    assert expected == seen


def test_the_newest_rows_have_no_next_page(served: Any) -> None:
    assert "link" not in served.get("/ticks/AAA?limit=5").headers


def test_a_page_goes_on_where_it_ended_although_rows_were_added(serve: Callable[..., Any]) -> None:
    server = serve()
    first = server.get("/ticks/AAA?after_id=2995&limit=4")
    server.get("/grow")
    assert list(range(5000, 5004)) == ids(server.get(str(_following(first))))


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/ticks/AAA?start_time=2026-01-01&limit=5", "true"),
        ("/ticks/GAP?start_time=2026-01-01&limit=5", "gaps=1"),
        ("/ticks/GAP?start_time=2026-01-01&end_time=2026-01-01T00:01:00", "true"),
        ("/ticks/GAP?start_time=2026-01-01&end_time=2026-01-01T00:01:40", "gaps=1"),
        ("/ticks/GAP?start_time=2026-01-01T00:03:25", "true"),
        ("/ticks/GAP?start_time=2026-01-01T00:03:20", "gaps=1"),
        ("/ticks/GAP?after_id=99", "gaps=1"),
        ("/ticks/GAP?after_id=250", "true"),
        ("/ticks/GAP?limit=5", None),
        ("/quotes/AAA?start_time=2026-01-01", None),
        ("/counts/GAP?start_time=2026-01-01", "gaps=1"),
    ],
)
def test_ranges_say_whether_ids_are_missing(served: Any, path: str, expected: str | None) -> None:
    assert expected == served.get(path).headers.get("x-bcore-complete")


def test_an_unchanged_answer_is_not_sent_again(serve: Callable[..., Any]) -> None:
    server = serve()
    tag = server.get("/hot/ticks/AAA?limit=2").headers["etag"]
    same = server.get("/hot/ticks/AAA?limit=2", {"If-None-Match": f'"other", {tag}'})
    assert (304, b"", tag) == (same.status, same.body, same.headers["etag"])
    server.get("/grow")
    changed = server.get("/hot/ticks/AAA?limit=2", {"If-None-Match": tag})
    assert (200, [5008, 5009]) == (changed.status, ids(changed))


def test_etags_are_compared_weakly(served: Any) -> None:
    """A proxy between may have written the tag as a strong one."""
    tag = served.get("/ticks/AAA?limit=2").headers["etag"]
    assert 304 == served.get("/ticks/AAA?limit=2", {"If-None-Match": tag.removeprefix("W/")}).status
    assert 200 == served.get("/ticks/AAA?limit=2", {"If-None-Match": '"other"'}).status


def test_rows_of_another_symbol_leave_an_etag_as_it_is(serve: Callable[..., Any]) -> None:
    server = serve()
    before = server.get("/ticks/GAP?limit=1").headers["etag"]
    server.get("/grow")
    assert before == server.get("/ticks/GAP?limit=1").headers["etag"]


def test_each_format_has_an_etag_of_its_own(served: Any) -> None:
    one, other = (served.get(f"/ticks/AAA?limit=1&format={name}").headers["etag"] for name in ("json", "csv"))
    assert one != other


def test_head_has_the_headers_of_get_and_no_body(served: Any) -> None:
    got, head = served.get("/ticks/AAA?limit=3"), served.get("/ticks/AAA?limit=3", method="HEAD")
    assert (200, b"") == (head.status, head.body)
    assert got.headers["content-length"] == head.headers["content-length"]


def test_head_of_a_stream_ends(served: Any) -> None:
    assert (200, b"") == ((head := served.get("/ticks/AAA?format=csv", method="HEAD")).status, head.body)


def test_an_answer_is_worked_out_anew_only_when_rows_were_added(serve: Callable[..., Any]) -> None:
    server = serve(fresh=60.0)
    before = server.get("/ticks/AAA?limit=1").body
    server.get("/grow")
    assert before == server.get("/ticks/AAA?limit=1").body


def test_json_is_json_for_every_value(served: Any) -> None:
    assert 200 == len(json.loads(served.get("/ticks/GAP?limit=200&format=columns").body)["columns"]["price"])


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("limit=3&tail=5", [2997, 2998, 2999]),
        ("limit=5&tail=3", [2997, 2998, 2999]),
        ("start_time=2026-01-01T00:00:00&tail=true&limit=2", [2998, 2999]),
        ("start_time=2026-01-02&end_time=2026-01-01", []),
    ],
)
def test_counts_and_bounds_that_are_all_given_all_hold(served: Any, query: str, expected: list[int]) -> None:
    assert expected == [row["id"] for row in served.get(f"/ticks/AAA?{query}").json()["data"]]


def test_the_newest_without_a_count_are_the_default_number_of_rows(served: Any) -> None:
    found = served.get("/ticks/AAA?start_time=2026-01-01T00:00:00&tail=true").json()
    assert (1000, 2999) == (found["count"], found["data"][-1]["id"])
