"""Helping people who mistype a name."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


def near(name: str, known: Iterable[str]) -> str:
    """` (did you mean ...?)` with the nearest known names, or nothing."""
    by_lower = {each.lower(): each for each in known}
    matches = [by_lower[match] for match in get_close_matches(name.lower(), list(by_lower), n=3, cutoff=0.6)]
    return f" (did you mean {' or '.join(matches)}?)" if matches else ""
