"""bcore: a market-data collector that can prove it lost nothing.

`bcore.open("data")` gives a client onto an archive; everything else a program may want is in the
modules named in docs/architecture.md. Importing this package imports neither pyarrow nor pandas.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

__version__ = "0.1.0"

if TYPE_CHECKING:
    from bcore.client import Client as Client
    from bcore.opening import get_api_client as get_api_client
    from bcore.opening import get_hot_client as get_hot_client
    from bcore.opening import get_local_client as get_local_client
    from bcore.opening import get_remote_client as get_remote_client
    from bcore.opening import open as open

__all__ = [
    "Client",
    "__version__",
    "get_api_client",
    "get_hot_client",
    "get_local_client",
    "get_remote_client",
    "open",
]


def __getattr__(name: str) -> object:
    if name in __all__:
        from bcore import opening

        return getattr(opening, name)
    raise AttributeError(f"module 'bcore' has no attribute {name!r}")
