"""Fixtures for a plugin's tests: `pytest_plugins = ["bcore.testing.fixtures"]` in the top-level conftest.py.

The replay exchange has its own, `replay_exchange`: add "bc_replay.fixtures" where bc-replay is installed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from bcore.local import StoreReader
from bcore.memory import MemoryStore
from bcore.records import Batch, Computation, Derivation
from bcore.testing.network import closed_network


@pytest.fixture
def no_network() -> Iterator[None]:
    """Closes the network but for this machine; ask for it with `pytestmark = pytest.mark.usefixtures("no_network")`."""
    with closed_network():
        yield


@pytest.fixture
def memory_store() -> MemoryStore:
    """An empty store in memory."""
    return MemoryStore()


@pytest.fixture
def reader_of() -> Callable[..., StoreReader]:
    """A reader of these batches, with these derivations: `reader_of(trades(range(9)), views=(SPREAD,))`."""

    def made(*batches: Batch, views: tuple[Derivation | Computation, ...] = ()) -> StoreReader:
        store = MemoryStore()
        for batch in batches:
            store.append(batch)
        return StoreReader((store,), tuple({batch.dataset.name: batch.dataset for batch in batches}.values()), views)

    return made
