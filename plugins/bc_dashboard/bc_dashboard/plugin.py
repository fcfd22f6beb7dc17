"""What bc_dashboard offers to bc_http: a page at `/`, its files, and what collectors say of themselves."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from bcore.hookspecs import hookimpl

if TYPE_CHECKING:
    from bc_http.routes import Route
    from bcore.protocols import Reader


@hookimpl(optionalhook=True)
def bc_http_routes(reader: Reader) -> Iterator[Route]:
    from bc_dashboard.assets import Assets
    from bc_dashboard.collectors import Collectors
    from bc_dashboard.pages import File, Page
    from bc_http.routes import Route

    assets = Assets.installed()
    yield Route("/", Page(assets), public=True)
    yield Route("/dashboard/{name}", File(assets), public=True)
    yield Route("/collectors", Collectors.of(reader), summary="What the collectors of the archive say of themselves")
