"""Labelled pictures in memory, and random crops of them as training batches."""

from __future__ import annotations

import json
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from riskmask.model.corpus import CALIBRATION_SOURCES
from riskmask.model.data.planes import STRIDE, LabelMap

CELL = 16  # the codec's grid; crops stay aligned to it
CALIBRATION_SCENES = 10  # one scene in so many is kept for the calibration


@dataclass(frozen=True)
class Example:
    """One labelled picture.

    Attributes:
        key: name of its label file.
        image: (H, W, 3) uint8 RGB.
        labels: its planes.
        regions: content and polygon of every known region.
        source: where it comes from.
        scale: size of the picture over that of the file it comes from.
    """

    key: str
    image: NDArray[np.uint8]
    labels: LabelMap
    regions: tuple[tuple[str, tuple[tuple[float, float], ...]], ...]
    source: str
    scale: float = 1.0

    @property
    def for_calibration(self) -> bool:
        """Whether it is kept out of training for the calibration, by source, or by scene."""
        if self.source == "scenes":
            return int(self.key.rsplit("-", 1)[-1]) % CALIBRATION_SCENES == 0
        return self.source in CALIBRATION_SOURCES


@dataclass(frozen=True)
class Batch:
    """Crops and their targets, as tensors; h = S/4.

    Attributes:
        image: (B, 3, S, S) uint8.
        count: (B, h, h) uint8, how many of the coarsest levels are changed.
        valid: (B, h, h) bool, where that is known.
        judged: (B, h, h) bool, inside a region that an annotator judged.
        present, present_valid: (B, 3, h, h) bool.
        high_impact: (B, 1, h, h) float32 in [0, 1].
        kind: (B, 3, h, h) float32 in [0, 1].
        rate: (B, 8, S/16, S/16) float32.
    """

    image: Tensor
    count: Tensor
    valid: Tensor
    judged: Tensor
    present: Tensor
    present_valid: Tensor
    high_impact: Tensor
    kind: Tensor
    rate: Tensor

    def to(self, device: torch.device) -> Batch:
        """The same batch on a device."""
        return Batch(**{name: value.to(device) for name, value in vars(self).items()})


def load_examples(folder: Path) -> list[Example]:
    """Every labelled picture of a folder that ``python -m riskmask.model.label`` wrote.

    Raises:
        FileNotFoundError: there is none.
    """
    cards = sorted(folder.glob("*.json"))
    if not cards:
        raise FileNotFoundError(f"no labels in {folder}; run python -m riskmask.model.label")
    with ThreadPoolExecutor() as pool:
        return list(pool.map(_load, cards))


def _load(card: Path) -> Example:
    content = json.loads(card.read_text(encoding="utf-8"))
    with Image.open(card.with_suffix(".png")) as opened:
        image = np.array(opened.convert("RGB"))
    regions = tuple(
        (region["content"], tuple((float(x), float(y)) for x, y in region["polygon"]))
        for region in content["regions"]
    )
    labels = LabelMap.load(card.with_suffix(".npz"))
    return Example(card.stem, image, labels, regions, content["source"], content["scale"])


class Sampler:
    """Draws crops, most of them around regions whose fate depends on the level.

    Args:
        examples: labelled pictures.
        size: side of a crop in pixels, a multiple of 32.
        generator: of all choices.
        exposure: share of the crops that are made a little brighter or darker.
        negative: share of the crops that are turned into their negative.
    """

    def __init__(
        self,
        examples: Sequence[Example],
        size: int,
        generator: np.random.Generator,
        exposure: float = 0.0,
        negative: float = 0.0,
    ) -> None:
        self._examples = examples
        self._size = size
        self._generator = generator
        self._exposure = exposure
        self._negative = negative
        judged = [bool((e.labels.valid & e.labels.present).any()) for e in examples]
        weight = np.where(judged, 1.0, 0.35)
        self._weights = weight / weight.sum()

    def batch(self, count: int) -> Batch:
        """Draw a batch of ``count`` crops."""
        chosen = self._generator.choice(len(self._examples), size=count, p=self._weights)
        crops = [self._crop(self._examples[index]) for index in chosen]
        return Batch(*(torch.from_numpy(np.stack(column)) for column in zip(*crops, strict=True)))

    def _crop(self, example: Example) -> tuple[NDArray[Any], ...]:
        size, cells, blocks = self._size, self._size // STRIDE, self._size // CELL
        top, left = self._place(example)
        labels = example.labels
        y, x = top // STRIDE, left // STRIDE

        inside = np.zeros((cells, cells), dtype=bool)
        height, width = labels.changed.shape[1:]
        inside[: max(height - y, 0), : max(width - x, 0)] = True

        def cut(plane: NDArray[Any]) -> NDArray[Any]:
            return _window(plane, y, x, cells)

        image = _window(np.moveaxis(example.image, 2, 0), top, left, size, edge=True)
        if self._generator.random() < self._exposure:
            image = self._exposed(image)
        if self._generator.random() < self._negative:
            # The codec treats it alike (over 14 pictures and three levels 0.9% more rate, 0.1 dB
            # less), and light text on dark is as legible as dark on light.
            image = 255 - image
        planes: tuple[NDArray[Any], ...] = (
            image,
            cut(labels.risk_count()),
            cut(labels.risk_valid()) & inside,
            cut((labels.valid & labels.present).any(axis=0)) & inside,
            cut(labels.present),
            cut(labels.present_valid) & inside,
            cut(labels.high_impact)[None].astype(np.float32) / 255,
            cut(labels.kind).astype(np.float32) / 255,
            _window(labels.rate, top // CELL, left // CELL, blocks, edge=True).astype(np.float32),
        )
        if self._generator.random() < 0.3:
            planes = tuple(np.flip(plane, axis=-1) for plane in planes)
        return tuple(np.ascontiguousarray(plane) for plane in planes)

    def _exposed(self, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """The picture a little brighter or darker, which no verdict and hardly a rate depends on.

        A stronger gain would not be true to the labels: it acts like another quantiser step.
        """
        gain, offset = self._generator.uniform(0.94, 1.06), self._generator.uniform(-20, 20)
        values = (image.astype(np.float32) - 127.5) * gain + 127.5 + offset
        return np.asarray(np.clip(np.rint(values), 0, 255), dtype=np.uint8)

    def _place(self, example: Example) -> tuple[int, int]:
        """Top and left of a crop, on the codec's grid."""
        height, width = example.image.shape[:2]
        room = np.maximum([height - self._size, width - self._size], 0)
        corner = self._generator.integers(0, room + 1)
        if example.regions and self._generator.random() < 0.7:
            _, polygon = example.regions[self._generator.integers(len(example.regions))]
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
