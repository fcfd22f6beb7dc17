"""The other side: a reader of an archive that a server offers."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping, Sequence
from http.client import HTTPException
from typing import Any
from urllib.parse import quote, urlsplit

import pyarrow as pa
import requests
import urllib3
from attrs import define, field
from requests.adapters import HTTPAdapter

from bc_http.config import RemoteConfig
from bc_http.telling import followed
from bcore.audits import Gap
from bcore.errors import BcoreError, ConfigError, NotFoundError, RequestError, StoreError
from bcore.following import Told
from bcore.instants import iso
from bcore.protocols import ViewInfo
from bcore.proving import gaps_in, proofs_in
from bcore.query import Request
from bcore.records import Context, DayProof, SeriesStats
from bcore.wire import stats_in, views_in

EVENTS = "text/event-stream"
ARROW = "application/vnd.apache.arrow.stream"
BUFFER = 2**20
AGAIN = (429, 502, 504)
CUT = (OSError, pa.ArrowInvalid, urllib3.exceptions.HTTPError, HTTPException)
NEAR = ("127.0.0.1", "localhost", "::1")


@define(eq=False)
class HttpReader:
    """Answers requests by asking a server, in Arrow. May be used from one thread at a time.

    What the server finds wrong with a request is raised as the core's own errors would be; `ConfigError` where the key
    is wrong or the address is no such server, `StoreError` where it cannot be reached or its answer breaks off.
    """

    config: RemoteConfig
    _session: requests.Session = field(init=False)

    def __attrs_post_init__(self) -> None:
        self._session = requests.Session()
        again = urllib3.Retry(
            self.config.retries,
            backoff_factor=0.1,
            status_forcelist=AGAIN,
            allowed_methods=["GET"],
            raise_on_status=False,
        )
        for scheme in ("http://", "https://"):
            self._session.mount(scheme, HTTPAdapter(max_retries=again))
        if self.config.api_key is not None:
            self._session.headers["X-API-Key"] = self.config.api_key.value

    @classmethod
    def build(cls, config: RemoteConfig, context: Context) -> HttpReader:
        return cls(config)

    def views(self) -> Mapping[str, ViewInfo]:
        return views_in(self._table("/views"))

    def symbols(self, view: str | None = None) -> list[str]:
        asked = {} if view is None else {"view": view}
        return sorted({symbol for symbols in self.json("/symbols", asked).values() for symbol in symbols})

    def stats(self) -> list[SeriesStats]:
        return stats_in(self._table("/stats"))

    def proofs(self, dataset: str, symbol: str, *, end: int | None = None) -> Sequence[DayProof]:
        asked = {"format": "arrow"} | ({} if end is None else {"end": iso(end)})
        return proofs_in(self._stream(f"/proofs/{quote(dataset, safe='')}/{quote(symbol)}", asked).read_all())

    def gaps(self, dataset: str, symbol: str) -> Sequence[Gap]:
        return gaps_in(self._table(f"/gaps/{quote(dataset, safe='')}/{quote(symbol)}"))

    def follow(
        self, view: str, symbol: str, cursor: str | None = None, params: Mapping[str, Any] | None = None
    ) -> Told:
        path = f"/live/{quote(view, safe='')}/{quote(symbol)}"
        own = {name: _text(value) for name, value in (params or {}).items() if value is not None}
        given = {**own, "time": "us", "settled": "true"}
        known = self.views().get(view)

        def opened(after: str | None) -> requests.Response:
            return self._asked(path, given | ({} if after is None else {"after_id": after}), EVENTS)

        return followed(opened, pa.schema([]) if known is None else known.schema, CUT, cursor)

    def read(self, request: Request) -> pa.Table:
        """Asked again from the start, once, if the answer broke off."""
        try:
            return self.scan(request).read_all()
        except StoreError:
            return self.scan(request).read_all()

    def scan(self, request: Request) -> pa.RecordBatchReader:
        path = f"{'/hot' if request.hot else ''}/{quote(request.view, safe='')}/{quote(request.symbol)}"
        return self._stream(path, _parameters(request))

    def close(self) -> None:
        self._session.close()

    def json(self, path: str, parameters: Mapping[str, str] | None = None) -> Any:
        """An answer in JSON. Raises what `read` raises."""
        with self._asked(path, {**(parameters or {})}, "application/json") as response:
            try:
                return response.json()
            except (ValueError, *CUT) as error:
                raise self._broken(error) from error

    def _table(self, path: str) -> pa.Table:
        return self._stream(path, {"format": "arrow"}).read_all()

    def _stream(self, path: str, parameters: dict[str, str]) -> pa.RecordBatchReader:
        response = self._asked(path, parameters, ARROW)
        if response.headers.get("Content-Type") != ARROW:
            response.close()
            raise ConfigError([f"{self.config.url} is no bcore server: it answers {path} with something else"])
        source: Any = io.BufferedReader(response.raw, BUFFER)
        try:
            if response.headers.get("Content-Encoding") == "zstd":
                source = pa.CompressedInputStream(pa.PythonFile(source, "r"), "zstd")
            stream = pa.ipc.open_stream(source)
        except CUT as error:
            response.close()
            raise self._broken(error) from error
        return pa.RecordBatchReader.from_batches(stream.schema, self._batches(stream, response))

    def _batches(self, stream: pa.RecordBatchReader, response: requests.Response) -> Iterator[pa.RecordBatch]:
        with response:
            try:
                yield from stream
                response.raw.read(1)  # the end of the body: only then is the connection used again
            except CUT as error:
                raise self._broken(error) from error

    def _asked(self, path: str, parameters: dict[str, str], accept: str) -> requests.Response:
        url = self.config.url.rstrip("/") + path
        try:
            response = self._session.get(
                url,
                params=parameters,
                headers={"Accept": accept, "Accept-Encoding": self._coding(accept)},
                timeout=self.config.timeout,
                stream=True,
            )
        except requests.RequestException as error:
            raise StoreError(f"{self.config.url} cannot be reached: {_why(error)}") from error
        if response.status_code != 200:
            with response:
                raise self._refused(response)
        return response

    def _coding(self, accept: str) -> str:
        """Arrow reads zstd by itself; requests reads gzip without another library."""
        if urlsplit(self.config.url).hostname in NEAR:
            return "identity"
        return "zstd" if accept == ARROW else "gzip"

    def _refused(self, response: requests.Response) -> BcoreError:
        """The server's problems, as the core's own errors."""
        told = _problem(response)
        status = response.status_code
        detail = str(told.get("detail") or f"HTTP status {status}")
        sentences = [str(each.get("detail")) for each in told.get("problems", [])] or [detail]
        if status in (401, 403):
            how = "bcore.open(url, api_key=...), api_key in [remotes.*], or BCORE_REMOTE_API_KEY for an address typed"
            return ConfigError([f"{self.config.url}: {detail}; {how}"])
        if told and status == 404:
            return NotFoundError(*sentences)
        if told and 400 <= status < 500 and status != 429:
            return RequestError(*sentences)
        return StoreError(f"{self.config.url}: {detail}")

    def _broken(self, error: Exception) -> StoreError:
        return StoreError(f"{self.config.url}: the answer broke off: {_why(error)}")


def _parameters(request: Request) -> dict[str, str]:
    times = {"start_time": request.start, "end_time": request.end}
    counts = {"limit": request.limit, "tail": request.tail, "after_id": request.after, "offset": request.offset or None}
    given = {name: str(value) for name, value in counts.items() if value is not None}
    given |= {name: iso(value) for name, value in times.items() if value is not None}
    if request.columns is not None:
        given["columns"] = ",".join(request.columns)
    own = {name: _text(value) for name, value in request.params.items() if value is not None}
    return {**given, **own, "format": "arrow"}


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return ",".join(map(_text, value)) if isinstance(value, (list, tuple)) else str(value)


def _problem(response: requests.Response) -> dict[str, Any]:
    """The problem document; empty if it is none."""
    if "problem+json" not in response.headers.get("Content-Type", ""):
        return {}
    try:
        told = response.json()
    except (ValueError, *CUT):
        return {}
    return told if isinstance(told, dict) else {}


def _why(error: BaseException) -> str:
    """The innermost reason: requests wraps what urllib3 wraps."""
    while (inner := getattr(error, "reason", None) or (error.args[0] if error.args else None)) is not None:
        if not isinstance(inner, BaseException):
            break
        error = inner
    return str(error) or type(error).__name__
