"""Mistakes are named, all of them at once, as problem JSON."""

from __future__ import annotations

from typing import Any

import pytest


def about(reply: Any) -> list[str | None]:
    return [each.get("parameter") for each in reply.json()["problems"]]


def test_every_mistake_is_named_at_once_with_what_is_allowed(served: Any) -> None:
    query = "limit=x&offset=-1&strat_time=1&columns=prise&format=xls&start_time=soon&time=ms&after_id=1.5"
    reply = served.get(f"/ticks/AAA?{query}")
    problem = reply.json()
    assert (400, "application/problem+json") == (reply.status, reply.type)
    assert {"strat_time", "limit", "format", "time", "after_id", "columns", "start_time", "offset"} == set(about(reply))
    assert ("about:blank", "Bad Request", 400, "/ticks/AAA") == tuple(
        problem[name] for name in ("type", "title", "status", "instance")
    )
    for said in ("did you mean start_time?", "did you mean price?", "'columns' or 'ndjson'", "ISO 8601", "0 or more"):
        assert said in problem["detail"]


@pytest.mark.parametrize(
    ("path", "parameter", "said"),
    [
        ("/ticks/AAA?limit=1&limit=2", "limit", "twice"),
        ("/ticks/AAA?limit=", "limit", "whole number"),
        ("/ticks/AAA?tail=99999999999999999999&limit=1", "tail", "below 2**62"),
        ("/ticks/AAA?limit=99999999999999999999", "limit", "below 2**62"),
        ("/ticks/AAA?start_time=99999-01-01", "start_time", "not an instant"),
        ("/ticks/AAA?seconds=3", "seconds", "is not known"),
        ("/counts/AAA?seconds=0", "seconds", "must be 1 or more, not 0"),
        ("/quotes/AAA?size=big", "size", "must be a number"),
        ("/symbols?veiw=ticks", "veiw", "did you mean view?"),
        ("/stats?format=csv", "format", "'json' or 'arrow'"),
        ("/health?x=1", "x", "takes no parameters"),
    ],
)
def test_a_wrong_parameter_is_named(served: Any, path: str, parameter: str, said: str) -> None:
    reply = served.get(path)
    assert (400, [parameter]) == (reply.status, about(reply))
    assert said in reply.json()["detail"]


def test_more_parameters_than_anybody_needs_are_not_read(served: Any) -> None:
    assert 400 == served.get("/ticks/AAA?" + "&".join(f"p{n}=1" for n in range(200))).status


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("/ticks/AAB", "did you mean AAA?"),
        ("/tick/AAA", "did you mean ticks?"),
        ("/symbols?view=tick", "did you mean ticks?"),
        ("/hot/ticks/BBB", "stored: AAA, GAP"),
        ("/nothing", "/ lists what there is"),
        ("/a/b/c/d", "there is no view 'a'"),
        ("/ticks/..%2F..%2F..%2Fetc%2Fpasswd", "nothing is stored of ticks"),
        ("/ticks/%00", "nothing is stored of ticks"),
    ],
)
def test_what_is_not_there_is_404_with_what_is(served: Any, path: str, said: str) -> None:
    reply = served.get(path)
    assert (404, "application/problem+json") == (reply.status, reply.type)
    assert said in reply.json()["detail"]
    assert "problems" not in reply.json()  # it would say the same once more


def test_an_id_of_a_view_without_ids_is_a_mistake(served: Any) -> None:
    reply = served.get("/quotes/AAA?after_id=3")
    assert (400, True) == (reply.status, "no ids to page by" in reply.json()["detail"])


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "TRACE"])
@pytest.mark.parametrize("path", ["/ticks/AAA", "/stats", "/"])
def test_nothing_can_be_written(served: Any, method: str, path: str) -> None:
    reply = served.get(path, method=method)
    assert (405, "application/problem+json") == (reply.status, reply.type)
    assert "GET" in reply.headers["allow"]


def test_options_says_what_is_allowed(served: Any) -> None:
    reply = served.get("/ticks/AAA", method="OPTIONS")
    assert (200, True) == (reply.status, "GET" in reply.headers["allow"])


@pytest.mark.parametrize(
    ("path", "headers", "status"),
    [
        ("/ticks/AAA?x=" + "y" * 9000, {}, 414),
        ("/ticks/AAA", {"X-Long": "y" * 17000}, 431),
        ("/ticks/AAA", {f"X-{n}": "y" * 900 for n in range(20)}, 431),
        ("/ticks/AAA", {"Content-Length": "70000"}, 413),
    ],
)
def test_what_is_too_large_is_refused_with_a_reason(
    served: Any, path: str, headers: dict[str, str], status: int
) -> None:
    reply = served.get(path, headers)
    assert (status, "application/problem+json") == (reply.status, reply.type)


def test_a_fault_of_the_server_tells_nothing_of_it(serve: Any) -> None:
    server = serve()
    reply = server.get("/fault")
    assert (500, "application/problem+json") == (reply.status, reply.type)
    assert b"secret" not in reply.body
    assert b"Traceback" not in reply.body
    assert "a secret of the server" in server.said()
    assert 200 == server.get("/ticks/AAA").status


def test_a_problem_has_no_etag_and_is_not_kept(served: Any) -> None:
    reply = served.get("/ticks/AAA?after_id=x")
    assert ("no-store", False) == (reply.headers["cache-control"], "etag" in reply.headers)


@pytest.mark.parametrize("query", ["limit=100001", "tail=100001&format=columns"])
def test_more_rows_than_json_has_are_forbidden_and_given_otherwise(served: Any, query: str) -> None:
    reply = served.get(f"/ticks/AAA?{query}")
    assert (403, "application/problem+json") == (reply.status, reply.type)
    assert "at most 100000 in JSON; arrow, parquet, csv and ndjson have no limit" in reply.json()["detail"]
    assert 200 == served.get(f"/ticks/AAA?{query.split('&')[0]}&format=arrow").status
