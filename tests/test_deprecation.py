"""What is to go says so where it is used, works on, and does not stay."""

from __future__ import annotations

import tomllib
import warnings
from pathlib import Path
from types import ModuleType

import pluggy
import pytest
from attrs import evolve, field, frozen

from bcore.deprecation import Was, deprecated, moved, renamed
from bcore.fields import FieldsError, parse
from bcore.testing import overdue

ROOT = Path(__file__).parents[1]
DISTRIBUTIONS = [ROOT, *(file.parent for file in sorted(ROOT.glob("plugins/*/pyproject.toml")))]


@deprecated("add(one, other)", goes="9.1")
def plus(one: int, other: int) -> int:
    """The sum."""
    return one + other


class Counter:
    @deprecated("count", goes="9.1")
    def number(self) -> int:
        return 3


@deprecated("Counter", goes="9.1")
class Tally:
    def __init__(self, begin: int = 0) -> None:
        self.begin = begin


@renamed(goes="9.1", about="summary")
@frozen
class Record:
    name: str
    summary: str = ""


@frozen
class Config:
    page: int = field(default=5, metadata={"help": "rows", "was": Was("page_size", goes="9.1")})


def test_a_function_works_on_and_says_at_its_caller_what_to_use() -> None:
    with pytest.warns(DeprecationWarning, match=r"^plus goes in version 9\.1: use add\(one, other\)$") as told:
        assert 3 == plus(1, other=2)
    assert __file__ == told[0].filename
    assert ("plus", "The sum.") == (plus.__name__, plus.__doc__)


def test_a_method_and_a_class_do_too() -> None:
    with pytest.warns(DeprecationWarning, match=r"Counter\.number goes in version 9\.1: use count"):
        assert 3 == Counter().number()
    with pytest.warns(DeprecationWarning, match=r"Tally goes in version 9\.1: use Counter") as told:
        assert 4 == Tally(begin=4).begin
    assert __file__ == told[0].filename
    assert isinstance(Tally, type)


def test_a_name_that_moved_is_found_where_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    old = ModuleType("bcore_old")
    old.__getattr__ = moved("bcore_old", goes="9.1", Runs="bcore.spans.Spans")  # type: ignore[method-assign]
    monkeypatch.setitem(__import__("sys").modules, "bcore_old", old)
    says = r"bcore_old\.Runs goes in version 9\.1: use bcore\.spans\.Spans"
    with pytest.warns(DeprecationWarning, match=says) as told:
        from bcore_old import Runs  # type: ignore[import-not-found]
    assert __file__ == told[0].filename
    from bcore.spans import Spans

    assert Runs is Spans
    with pytest.warns(DeprecationWarning, match=says) as told:
        assert old.Runs is Spans
    assert __file__ == told[0].filename
    with pytest.raises(AttributeError, match="module 'bcore_old' has no attribute 'Walks'"):
        old.Walks  # noqa: B018 - it is looked up, which is what is tested


def test_a_field_is_given_and_read_by_its_old_name() -> None:
    with pytest.warns(DeprecationWarning, match=r"Record\.about goes in version 9\.1: use summary") as told:
        record = Record("a", about="b")  # type: ignore[call-arg]
    assert __file__ == told[0].filename
    with pytest.warns(DeprecationWarning, match=r"Record\.about"):
        assert "b" == record.about  # type: ignore[attr-defined]
    assert (Record("a", "b"), "c") == (record, evolve(record, summary="c").summary)
    with pytest.raises(TypeError, match="about is the old name of summary; both were given"):
        Record("a", summary="b", about="c")  # type: ignore[call-arg]


def test_a_key_is_taken_by_its_old_name_and_people_are_told() -> None:
    with pytest.warns(FutureWarning, match=r"page_size goes in version 9\.1: use page"):
        assert Config(7) == parse(Config, {"page_size": "7"})
    with pytest.raises(FieldsError, match="page_size: is the old name of page: give one of them"):
        parse(Config, {"page_size": 7, "page": 8})
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert Config(8) == parse(Config, {"page": 8})


def test_hooks_and_their_arguments_are_pluggy_s_to_warn_of() -> None:
    """As `bcore.hookspecs` would say it; an implementation of the old form goes on working."""

    class Specs:
        @pluggy.HookspecMarker("bcore")(warn_on_impl_args={"late": DeprecationWarning("late goes: use early")})
        def bcore_thing(self, early: int, late: int) -> int:
            return 0

    class Plugin:
        @pluggy.HookimplMarker("bcore")
        def bcore_thing(self, late: int) -> int:
            return late

    manager = pluggy.PluginManager("bcore")
    manager.add_hookspecs(Specs)
    with pytest.warns(DeprecationWarning, match="late goes: use early"):
        manager.register(Plugin())
    assert [7] == manager.hook.bcore_thing(early=1, late=7)


def test_what_has_passed_its_version_is_found(tmp_path: Path) -> None:
    (tmp_path / "old.py").write_text(
        '@deprecated("new", goes="1.2")\ndef old(): ...\n\n__getattr__ = moved(__name__, goes="1.10", A="b.A")\n'
        'field(metadata={"was": Was("x", goes="1.2.1")})\n@deprecation.renamed(goes="1.2.0", a="b")\nclass C: ...\n'
    )
    assert [] == overdue(tmp_path, "1.1.9")
    assert ["old.py:1: was to go in 1.2, and this is 1.2.0"] == overdue(tmp_path, "1.2.0")[:1]
    assert [1, 6] == [int(each.split(":")[1]) for each in overdue(tmp_path, "1.2.0")]
    assert 3 == len(overdue(tmp_path, "1.9"))
    assert 4 == len(overdue(tmp_path, "1.10.0"))


@pytest.mark.parametrize("place", DISTRIBUTIONS, ids=lambda path: path.name)
def test_nothing_of_ours_has_passed_its_version(place: Path) -> None:
    project = tomllib.loads((place / "pyproject.toml").read_text())["project"]
    package = place / ("bcore" if place == ROOT else place.name)
    assert package.is_dir()
    assert [] == overdue(package, project.get("version") or _version(package))


def _version(package: Path) -> str:
    lines = (package / "__init__.py").read_text().splitlines()
    return next(line.split('"')[1] for line in lines if line.startswith("__version__"))
