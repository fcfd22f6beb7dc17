"""For every test of the repository: a slow machine is no failure, a missing part is said."""

from __future__ import annotations

import os
from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, settings

settings.register_profile("patient", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("patient")


@pytest.fixture(scope="session")
def required() -> Callable[[str, bool], None]:
    """Skips tests for which a part is missing that is no Python package: `required("sshd", found)`.

    Where BCORE_REQUIRE names the part, as .ci/run does, they fail instead.
    """

    def check(part: str, found: bool) -> None:
        if not found and part in os.environ.get("BCORE_REQUIRE", "").split(","):
            pytest.fail(f"BCORE_REQUIRE names {part}, and it is not installed here")
        if not found:
            pytest.skip(f"needs {part}, which is not installed here")

    return check
