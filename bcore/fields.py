"""Typed fields, declared once: an attrs class feeds the config parser, the command line, query strings and docs.

A field's type, default, validator and `metadata["help"]` are all there is to say. Values come as TOML types or as
text; `parse` brings them into the declared type or says, for every wrong one at once, what is allowed.
"""

from __future__ import annotations

import math
import types
import typing
from collections.abc import Callable, Mapping
from functools import cache, lru_cache
from keyword import iskeyword
from typing import Any, Literal, TypeVar, get_args, get_origin

import attrs
from attrs import frozen
from cattrs import BaseValidationError, Converter, transform_error
from cattrs.errors import ForbiddenExtraKeysError
from cattrs.gen import make_dict_structure_fn, make_mapping_structure_fn

from bcore.deprecation import warn
from bcore.secrets import Secret

T = TypeVar("T")
_TRUE, _FALSE = ("true", "yes", "on", "1"), ("false", "no", "off", "0")


class FieldsError(ValueError):
    """Some values cannot be used; `problems` are pairs of field name (with a path inside it) and sentence."""

    def __init__(self, problems: list[tuple[str, str]]) -> None:
        self.problems = problems
        super().__init__("; ".join(f"{name}: {sentence}" for name, sentence in problems))


@frozen
class Field:
    """One field of an attrs class, as others may want to show it."""

    name: str
    type: Any
    required: bool
    default: Any
    help: str
    pattern: str = ""  # of text that is taken, for those who describe it; more may be


def fields_of(cls: type) -> list[Field]:
    """The settable fields of an attrs class, in order, with resolved types."""
    return [_field(attribute) for attribute in _resolved(cls) if attribute.init]


@lru_cache(maxsize=256)  # classes may be made as they are needed, and go again
def _resolved(cls: Any) -> tuple[attrs.Attribute[Any], ...]:
    """The attributes with their types as objects, whether or not annotations are kept as text."""
    return tuple(attrs.fields(attrs.resolve_types(cls)))


def _key(attribute: attrs.Attribute[Any]) -> str:
    """The name that people write: `from` for `from_`, because Python keeps some words to itself."""
    name = attribute.alias or attribute.name
    return name.removesuffix("_") if iskeyword(name.removesuffix("_")) else name


def _field(attribute: attrs.Attribute[Any]) -> Field:
    default: Any = attribute.default
    required = default is attrs.NOTHING
    if isinstance(default, attrs.Factory):  # type: ignore[arg-type]  # attrs types it as a function, it is a class
        default = None if default.takes_self else default.factory()
    return Field(_key(attribute), attribute.type, required, default, *_described(attribute))


def _described(attribute: attrs.Attribute[Any]) -> tuple[str, str]:
    return str(attribute.metadata.get("help", "")), str(attribute.metadata.get("pattern", ""))


def parse(cls: Callable[..., T], values: Mapping[str, Any]) -> T:
    """An instance of the attrs class from typed or textual values. Raises `FieldsError` with every problem."""
    known = {_key(attribute): attribute for attribute in _resolved(cls) if attribute.init}
    values = _by_new_names(values, known)
    problems = [(name, _unknown(name, known)) for name in values if name not in known]
    parsed: dict[str, Any] = {}
    for name, attribute in known.items():
        if name in values:
            parsed[attribute.alias or attribute.name] = _value(attribute, values[name], problems)
        elif attribute.default is attrs.NOTHING:
            problems.append((name, "is needed and was not given"))
    if problems:
        raise FieldsError(problems)
    try:
        return cls(**parsed)
    except (ValueError, TypeError) as error:
        raise FieldsError([("", _sentence(error, cls))]) from error


def _by_new_names(values: Mapping[str, Any], known: Mapping[str, attrs.Attribute[Any]]) -> Mapping[str, Any]:
    """What was given under a name that a field had before, under the one that it has. Both is one too many."""
    for name, attribute in known.items():
        was = attribute.metadata.get("was")
        if was is not None and was.name in values:
            if name in values:
                raise FieldsError([(was.name, f"is the old name of {name}: give one of them")])
            warn(was.name, name, was.goes, kind=FutureWarning, above=2)
            values = {name: values[was.name], **{each: value for each, value in values.items() if each != was.name}}
    return values


def _value(attribute: attrs.Attribute[Any], raw: Any, problems: list[tuple[str, str]]) -> Any:
    try:
        value = converter().structure(raw, attribute.type or str)
        if attribute.validator is not None:
            # Checked here and not only in __init__, so that all wrong fields are reported, not just the first.
            attribute.validator(None, attribute, value)
    except BaseValidationError as error:
        problems.extend(_inner(_key(attribute), line) for line in transform_error(error, format_exception=_sentence))
    except (ValueError, TypeError) as error:
        # attrs' own validators name the attribute themselves, in quotes.
        problems.append((_key(attribute), _sentence(error, attribute.type).removeprefix(f"'{attribute.name}' ")))
    else:
        return value
    return None


def _inner(name: str, line: str) -> tuple[str, str]:
    sentence, _, path = line.rpartition(" @ $")
    return name + path, sentence


def _sentence(error: BaseException, kind: Any) -> str:
    if isinstance(error, ForbiddenExtraKeysError):
        return f"has unknown keys: {', '.join(sorted(error.extra_fields))}"
    # attrs' own validators put the attribute and more into args; the first is the sentence.
    return str(error.args[0]) if error.args else f"is not a {kind}"


def _unknown(name: str, known: Mapping[str, object]) -> str:
    from bcore.naming import near

    return f"is not known{near(name, known)}; known: {', '.join(sorted(known)) or 'none'}"


@cache  # making it takes a hundred times as long as a value does
def converter() -> Converter:
    """cattrs with the strictness that people who type values expect: no guessing, and text is welcome."""
    made = Converter(forbid_extra_keys=True, detailed_validation=True)
    made.register_structure_hook(bool, _to_bool)
    made.register_structure_hook(int, _to_int)
    made.register_structure_hook(float, _to_float)
    made.register_structure_hook(str, _to_str)
    made.register_structure_hook(Secret, lambda value, _: Secret.of(value))
    made.register_structure_hook_factory(attrs.has, lambda kind: _table(make_dict_structure_fn(kind, made)))
    made.register_structure_hook_factory(_is_mapping, lambda kind: _table(make_mapping_structure_fn(kind, made)))
    made.register_structure_hook_func(_is_literal, _to_literal)
    made.register_structure_hook_func(_is_tuple, lambda value, kind: _to_tuple(made, value, kind))
    made.register_structure_hook_func(_is_union, lambda value, kind: _to_union(made, value, kind))
    return made


def _to_bool(value: Any, _: Any) -> bool:
    if isinstance(value, bool):
        return value
    text = str(value).strip().lower()
    if text in _TRUE or text in _FALSE:
        return text in _TRUE
    raise ValueError(f"must be true or false, not {value!r}")


def _to_int(value: Any, _: Any) -> int:
    if isinstance(value, str) or (isinstance(value, int) and not isinstance(value, bool)):
        try:
            return int(value)
        except ValueError:
            pass
    raise ValueError(f"must be a whole number, not {value!r}")


def _to_float(value: Any, _: Any) -> float:
    if isinstance(value, (str, int, float)) and not isinstance(value, bool):
        try:
            number = float(value)
        except (ValueError, OverflowError):
            number = math.nan
        if math.isfinite(number):
            return number
    raise ValueError(f"must be a number, not {value!r}")


def _to_str(value: Any, _: Any) -> str:
    if isinstance(value, str):
        return value
    raise ValueError(f"must be text, not {value!r}")


def _is_literal(kind: Any) -> bool:
    return get_origin(kind) is Literal


def _to_literal(value: Any, kind: Any) -> Any:
    if value in get_args(kind):
        return value
    raise ValueError(f"must be {' or '.join(map(repr, get_args(kind)))}, not {value!r}")


def _is_mapping(kind: Any) -> bool:
    origin = get_origin(kind) or kind
    return isinstance(origin, type) and issubclass(origin, Mapping)


def _table(structure: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    """The hook, for tables only: cattrs would ask anything else for its keys."""

    def checked(value: Any, kind: Any) -> Any:
        if not isinstance(value, Mapping):
            raise ValueError(f"must be a table, not {value!r}")
        return structure(value, kind)

    return checked


def _is_tuple(kind: Any) -> bool:
    return get_origin(kind) is tuple


def _to_tuple(made: Converter, value: Any, kind: Any) -> tuple[Any, ...]:
    """Text is taken as a comma-separated list: a bare string would otherwise fall apart into letters."""
    if isinstance(value, str):
        value = [part.strip() for part in value.split(",") if part.strip()]
    if isinstance(value, (int, float)):
        value = [value]
    if not isinstance(value, (list, tuple)):
        raise ValueError(f"must be a list, not {value!r}")
    return tuple(made.structure(item, get_args(kind)[0]) for item in value)


def _is_union(kind: Any) -> bool:
    return get_origin(kind) in (types.UnionType, typing.Union)


def _to_union(made: Converter, value: Any, kind: Any) -> Any:
    """The first member that takes the value, members that already have its type first."""
    members = [member for member in get_args(kind) if member is not types.NoneType]
    if value is None and len(members) < len(get_args(kind)):
        return None
    if len(members) == 1:
        return made.structure(value, members[0])
    members.sort(key=lambda member: not _fits(value, member))
    sentences: list[str] = []
    for member in members:
        try:
            return made.structure(value, member)
        except BaseValidationError as error:
            inner = [_inner("", line) for line in transform_error(error, format_exception=_sentence)]
            sentences.extend(f"{path} {sentence}".strip() for path, sentence in inner)
        except (ValueError, TypeError) as error:
            sentences.append(_sentence(error, member))
    raise ValueError(", or ".join(sentences))


def _fits(value: Any, member: Any) -> bool:
    origin = get_origin(member) or member
    if origin in (tuple, list):
        return isinstance(value, (list, tuple))
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return isinstance(value, Mapping)
    return isinstance(origin, type) and isinstance(value, origin)
