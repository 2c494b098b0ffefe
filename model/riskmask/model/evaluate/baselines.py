"""What a user could take instead of a trained risk map; each gives one score map per image."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

import cv2
import numpy as np
from numpy.typing import NDArray
from skimage.filters.rank import entropy
from skimage.morphology import disk

from riskmask.model.data.planes import STRIDE, rasterise
from riskmask.model.evaluate.detectors import Box, FaceDetector, TextDetector

SAFE_HEIGHT = 12.0  # pixels; text of this height and less counts in full, larger in proportion


class Baseline(Protocol):
    """A score map: the same whatever the level."""

    name: str

    def score(self, image: NDArray[np.uint8]) -> NDArray[np.float32]:
        """(H, W, 3) uint8 RGB -> (ceil(H/4), ceil(W/4)) float32, higher is riskier."""
        ...


class Constant:
    """The same everywhere: its average precision is the share of what changed."""

    name = "constant"

    def score(self, image: NDArray[np.uint8]) -> NDArray[np.float32]:
        """See :class:`Baseline`; 1 everywhere."""
        return np.ones(_grid(image), dtype=np.float32)


class EdgeEnergy:
    """Gradient magnitude of the luminance, blurred over about a letter's width."""

    name = "edge energy"

    def score(self, image: NDArray[np.uint8]) -> NDArray[np.float32]:
        """See :class:`Baseline`; in grey values per pixel."""
        grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY).astype(np.float32)
        across = cv2.Sobel(grey, cv2.CV_32F, 1, 0, ksize=3) / 8
        down = cv2.Sobel(grey, cv2.CV_32F, 0, 1, ksize=3) / 8
        blurred = cv2.GaussianBlur(np.hypot(across, down), (0, 0), sigmaX=4)
        return _to_stride(np.asarray(blurred, dtype=np.float32))


class LocalEntropy:
    """Shannon entropy of the grey values within 8 pixels."""

    name = "local entropy"

    def score(self, image: NDArray[np.uint8]) -> NDArray[np.float32]:
        """See :class:`Baseline`; in bits."""
        grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
        bits = entropy(grey, disk(8))  # type: ignore[no-untyped-call]
        return _to_stride(np.asarray(bits, dtype=np.float32))


class SpectralResidual:
    """Saliency as what the log amplitude spectrum has beyond its own average.

    Hou and Zhang, "Saliency detection: a spectral residual approach" (CVPR 2007), equations 2 to
    5, at their scale: the spectrum of the picture with its longer side at 64 pixels.
    """

    name = "spectral residual"
    SIDE = 64

    def score(self, image: NDArray[np.uint8]) -> NDArray[np.float32]:
        """See :class:`Baseline`; the largest value of a picture is 1."""
        grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY).astype(np.float32)
        scale = self.SIDE / max(grey.shape)
        size = (max(round(grey.shape[1] * scale), 1), max(round(grey.shape[0] * scale), 1))
        spectrum = np.fft.fft2(cv2.resize(grey, size, interpolation=cv2.INTER_AREA))
        amplitude = np.log(np.abs(spectrum) + 1e-6)
        residual = amplitude - cv2.blur(amplitude, (3, 3), borderType=cv2.BORDER_REPLICATE)
        phase = np.angle(spectrum)
        saliency = (np.abs(np.fft.ifft2(np.exp(residual + 1j * phase))) ** 2).astype(np.float32)
        smooth = np.asarray(cv2.GaussianBlur(saliency, (0, 0), sigmaX=2.5), dtype=np.float32)
        if np.ptp(grey) == 0:  # a blank picture has no residual but rounding
            smooth[:] = 0
        rows, columns = _grid(image)
        resized = cv2.resize(
            smooth / max(float(smooth.max()), 1e-12),
            (columns, rows),
            interpolation=cv2.INTER_LINEAR,
        )
        return np.asarray(resized, dtype=np.float32)


class Boxes:
    """Boxes of detectors, filled with their confidence.

    Args:
        name: of the baseline.
        find: the boxes of a picture.
        weigh: factor on a box's confidence; 1 unless given.
    """

    def __init__(
        self,
        name: str,
        find: Callable[[NDArray[np.uint8]], Sequence[Box]],
        weigh: Callable[[Box], float] = lambda box: 1.0,
    ) -> None:
        self.name = name
        self._find = find
        self._weigh = weigh

    def score(self, image: NDArray[np.uint8]) -> NDArray[np.float32]:
        """See :class:`Baseline`; in [0, 1]."""
        grid = _grid(image)
        plane = np.zeros(grid, dtype=np.float32)
        for box in self._find(image):
            cells = rasterise(box.polygon, grid).astype(bool)
            plane[cells] = np.maximum(plane[cells], box.confidence * self._weigh(box))
        return plane


def all_baselines(yunet: Path | None) -> list[Baseline]:
    """Every baseline; without YuNet's model file those that need faces are left out."""
    text = TextDetector()
    baselines: list[Baseline] = [
        EdgeEnergy(),
        LocalEntropy(),
        SpectralResidual(),
        Boxes("text detector", text.find),
    ]
    if yunet is not None:
        face = FaceDetector(yunet)

        def union(image: NDArray[np.uint8]) -> Sequence[Box]:
            return [*text.find(image), *face.find(image)]

        baselines += [
            Boxes("text and faces", union),
            Boxes("text by height, and faces", union, small_text_first),
        ]
    return [*baselines, Constant()]


def small_text_first(box: Box) -> float:
    """1 for faces and for text up to the safe height, then falling with the height."""
    return 1.0 if box.content == "face" else min(SAFE_HEIGHT / max(box.height, 1.0), 1.0)


def _grid(image: NDArray[np.uint8]) -> tuple[int, int]:
    return -(-image.shape[0] // STRIDE), -(-image.shape[1] // STRIDE)


def _to_stride(plane: NDArray[np.float32]) -> NDArray[np.float32]:
    height, width = plane.shape
    padded = np.pad(plane, ((0, -height % STRIDE), (0, -width % STRIDE)), mode="edge")
    cells = padded.reshape(padded.shape[0] // STRIDE, STRIDE, padded.shape[1] // STRIDE, STRIDE)
    return np.asarray(cells.mean(axis=(1, 3)), dtype=np.float32)
