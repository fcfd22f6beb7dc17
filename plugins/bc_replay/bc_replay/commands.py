"""The control messages of a stream connection (protocol section 5.1)."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any, Protocol

from attrs import frozen

from bc_replay.names import well_formed

LONGEST_FRAME = 4096  # bytes on the wire; a longer SUBSCRIBE gets no answer at all
METHODS = ("SUBSCRIBE", "UNSUBSCRIBE", "LIST_SUBSCRIPTIONS", "SET_PROPERTY", "GET_PROPERTY")
_TEXT_ID = re.compile(r"[A-Za-z0-9]{0,36}")
Reply = dict[str, Any]


class Subscriber(Protocol):
    """The connection that commands act on."""

    combined: bool

    @property
    def most_streams(self) -> int: ...
    @property
    def names(self) -> Sequence[str]: ...
    def subscribe(self, names: Sequence[str]) -> None: ...
    def unsubscribe(self, names: Sequence[str]) -> None: ...


class Misuse(Exception):
    """A command that is answered with an error."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code, self.message = code, message


@frozen
class Command:
    method: str
    params: list[Any]


def wire_length(text: str) -> int:
    """The length of a client's frame that carries `text`: header, mask and payload."""
    payload = len(text.encode())
    return payload + 6 + (0 if payload < 126 else 2 if payload < 65536 else 8)


def answer(subscriber: Subscriber, text: str) -> Reply | None:
    """Carry out one message; None where the exchange stays silent."""
    identity: Reply = {}
    try:
        message = _decoded(text)
        identity = _identity(message)
        command = _command(message)
        if command.method == "SUBSCRIBE" and wire_length(text) > LONGEST_FRAME:
            return None
        return {"result": _carry_out(subscriber, command), **identity}
    except Misuse as misuse:
        return {"error": {"code": misuse.code, "msg": misuse.message}, **identity}


def _decoded(text: str) -> dict[str, Any]:
    try:
        message = json.loads(text)
    except json.JSONDecodeError as error:
        place = f"line {error.lineno} column {error.colno}"
        raise Misuse(3, f"Invalid JSON: expected value at {place}") from None
    if not isinstance(message, dict):
        raise Misuse(2, "Invalid request: expected an object")
    return message


def _identity(message: dict[str, Any]) -> Reply:
    value = message.get("id")
    whole = isinstance(value, int) and not isinstance(value, bool) and -(2**63) <= value < 2**63
    if value is None or whole or (isinstance(value, str) and _TEXT_ID.fullmatch(value)):
        return {"id": value}
    raise Misuse(
        2,
        "Invalid request: request ID must be a signed 64-bit integer, "
        "an alphanumeric string of at most 36 characters, or null",
    )


def _command(message: dict[str, Any]) -> Command:
    if "method" not in message:
        raise Misuse(2, "Invalid request: missing field `method`")
    method, params = message["method"], message.get("params", [])
    if method not in METHODS:
        known = ", ".join(f"`{name}`" for name in METHODS)
        raise Misuse(2, f"Invalid request: unknown variant `{method}`, expected one of {known}")
    if not isinstance(params, list):
        raise Misuse(2, "Invalid request: params must be a list")
    return Command(method, params)


def _carry_out(subscriber: Subscriber, command: Command) -> Any:
    if command.method == "LIST_SUBSCRIPTIONS":
        return list(subscriber.names)
    if command.method == "SET_PROPERTY":
        return _set_property(subscriber, command.params)
    if command.method == "GET_PROPERTY":
        return _get_property(subscriber, command.params)
    names = _names(command.params)
    if command.method == "UNSUBSCRIBE":
        return subscriber.unsubscribe(names)
    if len({*subscriber.names, *names}) > subscriber.most_streams:
        raise Misuse(2, f"Invalid request: too many streams, at most {subscriber.most_streams} a connection")
    return subscriber.subscribe(names)


def _names(params: list[Any]) -> list[str]:
    if not all(isinstance(name, str) and well_formed(name) for name in params):
        raise Misuse(2, "Invalid request: invalid stream")
    return params


def _property(params: list[Any], count: int) -> None:
    if len(params) > count:
        raise Misuse(2, "Invalid request: too many parameters")
    if len(params) < count or not isinstance(params[0], str):
        raise Misuse(2, "Invalid request: property name must be a string")
    if params[0] != "combined":
        raise Misuse(0, "Unknown property")


def _set_property(subscriber: Subscriber, params: list[Any]) -> None:
    _property(params, 2)
    if not isinstance(params[1], bool):
        raise Misuse(1, "Invalid value type: expected Boolean")
    subscriber.combined = params[1]


def _get_property(subscriber: Subscriber, params: list[Any]) -> bool:
    _property(params, 1)
    return subscriber.combined
