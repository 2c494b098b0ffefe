"""What gets labelled: pictures of the corpus, cut to a workable size, and rendered scenes."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from riskmask.model.annotators.base import KnownRegion
from riskmask.model.corpus import CorpusImage, Region, Side
from riskmask.model.data.faces import FaceCheck
from riskmask.model.data.scenes import Scene

LARGEST = 640  # side of a cut-out in pixels
MOST_REGIONS = 32  # judged in one picture; the rest count as unjudged
SMALLEST = 64  # side of a shrunk picture in pixels, at least
HELD_OUT_FONTS = ("Mono", "Lato", "Comic")  # in the names of typefaces kept out of training
SMALL_TEXT = (8.0, 24.0)  # pixels; where a shrunk picture's median line height is drawn from


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
        scale: size of the picture over that of the file it comes from.
    """

    image: NDArray[np.uint8]
    regions: tuple[KnownRegion, ...]
    unjudged: tuple[KnownRegion, ...]
    complete: frozenset[str]
    source: str
    licence_class: str
    scale: float = 1.0


@dataclass(frozen=True)
class Item:
    """A picture to be made when its turn comes; ``key`` names its label file."""

    key: str
    make: Callable[[], Picture]


def corpus_items(
    images: Sequence[CorpusImage], largest: int = LARGEST, *, faces: FaceCheck | None = None
) -> Iterator[Item]:
    """One item per corpus image, cut around its densest annotations.

    Args:
        images: of the corpus.
        largest: side of a cut-out in pixels.
        faces: says which faces may be judged; none without it.
    """
    for image in images:
        yield Item(f"corpus-{image.path.stem}", partial(cut_picture, image, largest, faces=faces))


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


def shrunk_items(
    images: Sequence[CorpusImage], largest: int = LARGEST, *, faces: FaceCheck | None = None
) -> Iterator[Item]:
    """A second item of each image with large text, in which that text is small.

    Most codecs keep large text and lose small text, and annotated pictures have mostly the first.
    The arguments are those of :func:`corpus_items`.
    """
    for image in images:
        scale = _shrinking(image)
        if scale is not None:
            make = partial(cut_picture, image, largest, scale, faces=faces)
            yield Item(f"small-{image.path.stem}", make)


def _shrinking(image: CorpusImage) -> float | None:
    """The scale at which the median text line is 8 to 24 pixels high; None where it is so now."""
    heights = [
        min(region.box[2:])
        for region in image.regions
        if region.content == "text" and not region.whole_image and not region.ignore
    ]
    if not heights:
        return None
    generator = _generator_of(image)
    wanted = float(np.exp(generator.uniform(*np.log(SMALL_TEXT))))
    scale = wanted / float(np.median(heights))
    shortest = scale * min(image.width, image.height)
    return scale if scale < 0.8 and shortest >= SMALLEST else None


def _generator_of(image: CorpusImage) -> np.random.Generator:
    return np.random.default_rng(int.from_bytes(image.path.stem.encode()[-8:], "little"))


def cut_picture(
    image: CorpusImage, largest: int, scale: float = 1.0, *, faces: FaceCheck | None = None
) -> Picture:
    """Cut the part of a corpus image with the most annotated regions and carry them over.

    Args:
        image: the file and its regions.
        largest: side of the cut-out at most, in pixels.
        scale: the file is resized by this first, and half of the resized pictures then go
            through a JPEG of quality 75 to 95, as an uploader's thumbnails do.
        faces: says which faces may be judged; none without it.
    """
    with Image.open(image.path) as opened:
        picture = opened.convert("RGB")
    generator = _generator_of(image)
    if scale != 1.0:
        size = (max(round(picture.width * scale), 1), max(round(picture.height * scale), 1))
        picture = picture.resize(size, Image.Resampling.LANCZOS)
        image = _scaled(image, size)
        if generator.random() < 0.5:
            buffer = io.BytesIO()
            picture.save(buffer, "JPEG", quality=int(generator.integers(75, 96)))
            picture = Image.open(buffer).convert("RGB")
    pixels = np.array(picture)
    left, top, right, bottom = _window(image, pixels.shape[1], pixels.shape[0], largest, generator)
    cut = np.ascontiguousarray(pixels[top:bottom, left:right])
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
        if inside and _can_be_judged(region, known, cut, faces):
            judgeable.append(known)
        elif touches:
            unjudged.append(known)
    order = generator.permutation(len(judgeable))
    unjudged += [judgeable[i] for i in order[MOST_REGIONS:]]
    judgeable = [judgeable[i] for i in order[:MOST_REGIONS]]
    complete = {"text", "face", "symbol"} - ({image.category} - set(image.complete))
    return Picture(
        image=cut,
        regions=tuple(judgeable),
        unjudged=tuple(unjudged),
        complete=frozenset(complete),
        source=image.source,
        licence_class=image.licence_class,
        scale=scale,
    )


def _scaled(image: CorpusImage, size: tuple[int, int]) -> CorpusImage:
    """The same image and its regions at another size."""
    across, down = size[0] / image.width, size[1] / image.height

    def scaled(region: Region) -> Region:
        x, y, width, height = region.box
        polygon = region.polygon and tuple((px * across, py * down) for px, py in region.polygon)
        box = (x * across, y * down, width * across, height * down)
        return replace(region, box=box, polygon=polygon)

    regions = tuple(scaled(region) for region in image.regions)
    return replace(image, width=size[0], height=size[1], regions=regions)


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


def _can_be_judged(
    region: Region, known: KnownRegion, cut: NDArray[np.uint8], faces: FaceCheck | None
) -> bool:
    if region.ignore:
        return False
    if known.content == "face":
        return faces is not None and faces(cut, known)
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


def scene_fonts(folders: Sequence[Path], side: Side | None = None) -> list[Path]:
    """Typefaces of the folders given, or those that ship with matplotlib; all, or one side's."""
    if not folders:
        import matplotlib

        folders = [Path(matplotlib.get_data_path()) / "fonts" / "ttf"]
    found = sorted(path for folder in folders for path in folder.rglob("*.[to]tf"))
    # Symbol and extension faces have no letters to draw.
    letters = [
        p for p in found if not any(w in p.name for w in ("Siz", "NonUni", "cm", "LastResort"))
    ]
    if side is None:
        return letters
    return [p for p in letters if any(w in p.name for w in HELD_OUT_FONTS) == (side == "test")]
