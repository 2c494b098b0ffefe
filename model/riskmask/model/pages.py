"""What the HTML reports share: one file each, drawings inside it as SVG, pictures as PNG."""

from __future__ import annotations

import base64
import io
from typing import TYPE_CHECKING

import numpy as np
from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape
from numpy.typing import NDArray
from PIL import Image

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

DPI = 110
ENLARGED = 2
GAP = 4  # pixels between two pictures, before they are enlarged


def render_page(package: str, **content: object) -> str:
    """Fill in the template ``templates/page.html`` of a package; what it lacks is an error."""
    environment = Environment(
        loader=PackageLoader(package),
        autoescape=select_autoescape(),
        undefined=StrictUndefined,
        trim_blocks=True,
    )
    return environment.get_template("page.html").render(**content) + "\n"


def drawing_axes(across: str, up: str) -> tuple[Figure, Axes]:
    """An empty drawing and its axes."""
    from matplotlib.figure import Figure  # no pyplot: it keeps every figure

    drawing = Figure(figsize=(4.2, 3.4), dpi=DPI, layout="constrained")
    axes = drawing.subplots()
    axes.set(xlabel=across, ylabel=up)
    axes.grid(color="0.92")
    return drawing, axes


def svg(drawing: Figure) -> str:
    """A drawing as an SVG element; the same drawing gives the same text."""
    import matplotlib as mpl

    buffer = io.StringIO()
    with mpl.rc_context({"svg.hashsalt": "riskmask"}):
        drawing.savefig(buffer, format="svg", metadata={"Date": None})
    text = buffer.getvalue()
    return text[text.index("<svg") :]


def side_by_side(*pictures: NDArray[np.uint8]) -> str:
    """(H, W, 3) uint8 RGB pictures of one size, twice as large, as the data URL of a PNG."""
    gap = np.full((pictures[0].shape[0], GAP, 3), 255, np.uint8)
    spaced = [part for picture in pictures for part in (gap, picture)][1:]
    row = Image.fromarray(np.concatenate(spaced, axis=1))
    larger = row.resize((row.width * ENLARGED, row.height * ENLARGED), Image.Resampling.NEAREST)
    buffer = io.BytesIO()
    larger.save(buffer, "PNG")
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()


def widened(low: int, high: int, limit: int, margin: int = 24, shortest: int = 96) -> slice:
    """A stretch of pixels with some more around it, inside 0 to ``limit``."""
    missing = max(shortest - (high - low), 0) // 2
    return slice(max(low - margin - missing, 0), min(high + margin + missing, limit))
