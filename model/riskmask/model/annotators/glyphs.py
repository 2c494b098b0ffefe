"""Icon families, rendered at any size: what a symbol is and what else it might have become."""

from __future__ import annotations

import io
from collections.abc import Iterable, Mapping
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from riskmask.model.corpus import Icon

# of R', G', B' (Rec. ITU-R BT.601-7, section 2.5.1)
_LUMA = np.array([0.299, 0.587, 0.114], dtype=np.float32)


class GlyphBank:
    """SVG icons by family and name, with a cache of rendered coverage masks.

    Args:
        icons: all of them.
        cached: keep what was rendered; not where callers choose the sizes.
    """

    def __init__(self, icons: Iterable[Icon], cached: bool = True) -> None:
        families: dict[str, dict[str, Path]] = {}
        for icon in icons:
            families.setdefault(icon.family, {})[icon.name] = icon.path
        self.families: Mapping[str, Mapping[str, Path]] = families
        self._render = render_coverage if cached else render_coverage.__wrapped__
        self._matrix = lru_cache(maxsize=64 if cached else 1)(self._render_family)

    def coverage(self, family: str, name: str, width: int, height: int) -> NDArray[np.float32]:
        """Ink coverage of one icon, (height, width) float32 in [0, 1]."""
        return self._render(self.families[family][name], width, height)

    def family(self, family: str, width: int, height: int) -> tuple[list[str], NDArray[np.float32]]:
        """All icons of a family: their names and (N, height, width) float32 coverage."""
        return self._matrix(family, width, height)

    def _render_family(
        self, family: str, width: int, height: int
    ) -> tuple[list[str], NDArray[np.float32]]:
        names = sorted(self.families[family])
        return names, np.stack([self.coverage(family, name, width, height) for name in names])


@lru_cache(maxsize=20_000)
def render_coverage(path: Path, width: int, height: int) -> NDArray[np.float32]:
    """Ink coverage of an SVG at a size: alpha, times darkness where the icon is filled all over.

    Returns:
        (height, width) float32 in [0, 1].
    """
    import resvg_py

    scale = 2 if max(width, height) < 64 else 1
    png = resvg_py.svg_to_bytes(svg_path=str(path), width=width * scale, skip_system_fonts=True)
    with Image.open(io.BytesIO(bytes(png))) as opened:
        picture = opened.convert("RGBA").resize((width, height), Image.Resampling.BOX)
    pixels = np.asarray(picture, dtype=np.float32) / 255
    alpha = pixels[..., 3]
    if alpha.mean() > 0.9:  # a filled square (a flag): its drawing is in its brightness
        red, green, blue = np.moveaxis(pixels[..., :3], -1, 0)
        # term by term: a matrix product rounds differently from processor to processor, and a
        # labelled picture is known by its hash
        alpha = alpha * (1 - (_LUMA[0] * red + _LUMA[1] * green + _LUMA[2] * blue))
    return alpha
