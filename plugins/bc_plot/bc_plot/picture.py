"""A picture: drawn by matplotlib for files and notebooks, by plotly for pages that one moves about in."""

from __future__ import annotations

from abc import ABC, abstractmethod
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bcore.errors import RequestError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

ENDINGS = (".png", ".svg", ".pdf", ".html")


class Picture(ABC):
    """What was read for a picture, and how it is drawn. Notebooks show it where it is a cell's last value."""

    size: tuple[float, float] = (10.0, 5.5)  # inches

    @property
    @abstractmethod
    def title(self) -> str:
        """What is seen, of what and when."""

    @abstractmethod
    def draw(self, figure: Figure) -> None:
        """Onto an empty matplotlib figure."""

    @abstractmethod
    def plotly(self) -> Any:
        """As a `plotly.graph_objects.Figure`."""

    def figure(self) -> Figure:
        """As a matplotlib figure of its own: no window, no global state."""
        from matplotlib.figure import Figure

        figure = Figure(figsize=self.size, dpi=144, layout="constrained", facecolor="white")
        self.draw(figure)
        figure.suptitle(self.title, fontsize=11, x=0.01, ha="left")
        return figure

    def save(self, path: str | Path) -> Path:
        """Writes .png, .svg or .pdf, or an .html page that needs no network; `RequestError` for other endings."""
        path = Path(path)
        ending = path.suffix.lower()
        if ending not in ENDINGS:
            raise RequestError(f"{path}: pictures are written as {', '.join(ENDINGS)}, by the ending of the name")
        if ending == ".html":
            path.write_text(self.plotly().to_html(include_plotlyjs=True, full_html=True), encoding="utf-8")
        else:
            self.figure().savefig(path)
        return path

    def _repr_png_(self) -> bytes:
        drawn = BytesIO()
        self.figure().savefig(drawn, format="png")
        return drawn.getvalue()
