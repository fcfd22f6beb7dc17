"""Secrets by reference: the configuration names an environment variable or a file, never the secret itself."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from attrs import field, frozen


@frozen
class Secret:
    """A secret value that does not show in reprs, logs or `bcore config show`; `origin` says where it came from."""

    value: str = field(repr=False)
    origin: str

    @classmethod
    def of(cls, reference: Any, environ: Mapping[str, str] | None = None) -> Secret:
        """From `{ env = "NAME" }`, `{ file = "path" }`, or plain text (which then stands in the file)."""
        if isinstance(reference, Secret):
            return reference
        if isinstance(reference, str) and reference:
            return cls(reference, "config")
        if isinstance(reference, Mapping) and len(reference) == 1:
            ((how, where),) = reference.items()
            if how == "env":
                return cls._from_env(str(where), os.environ if environ is None else environ)
            if how == "file":
                return cls._from_file(str(where))
        raise ValueError('must be text, { env = "NAME" } or { file = "path" }')

    @classmethod
    def _from_env(cls, name: str, environ: Mapping[str, str]) -> Secret:
        if not environ.get(name):
            raise ValueError(f"the environment variable {name} is not set")
        return cls(environ[name], f"env {name}")

    @classmethod
    def _from_file(cls, path: str) -> Secret:
        try:
            value = Path(path).expanduser().read_text(encoding="utf-8").strip()
        except OSError as error:
            raise ValueError(f"the file {path} cannot be read: {error.strerror}") from error
        except UnicodeDecodeError:
            raise ValueError(f"the file {path} is not text in UTF-8") from None
        if not value:
            raise ValueError(f"the file {path} is empty")
        return cls(value, f"file {path}")

    def __str__(self) -> str:
        return f"<secret from {self.origin}>"
