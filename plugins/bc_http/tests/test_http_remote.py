"""The remote reads over HTTP what the store would have answered here."""

from __future__ import annotations

import socket
import sys
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pyarrow as pa
import pytest
from archive_server import COUNTS, QUOTES, TICKS, filled

import bcore
from bc_http.client import BinanceCollectorAPIClient, get_api_client
from bc_http.config import RemoteConfig
from bc_http.remote import HttpReader
from bcore.client import Client
from bcore.errors import ConfigError, NotFoundError, RequestError, StoreError
from bcore.fields import fields_of
from bcore.local import StoreReader
from bcore.query import Request
from bcore.secrets import Secret


@pytest.fixture
def remote(served: Any) -> Iterator[HttpReader]:
    reader = HttpReader(RemoteConfig(served.url))
    yield reader
    reader.close()


@pytest.fixture(scope="module")
def here() -> StoreReader:
    return StoreReader((filled(),), (TICKS, QUOTES), (COUNTS,))


# Those of plain datasets are the kit's (test_http_kit.py).
REQUESTS = [
    Request("ticks", "GAP", after=98, limit=3, columns=("price", "id")),
    Request("counts", "AAA", params={"seconds": 90}, limit=4),
]


@pytest.mark.parametrize("request_", REQUESTS, ids=str)
def test_rows_are_those_that_the_store_has(remote: HttpReader, here: StoreReader, request_: Request) -> None:
    expected, found = here.read(request_), remote.read(request_)
    assert expected.schema == found.schema
    assert str(expected.to_pylist()) == str(found.to_pylist())
    assert found.num_rows == sum(batch.num_rows for batch in remote.scan(request_))


def test_views_symbols_and_stats_are_those_of_the_store(remote: HttpReader, here: StoreReader) -> None:
    assert here.stats() == remote.stats()
    assert [each.series.dataset.schema for each in here.stats()] == [
        each.series.dataset.schema for each in remote.stats()
    ]
    assert (["AAA", "GAP"], ["AAA"]) == (remote.symbols(), remote.symbols("quotes"))
    for name, view in here.views().items():
        far = remote.views()[name]
        assert (view.schema, view.summary, view.time, view.facets) == (far.schema, far.summary, far.time, far.facets)
    params = remote.views()["counts"].params
    assert params is not None
    assert [("seconds", 60, "length of a bar")] == [(each.name, each.default, each.help) for each in fields_of(params)]


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere loopback is one address")
def test_from_another_machine_answers_come_compressed(serve: Any, here: StoreReader) -> None:
    """Documents in what requests reads without another library, Arrow in what Arrow reads."""
    server = serve(host="127.0.0.2")  # this machine, but not by a name that says so
    far = HttpReader(RemoteConfig(server.url))
    try:
        assert {"ticks", "quotes"} <= set(far.json("/symbols"))
        assert "/ticks/{symbol}" in far.json("/openapi.json")["paths"]
        assert here.read(REQUESTS[1]) == far.read(REQUESTS[1])
        assert here.stats() == far.stats()
    finally:
        far.close()


def test_a_client_is_the_same_as_for_a_folder(served: Any) -> None:
    with Client(HttpReader(RemoteConfig(served.url))) as client:
        assert [2998, 2999] == client.get("ticks", "AAA", limit=2)["id"].to_list()
        assert 3 == client.get_counts("AAA", seconds=60, limit=3, as_="arrow").num_rows
        assert ["counts", "quotes", "ticks"] == client.views()
        assert 3000 == client.get_stats().set_index(["dataset", "symbol"]).loc[("ticks", "AAA"), "rows"]


def test_mistakes_come_back_as_the_cores_own_errors(remote: HttpReader) -> None:
    with pytest.raises(NotFoundError, match="did you mean AAA"):
        remote.read(Request("ticks", "AAB"))
    with pytest.raises(NotFoundError, match="did you mean ticks"):
        remote.symbols("tick")
    with pytest.raises(RequestError) as caught:
        remote.read(Request("counts", "AAA", params={"seconds": 0, "hours": 1}, columns=("nothing",)))
    assert 3 == len(caught.value.problems)


def test_a_key_opens_and_without_one_it_is_said_how(serve: Callable[..., Any]) -> None:
    url = serve(api_key="k").url
    assert ["AAA", "GAP"] == HttpReader(RemoteConfig(url, Secret("k", "test"))).symbols()
    with pytest.raises(ConfigError, match=r"a key is needed.*api_key="):
        HttpReader(RemoteConfig(url)).symbols()
    with pytest.raises(ConfigError, match="not known"):
        HttpReader(RemoteConfig(url, Secret("other", "test"))).read(Request("ticks", "AAA"))


def test_nobody_there_is_a_store_that_cannot_be_reached() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with pytest.raises(StoreError, match=r"cannot be reached: .*refused"):
        HttpReader(RemoteConfig(f"http://127.0.0.1:{port}", retries=1)).views()


def test_a_client_is_printed_without_a_secret() -> None:
    with bcore.open("http://me:word@127.0.0.1:1/under?api_key=word", api_key="word") as client:
        assert "Client('http://me@127.0.0.1:1/under')" == repr(client)


class Impostor:
    """A TCP server that gives each connection the next of its answers, and closes."""

    def __init__(self, *answers: bytes) -> None:
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.listener.getsockname()[1]}"
        self.asked = 0
        self.thread = threading.Thread(target=self._serve, args=(answers,), daemon=True)
        self.thread.start()

    def _serve(self, answers: tuple[bytes, ...]) -> None:
        for answer in answers:
            connection, _ = self.listener.accept()
            with connection:
                connection.recv(65536)
                self.asked += 1
                connection.sendall(answer)
        self.listener.close()


def reply(content: bytes, kind: str = "application/vnd.apache.arrow.stream", length: int | None = None) -> bytes:
    size = len(content) if length is None else length
    head = f"HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nContent-Length: {size}\r\nConnection: close\r\n\r\n"
    return head.encode() + content


def stream(rows: int) -> bytes:
    sink = pa.BufferOutputStream()
    table = pa.table({"id": list(range(rows))})
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return bytes(sink.getvalue())


def test_a_lost_connection_is_tried_again() -> None:
    impostor = Impostor(b"", reply(stream(3)))
    assert 3 == HttpReader(RemoteConfig(impostor.url)).read(Request("ticks", "AAA")).num_rows
    assert 2 == impostor.asked


def test_half_an_answer_is_asked_for_again_and_never_taken_for_a_whole_one() -> None:
    whole = stream(3)
    impostor = Impostor(reply(whole[:-200], length=len(whole)), reply(whole))
    assert 3 == HttpReader(RemoteConfig(impostor.url)).read(Request("ticks", "AAA")).num_rows
    cut = Impostor(*[reply(whole[:-200], length=len(whole))] * 2)
    with pytest.raises(StoreError, match="broke off"):
        HttpReader(RemoteConfig(cut.url)).read(Request("ticks", "AAA"))


def test_an_answer_that_ends_between_two_messages_is_not_whole() -> None:
    whole = stream(3)[:-8]  # without the mark of the end
    chunks = b"%x\r\n%s\r\n" % (len(whole), whole)
    head = b"HTTP/1.1 200 OK\r\nContent-Type: application/vnd.apache.arrow.stream\r\nTransfer-Encoding: chunked\r\n\r\n"
    impostor = Impostor(*[head + chunks] * 2)
    with pytest.raises(StoreError, match="broke off"):
        HttpReader(RemoteConfig(impostor.url)).read(Request("ticks", "AAA"))


def test_another_kind_of_server_is_recognised() -> None:
    impostor = Impostor(reply(b"<html>", "text/html"))
    with pytest.raises(ConfigError, match="is no bcore server"):
        HttpReader(RemoteConfig(impostor.url)).views()


def test_far_answers_are_compressed(served: Any, monkeypatch: pytest.MonkeyPatch, here: StoreReader) -> None:
    monkeypatch.setattr("bc_http.remote.NEAR", ())
    reader = HttpReader(RemoteConfig(served.url))
    request = Request("ticks", "AAA")
    assert str(here.read(request).to_pylist()) == str(reader.read(request).to_pylist())
    assert ["AAA", "GAP"] == reader.symbols()
    assert 3 == len(reader.views())
    reader.close()


def test_the_originals_client_has_the_originals_methods(served: Any) -> None:
    client = get_api_client(served.url, api_key="whatever")
    assert isinstance(client, BinanceCollectorAPIClient)
    assert "healthy" == client.health_check()["status"]
    assert {"quotes": ["AAA"], "ticks": ["AAA", "GAP"]} == client.get_available_symbols()
    assert 3000 == client.get_stats()["ticks"]["AAA"]["rows"]
    with pytest.raises(NotFoundError, match="trades"):
        client.get_trades("BTCUSDT")
    assert "whatever" not in repr(client)
    client.close()
