"""The pictures that methods are timed on where no labels are named."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from riskmask.model.annotators.glyphs import GlyphBank
from riskmask.model.bench.timing import Pixels
from riskmask.model.data.items import scene_fonts
from riskmask.model.data.scenes import SceneRenderer

SUFFIXES = (".jpg", ".jpeg", ".png", ".webp")
SCENES = ((512, 3), (1024, 3))  # side in pixels, and how many


def photographs(folder: Path) -> list[Path]:
    """The picture files of a folder, by name.

    Raises:
        FileNotFoundError: it has none.
    """
    found = sorted(path for path in folder.glob("*") if path.suffix.lower() in SUFFIXES)
    if not found:
        raise FileNotFoundError(f"no pictures in {folder}; name a folder that has some")
    return found


def example_pictures(folder: Path, fonts: Sequence[Path] = ()) -> list[Pixels]:
    """A folder's pictures, and scenes of 512 and 1024 pixels drawn upon them.

    Args:
        folder: of JPEG, PNG or WebP files.
        fonts: folders of the scenes' typefaces; none for matplotlib's.

    Raises:
        FileNotFoundError: the folder has no pictures.
    """
    files = photographs(folder)
    pictures = []
    for path in files:
        with Image.open(path) as opened:
            pictures.append(np.array(opened.convert("RGB")))
    for side, count in SCENES:
        renderer = SceneRenderer(files, scene_fonts(fonts), GlyphBank(()), side)
        pictures += [renderer.render(seed).image for seed in range(count)]
    return pictures
