"""A query string becomes a `Request`, or every mistake in it is named at once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal
from urllib.parse import parse_qsl

from attrs import Factory, field, fields_dict, frozen

from bc_http.problems import Problem
from bcore.catalogue import NoParams, View
from bcore.errors import RequestError
from bcore.fields import FieldsError, parse
from bcore.instants import parse_instant
from bcore.naming import near
from bcore.protocols import ViewInfo
from bcore.query import Request

MOST = 100  # parameters
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


NAMES = tuple(fields_dict(Common))


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
        problems: list[tuple[str | None, str]] = []
        typed = self._typed(query, problems)
        common = self._common({name: typed[name] for name in NAMES if name in typed}, problems)
        own = {name: value for name, value in typed.items() if name not in NAMES}
        params = self._own(own, problems)
        request = self._request(symbol, common, own, problems)
        if problems or request is None:
            listed = "; ".join(sentence for _, sentence in problems)
            raise Problem(400, listed, tuple(problems))
        return Asked(request, common, self._echo(own, params))

    @property
    def names(self) -> tuple[str, ...]:
        """Every parameter that the view takes."""
        own = () if self.view.params is None else tuple(fields_dict(self.view.params))
        return (*NAMES, *self.view.facets, *(name for name in own if name not in NAMES))

    def _typed(self, query: str, problems: list[tuple[str | None, str]]) -> dict[str, str]:
        try:
            pairs = parse_qsl(query, keep_blank_values=True, max_num_fields=MOST, errors="replace")
        except ValueError:
            raise Problem(400, f"more than {MOST} parameters were given") from None
        typed: dict[str, str] = {}
        for name, value in pairs:
            if name in typed:
                problems.append((name, f"{name} is given twice"))
            elif name not in self.names:
                problems.append((name, f"{name} is not known{near(name, self.names)}; known: {', '.join(self.names)}"))
            else:
                typed[name] = value
        return typed

    def _common(self, typed: Mapping[str, str], problems: list[tuple[str | None, str]]) -> Common:
        right = dict(typed)
        try:
            return parse(Common, right)
        except FieldsError as error:
            for name, sentence in error.problems:
                problems.append((name.split("[")[0], f"{name} {sentence}"))
                right.pop(name.split("[")[0], None)
        return parse(Common, right)

    def _own(self, own: Mapping[str, Any], problems: list[tuple[str | None, str]]) -> Any:
        try:
            if isinstance(self.view, View):
                return self.view.split(own)[1]
            return parse(self.view.params or NoParams, {k: v for k, v in own.items() if k not in self.view.facets})
        except RequestError as error:
            problems.extend(Problem.of(error, self.names).problems)
        except FieldsError as error:
            problems.extend((name, f"{name} {sentence}") for name, sentence in error.problems)
        return None

    def _request(
        self, symbol: str, common: Common, own: Mapping[str, Any], problems: list[tuple[str | None, str]]
    ) -> Request | None:
        known = self.view.schema.names
        for name in (each for each in common.columns if each not in known):
            sentence = f"columns has no {name!r}{near(name, known)}; columns of {self.view.name}: {', '.join(known)}"
            problems.append(("columns", sentence))
        start = self._instant("start_time", common.start_time, problems)
        end = self._instant("end_time", common.end_time, problems)
        try:
            return Request(
                self.view.name,
                symbol,
                start=EPOCH if start is None and common.tail is False and common.after_id is None else start,
                end=end,
                offset=common.offset,
                after=common.after_id,
                columns=common.columns or None,
                params=own,
                hot=self.hot,
                **self._counts(common, problems),
            )
        except RequestError as error:
            problems.extend(Problem.of(error, self.names).problems)
        return None

    def _counts(self, common: Common, problems: list[tuple[str | None, str]]) -> dict[str, int | None]:
        """`tail=true` says from which end the limit counts, as the original's clients do; `tail=10` is a count."""
        if common.tail is True and common.limit is None:
            problems.append(("tail", "tail must be a number where limit is not given"))
        if common.tail is True:
            return {"tail": common.limit}
        return {"limit": common.limit, "tail": None if common.tail is False else common.tail}

    def _instant(self, name: str, text: str | None, problems: list[tuple[str | None, str]]) -> int | None:
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
