"""What all classes of the kit share: excuses that expire, and a network that is closed."""

from __future__ import annotations

from abc import ABC
from collections.abc import Iterator, Mapping
from contextlib import nullcontext
from typing import ClassVar

import pytest

from bcore.naming import near
from bcore.testing.network import closed_network


class Kit(ABC):  # noqa: B024 - which methods are abstract, subclasses say
    """Tests to inherit. `excuses` names those that the product is known to fail, each with the reason; of a test that
    runs several times, one of them by its whole name ("test_x[case]") or all.

    `network` opens the network for products that have no part of their own to talk to on this machine.
    """

    excuses: ClassVar[Mapping[str, str]] = {}
    network: ClassVar[bool] = False

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        tests = [name for name in dir(cls) if name.startswith("test_")]
        for name, reason in cls.excuses.items():
            if name.partition("[")[0] not in tests:
                raise TypeError(f"{cls.__name__}.excuses: there is no test {name!r}{near(name, tests)}")
            if not isinstance(reason, str) or not reason.strip():
                raise TypeError(f"{cls.__name__}.excuses: {name} is excused without a reason")

    @pytest.fixture(autouse=True)
    def _excused(self, request: pytest.FixtureRequest) -> None:
        test = str(request.node.name)
        reason = self.excuses.get(test) or self.excuses.get(test.partition("[")[0])
        if reason:
            request.applymarker(pytest.mark.xfail(reason=reason, strict=True))

    @pytest.fixture(autouse=True)
    def _own_machine_only(self) -> Iterator[None]:
        with nullcontext() if self.network else closed_network():
            yield
