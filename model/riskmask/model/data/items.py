"""What gets labelled: pictures of the corpus, cut to a workable size, and rendered scenes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from riskmask.model.annotators.base import KnownRegion
from riskmask.model.corpus import CorpusImage, Region
from riskmask.model.data.scenes import Scene

LARGEST = 640  # side of a cut-out in pixels
MOST_REGIONS = 32  # judged in one picture; the rest count as unjudged


@dataclass(frozen=True)
class Picture:
    """A picture with what is known about it.

    Attributes:
        image: (H, W, 3) uint8 RGB.
        regions: known regions that annotators may judge.
        unjudged: further regions that are there, of which nobody can tell whether they change.
        complete: contents that are known to be absent outside the regions.
        source: where it comes from, ``scenes`` for rendered ones.
        licence_class: of the picture.
    """

    image: NDArray[np.uint8]
    regions: tuple[KnownRegion, ...]
    unjudged: tuple[KnownRegion, ...]
    complete: frozenset[str]
    source: str
    licence_class: str


@dataclass(frozen=True)
class Item:
    """A picture to be made when its turn comes; ``key`` names its label file."""

    key: str
    make: Callable[[], Picture]


def corpus_items(images: Sequence[CorpusImage], largest: int = LARGEST) -> Iterator[Item]:
    """One item per corpus image, cut around its densest annotations."""
    for image in images:
        yield Item(f"corpus-{image.path.stem}", partial(cut_picture, image, largest))


def scene_items(
    render: Callable[[int], Scene], seeds: range, prefix: str = "scene"
) -> Iterator[Item]:
    """One item per seed."""
    for seed in seeds:
        yield Item(f"{prefix}-{seed:06d}", partial(_scene_picture, render, seed))


def _scene_picture(render: Callable[[int], Scene], seed: int) -> Picture:
    scene = render(seed)
    # The background may hold text and symbols of its own, so only what was drawn is known.
    return Picture(
        image=scene.image,
        regions=scene.regions,
        unjudged=(),
        complete=frozenset({"text", "symbol"}),
        source="scenes",
        licence_class="permissive",
    )


def cut_picture(image: CorpusImage, largest: int) -> Picture:
    """Cut the part of a corpus image with the most annotated regions and carry them over."""
    with Image.open(image.path) as opened:
        pixels = np.array(opened.convert("RGB"))
    generator = np.random.default_rng(int.from_bytes(image.path.stem.encode()[-8:], "little"))
    left, top, right, bottom = _window(image, pixels.shape[1], pixels.shape[0], largest, generator)
    judgeable: list[KnownRegion] = []
    unjudged: list[KnownRegion] = []
    for region in image.regions:
        known = _known(region, left, top)
        if known is None:
            continue
        corners = np.asarray(known.polygon)
        inside = (corners >= 0).all() and (corners <= (right - left, bottom - top)).all()
        touches = (corners.max(axis=0) > 0).all() and (
            corners.min(axis=0) < (right - left, bottom - top)
        ).all()
        if inside and _can_be_judged(region, known):
            judgeable.append(known)
        elif touches:
            unjudged.append(known)
    order = generator.permutation(len(judgeable))
    unjudged += [judgeable[i] for i in order[MOST_REGIONS:]]
    judgeable = [judgeable[i] for i in order[:MOST_REGIONS]]
    complete = {"text", "face", "symbol"} - ({image.category} - set(image.complete))
    return Picture(
        image=np.ascontiguousarray(pixels[top:bottom, left:right]),
        regions=tuple(judgeable),
        unjudged=tuple(unjudged),
        complete=frozenset(complete),
        source=image.source,
        licence_class=image.licence_class,
    )


def _known(region: Region, left: int, top: int) -> KnownRegion | None:
    if region.whole_image or region.content not in ("text", "face", "symbol"):
        return None
    x, y, width, height = region.box
    polygon = region.polygon or ((x, y), (x + width, y), (x + width, y + height), (x, y + height))
    return KnownRegion(
        content=region.content,  # type: ignore[arg-type]
        polygon=tuple((px - left, py - top) for px, py in polygon),
        transcription=region.transcription,
        barcode=region.content == "symbol" and region.transcription is not None,
    )


def _can_be_judged(region: Region, known: KnownRegion) -> bool:
    if region.ignore:
        return False
    if known.content == "symbol":
        return known.barcode
    return known.content == "text"


def _window(
    image: CorpusImage, width: int, height: int, largest: int, generator: np.random.Generator
) -> tuple[int, int, int, int]:
    """The cut-out that holds the most region centres, of up to ``largest`` pixels a side."""
    cut_width, cut_height = min(width, largest), min(height, largest)
    centres = np.array(
        [
            (region.box[0] + region.box[2] / 2, region.box[1] + region.box[3] / 2)
            for region in image.regions
            if not region.whole_image
        ]
    ).reshape(-1, 2)
    size = np.array([cut_width, cut_height])
    room = np.array([width, height]) - size
    candidates = generator.integers(0, room + 1, size=(24, 2))
    counts = [
        int(((centres >= low) & (centres <= low + size)).all(axis=1).sum()) for low in candidates
    ]
    left, top = (int(v) for v in candidates[int(np.argmax(counts))])
    return left, top, left + cut_width, top + cut_height


def scene_fonts(folders: Sequence[Path]) -> list[Path]:
    """Typefaces of the folders given, or those that ship with matplotlib."""
    if not folders:
        import matplotlib

        folders = [Path(matplotlib.get_data_path()) / "fonts" / "ttf"]
    found = sorted(path for folder in folders for path in folder.rglob("*.[to]tf"))
    # Symbol and extension faces have no letters to draw.
    return [p for p in found if not any(w in p.name for w in ("Siz", "NonUni", "cm", "LastResort"))]
