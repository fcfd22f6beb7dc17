"""A query string becomes a `Request`, or every mistake in it is named at once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from attrs import Factory, field, fields_dict, frozen

from bc_http.parameters import Parameters, Problems, refuse
from bc_http.problems import Problem
from bcore.errors import RequestError
from bcore.instants import parse_instant
from bcore.protocols import ViewInfo
from bcore.query import LARGEST, Request

EPOCH = 0
FormatName = Literal["json", "columns", "ndjson", "csv", "arrow", "parquet"]


@frozen
class Common:
    """What every view takes."""

    limit: int | None = field(
        default=None,
        metadata={"help": "at most so many rows: the newest, or the oldest from start_time or after_id on"},
    )
    offset: int = field(default=0, metadata={"help": "leave out so many rows at the end that is counted from"})
    start_time: str | None = field(
        default=None, metadata={"help": "from this instant on: ISO 8601 (UTC unless it says otherwise), or epoch"}
    )
    end_time: str | None = field(default=None, metadata={"help": "up to and without this instant"})
    tail: int | bool | None = field(
        default=None,
        metadata={
            "help": "the newest so many rows of the range; true: limit counts from the newest, false: from the oldest"
        },
    )
    after_id: int | None = field(
        default=None, metadata={"help": "only rows with a higher id, oldest first: pages that never skip or repeat"}
    )
    columns: tuple[str, ...] = field(factory=tuple, metadata={"help": "only these columns, separated by commas"})
    format: FormatName | None = field(
        default=None, metadata={"help": "the format of the answer; else what the header Accept asks for"}
    )
    time: Literal["iso", "us"] = field(
        default="iso", metadata={"help": "timestamps in text formats: ISO 8601, or us since 1970 as a number"}
    )


@frozen
class Asked:
    """What a query string asks for. `echo` are the view's own parameters, as the answer repeats them."""

    request: Request
    common: Common
    echo: Mapping[str, Any] = Factory(dict)


@frozen
class Asking:
    """Reads query strings for one view."""

    view: ViewInfo
    hot: bool = False

    def parsed(self, symbol: str, query: str) -> Asked:
        """Raises `Problem` with every mistake."""
        problems: Problems = []
        given = self.parameters.read(query, problems)
        request = self._request(symbol, given.common, given.own, problems)
        refuse(problems)
        assert request is not None
        return Asked(request, given.common, self._echo(given.own, given.params))

    @property
    def parameters(self) -> Parameters[Common]:
        return Parameters(self.view, Common)

    def _request(self, symbol: str, common: Common, own: Mapping[str, Any], problems: Problems) -> Request | None:
        start = self._instant("start_time", common.start_time, problems)
        end = self._instant("end_time", common.end_time, problems)
        if start is None and common.tail is False and common.after_id is None:
            start = EPOCH  # from the oldest on
        if start is not None and end is not None:
            start = min(start, end)  # nothing lies between
        try:
            return Request(
                self.view.name,
                symbol,
                start=start,
                end=end,
                offset=common.offset,
                after=common.after_id,
                columns=common.columns or None,
                params=own,
                hot=self.hot,
                **self._counts(common),
            )
        except RequestError as error:
            problems.extend(Problem.of(error, self.parameters.names).problems)
        return None

    def _counts(self, common: Common) -> dict[str, int | None]:
        """`tail=true` says from which end the limit counts, as the original's clients do; `tail=10` is a count too, and
        the smaller one holds."""
        if common.tail is None or common.tail is False:
            return {"limit": common.limit}
        counts = [each for each in (common.limit, None if common.tail is True else common.tail) if each is not None]
        outside = [each for each in counts if not 0 <= each < LARGEST]  # is told, however small the other one is
        return {"tail": outside[0] if outside else min(counts, default=None)}

    def _instant(self, name: str, text: str | None, problems: Problems) -> int | None:
        try:
            return None if text is None else parse_instant(text)
        except RequestError as error:
            problems.append((name, f"{name}: {error}"))
        return None

    def _echo(self, own: Mapping[str, Any], params: Any) -> dict[str, Any]:
        """The original repeats `tick_size` and `timeframe`; so every facet and parameter."""
        facets = {name: _number(own.get(name)) for name in self.view.facets}
        given = {} if params is None else {name: getattr(params, name, None) for name in fields_dict(type(params))}
        return facets | {name: value for name, value in given.items() if isinstance(value, (str, int, float))}


def _number(text: str | None) -> float | int | str | None:
    try:
        number = float(text) if text is not None else None
    except ValueError:
        return text
    return int(number) if number is not None and number.is_integer() else number
