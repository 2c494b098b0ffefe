"""What gets labelled: pictures of the corpus, cut to a workable size, and rendered scenes."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from string import ascii_letters, digits

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from riskmask.model.annotators.base import KnownRegion
from riskmask.model.corpus import CorpusImage, Region, Side
from riskmask.model.data.scenes import Scene

LARGEST = 640  # side of a cut-out in pixels
MOST_REGIONS = 32  # of a content, judged in one picture; the rest count as unjudged
SMALLEST_FACE = 32  # pixels, shorter side of a face that may be judged
SMALLEST = 64  # side of a shrunk picture in pixels, at least
LETTERS = frozenset(map(ord, ascii_letters + digits))  # that a typeface must have
HELD_OUT_FONTS = ("Mono", "Lato", "Comic")  # in the names of typefaces kept out of training
# Pixels: where the median height of a shrunk picture's text lines is drawn from, or of its faces.
SMALL_TEXT = (8.0, 24.0)
SMALL_FACE = (float(SMALLEST_FACE), 2.0 * SMALLEST_FACE)

SCENES = "scenes"  # source of the pictures that the project draws


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


def stratified(images: Iterable[CorpusImage]) -> list[CorpusImage]:
    """Images in an order of which every beginning holds each source's share of it.

    The i-th of n images of a source stands at (i + 1/2) / n; inside a source the order is arbitrary
    and always the same.
    """
    sources: dict[str, list[CorpusImage]] = {}
    for image in images:
        sources.setdefault(image.source, []).append(image)
    places = [
        ((rank + 0.5) / len(group), image.path.stem, image)
        for group in sources.values()
        for rank, image in enumerate(sorted(group, key=lambda image: image.path.stem[::-1]))
    ]
    return [image for _, _, image in sorted(places, key=lambda place: place[:2])]


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
        source=SCENES,
        licence_class="permissive",
    )


def shrunk_items(images: Sequence[CorpusImage], largest: int = LARGEST) -> Iterator[Item]:
    """A second item of each image with large text, in which that text is small.

    Where an image has faces and no text, it is they that are made small. Most codecs keep what is
    large and lose what is small, and annotated pictures have mostly the first.
    """
    for image in images:
        scale = _shrinking(image)
        if scale is not None:
            yield Item(f"small-{image.path.stem}", partial(cut_picture, image, largest, scale))


def _shrinking(image: CorpusImage) -> float | None:
    """The scale at which what the image has is small; None where it is so now, or has nothing."""
    for content, span in (("text", SMALL_TEXT), ("face", SMALL_FACE)):
        heights = [
            min(region.box[2:])
            for region in image.regions
            if region.content == content and not region.whole_image and not region.ignore
        ]
        if heights:
            generator = _generator_of(image)
            wanted = float(np.exp(generator.uniform(*np.log(span))))
            scale = wanted / float(np.median(heights))
            shortest = scale * min(image.width, image.height)
            return scale if scale < 0.8 and shortest >= SMALLEST else None
    return None


def _generator_of(image: CorpusImage) -> np.random.Generator:
    return np.random.default_rng(int.from_bytes(image.path.stem.encode()[-8:], "little"))


def cut_picture(image: CorpusImage, largest: int, scale: float = 1.0) -> Picture:
    """Cut the part of a corpus image with the most annotated regions and carry them over.

    Args:
        image: the file and its regions.
        largest: side of the cut-out at most, in pixels.
        scale: the file is resized by this first, and half of the resized pictures then go
            through a JPEG of quality 75 to 95, as an uploader's thumbnails do. The number that
            decides is the one that drew the scale: it is the half with the smaller text (under
            13.9 pixels) or faces (under 45). Labelled pictures are made again so.
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
    shuffled = [judgeable[i] for i in order]
    judgeable = []
    for known in shuffled:
        alike = sum(other.content == known.content for other in judgeable)
        (judgeable if alike < MOST_REGIONS else unjudged).append(known)
    complete = {"text", "face", "symbol"} - ({image.category} - set(image.complete))
    return Picture(
        image=np.ascontiguousarray(pixels[top:bottom, left:right]),
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


def _can_be_judged(region: Region, known: KnownRegion) -> bool:
    if region.ignore:
        return False
    if known.content == "symbol":
        return known.barcode
    if known.content == "face":
        return min(region.box[2:]) >= SMALLEST_FACE
    return True


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
    """Typefaces of the folders given, or those that ship with matplotlib; all, or one side's.

    Those without letters are left out: they would draw pictograms in the place of a text.
    """
    import matplotlib
    from matplotlib.ft2font import FT2Font

    if not folders:
        folders = [Path(matplotlib.get_data_path()) / "fonts" / "ttf"]
    # By name first: where the folders lie must not decide which scene a seed gives.
    found = sorted(
        (path for folder in folders for path in folder.rglob("*.[to]tf")),
        key=lambda path: (path.name, path),
    )
    # Symbol and extension faces have letters by name alone, and others none.
    named = [
        p for p in found if not any(w in p.name for w in ("Siz", "NonUni", "cm", "LastResort"))
    ]
    letters = [p for p in named if FT2Font(str(p)).get_charmap().keys() >= LETTERS]
    if side is None:
        return letters
    return [p for p in letters if any(w in p.name for w in HELD_OUT_FONTS) == (side == "test")]
