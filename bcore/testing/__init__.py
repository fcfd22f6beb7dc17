"""The kit for plugins' tests: what bcore expects of whatever a plugin offers, ready to inherit.

```python
from bcore.testing import StoreTests

class TestMyStore(StoreTests):
    def open(self, place): return MyStore(place / "archive.db")
    def plant(self, place, batch): ...     # rows in, by other means than the store's own append
    def unearth(self, place, series): ...  # rows out, by other means than the store's own read
```

- `StoreTests`, `SourceTests`, `ExchangeTests`, `DerivationTests`, `ComputationTests`, `TransportTests` for a remote and
  `ServerTests` for a server: subclass one; what a product can and cannot do is told by fixtures that a subclass
  overrides (`durable`, `symbols`, `grows`, ...).
- A test that a product is known to fail is excused by name, with a reason: `excuses = {"test_x": "why"}`. It is then
  expected to fail, and the run fails as soon as it passes. An excuse for a test that there is none of stops the run.
- `bcore.testing.samples` makes datasets and rows, `made` a product from its factory and a plain section,
  `registry_of` a registry of hooks that are not installed.
- `overdue` finds what a package was to be rid of by its version (`bcore.deprecation`).
- `bcore.testing.fixtures` has fixtures for a top-level conftest.py: `pytest_plugins = ["bcore.testing.fixtures"]`.

It needs pytest, and for random operations hypothesis, where that is installed.
"""

from __future__ import annotations

import pytest

pytest.register_assert_rewrite(
    *(f"bcore.testing.{name}" for name in ("agreeing", "appending", "reading", "crashing", "modelling")),
    *(f"bcore.testing.{name}" for name in ("stores", "sources", "streams", "exchanges", "transports", "servers")),
    *(f"bcore.testing.{name}" for name in ("views", "derivations", "computations")),
)

from bcore.testing.computations import ComputationTests  # noqa: E402 - after the modules with assertions are announced
from bcore.testing.derivations import DerivationTests  # noqa: E402
from bcore.testing.exchanges import ExchangeTests  # noqa: E402
from bcore.testing.kit import Kit  # noqa: E402
from bcore.testing.making import made, registry_of  # noqa: E402
from bcore.testing.network import NetworkClosed, closed_network  # noqa: E402
from bcore.testing.overdue import overdue  # noqa: E402
from bcore.testing.servers import ServerTests  # noqa: E402
from bcore.testing.sources import SourceTests  # noqa: E402
from bcore.testing.stores import StoreTests  # noqa: E402
from bcore.testing.transports import TransportTests  # noqa: E402

__all__ = [
    "ComputationTests",
    "DerivationTests",
    "ExchangeTests",
    "Kit",
    "NetworkClosed",
    "ServerTests",
    "SourceTests",
    "StoreTests",
    "TransportTests",
    "closed_network",
    "made",
    "overdue",
    "registry_of",
]
