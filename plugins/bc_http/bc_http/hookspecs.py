"""The hook that bc_http owns. Others implement it with `optionalhook=True`, so that they work without bc_http."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import pluggy

if TYPE_CHECKING:
    from bc_http.routes import Route
    from bcore.protocols import Reader

hookspec = pluggy.HookspecMarker("bcore")


@hookspec
def bc_http_routes(reader: Reader) -> Iterable[Route]:  # type: ignore[empty-body]
    """Further routes of the HTTP server: Falcon resources that answer from the reader.

    Called in each worker process when it starts.

    ```python
    @hookimpl(optionalhook=True)
    def bc_http_routes(reader):
        from bc_http.routes import Route
        from bc_example.pages import Page
        yield Route("/example", Page(reader), summary="A page of its own")
    ```
    """


def register(manager: Any) -> None:
    """Makes the hook known to pluggy's manager; again and again is no harm."""
    import sys

    known = getattr(manager.hook, "bc_http_routes", None)
    if known is None or not known.has_spec():
        manager.add_hookspecs(sys.modules[__name__])
