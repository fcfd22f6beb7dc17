"""The replay exchange for other plugins' tests: `pytest_plugins = ["bc_replay.fixtures"]` in the top-level conftest.py,
or in a test module.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from bc_replay.testing import ReplayServer

StartReplay = Callable[..., ReplayServer]


@pytest.fixture
def replay_exchange() -> Iterator[StartReplay]:
    """Starts replay exchanges, which end with the test: `server = replay_exchange(path, speed=0, faults=["500@2"])`.

    Without a path it serves the bundled recording. `server.url` and `server.ws_url` are where it listens; the arguments
    are those of `bc_replay.testing.ReplayServer`.
    """
    with ExitStack() as running:
        yield lambda *paths, **options: running.enter_context(ReplayServer(*paths, **options))
