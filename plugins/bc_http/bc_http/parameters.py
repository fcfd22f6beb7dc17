"""The parameters of a view in a query string: those that every view takes, and its own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Generic, TypeVar
from urllib.parse import parse_qsl

from attrs import fields_dict, frozen

from bc_http.problems import Problem
from bcore.catalogue import NoParams, View
from bcore.errors import RequestError
from bcore.fields import FieldsError, parse
from bcore.naming import near
from bcore.protocols import ViewInfo

MOST = 100  # parameters
C = TypeVar("C")
Problems = list[tuple[str | None, str]]


@frozen
class Given(Generic[C]):
    """What was typed: the common parameters, the view's own as they were typed, and as its class of them (None if they
    are wrong, or if it has none)."""

    common: C
    own: Mapping[str, str]
    params: Any


@frozen
class Parameters(Generic[C]):
    """Reads the parameters of one view; `common` is the class of those that every view takes."""

    view: ViewInfo
    common: type[C]

    def read(self, query: str, problems: Problems) -> Given[C]:
        """What is typed, as far as it is right; what is wrong is added to `problems`."""
        typed = self._typed(query, problems)
        shared = fields_dict(self.common)  # type: ignore[arg-type]
        common = self._common({name: typed[name] for name in shared if name in typed}, problems)
        own = {name: value for name, value in typed.items() if name not in shared}
        if "columns" in typed:
            self._check_columns(getattr(common, "columns", ()), problems)
        return Given(common, own, self._own(own, problems))

    @property
    def names(self) -> tuple[str, ...]:
        """Every parameter that the view takes."""
        shared = tuple(fields_dict(self.common))  # type: ignore[arg-type]
        own = () if self.view.params is None else tuple(fields_dict(self.view.params))
        return (*shared, *self.view.facets, *(name for name in own if name not in shared))

    def _typed(self, query: str, problems: Problems) -> dict[str, str]:
        try:
            pairs = parse_qsl(query, keep_blank_values=True, max_num_fields=MOST, errors="replace")
        except ValueError:
            raise Problem(400, f"more than {MOST} parameters were given") from None
        names, typed = self.names, dict[str, str]()
        for name, value in pairs:
            if name in typed:
                problems.append((name, f"{name} is given twice"))
            elif name not in names:
                problems.append((name, f"{name} is not known{near(name, names)}; known: {', '.join(names)}"))
            else:
                typed[name] = value
        return typed

    def _common(self, typed: Mapping[str, str], problems: Problems) -> C:
        right = dict(typed)
        try:
            return parse(self.common, right)
        except FieldsError as error:
            for name, sentence in error.problems:
                problems.append((name.split("[")[0], f"{name} {sentence}"))
                right.pop(name.split("[")[0], None)
        return parse(self.common, right)

    def _own(self, own: Mapping[str, Any], problems: Problems) -> Any:
        try:
            if isinstance(self.view, View):
                return self.view.split(own)[1]
            return parse(self.view.params or NoParams, {k: v for k, v in own.items() if k not in self.view.facets})
        except RequestError as error:
            problems.extend(Problem.of(error, self.names).problems)
        except FieldsError as error:
            problems.extend((name, f"{name} {sentence}") for name, sentence in error.problems)
        return None

    def _check_columns(self, columns: tuple[str, ...], problems: Problems) -> None:
        known = self.view.schema.names
        if not columns:
            problems.append(("columns", f"columns must name at least one of {', '.join(known)}"))
        for name in (each for each in columns if each not in known):
            sentence = f"columns has no {name!r}{near(name, known)}; columns of {self.view.name}: {', '.join(known)}"
            problems.append(("columns", sentence))


def refuse(problems: Problems) -> None:
    """Raises `Problem` with every mistake, if there is any."""
    if problems:
        raise Problem(400, "; ".join(sentence for _, sentence in problems), tuple(problems))
