from __future__ import annotations

from pathlib import Path

import pytest

from bcore.secrets import Secret


def test_a_secret_comes_from_an_environment_variable() -> None:
    secret = Secret.of({"env": "KEY"}, {"KEY": "hush"})
    assert ("hush", "env KEY") == (secret.value, secret.origin)


def test_a_secret_comes_from_a_file_without_its_newline(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("hush\n")
    assert "hush" == Secret.of({"file": str(tmp_path / "key")}).value


def test_plain_text_is_a_secret_that_stands_in_the_file() -> None:
    assert Secret("hush", "config") == Secret.of("hush")


def test_a_secret_shows_nowhere() -> None:
    secret = Secret.of("hush")
    assert "hush" not in f"{secret} {secret!r} {[secret]}"
    assert "<secret from config>" == str(secret)


@pytest.mark.parametrize("environ", [{}, {"KEY": ""}])
def test_an_unset_or_empty_variable_is_refused(environ: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="the environment variable KEY is not set"):
        Secret.of({"env": "KEY"}, environ)


def test_a_file_that_is_not_there_is_refused_with_the_reason(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="cannot be read: No such file"):
        Secret.of({"file": str(tmp_path / "key")})


@pytest.mark.parametrize("content", [b"", b"\n", b"\xff\xfe\x00"])
def test_a_file_without_readable_text_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "key").write_bytes(content)
    with pytest.raises(ValueError, match=r"the file .*key"):
        Secret.of({"file": str(tmp_path / "key")})


@pytest.mark.parametrize("reference", [5, None, [], {}, {"env": "A", "file": "b"}, {"vault": "x"}])
def test_any_other_reference_is_refused_with_what_to_write(reference: object) -> None:
    with pytest.raises(ValueError, match=r'must be text, \{ env = "NAME" \}'):
        Secret.of(reference)
