"""Labelled pictures in memory, and random crops of them as training batches."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from riskmask.model.data.augmentation import NONE, Augmentation
from riskmask.model.data.label_rows import LabelRow
from riskmask.model.data.picture_store import PictureStore
from riskmask.model.data.pictures import is_for_calibration
from riskmask.model.data.planes import CONTENTS, STRIDE, LabelMap, rasterise
from riskmask.model.data.recipe import check_side
from riskmask.model.data.shards import LabelsError, finished, read_rows

REFERENCE = "hyperprior"  # the codec whose labels stand for a picture where one must
CELL = 16  # the codec's grid; crops stay aligned to it
TYPICAL_REGION = 64  # cells of stride 4, which weigh 1 each
IMPORTANCE = (0.5, 6.0)  # of a cell, least and most
UNJUDGED = 0.35  # how often a picture is drawn on which nothing is judged; others at least 1


class NotLabelledError(LabelsError):
    """A folder without labels of the codecs asked for."""


@dataclass(frozen=True)
class Example:
    """One labelled picture.

    Attributes:
        key: of the picture.
        image: (H, W, 3) uint8 RGB.
        labels: its planes by one codec, the reference where that labelled it.
        regions: content and polygon of every known region.
        source: where it comes from.
        scale: size of the picture over that of the file it comes from.
        bpp: of the stream of the codec that ``labels`` is by, at levels 0 to 7.
        others: its planes by each further codec.
    """

    key: str
    image: NDArray[np.uint8]
    labels: LabelMap
    regions: tuple[tuple[str, tuple[tuple[float, float], ...]], ...]
    source: str
    scale: float = 1.0
    bpp: tuple[float, ...] = ()
    others: tuple[LabelMap, ...] = ()

    @property
    def for_calibration(self) -> bool:
        """Whether it is kept out of training for the calibration, by source, or by scene."""
        return is_for_calibration(self.key, self.source)


@dataclass(frozen=True)
class Batch:
    """Crops and their targets, as tensors; h = S/4.

    Attributes:
        image: (B, 3, S, S) uint8.
        count: (B, h, h) uint8, how many of the coarsest levels are changed.
        valid: (B, h, h) bool, where that is known.
        importance: (B, h, h) float32, above 0 inside a region that an annotator judged; see
            :func:`importance_of`.
        present, present_valid: (B, 3, h, h) bool.
        high_impact: (B, 1, h, h) float32 in [0, 1].
        kind: (B, 3, h, h) float32 in [0, 1].
        rate: (B, 8, S/16, S/16) float32.
    """

    image: Tensor
    count: Tensor
    valid: Tensor
    importance: Tensor
    present: Tensor
    present_valid: Tensor
    high_impact: Tensor
    kind: Tensor
    rate: Tensor

    def to(self, device: torch.device) -> Batch:
        """The same batch on a device."""
        return Batch(**{name: value.to(device) for name, value in vars(self).items()})


def load_examples(
    folder: Path,
    *,
    codecs: Collection[str] | None = None,
    corpus: Path | None = None,
    fonts: Sequence[Path] = (),
    icons: Path | None = None,
) -> list[Example]:
    """Every labelled picture of a folder that ``python -m riskmask.model.label`` wrote, by key.

    Pictures that could not be read when they were to be labelled are left out.

    Args:
        folder: of the shards.
        codecs: whose labels to take; default all.
        corpus: folder, for pictures without a PNG; default: the one that the environment names.
        fonts: folders of typefaces, likewise; none for matplotlib's.
        icons: folder of further icons, likewise; default: the one that the environment names.

    Raises:
        FileNotFoundError: there are no labels.
        NotLabelledError: there are none of these codecs.
        LabelsError: a picture is not the one that was labelled.
    """
    store = PictureStore(folder, corpus, fonts, icons)
    rows = (
        row
        for row in read_rows(folder)
        if row.error is None and (codecs is None or row.codec in codecs)
    )
    pictures = [_joined(list(group)) for _, group in groupby(rows, key=lambda row: row.key)]
    if not pictures:
        raise NotLabelledError(f"{folder} has no labels of {', '.join(codecs or ['any codec'])}")
    with ThreadPoolExecutor() as pool:
        images = pool.map(
            lambda picture: store.get(picture[0].key, picture[0].image_sha256), pictures
        )
        return [_example(*picture, image) for picture, image in zip(pictures, images, strict=True)]


def load_folders(
    folders: Sequence[Path], *, codecs: Collection[str] | None = None, fonts: Sequence[Path] = ()
) -> list[Example]:
    """:func:`load_examples` of several folders; a picture of two has the labels of the first.

    For all that learns or is fitted, so none may be of the held-out side.

    Raises:
        LabelsError: a folder is of the held-out side; as there; one of these codecs is in none of
            the folders.
    """
    found: dict[str, Example] = {}
    labelled = {codec for folder in folders for _, codec in finished(folder)}
    unknown = sorted(set(codecs or ()) - labelled)
    if labelled and unknown:
        raise NotLabelledError(
            f"no folder has labels of {', '.join(unknown)}; labelled are "
            f"{', '.join(sorted(labelled))}"
        )
    missing = []
    for folder in folders:
        check_side(folder)
        try:
            examples = load_examples(folder, codecs=codecs, fonts=fonts)
        except NotLabelledError as error:
            missing.append(str(error))
            continue
        for example in examples:
            found.setdefault(example.key, example)
    if not found:
        raise NotLabelledError("; ".join(missing))
    return list(found.values())


def _joined(rows: Sequence[LabelRow]) -> tuple[LabelRow, list[LabelMap]]:
    """The rows of one picture as the first of them and all label maps, the reference's first.

    What the maps have in common, most of them, is kept in memory once.
    """
    ordered = sorted(rows, key=lambda row: (row.codec != REFERENCE, row.codec))
    if len({row.image_sha256 for row in rows}) > 1:
        raise LabelsError(
            f"the labels of {rows[0].key} by {', '.join(row.codec for row in ordered)} were made "
            "from different pictures; label it again in another folder"
        )
    maps = [row.labels for row in ordered if row.labels is not None]
    first = maps[0]
    shared = [
        {
            name: value
            for name, value in vars(first).items()
            if np.array_equal(value, getattr(labels, name))
        }
        for labels in maps[1:]
    ]
    joined = [replace(labels, **same) for labels, same in zip(maps[1:], shared, strict=True)]
    return replace(ordered[0], labels=None), [first, *joined]


def _example(row: LabelRow, maps: Sequence[LabelMap], image: NDArray[np.uint8]) -> Example:
    places = tuple((place.content, place.polygon) for place in row.places)
    return Example(
        key=row.key,
        image=image,
        labels=maps[0],
        regions=places,
        source=row.source,
        scale=row.scale,
        bpp=tuple(row.bpp),
        others=tuple(maps[1:]),
    )


def importance_of(example: Example) -> NDArray[np.float32]:
    """How much each cell of a picture's judged regions weighs, (h, w) float32, 0 outside them.

    A region counts as one, whatever its size: its cells weigh less the more it has. Else an icon of
    80 pixels would be learnt like forty of 12, and the small ones are those that codecs change.
    """
    labels = example.labels
    grid = labels.valid.shape[1], labels.valid.shape[2]
    weight = np.zeros(grid, dtype=np.float32)
    for content, polygon in example.regions:
        cells = rasterise(polygon, grid).astype(bool)
        if labels.valid[CONTENTS.index(content)][cells].all():
            share = np.clip(TYPICAL_REGION / cells.sum(), *IMPORTANCE)
            weight[cells] = np.maximum(weight[cells], share)
    judged = (labels.valid & labels.present).any(axis=0)
    return np.where(judged & (weight == 0), np.float32(1), weight * judged)


def picture_weights(examples: Sequence[Example]) -> NDArray[np.float64]:
    """How often each picture is drawn, (N,) float64: 1 where nothing rarer than usual is judged.

    A picture counts by the rarest content that is judged on it, by the square root of how rare
    that is; one on which nothing is judged counts 0.35.
    """
    judged = np.array(
        [(e.labels.valid & e.labels.present).any(axis=(1, 2)) for e in examples], dtype=bool
    )
    pictures = np.maximum(judged.sum(axis=0), 1)
    rarity = np.sqrt(pictures.max() / pictures)
    return np.where(judged.any(axis=1), np.where(judged, rarity, 0).max(axis=1), UNJUDGED)


class Sampler:
    """Draws crops, most of them around regions whose fate depends on the level.

    Where several codecs labelled a picture, each crop has the labels of one of them, drawn anew:
    what is learnt is the mean over the codecs.

    Args:
        examples: labelled pictures.
        size: side of a crop in pixels, a multiple of 32.
        generator: of all choices.
        augmentation: what is done to the crops' pixels.
    """

    def __init__(
        self,
        examples: Sequence[Example],
        size: int,
        generator: np.random.Generator,
        augmentation: Augmentation = NONE,
    ) -> None:
        self._examples = examples
        self._size = size
        self._generator = generator
        self._augmentation = augmentation
        self._importance: dict[str, NDArray[np.float32]] = {}
        weight = picture_weights(examples)
        self._weights = weight / weight.sum()

    def batch(self, count: int) -> Batch:
        """Draw a batch of ``count`` crops."""
        chosen = self._generator.choice(len(self._examples), size=count, p=self._weights)
        crops = [self._crop(self._examples[index]) for index in chosen]
        return Batch(*(torch.from_numpy(np.stack(column)) for column in zip(*crops, strict=True)))

    def _crop(self, example: Example) -> tuple[NDArray[Any], ...]:
        size, cells, blocks = self._size, self._size // STRIDE, self._size // CELL
        top, left = self._place(example)
        labels = self._labels(example)
        y, x = top // STRIDE, left // STRIDE

        inside = np.zeros((cells, cells), dtype=bool)
        height, width = labels.changed.shape[1:]
        inside[: max(height - y, 0), : max(width - x, 0)] = True

        def cut(plane: NDArray[Any]) -> NDArray[Any]:
            return _window(plane, y, x, cells)

        image = _window(np.moveaxis(example.image, 2, 0), top, left, size, edge=True)
        image = self._augmentation.apply(image, self._generator)
        planes: tuple[NDArray[Any], ...] = (
            image,
            cut(labels.risk_count()),
            cut(labels.risk_valid()) & inside,
            cut(self._importance_of(example)) * inside,
            cut(labels.present),
            cut(labels.present_valid) & inside,
            cut(labels.high_impact)[None].astype(np.float32) / 255,
            cut(labels.kind).astype(np.float32) / 255,
            _window(labels.rate, top // CELL, left // CELL, blocks, edge=True).astype(np.float32),
        )
        if self._generator.random() < 0.3:
            planes = tuple(np.flip(plane, axis=-1) for plane in planes)
        return tuple(np.ascontiguousarray(plane) for plane in planes)

    def _importance_of(self, example: Example) -> NDArray[np.float32]:
        if example.key not in self._importance:
            self._importance[example.key] = importance_of(example)
        return self._importance[example.key]

    def _labels(self, example: Example) -> LabelMap:
        if not example.others:
            return example.labels
        every = (example.labels, *example.others)
        return every[self._generator.integers(len(every))]

    def _place(self, example: Example) -> tuple[int, int]:
        """Top and left of a crop, on the codec's grid."""
        height, width = example.image.shape[:2]
        room = np.maximum([height - self._size, width - self._size], 0)
        corner = self._generator.integers(0, room + 1)
        if example.regions and self._generator.random() < 0.7:
            # The content first, or the few symbols beside much text would hardly be seen.
            contents = sorted({content for content, _ in example.regions})
            chosen = contents[self._generator.integers(len(contents))]
            polygons = [polygon for content, polygon in example.regions if content == chosen]
            polygon = polygons[self._generator.integers(len(polygons))]
            middle = np.mean(polygon, axis=0)[::-1]
            jitter = self._generator.uniform(-0.4, 0.4, size=2) * self._size
            corner = np.clip(middle + jitter - self._size / 2, 0, room)
        top, left = (int(v) // CELL * CELL for v in corner)
        return top, left


def _window(
    plane: NDArray[Any], top: int, left: int, size: int, *, edge: bool = False
) -> NDArray[Any]:
    """(..., size, size) cut-out; beyond the border zeros, or the border repeated."""
    part = plane[..., top : top + size, left : left + size]
    missing = [(0, 0)] * (plane.ndim - 2) + [(0, size - part.shape[-2]), (0, size - part.shape[-1])]
    return np.pad(part, missing, mode="edge" if edge else "constant")
