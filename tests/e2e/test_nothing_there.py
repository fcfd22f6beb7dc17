"""What is said where there is no archive at all: a folder that is not there is named, whichever way it is asked for."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

pytest.importorskip("bc_parquet", reason="needs a store that keeps a folder")
pytest.importorskip("bc_trades", reason="needs trades")

from processes import command, environment

import bcore
from bcore.errors import NotFoundError

HERE = {
    "read trades BTCUSDT": (2, "there is no folder 'data': nothing is stored yet; `bcore run` collects"),
    "stats": (0, "there is no folder 'data': nothing is stored yet; `bcore run` collects"),
    "status": (1, "no collector is running on data: there is no such folder"),
    "verify": (1, "there is no folder 'data': nothing is stored yet, so nothing is proven"),
    "repair --dry-run": (0, "there is no folder 'data': nothing is stored yet, so there is nothing to repair"),
}
NAMED = {
    "read trades BTCUSDT": (2, "there is no archive 'mian' (did you mean main?)"),
    "stats": (2, "there is no archive 'mian' (did you mean main?)"),
    "views": (2, "there is no archive 'mian' (did you mean main?)"),
    "status": (1, "no collector is running on mian: there is no such folder"),
    "verify": (2, "there is no archive 'mian' (did you mean main?)"),
    "repair --dry-run": (2, "there is no archive 'mian' (did you mean main?)"),
}


def said(folder: Path, *words: str) -> tuple[int, str]:
    done = subprocess.run(command(*words), cwd=folder, env=environment(), capture_output=True, text=True, timeout=120)
    return done.returncode, done.stdout + done.stderr


@pytest.mark.parametrize(("words", "expected"), HERE.items())
def test_where_nothing_was_collected_the_folder_that_is_missing_is_named(
    tmp_path: Path, words: str, expected: tuple[int, str]
) -> None:
    code, text = said(tmp_path, *words.split())
    assert (expected[0], True) == (code, expected[1] in text), text
    assert [] == list(tmp_path.iterdir())


@pytest.mark.parametrize(("words", "expected"), NAMED.items())
def test_a_folder_that_is_misspelt_is_no_empty_archive(tmp_path: Path, words: str, expected: tuple[int, str]) -> None:
    (tmp_path / "main").mkdir()
    code, text = said(tmp_path, *words.split(), "--data", "mian")
    assert (expected[0], True) == (code, expected[1] in text), text
    assert ["main"] == [each.name for each in tmp_path.iterdir()]


def test_the_sdk_says_so_where_rows_are_asked_for(tmp_path: Path) -> None:
    with bcore.open(tmp_path / "nix") as client:
        assert [] == client.get_available_symbols()
        with pytest.raises(NotFoundError, match=r"stored: nothing: there is no folder '.*nix'"):
            client.get_trades("BTCUSDT")
