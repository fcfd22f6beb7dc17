"""What is wrong with a request, as RFC 9457 problem JSON."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from http import HTTPStatus
from typing import Any

import msgspec
from attrs import field, frozen

from bcore.errors import NotFoundError, RequestError

MEDIA_TYPE = "application/problem+json"
_NAMED = re.compile(r"([a-z][a-z0-9_]*) (?:must|is|was|has|cannot|and)\b")
LONGEST = 2000  # characters of a sentence: what a client sent may be quoted in it


@frozen
class Problem(Exception):
    """An answer that is a refusal. `problems` has every mistake, as pairs of parameter (or None) and sentence."""

    status: int
    detail: str
    problems: tuple[tuple[str | None, str], ...] = ()
    headers: Mapping[str, str] = field(factory=dict)

    @classmethod
    def of(cls, error: RequestError, parameters: Iterable[str] = ()) -> Problem:
        """From what the core says; sentences that begin with one of the `parameters` are about it."""
        known = set(parameters)
        status = 404 if isinstance(error, NotFoundError) else 400
        return cls(status, str(error), tuple((_about(sentence, known), sentence) for sentence in error.problems))

    def body(self, instance: str = "") -> bytes:
        """The document; `instance` is the path that was asked for."""
        document: dict[str, Any] = {
            "type": "about:blank",
            "title": HTTPStatus(self.status).phrase,
            "status": self.status,
            "detail": _cut(self.detail),
        }
        if instance:
            document["instance"] = _cut(instance)
        if self.problems not in ((), ((None, self.detail),)):  # what is wrong as a whole is said already
            document["problems"] = [_one(name, sentence) for name, sentence in self.problems]
        return msgspec.json.encode(document)


def _about(sentence: str, known: set[str]) -> str | None:
    named = _NAMED.match(sentence)
    return named[1] if named and named[1] in known else None


def _one(name: str | None, sentence: str) -> dict[str, str]:
    return {"detail": _cut(sentence)} | ({} if name is None else {"parameter": name})


def _cut(text: str) -> str:
    """As UTF-8 can say it, and not endless."""
    whole = text.encode("utf-8", "replace").decode()
    return whole if len(whole) <= LONGEST else whole[:LONGEST] + " ..."
