"""`StoreTests`: everything that bcore expects of a store."""

from __future__ import annotations

from bcore.testing.appending import AppendTests
from bcore.testing.crashing import CrashTests
from bcore.testing.modelling import ModelTests
from bcore.testing.reading import ReadTests


class StoreTests(AppendTests, ReadTests, CrashTests, ModelTests):
    """Inherit it, and give `open`, `plant` and `unearth` (see `bcore.testing.opening`). Capabilities are fixtures:

    - `durable` (True): what is stored is there for other processes, and later;
    - `grows` (True): datasets may get further columns that may be null;
    - `symbols`: those that must be kept apart and given back as they are;
    - `examples` (25) and `kills` (6): how many random histories, and how many kills amid an append.
    """
