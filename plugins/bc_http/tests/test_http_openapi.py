"""The API as a document, and the page that shows it."""

from __future__ import annotations

from html.parser import HTMLParser
from typing import Any

import pyarrow as pa
import pytest

from bc_http.schemas import of_column


def test_the_document_is_valid(served: Any) -> None:
    validator = pytest.importorskip("openapi_spec_validator")
    validator.validate(served.get("/openapi.json").json())


def test_a_document_with_keys_is_valid_too(serve: Any) -> None:
    validator = pytest.importorskip("openapi_spec_validator")
    document = serve(api_key="k").get("/openapi.json", {"X-API-Key": "k"}).json()
    validator.validate(document)
    assert [{"key": []}, {"bearer": []}] == document["security"]
    assert [] == document["paths"]["/health"]["get"]["security"]


def test_every_view_is_described_with_its_own_parameters_and_columns(served: Any) -> None:
    document = served.get("/openapi.json").json()
    taken = {each["name"]: each for each in document["paths"]["/counts/{symbol}"]["get"]["parameters"]}
    assert {"symbol", "seconds", "limit", "start_time", "tail", "format"} <= set(taken)
    assert {"type": "integer", "minimum": 1, "default": 60} == taken["seconds"]["schema"]
    quotes = {each["name"]: each for each in document["paths"]["/hot/quotes/{symbol}"]["get"]["parameters"]}
    assert ("size" in quotes, "after_id" in quotes, "pattern" in quotes["size"]["schema"]) == (True, False, True)
    assert "after_id" in {each["name"] for each in document["paths"]["/ticks/{symbol}"]["get"]["parameters"]}
    row = document["components"]["schemas"]["ticks_row"]["properties"]
    assert (["integer", "null"], ["boolean", "null"]) == (row["id"]["type"], row["up"]["type"])


def test_every_described_path_answers(served: Any) -> None:
    paths = served.get("/openapi.json").json()["paths"]
    for path, item in [(path, item) for path, item in paths.items() if path != "/grow"]:
        status = served.get(path.replace("{symbol}", "AAA").replace("{dataset}", "ticks")).status
        assert str(status) in item["get"]["responses"], path


def test_routes_of_plugins_are_described_where_they_have_a_summary(served: Any) -> None:
    paths = served.get("/openapi.json").json()["paths"]
    assert ("Ten more ticks", False) == (paths["/grow"]["get"]["summary"], "/floor/{size:int}" in paths)


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        (pa.int8(), ["integer", "null"]),
        (pa.float32(), ["number", "null"]),
        (pa.large_string(), ["string", "null"]),
        (pa.bool_(), ["boolean", "null"]),
        (pa.list_(pa.int8()), None),
    ],
)
def test_columns_have_schemas(kind: pa.DataType, expected: Any) -> None:
    assert expected == of_column(pa.field("x", kind)).get("type")


class Page(HTMLParser):
    """What a page has, and what it would fetch."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.fetched: list[str] = []
        self.tags: list[str] = []
        self.words: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.fetched += [str(value) for name, value in attrs if name in ("src", "href") and tag != "a"]

    def handle_data(self, data: str) -> None:
        self.words.append(data)


def test_the_page_shows_every_path_and_fetches_nothing(served: Any) -> None:
    reply = served.get("/docs")
    page = Page(reply.body.decode())
    assert ("text/html; charset=utf-8", []) == (reply.type, page.fetched)
    assert "script" not in page.tags
    assert "default-src 'none'" in reply.headers["content-security-policy"]
    shown = {word.removeprefix("GET ") for word in page.words if word.startswith("GET /")}
    assert set(served.get("/openapi.json").json()["paths"]) == shown
