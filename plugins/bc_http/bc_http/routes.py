"""What plugins add to the server's paths."""

from __future__ import annotations

from attrs import Attribute, field, frozen


def _a_path(record: object, attribute: Attribute[str], value: str) -> None:
    if not value.startswith("/") or "//" in value:
        raise ValueError(f"the path of a route begins with /, as /live/{{view}}, not {value!r}")


@frozen
class Route:
    """One path of the server, and who answers there.

    - `path`: a Falcon URI template (`/live/{view}/{symbol}`). `/` is special: the server's own index stays there for
      programs, and the route answers whoever prefers `text/html`.
    - `resource`: a Falcon ASGI resource (`on_get`, `on_websocket`, ...).
    - `public`: answers without a key where the server wants one, for pages and their assets, never for data. At `/`
      that is so for the page only.
    - `summary`: one line for the index and the OpenAPI document, which names routes that have one.
    """

    path: str = field(validator=_a_path)
    resource: object
    summary: str = ""
    public: bool = False
