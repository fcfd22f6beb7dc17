"""Helping people who mistype a name."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

MOST = 3


def near(name: str, known: Iterable[str]) -> str:
    """` (did you mean ...?)` with the nearest known names, or nothing."""
    by_lower = {each.lower(): each for each in known}
    return _meant(by_lower[match] for match in get_close_matches(name.lower(), list(by_lower), n=MOST, cutoff=0.6))


def near_symbol(name: str, known: Iterable[str]) -> str:
    """As `near`, for symbols and what is called by them: another market is no slip of the pen.

    Near is what is the same but for case and punctuation, for one slip, or for an end that was not typed.
    """
    ranked = sorted((rank, each) for each in known if (rank := _rank(_bare(name), _bare(each))) is not None)
    return _meant(each for _, each in ranked[:MOST])


def _meant(matches: Iterable[str]) -> str:
    told = " or ".join(matches)
    return f" (did you mean {told}?)" if told else ""


def _bare(symbol: str) -> str:
    return "".join(letter for letter in symbol.lower() if letter.isalnum())


def _rank(typed: str, known: str) -> int | None:
    if typed == known:
        return 0
    if _slip(typed, known):
        return 1
    return len(known) - len(typed) if len(typed) > 1 and known.startswith(typed) else None


def _slip(one: str, other: str) -> bool:
    """Whether a letter is one too many, lacks or is another one, or two that stand side by side are swapped."""
    begin = _shared(one, other)
    one, other = one[begin:], other[begin:]
    end = _shared(one[::-1], other[::-1])
    one, other = one[: len(one) - end], other[: len(other) - end]
    return max(len(one), len(other)) < 2 or (len(one) == 2 and one == other[::-1])


def _shared(one: str, other: str) -> int:
    """How many letters both begin with."""
    pairs = zip(one, other, strict=False)
    return next((at for at, (mine, yours) in enumerate(pairs) if mine != yours), min(len(one), len(other)))
