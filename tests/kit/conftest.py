"""Of a wrong implementation only the tests run that it is to fail: they are excused, so that passing one fails."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import Phase, settings

sys.path.insert(0, str(Path(__file__).parent))


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    spared = [item for item in items if not _wanted(item)]
    if spared:
        items[:] = [item for item in items if _wanted(item)]
        config.hook.pytest_deselected(items=spared)


def _wanted(item: pytest.Item) -> bool:
    kind = getattr(item, "cls", None)
    return not getattr(kind, "wrong", False) or item.originalname in kind.excuses  # type: ignore[attr-defined]


@pytest.fixture(autouse=True)
def _no_simplest_example(request: pytest.FixtureRequest) -> Iterator[None]:
    """That a random history finds the mistake is enough: looking for the shortest one takes half a minute."""
    before = settings.get_current_profile_name()
    settings.register_profile("first", settings.get_profile(before), phases=(Phase.generate,), database=None)
    settings.load_profile("first")
    yield
    settings.load_profile(before)
