"""Commands without pandas: most of what starting one would take.

pyarrow looks for pandas when it converts its first value, so as to know pandas' objects when it meets them, and
importing pandas takes longer than all else that `bcore read` does. It looks once, and works as well where there is
none; only `to_pandas` and `from_pandas` look again. A process that is ours lets it look where none is to be found.

pyarrow 17 looks again for each value without a type: there a command is as slow to start as before.

A program that uses the SDK is not ours: nothing of this happens there.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib.machinery import ModuleSpec
from types import ModuleType


class _NoPandas:
    """A finder that says what one would hear where pandas is not installed."""

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if name == "pandas":
            raise ModuleNotFoundError("No module named 'pandas'", name=name)
        return None


def spare_pandas() -> None:
    """Lets pyarrow find no pandas, unless it is imported already. Everybody else finds it as ever."""
    if "pandas" in sys.modules:
        return
    import pyarrow as pa

    finder = _NoPandas()
    sys.meta_path.insert(0, finder)
    try:
        pa.scalar(0)
    finally:
        sys.meta_path.remove(finder)
