"""Keys, pace and origins."""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import sha256
from typing import Any

import pytest

from bc_http.access import Keyring, Pace, digest_of
from bc_http.config import HttpConfig
from bcore.secrets import Secret

FIXED = ("/stats", "/symbols", "/views", "/ready", "/metrics", "/openapi.json", "/docs")
GIVEN = {"API_KEY_OF_TEST": "from-the-environment"}


@pytest.fixture(scope="module")
def keyed(start: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A server with four keys: of the environment, of a file, as a hash, and as text."""
    folder = tmp_path_factory.mktemp("keyed")
    (folder / "key").write_text("from-a-file\n")
    keys = {
        "env": {"env": "API_KEY_OF_TEST"},
        "file": {"file": str(folder / "key")},
        "hash": "sha256:" + sha256(b"hashed").hexdigest(),
    }
    server = start(folder, {"api_key": "your-key", "keys": keys, "access_log": True}, GIVEN)
    yield server
    server.stop()


@pytest.mark.parametrize("key", ["your-key", "from-the-environment", "from-a-file", "hashed"])
def test_every_key_opens_by_either_header(keyed: Any, key: str) -> None:
    assert 200 == keyed.get("/ticks/AAA", {"X-API-Key": key}).status
    assert 200 == keyed.get("/ticks/AAA", {"Authorization": f"Bearer {key}"}).status


@pytest.mark.parametrize(
    "path",
    ["/", "/ticks/AAA", "/hot/ticks/AAA", "/ticks/AAA?limit=x", *FIXED, "/nothing", "/grow", "/health/x"],
)
def test_nothing_but_health_answers_without_a_key(keyed: Any, path: str) -> None:
    reply = keyed.get(path)
    assert (401, "application/problem+json") == (reply.status, reply.type)
    assert 'Bearer realm="bcore"' == reply.headers["www-authenticate"]


def test_health_needs_no_key(keyed: Any) -> None:
    assert "healthy" == keyed.get("/health").json()["status"]


def test_what_a_plugin_says_is_public_needs_no_key(keyed: Any) -> None:
    assert 7 == len(keyed.get("/assets/7").body)
    assert b"<h1>welcome</h1>" == keyed.get("/", {"Accept": "text/html,*/*;q=0.8"}).body


@pytest.mark.parametrize("accept", ["*/*", "application/json", "text/html;q=0.5,application/json", "", "text/csv"])
def test_the_index_is_not_public_because_a_page_is(keyed: Any, accept: str) -> None:
    assert 401 == keyed.get("/", {"Accept": accept}).status
    assert 401 == keyed.get("/stats", {"Accept": "text/html"}).status


@pytest.mark.parametrize(
    "headers",
    [
        {"X-API-Key": ""},
        {"X-API-Key": "your-ke"},
        {"X-API-Key": "your-key2"},
        {"X-API-Key": "sha256:" + sha256(b"hashed").hexdigest()},
        {"X-API-Key": sha256(b"hashed").hexdigest()},
        {"Authorization": "Basic your-key"},
        {"Authorization": "your-key"},
        {"Cookie": "X-API-Key=your-key"},
    ],
)
def test_anything_else_does_not_open(keyed: Any, headers: dict[str, str]) -> None:
    assert 401 == keyed.get("/stats", headers).status


def test_a_key_in_the_query_does_not_open_and_is_not_logged(keyed: Any, until: Any) -> None:
    assert 401 == keyed.get("/stats?api_key=your-key&limit=5").status
    keyed.get("/stats", {"X-API-Key": "from-a-file"})
    until(lambda: "file GET '/stats'" in keyed.said(), "the second request is logged")
    assert "- GET '/stats?api_key=...&limit=5' 401" in keyed.said()
    assert not [key for key in ("your-key", "from-a-file") if key in keyed.said()]


def test_without_keys_everybody_may_ask(served: Any) -> None:
    assert 200 == served.get("/ticks/AAA", {"X-API-Key": "whatever"}).status


def test_a_client_that_asks_too_often_is_told_when_to_come_back(serve: Any) -> None:
    server = serve(rate_limit=1.0, keys={"a": "key-a", "b": "key-b"})
    first, second = (server.get("/stats", {"X-API-Key": "key-a"}) for _ in range(2))
    assert (200, 429, "1") == (first.status, second.status, second.headers["retry-after"])
    assert 200 == server.get("/stats", {"X-API-Key": "key-b"}).status
    assert [200, 200, 200] == [server.get("/health").status for _ in range(3)]


def test_pace_lets_through_what_it_promises() -> None:
    pace = Pace(2.0)
    let = [at / 10 for at in range(100) if not pace.wait("one", at / 10)]
    assert 21 <= len(let) <= 22
    assert 0 == pace.wait("other", 9.9)


def test_pace_does_not_remember_everybody_for_ever() -> None:
    pace = Pace(1.0)
    for number in range(20_000):
        pace.wait(str(number), 0.0)
    assert 0 == pace.wait("0", 0.0)
    assert 1 == pace.wait("19999", 0.0)


def test_keys_are_kept_as_hashes() -> None:
    ring = Keyring.of(HttpConfig(api_key=Secret("your-key", "test")))
    assert "your-key" not in repr(ring)
    assert ("api_key", None, None) == (ring.name_of(b"your-key"), ring.name_of(b""), ring.name_of(None))
    assert digest_of("x") == digest_of("sha256:" + sha256(b"x").hexdigest())


ORIGIN = {"Origin": "https://dash.example"}


def test_origins_are_not_allowed_unless_listed(served: Any) -> None:
    assert not [name for name in served.get("/stats", ORIGIN).headers if name.startswith("access-control")]


def test_a_listed_origin_may_ask_with_a_key(serve: Any) -> None:
    server = serve(origins=["https://dash.example"], api_key="k")
    preflight = {**ORIGIN, "Access-Control-Request-Method": "GET", "Access-Control-Request-Headers": "x-api-key"}
    allowed = server.get("/stats", preflight, "OPTIONS")
    assert (204, "https://dash.example") == (allowed.status, allowed.headers["access-control-allow-origin"])
    assert "X-API-Key" in allowed.headers["access-control-allow-headers"]
    reply = server.get("/stats", {**ORIGIN, "X-API-Key": "k"})
    assert "https://dash.example" == reply.headers["access-control-allow-origin"]
    assert "ETag" in reply.headers["access-control-expose-headers"]
    other = server.get("/stats", {"Origin": "https://evil.example", "X-API-Key": "k"})
    assert "access-control-allow-origin" not in other.headers


def test_a_preflight_of_nobody_says_nothing(serve: Any) -> None:
    server = serve(api_key="k")
    asked = {"Origin": "https://evil.example", "Access-Control-Request-Method": "GET"}
    reply = server.get("/stats", asked, "OPTIONS")
    assert (False, b"") == ("access-control-allow-origin" in reply.headers, reply.body)


def test_a_preflight_header_does_not_open_a_read(serve: Any) -> None:
    server = serve(api_key="k")
    reply = server.get("/stats", {**ORIGIN, "Access-Control-Request-Method": "GET"})
    assert 401 == reply.status
