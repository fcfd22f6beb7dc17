"""The API beside its own OpenAPI document: what that allows is answered, as it says; what it does not is refused."""

from __future__ import annotations

import http.client
import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

import pytest

pytest.importorskip("bc_http", reason="needs the HTTP server")
pytest.importorskip("bc_trades", reason="needs trades and candles")
pytest.importorskip("bc_orderbook", reason="needs order books")
pytest.importorskip("jsonschema", reason="needs what checks answers")

import everything
import jsonschema
from attrs import define, field
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from processes import command, environment

Document = dict[str, Any]
BEGIN = 1_771_113_600_000_000  # 2026-02-15
LARGE = 2**53
SECONDS = os.environ.get("BCORE_CONTRACT_SECONDS")
EXAMPLES = 150 if SECONDS is None else 3000
LOOKED_INTO = 50_000  # bytes of an answer: each row is checked on its own, and slowly
KEY = {"X-API-Key": "key-of-the-contract"}
REFUSED = {403, 404, 406}  # as the document says of any request: rows that JSON has not, nothing of that symbol
INSTANTS = ("0001-01-01T00:00:00Z", "1969-12-31T23:59:59.5+14:00", "2026-02-15T00:02:00Z", "9999-12-31T23:59:59Z")
SCHEMATHESIS = shutil.which("schemathesis")
CONFIG = {"any symbol": "", "a symbol that is stored": '[parameters]\n"path.symbol" = "BTCUSDT"\n'}


@define(eq=False)
class Api:
    """A server of everything, and one connection to it."""

    url: str
    connection: http.client.HTTPConnection = field(init=False)
    document: Document = field(init=False)

    def __attrs_post_init__(self) -> None:
        self.connection = http.client.HTTPConnection(urlsplit(self.url).netloc, timeout=60)
        self.document = json.loads(self.get("/openapi.json")[2])

    def get(self, path: str) -> tuple[int, str, bytes]:
        self.connection.request("GET", path, headers=KEY)
        reply = self.connection.getresponse()
        return reply.status, reply.headers["Content-Type"] or "", reply.read()

    @property
    def operations(self) -> dict[str, Document]:
        return {path: item["get"] for path, item in self.document["paths"].items() if "{symbol}" in path}

    def checked(self, path: str, query: dict[str, str]) -> None:
        """Answered, in the documented shape."""
        asked = f"{named(path)}?{urlencode(query, quote_via=quote)}"
        status, media, body = self.get(asked)
        assert status == 200 or status in REFUSED, f"{status} {asked}: {body!r}"
        known = self.document["paths"][path]["get"]["responses"][str(status)]
        if status == 200 and media == "application/json" and len(body) <= LOOKED_INTO:
            schema = {**known["content"][media]["schema"], "components": self.document["components"]}
            jsonschema.Draft202012Validator(schema).validate(json.loads(body))


def named(path: str) -> str:
    """The path of what is stored."""
    return path.replace("{symbol}", "BTCUSDT").replace("{dataset}", "trades")


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    path = tmp_path_factory.mktemp("contract") / "data"
    everything.fill(path, "BTCUSDT", BEGIN)
    (path.parent / "bcore.toml").write_text('[servers.api]\nkind = "http"\napi_key = { env = "KEY_OF_TEST" }\n')
    words, environ = command("serve", "--data", path, "--port", 0), environment() | {"KEY_OF_TEST": KEY["X-API-Key"]}
    process = subprocess.Popen(words, cwd=path.parent, env=environ, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    made = Api(process.stdout.readline().strip().removeprefix("listening on "))
    yield made
    made.connection.close()
    process.terminate()
    assert 0 == process.wait(60)
    process.stdout.close()


def values(schema: Document) -> st.SearchStrategy[str]:
    """What the schema allows, as it stands in a query string; its ends are as likely as all between."""
    if "anyOf" in schema:
        return st.one_of(*map(values, schema["anyOf"]))
    if "enum" in schema:
        return st.sampled_from([str(each) for each in schema["enum"]])
    if "pattern" in schema:
        return st.from_regex(schema["pattern"].removesuffix("$") + r"\Z", fullmatch=True)
    if schema.get("format") == "date-time":
        moments = st.datetimes().map(lambda moment: moment.isoformat() + "Z")
        return st.sampled_from(INSTANTS) | moments
    kinds = {
        "boolean": st.sampled_from(["true", "false"]),
        "string": st.text(st.characters(codec="utf-8"), min_size=schema.get("minLength", 0), max_size=20),
    }
    kind = schema["type"]
    if kind == "array":
        return st.lists(values(schema["items"]), min_size=schema.get("minItems", 0), max_size=5).map(",".join)
    return kinds[kind] if kind in kinds else _numbers(schema).map(str)


def _numbers(schema: Document) -> st.SearchStrategy[Any]:
    low = schema.get("minimum", schema.get("exclusiveMinimum", -LARGE))
    high = schema.get("maximum", LARGE)
    if schema["type"] == "integer":
        return st.sampled_from([low, high]) | st.integers(low, high)
    floats = st.floats(low, high, exclude_min="exclusiveMinimum" in schema)
    return floats if "exclusiveMinimum" in schema else st.sampled_from([float(low), float(high)]) | floats


def queries(operation: Document) -> st.SearchStrategy[dict[str, str]]:
    taken = [each for each in operation["parameters"] if each["in"] == "query"]
    of = {each["name"]: values(each["schema"]) for each in taken}
    needed = {each["name"] for each in taken if each["required"]}
    return st.fixed_dictionaries(
        {name: of[name] for name in needed}, optional={name: of[name] for name in of if name not in needed}
    )


def test_every_view_is_there_with_rows(api: Api) -> None:
    for path, operation in api.operations.items():
        needed = {each["name"]: "1" for each in operation["parameters"] if each["required"] and each["in"] == "query"}
        status, _, body = api.get(f"{named(path)}?{urlencode(needed)}")
        assert 200 == status, (path, body)
        if "{dataset}" in path:
            continue
        assert json.loads(body)["count"] or path.endswith(("book_proofs/{symbol}", "depth_breaks/{symbol}")), path


def test_the_book_is_that_of_the_instant(api: Api) -> None:
    """A change each half second, to 0.5 + N % 7 at the level N % 20: of the best bid first, of the best ask at 5 s."""

    def best(at: str) -> list[list[float]]:
        status, _, body = api.get(f"/book/BTCUSDT?levels=1&columns=side,price,quantity&at={at}")
        assert 200 == status, body
        return [[row["side"], row["price"], row["quantity"]] for row in json.loads(body)["data"]]

    ask = ["ask", 60_001.0, 1.0]
    assert [["bid", 59_999.0, 0.5], ask] == best("2026-02-15T00:00:00.25Z")
    assert [["bid", 59_999.0, 0.5], ask] == best("2026-02-15T00:00:02")
    status, _, body = api.get("/book/BTCUSDT?at=2026-02-14")
    assert (404, True) == (status, b"the first snapshot is of 2026-02-15" in body)


@settings(deadline=None, max_examples=EXAMPLES, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_what_the_document_allows_is_answered_as_it_says(api: Api, data: st.DataObject) -> None:
    path = data.draw(st.sampled_from(sorted(api.operations)))
    api.checked(path, data.draw(queries(api.operations[path])))


def test_each_end_of_what_is_allowed_is_answered(api: Api) -> None:
    for path, operation in api.operations.items():
        needed = {each["name"]: "1" for each in operation["parameters"] if each["required"] and each["in"] == "query"}
        for each in operation["parameters"]:
            for value in _ends(each["schema"]) if each["in"] == "query" else ():
                api.checked(path, needed | {each["name"]: str(value)})


def _ends(schema: Document) -> list[Any]:
    if "anyOf" in schema:
        return [end for each in schema["anyOf"] for end in _ends(each)]
    named = [schema[name] for name in ("minimum", "maximum", "default") if name in schema]
    return named + [LARGE] * (schema.get("type") in ("integer", "number") and "maximum" not in schema)


def test_what_lies_beyond_the_document_is_refused_by_name(api: Api) -> None:
    for path, operation in api.operations.items():
        needed = {each["name"]: "1" for each in operation["parameters"] if each["required"] and each["in"] == "query"}
        for each in operation["parameters"]:
            for value in _beyond(each["schema"]) if each["in"] == "query" else ():
                query = urlencode(needed | {each["name"]: str(value)})
                status, media, body = api.get(f"{named(path)}?{query}")
                blamed = {problem.get("parameter") for problem in json.loads(body).get("problems", [])}
                assert (400, "application/problem+json") == (status, media), f"{path}?{query}: {body!r}"
                assert each["name"] in blamed, f"{path}?{query}: {body!r}"


def _beyond(schema: Document) -> list[Any]:
    """Values that the schema does not allow; none where any text is."""
    if schema.get("type") == "array":
        return _beyond(schema["items"]) + [""] * schema.get("minItems", 0)
    bounds = [each for each in schema.get("anyOf", [schema]) if each.get("type") in ("integer", "number")]
    beyond = [each["minimum"] - 1 for each in bounds if "minimum" in each]
    beyond += [each["maximum"] + 1 for each in bounds if "maximum" in each]
    beyond += [each["exclusiveMinimum"] for each in bounds if "exclusiveMinimum" in each]
    spoken = bool(bounds) or any(name in schema for name in ("enum", "pattern", "format"))
    return [*beyond, "x~y"] if spoken else []


@pytest.mark.skipif(SCHEMATHESIS is None, reason="schemathesis is not installed: nox -s contract")
@pytest.mark.parametrize("config", CONFIG.values(), ids=list(CONFIG))
def test_schemathesis_finds_nothing(api: Api, tmp_path: Path, config: str) -> None:
    """Its default checks, with requests that the document allows and such that it does not."""
    (tmp_path / "schemathesis.toml").write_text(config)
    headers = [word for name, value in KEY.items() for word in ("-H", f"{name}: {value}")]
    words = [str(SCHEMATHESIS), "run", f"{api.url}/openapi.json", *headers, "--max-time", SECONDS or "60"]
    ended = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True)
    print(ended.stdout)
    assert 0 == ended.returncode, ended.stdout
