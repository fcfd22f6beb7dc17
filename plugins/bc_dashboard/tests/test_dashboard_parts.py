"""The page's files as they are sent, and what is told of collectors; in a browser: tests/e2e/test_dashboard.py."""

from __future__ import annotations

import gzip
import json
import os
import re
import time
from hashlib import sha256
from importlib.resources import files
from pathlib import Path
from typing import Any

import falcon.asgi
import falcon.testing
import pluggy
import pytest

from bc_dashboard import plugin
from bc_dashboard.assets import LIBRARY, Assets
from bc_dashboard.collectors import Collectors
from bc_http import hookspecs as http_hooks
from bcore import hookspecs
from bcore.heartbeat import Heart
from bcore.local import StoreReader
from bcore.memory import MemoryStore
from bcore.status import DiskStatus, SourceStatus, Status

# lightweight-charts 5.1.0 as TradingView publishes it on npm: dist/lightweight-charts.standalone.production.js
OFFICIAL = "756b0ba9f58930226d6b8b9d47ad310448ab85d799ea1f7c2c02304777c10b52"
STATIC = files("bc_dashboard").joinpath("static")
OURS = sorted(each.name for each in STATIC.iterdir())


class Kept(MemoryStore):
    """A store with a folder."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.path = path


@pytest.fixture
def client(tmp_path: Path) -> falcon.testing.TestClient:
    manager = pluggy.PluginManager("bcore")
    manager.add_hookspecs(hookspecs)
    http_hooks.register(manager)
    manager.register(plugin)
    app: falcon.asgi.App[Any, Any] = falcon.asgi.App()
    (routes,) = manager.hook.bc_http_routes(reader=StoreReader((Kept(tmp_path),)))
    found = list(routes)
    assert [("/", True), ("/dashboard/{name}", True), ("/collectors", False)] == [(e.path, e.public) for e in found]
    for route in found:
        app.add_route(route.path, route.resource)
    return falcon.testing.TestClient(app)


@pytest.mark.parametrize("name", [*OURS, LIBRARY])
def test_every_file_comes_with_its_type_and_under_the_policy(client: Any, name: str) -> None:
    reply = client.simulate_get(f"/dashboard/{name}")
    media = {"css": "text/css", "html": "text/html", "js": "text/javascript", "svg": "image/svg+xml"}
    assert (200, media[name.rsplit(".", 1)[1]]) == (reply.status_code, reply.headers["content-type"].split(";")[0])
    assert "default-src 'self'" in reply.headers["content-security-policy"]
    assert "unsafe" not in reply.headers["content-security-policy"]
    zipped = client.simulate_get(f"/dashboard/{name}", headers={"Accept-Encoding": "gzip, br"})
    assert "gzip" == zipped.headers["content-encoding"]
    assert reply.content == gzip.decompress(zipped.content)


def test_the_charting_library_is_the_one_that_its_makers_publish(client: Any) -> None:
    assert OFFICIAL == sha256(client.simulate_get(f"/dashboard/{LIBRARY}").content).hexdigest()


def test_a_file_that_the_browser_has_is_not_sent_again(client: Any) -> None:
    tag = client.simulate_get("/").headers["etag"]
    again = client.simulate_get("/", headers={"If-None-Match": tag})
    assert (304, b"", tag) == (again.status_code, again.content, again.headers["etag"])
    assert 200 == client.simulate_get("/", headers={"If-None-Match": '"other"'}).status_code
    assert b"" == client.simulate_head("/").content


@pytest.mark.parametrize("name", ["plugin.py", "..%2Fplugin.py", "%2e%2e", "index.html%00", ".hidden", "a" * 3000])
def test_nothing_else_is_sent(client: Any, name: str) -> None:
    reply = client.simulate_get(f"/dashboard/{name}")
    assert 404 == reply.status_code
    assert "hookimpl" not in reply.text


def test_the_page_names_only_files_that_are_there_and_holds_no_script() -> None:
    page = STATIC.joinpath("index.html").read_text()
    known = set(Assets.installed().files)
    assert {each.removeprefix("dashboard/") for each in re.findall(r'(?:src|href)="(dashboard/[^"]+)"', page)} <= known
    assert [] == re.findall(r"<script[^>]*>[^<]|<style|\sstyle=|\son\w+=", page)
    for name in OURS:
        for each in re.findall(r'from "\./([^"]+)"', STATIC.joinpath(name).read_text()):
            assert each in known, f"{name} imports {each}"


def test_without_the_library_the_page_is_still_there(monkeypatch: Any, caplog: Any) -> None:
    def missing(name: str) -> Any:
        if name == "litecharts":
            raise ModuleNotFoundError(name)
        return files(name)

    monkeypatch.setattr("bc_dashboard.assets.files", missing)
    assert set(OURS) == set(Assets.installed().files)
    assert "pip install litecharts" in caplog.text


def test_collectors_are_told_as_their_heartbeats_tell(client: Any, tmp_path: Path) -> None:
    assert [] == client.simulate_get("/collectors").json["collectors"]
    now = time.time_ns() // 1000
    source = SourceStatus("trades", "failing", now - 5_000_000, 1, "no route")
    disk = DiskStatus("main", str(tmp_path), 5, 10)
    Heart(tmp_path).beat(Status(now - 9_000_000, now, (source,), (), (), (disk,)))
    (tmp_path / ".status" / "broken.json").write_text("{")
    reply = client.simulate_get("/collectors")
    told = {each["state"]: each for each in reply.json["collectors"]}
    assert {"running", "unreadable"} == set(told)
    assert (os.getpid(), now, "no route") == (
        told["running"]["pid"],
        told["running"]["written"],
        told["running"]["sources"][0]["reason"],
    )
    assert str(tmp_path) not in json.dumps(reply.json)
    assert "no-store" == reply.headers["cache-control"]


def test_collectors_take_no_parameters(client: Any) -> None:
    reply = client.simulate_get("/collectors", query_string="symbol=X&view=&symbol=Y")
    assert (400, "application/problem+json") == (reply.status_code, reply.headers["content-type"])
    assert ["symbol", "view"] == [each["parameter"] for each in reply.json["problems"]]


def test_where_no_store_keeps_a_folder_nothing_is_known_of_collectors() -> None:
    assert not Collectors.of(StoreReader((MemoryStore(),))).told()["seen"]
