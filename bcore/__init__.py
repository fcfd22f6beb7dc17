"""bcore: a market-data collector that can prove it lost nothing.

`bcore.open("data")` gives a client onto an archive; everything else a program may want is in the
modules named in docs/architecture.md. Importing this package imports neither pyarrow nor pandas.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

__version__ = "0.1.0"

if TYPE_CHECKING:
    from bcore.client import Client as Client
    from bcore.client import open as open

__all__ = ["Client", "__version__", "open"]


def __getattr__(name: str) -> object:
    if name in ("open", "Client"):
        from bcore import client

        return getattr(client, name)
    raise AttributeError(f"module 'bcore' has no attribute {name!r}")
