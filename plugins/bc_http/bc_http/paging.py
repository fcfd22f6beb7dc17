"""The next page: from which id or time it goes on, so that no row is skipped or repeated while rows are added."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, quote, urlencode

import pyarrow as pa
import pyarrow.compute as pc

from bcore.instants import iso

if TYPE_CHECKING:
    from bcore.protocols import ViewInfo
    from bcore.query import Request


def next_query(request: Request, table: pa.Table, view: ViewInfo, sequence: str | None, query: str) -> str | None:
    """The query string of the next page; None after the last, and where the newest rows were asked for."""
    if request.limit is None or request.newest_first or not 0 < table.num_rows == request.limit:
        return None
    changed = _by_id(table, sequence) or _by_time(request, table, view) or _by_offset(request)
    kept = [pair for pair in parse_qsl(query, keep_blank_values=True) if pair[0] not in ("offset", *changed)]
    return urlencode([*kept, *((name, value) for name, value in changed.items() if value)], quote_via=quote)


def _by_id(table: pa.Table, sequence: str | None) -> dict[str, str] | None:
    if sequence is None or sequence not in table.schema.names:
        return None
    return {"after_id": str(table.column(sequence)[-1].as_py())}


def _by_time(request: Request, table: pa.Table, view: ViewInfo) -> dict[str, str] | None:
    """From the last row's time on, less the rows of that time that were on this page or before."""
    if view.time not in table.schema.names or request.after is not None:
        return None
    times = table.column(view.time).cast(pa.int64())
    last = times[-1].as_py()
    ties = pc.sum(pc.equal(times, last)).as_py()
    if last != pc.max(times).as_py():
        return None  # rows that are not in order of time cannot be cut by it
    before = request.offset if ties == table.num_rows and request.start == last else 0
    return {"start_time": iso(last), "offset": str(ties + before)}


def _by_offset(request: Request) -> dict[str, str]:
    return {"offset": str(request.offset + (request.limit or 0))}
