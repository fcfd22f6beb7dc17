from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import attrs
import pytest
from attrs import field, frozen
from attrs import validators as check
from hypothesis import given
from hypothesis import strategies as st

from bcore.fields import FieldsError, fields_of, parse
from bcore.secrets import Secret


@frozen
class Inner:
    depth: int


@frozen
class Many:
    name: str
    port: int = field(default=8000, validator=check.in_(range(1, 65536)), metadata={"help": "where it listens"})
    ratio: float = field(default=1.0, validator=check.ge(0))
    loud: bool = False
    symbols: tuple[str, ...] = ()
    steps: tuple[float, ...] = ()
    ticks: Mapping[str, tuple[float, ...]] = field(factory=dict)
    inner: Inner | None = None
    pause: float | Literal["never"] = 5.0
    secret: Secret | None = None
    steps_or_table: tuple[float, ...] | Mapping[str, tuple[float, ...]] = ()


@frozen
class Even:
    number: int

    def __attrs_post_init__(self) -> None:
        if self.number % 2:
            raise ValueError("the number must be even")


def problems_of(cls: type, values: Mapping[str, Any]) -> dict[str, str]:
    with pytest.raises(FieldsError) as caught:
        parse(cls, values)
    return dict(caught.value.problems)


def test_typed_values_are_taken_as_they_are() -> None:
    ticks = {"BTCUSDT": (10.0, 50.0)}
    given_ = {"name": "x", "port": 1, "ticks": {"BTCUSDT": [10, 50]}, "inner": {"depth": 3}, "steps_or_table": [1]}
    assert Many("x", 1, ticks=ticks, inner=Inner(3), steps_or_table=(1.0,)) == parse(Many, given_)


def test_text_is_brought_into_the_declared_type() -> None:
    typed = {"name": "x", "port": "80", "ratio": "0.5", "loud": "yes", "symbols": "A, B", "steps": "10,50"}
    assert Many("x", 80, 0.5, True, ("A", "B"), (10.0, 50.0)) == parse(Many, typed)


def test_a_single_number_is_a_list_of_one() -> None:
    assert (10.0,) == parse(Many, {"name": "x", "steps": 10}).steps


@pytest.mark.parametrize("word", ["true", "Yes", "ON", "1", True, 1])
def test_words_for_true(word: object) -> None:
    assert parse(Many, {"name": "x", "loud": word}).loud is True


@pytest.mark.parametrize("word", ["false", "No", "off", "0", False, 0])
def test_words_for_false(word: object) -> None:
    assert parse(Many, {"name": "x", "loud": word}).loud is False


def test_a_union_takes_the_first_member_that_fits() -> None:
    assert 2.5 == parse(Many, {"name": "x", "pause": 2.5}).pause
    assert "never" == parse(Many, {"name": "x", "pause": "never"}).pause
    assert {"B": (1.0,)} == parse(Many, {"name": "x", "steps_or_table": {"B": [1]}}).steps_or_table


def test_every_wrong_value_is_named_at_once() -> None:
    wrong = {"port": 0, "ratio": "fast", "loud": "maybe", "symbols": [1], "inner": {"depth": "x"}, "prot": 1}
    assert {"name", "port", "ratio", "loud", "symbols", "inner.depth", "prot"} == set(problems_of(Many, wrong))


def test_an_unknown_name_gets_its_nearest_known_one() -> None:
    assert "did you mean port?" in problems_of(Many, {"name": "x", "prot": 1})["prot"]


def test_a_missing_value_is_said_to_be_needed() -> None:
    assert {"name": "is needed and was not given"} == problems_of(Many, {})


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("name", 5, "must be text"),
        ("port", 1.5, "must be a whole number"),
        ("port", True, "must be a whole number"),
        ("ratio", False, "must be a number"),
        ("ratio", -1, "must be >= 0"),
        ("ratio", float("nan"), "must be a number"),
        ("ratio", "inf", "must be a number"),
        ("loud", 2, "must be true or false"),
        ("symbols", {"a": 1}, "must be a list"),
        ("ticks", "10", "must be a table"),
        ("ticks", [10], "must be a table"),
        ("inner", 5, "must be a table"),
        ("inner", "deep", "must be a table"),
        ("inner", {"depth": 1, "width": 2}, "width"),
        ("secret", 5, "must be text"),
    ],
)
def test_a_wrong_type_says_what_is_allowed(name: str, value: object, says: str) -> None:
    found = problems_of(Many, {"name": "x", name: value})
    assert says in next(sentence for path, sentence in found.items() if path.startswith(name))


def test_a_problem_inside_a_table_has_its_whole_path() -> None:
    assert ["ticks['BTCUSDT']"] == list(problems_of(Many, {"name": "x", "ticks": {"BTCUSDT": ["a"]}}))


def test_what_the_class_itself_refuses_is_reported() -> None:
    assert {"": "the number must be even"} == problems_of(Even, {"number": 3})


def test_fields_of_shows_types_defaults_and_help() -> None:
    name, port, *_ = fields_of(Many)
    assert (True, None) == (name.required, None)
    assert (int, False, 8000, "where it listens") == (port.type, port.required, port.default, port.help)


def test_fields_of_gives_what_a_factory_would_make() -> None:
    assert {} == next(each.default for each in fields_of(Many) if each.name == "ticks")


@given(st.integers(-(10**18), 10**18), st.floats(allow_nan=False, allow_infinity=False), st.booleans())
def test_text_of_any_value_parses_back_to_it(whole: int, number: float, truth: bool) -> None:
    @frozen
    class Three:
        whole: int
        number: float
        truth: bool

    expected = Three(whole, number, truth)
    assert expected == parse(Three, {"whole": str(whole), "number": repr(number), "truth": str(truth)})


def test_no_member_of_a_union_fits_names_what_each_would_take() -> None:
    assert "must be a number, not 'soon', or " in problems_of(Many, {"name": "x", "pause": "soon"})["pause"]
    wrong = {"name": "x", "steps_or_table": {"B": ["a"]}}
    assert "['B'] must be a number, not 'a', or must be a list" in problems_of(Many, wrong)["steps_or_table"]


def test_a_word_that_is_not_among_the_allowed_ones_is_told_them() -> None:
    @frozen
    class Mode:
        mode: Literal["poll", "stream"]

    assert {"mode": "must be 'poll' or 'stream', not 'push'"} == problems_of(Mode, {"mode": "push"})


@frozen
class Reserved:
    from_: str = field(default="book", validator=check.in_(("book", "rest")))


def test_a_word_that_python_keeps_to_itself_is_written_without_its_underscore() -> None:
    assert (["from"], Reserved("rest")) == (
        [each.name for each in fields_of(Reserved)],
        parse(Reserved, {"from": "rest"}),
    )


@pytest.mark.parametrize(
    ("values", "name"), [({"from": "x"}, "from"), ({"from": 1}, "from"), ({"from_": "rest"}, "from_")]
)
def test_problems_name_it_as_it_is_written(values: dict[str, Any], name: str) -> None:
    with pytest.raises(FieldsError) as caught:
        parse(Reserved, values)

    assert [name] == [field for field, _ in caught.value.problems]


def test_validators_of_attrs_do_not_name_the_field_twice() -> None:
    cls = attrs.make_class("Bars", {"seconds": attrs.field(type=int, validator=attrs.validators.ge(1))})
    with pytest.raises(FieldsError) as caught:
        parse(cls, {"seconds": "0"})
    assert (("seconds", "must be >= 1: 0"),) == tuple(caught.value.problems)
