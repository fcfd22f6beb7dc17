"""The guard that keeps tests off the network: the loopback interface is open, everything else is refused."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest


class NetworkClosed(AssertionError):
    """A test tried to reach another machine."""


@contextmanager
def closed_network() -> Iterator[None]:
    """While inside, connecting to anything but this machine, or asking for its address, raises `NetworkClosed`."""
    look_up = socket.getaddrinfo

    def guarded_look_up(host: Any, *args: Any, **options: Any) -> Any:
        _refuse(host)
        return look_up(host, *args, **options)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket, "getaddrinfo", guarded_look_up)
        for name in ("connect", "connect_ex"):
            patch.setattr(socket.socket, name, _guarded(getattr(socket.socket, name)))
        yield


def _guarded(connect: Any) -> Any:
    def guarded(self: socket.socket, address: Any) -> Any:
        if self.family in (socket.AF_INET, socket.AF_INET6):
            _refuse(address[0])
        return connect(self, address)

    return guarded


def _refuse(host: Any) -> None:
    text = host.decode() if isinstance(host, bytes) else host
    if text in (None, "", "localhost"):
        return
    try:
        own = ipaddress.ip_address(text.partition("%")[0]).is_loopback
    except ValueError:
        own = text.endswith(".localhost")
    if not own:
        raise NetworkClosed(
            f"this test wanted to reach {text}: tests talk to this machine only; serve what it needs on 127.0.0.1, "
            "or say `network = True` in the test's class"
        )
